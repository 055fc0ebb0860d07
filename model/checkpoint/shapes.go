package checkpoint

import "fmt"

// Shape is a tensor that a model of some config must have.
type Shape struct {
	Name string
	Dims []int
}

// Shapes lists, by canonical name, every tensor that a checkpoint of this
// config has: proprioception's MLP only when there is one, newline only when images are unpadded, the head, which stands
// last, only when it is not tied.
func (c Config) Shapes() []Shape {
	shapes := c.Vision.Shapes()
	hidden := c.Language.Hidden
	shapes = append(shapes,
		Shape{"projector.0.weight", []int{hidden, c.Vision.Hidden}},
		Shape{"projector.0.bias", []int{hidden}},
		Shape{"projector.2.weight", []int{hidden, hidden}},
		Shape{"projector.2.bias", []int{hidden}},
	)
	if n := c.Proprioception; n > 0 {
		shapes = append(shapes,
			Shape{"proprioception.0.weight", []int{hidden, n}},
			Shape{"proprioception.0.bias", []int{hidden}},
			Shape{"proprioception.2.weight", []int{hidden, hidden}},
			Shape{"proprioception.2.bias", []int{hidden}},
		)
	}
	if c.Image.MergeType == "spatial_unpad" {
		shapes = append(shapes, Shape{"newline", []int{hidden}})
	}
	return append(shapes, c.Language.Shapes()...)
}

// Shapes of the vision tower without post_layernorm, which nothing reads.
func (v VisionConfig) Shapes() []Shape {
	h, f := v.Hidden, v.Intermediate
	shapes := []Shape{
		{"vision.embeddings.patch_embedding.weight", []int{h, v.Channels, v.PatchSize, v.PatchSize}},
		{"vision.embeddings.patch_embedding.bias", []int{h}},
		{"vision.embeddings.position_embedding.weight", []int{v.Patches(), h}},
	}
	for i := range v.Layers {
		layer := fmt.Sprintf("vision.encoder.layers.%d.", i)
		shapes = append(shapes,
			Shape{layer + "layer_norm1.weight", []int{h}}, Shape{layer + "layer_norm1.bias", []int{h}})
		for _, p := range []string{"q_proj", "k_proj", "v_proj", "out_proj"} {
			shapes = append(shapes,
				Shape{layer + "self_attn." + p + ".weight", []int{h, h}},
				Shape{layer + "self_attn." + p + ".bias", []int{h}})
		}
		shapes = append(shapes,
			Shape{layer + "layer_norm2.weight", []int{h}}, Shape{layer + "layer_norm2.bias", []int{h}},
			Shape{layer + "mlp.fc1.weight", []int{f, h}}, Shape{layer + "mlp.fc1.bias", []int{f}},
			Shape{layer + "mlp.fc2.weight", []int{h, f}}, Shape{layer + "mlp.fc2.bias", []int{h}})
	}
	return shapes
}

// Shapes of the decoder.
func (l LanguageConfig) Shapes() []Shape {
	h, f, q, kv := l.Hidden, l.Intermediate, l.Heads*l.HeadDim, l.KVHeads*l.HeadDim
	shapes := []Shape{{"language.embed_tokens.weight", []int{l.VocabRows, h}}}
	for i := range l.Layers {
		layer := fmt.Sprintf("language.layers.%d.", i)
		shapes = append(shapes,
			Shape{layer + "input_layernorm.weight", []int{h}},
			Shape{layer + "self_attn.q_proj.weight", []int{q, h}}, Shape{layer + "self_attn.q_proj.bias", []int{q}},
			Shape{layer + "self_attn.k_proj.weight", []int{kv, h}}, Shape{layer + "self_attn.k_proj.bias", []int{kv}},
			Shape{layer + "self_attn.v_proj.weight", []int{kv, h}}, Shape{layer + "self_attn.v_proj.bias", []int{kv}},
			Shape{layer + "self_attn.o_proj.weight", []int{h, q}},
			Shape{layer + "post_attention_layernorm.weight", []int{h}},
			Shape{layer + "mlp.gate_proj.weight", []int{f, h}},
			Shape{layer + "mlp.up_proj.weight", []int{f, h}},
			Shape{layer + "mlp.down_proj.weight", []int{h, f}})
	}
	shapes = append(shapes, Shape{"language.norm.weight", []int{h}})
	if !l.Tied {
		shapes = append(shapes, Shape{"head.weight", []int{l.VocabRows, h}})
	}
	return shapes
}
