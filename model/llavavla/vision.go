package llavavla

import (
	"fmt"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/weights"
)

// tower is SigLIP and the projector: crops of an image become vectors that the
// language model reads as if they were words.
type tower struct {
	b      nn.Backend
	config checkpoint.VisionConfig
	width  int // of the language model

	patch     nn.Weight // [C, 3*P*P]
	positions nn.Buf    // [patches, C]
	encoder   layers.Encoder
	// The projector: fc2(gelu(fc1(x))).
	fc1, fc2 nn.Weight // [H, C], [H, H]

	crops     int    // room in the workspace
	pixels    nn.Buf // [crops*3*size, size]
	x         nn.Buf // [crops*patches, C]
	hidden    nn.Buf // [crops*patches, H]
	projected nn.Buf // [crops*patches, H]
}

func newTower(l *weights.Loader, c checkpoint.Config) *tower {
	v, hidden := c.Vision, c.Language.Hidden
	t := &tower{
		b: l.Backend(), config: v, width: hidden,
		patch: l.Weight(nn.WeightSpec{
			Name:  "vision.embeddings.patch_embedding",
			Parts: []nn.Matrix{l.Matrix("vision.embeddings.patch_embedding", v.Hidden, v.Channels*v.PatchSize*v.PatchSize)},
			Exact: true,
		}),
		positions: l.Upload("vision.embeddings.position_embedding.weight", v.Patches(), v.Hidden),
		fc1:       l.Linear("projector.0", hidden, v.Hidden),
		fc2:       l.Linear("projector.2", hidden, hidden),
	}
	t.encoder = layers.Encoder{Act: nn.GELUTanh}
	for i := range v.Layers {
		name := fmt.Sprintf("vision.encoder.layers.%d.", i)
		t.encoder.Blocks = append(t.encoder.Blocks, layers.EncoderBlock{
			Norm1: l.LayerNorm(name+"layer_norm1", v.Hidden, v.Eps),
			QKV: l.Weight(nn.WeightSpec{Name: name + "self_attn.qkv", Parts: []nn.Matrix{
				l.Matrix(name+"self_attn.q_proj", v.Hidden, v.Hidden),
				l.Matrix(name+"self_attn.k_proj", v.Hidden, v.Hidden),
				l.Matrix(name+"self_attn.v_proj", v.Hidden, v.Hidden),
			}}),
			Out:   l.Linear(name+"self_attn.out_proj", v.Hidden, v.Hidden),
			Norm2: l.LayerNorm(name+"layer_norm2", v.Hidden, v.Eps),
			FC1:   l.Linear(name+"mlp.fc1", v.Intermediate, v.Hidden),
			FC2:   l.Linear(name+"mlp.fc2", v.Hidden, v.Intermediate),
		})
	}
	return t
}

// reserve makes the workspace for images of that many crops.
func (t *tower) reserve(crops int) {
	if crops <= t.crops {
		return
	}
	v, rows := t.config, crops*t.config.Patches()
	t.encoder.Reserve(t.b, rows, v.Heads, v.HeadDim(), v.Intermediate)
	t.pixels = t.b.Buf(crops*v.Channels*v.ImageSize, v.ImageSize)
	t.x, t.hidden, t.projected = t.b.Buf(rows, v.Hidden), t.b.Buf(rows, t.width), t.b.Buf(rows, t.width)
	t.crops = crops
}

// encode gives the visual vectors of crops [n, 3, size, size], normalised: a
// view of n*patches rows that the next call overwrites.
func (t *tower) encode(pixels []float32) nn.Buf {
	v := t.config
	n := len(pixels) / (v.Channels * v.ImageSize * v.ImageSize)
	image := t.pixels.View(0, n*v.Channels*v.ImageSize)
	rows := n * v.Patches()
	x, hidden, projected := t.x.View(0, rows), t.hidden.View(0, rows), t.projected.View(0, rows)

	t.b.Write(image, pixels)
	t.b.Patch(x, image, t.patch, t.positions, nn.Patches{
		Channels: v.Channels, Height: v.ImageSize, Width: v.ImageSize, Size: v.PatchSize,
	})
	t.encoder.Forward(x, nn.Groups(v.Patches()))
	// x is the output of the last layer that is run, before post_layernorm.
	t.b.Linear(hidden, x, t.fc1, nn.Op{Act: nn.GELU})
	t.b.Linear(projected, hidden, t.fc2, nn.Op{})
	return projected
}
