package weights

import (
	"fmt"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
)

// VisionBlocks loads n pre-norm blocks as timm names them (norm1, attn.qkv, attn.proj,
// norm2, mlp.fc1, mlp.fc2 behind prefix and number). Where a block has layer
// scales (ls1, ls2, of InternViT) they are multiplied into the rows of what they scale.
func VisionBlocks(l *Loader, prefix string, n, width, inner int, eps float64) []layers.EncoderBlock {
	var blocks []layers.EncoderBlock
	for i := range n {
		name := fmt.Sprintf("%s%d.", prefix, i)
		blocks = append(blocks, layers.EncoderBlock{
			Norm1: l.LayerNorm(name+"norm1", width, eps),
			QKV:   l.Linear(name+"attn.qkv", 3*width, width),
			Out:   l.scaled(name+"attn.proj", name+"ls1", width, width),
			Norm2: l.LayerNorm(name+"norm2", width, eps),
			FC1:   l.Linear(name+"mlp.fc1", inner, width),
			FC2:   l.scaled(name+"mlp.fc2", name+"ls2", width, inner),
		})
	}
	return blocks
}

// scaled is a linear layer whose outputs are multiplied by a vector, where the source has it.
func (l *Loader) scaled(name, scale string, out, in int) nn.Weight {
	m := l.Matrix(name, out, in)
	if l.err == nil && l.Has(scale) {
		m = Scale(m, l.Vector(scale, out))
	}
	return l.Weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{m}})
}

// Scale multiplies every output of a matrix by its number.
func Scale(m nn.Matrix, by []float32) nn.Matrix {
	if len(by) != m.Out { // an error is kept already
		return m
	}
	read := m.Read
	m.Read = func(dst []float32, r int) {
		read(dst, r)
		for i := range dst {
			dst[i] *= by[r]
		}
	}
	if m.Bias != nil {
		bias := make([]float32, m.Out)
		for i, v := range m.Bias {
			bias[i] = v * by[i]
		}
		m.Bias = bias
	}
	return m
}

// Transposed is out x in from a tensor [in, out], as GPT-2's layers are stored.
func (l *Loader) Transposed(name string, out, in int) nn.Weight {
	data := l.Rows(name+".weight", in, out)
	if l.err != nil {
		return nil
	}
	m := nn.Matrix{Name: name + ".weight", Out: out, In: in, Read: func(dst []float32, r int) {
		for i := range dst {
			dst[i] = data[i*out+r]
		}
	}}
	if l.Has(name + ".bias") {
		m.Bias = l.Vector(name+".bias", out)
	}
	return l.Weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{m}})
}
