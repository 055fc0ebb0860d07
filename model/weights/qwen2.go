package weights

import (
	"fmt"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
)

// Qwen2 loads the decoder with room for that many positions. Without head it
// is one that never says a word, and has no output projection.
func Qwen2(l *Loader, c checkpoint.LanguageConfig, positions int, head bool) *layers.Decoder {
	d := layers.NewDecoder(l.b, layers.DecoderSpec{
		Layers: c.Layers, Hidden: c.Hidden, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
		RopeTheta: c.RopeTheta, Positions: positions, Rows: positions,
	})
	d.Table = l.Linear("language.embed_tokens", c.VocabRows, c.Hidden)
	switch {
	case head && c.Tied:
		d.Head = d.Table
	case head:
		d.Head = l.Linear("head", c.VocabRows, c.Hidden)
	}
	for i := range c.Layers {
		name := fmt.Sprintf("language.layers.%d.", i)
		d.Blocks = append(d.Blocks, layers.DecoderBlock{
			InputNorm: l.RMSNorm(name+"input_layernorm", c.Hidden, c.Eps),
			QKV: l.Weight(nn.WeightSpec{Name: name + "self_attn.qkv", Parts: []nn.Matrix{
				l.Matrix(name+"self_attn.q_proj", c.Heads*c.HeadDim, c.Hidden),
				l.Matrix(name+"self_attn.k_proj", c.KVHeads*c.HeadDim, c.Hidden),
				l.Matrix(name+"self_attn.v_proj", c.KVHeads*c.HeadDim, c.Hidden),
			}}),
			O:        l.Linear(name+"self_attn.o_proj", c.Hidden, c.Heads*c.HeadDim),
			PostNorm: l.RMSNorm(name+"post_attention_layernorm", c.Hidden, c.Eps),
			GateUp: l.Weight(nn.WeightSpec{Name: name + "mlp.gate_up", Gated: true, Parts: []nn.Matrix{
				l.Matrix(name+"mlp.gate_proj", c.Intermediate, c.Hidden),
				l.Matrix(name+"mlp.up_proj", c.Intermediate, c.Hidden),
			}}),
			Down: l.Linear(name+"mlp.down_proj", c.Hidden, c.Intermediate),
		})
	}
	d.Norm = l.RMSNorm("language.norm", c.Hidden, c.Eps)
	return d
}
