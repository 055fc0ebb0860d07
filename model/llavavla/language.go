package llavavla

import (
	"fmt"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
)

// newDecoder loads Qwen2 with room for that many positions.
func newDecoder(l *loader, c checkpoint.LanguageConfig, positions int) *layers.Decoder {
	d := layers.NewDecoder(l.b, layers.DecoderSpec{
		Layers: c.Layers, Hidden: c.Hidden, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
		RopeTheta: c.RopeTheta, Positions: positions, Rows: positions,
	})
	d.Table = l.linear("language.embed_tokens", c.VocabRows, c.Hidden)
	d.Head = d.Table
	if !c.Tied {
		d.Head = l.linear("head", c.VocabRows, c.Hidden)
	}
	for i := range c.Layers {
		name := fmt.Sprintf("language.layers.%d.", i)
		d.Blocks = append(d.Blocks, layers.DecoderBlock{
			InputNorm: l.rmsNorm(name+"input_layernorm", c.Hidden, c.Eps),
			QKV: l.weight(nn.WeightSpec{Name: name + "self_attn.qkv", Parts: []nn.Matrix{
				l.matrix(name+"self_attn.q_proj", c.Heads*c.HeadDim, c.Hidden),
				l.matrix(name+"self_attn.k_proj", c.KVHeads*c.HeadDim, c.Hidden),
				l.matrix(name+"self_attn.v_proj", c.KVHeads*c.HeadDim, c.Hidden),
			}}),
			O:        l.linear(name+"self_attn.o_proj", c.Hidden, c.Heads*c.HeadDim),
			PostNorm: l.rmsNorm(name+"post_attention_layernorm", c.Hidden, c.Eps),
			GateUp: l.weight(nn.WeightSpec{Name: name + "mlp.gate_up", Gated: true, Parts: []nn.Matrix{
				l.matrix(name+"mlp.gate_proj", c.Intermediate, c.Hidden),
				l.matrix(name+"mlp.up_proj", c.Intermediate, c.Hidden),
			}}),
			Down: l.linear(name+"mlp.down_proj", c.Hidden, c.Intermediate),
		})
	}
	d.Norm = l.rmsNorm("language.norm", c.Hidden, c.Eps)
	return d
}
