package layers

import "cobot_vla/model/nn"

// DecoderBlock is x += o(attend(norm(x))); x += down(silu(gate(y)) * up(y)), y = norm(x).
type DecoderBlock struct {
	InputNorm, PostNorm nn.Norm
	// QKV is [(Heads + 2 KVHeads) D, H], O is [H, Heads D].
	QKV, O nn.Weight
	// GateUp is gated, [2F, H]; Down is [H, F].
	GateUp, Down nn.Weight
}

// DecoderSpec is the shape of a Qwen2 decoder.
type DecoderSpec struct {
	Layers, Hidden, Heads, KVHeads, HeadDim int
	RopeTheta                               float64
	// Positions it has room for, prompt and answer together.
	Positions int
	// Rows of the longest pass.
	Rows int
}

// Decoder is Qwen2: embedding, blocks, final norm and head, with the keys and
// values of every position it has seen.
type Decoder struct {
	Spec   DecoderSpec
	Blocks []DecoderBlock
	Norm   nn.Norm
	// Table is the embedding [V, H]; Head the output projection [V, H], the same weight when they are tied.
	Table, Head nn.Weight
	// Observe, when set, is called with the rows that enter block i, and at the end with i = len(Blocks), before the final norm.
	Observe func(i int, x nn.Buf)
	// X holds the input of a pass, and its output.
	X nn.Buf

	b     nn.Backend
	cache nn.Cache
	q, a  nn.Buf
}

// NewDecoder makes the workspace and the cache.
func NewDecoder(b nn.Backend, s DecoderSpec) *Decoder {
	return &Decoder{
		Spec: s,
		b:    b,
		cache: b.Cache(nn.CacheSpec{
			Layers: s.Layers, Capacity: s.Positions,
			Heads: s.Heads, KVHeads: s.KVHeads, HeadDim: s.HeadDim, RopeTheta: s.RopeTheta,
		}),
		X: b.Buf(s.Rows, s.Hidden),          // [rows, H] the residual stream
		q: b.Buf(s.Rows, s.Heads*s.HeadDim), // [rows, Heads*D] queries
		a: b.Buf(s.Rows, s.Heads*s.HeadDim), // [rows, Heads*D] what they attended to
	}
}

// Len is how many positions have been seen.
func (d *Decoder) Len() int { return d.cache.Len(0) }

// Seek forgets all positions but the first n.
func (d *Decoder) Seek(n int) { d.b.Seek(d.cache, n) }

// Forward runs the blocks over the first rows of X, the next positions, in
// place. Of the last block only the last keep rows are computed beyond their
// keys and values; it returns those rows, before the final norm.
func (d *Decoder) Forward(rows, keep int) nn.Buf {
	x, q, a := d.X.View(0, rows), d.q.View(0, rows), d.a.View(0, rows)
	for i, block := range d.Blocks {
		d.observe(i, x)
		d.b.QKV(q, x, block.QKV, block.InputNorm, d.cache, i)
		if i == len(d.Blocks)-1 {
			x, q, a = x.View(rows-keep, keep), q.View(rows-keep, keep), a.View(rows-keep, keep)
		}
		d.b.Attend(a, q, d.cache, i, nn.Causal())
		d.b.Linear(x, a, block.O, nn.Op{Residual: true})
		d.b.GatedMLP(x, x, block.PostNorm, block.GateUp, block.Down)
	}
	d.observe(len(d.Blocks), x)
	return x
}

func (d *Decoder) observe(i int, x nn.Buf) {
	if d.Observe != nil {
		d.Observe(i, x)
	}
}
