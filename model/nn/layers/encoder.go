package layers

import "cobot_vla/model/nn"

// EncoderBlock is x += out(attend(norm1(x))); x += fc2(act(fc1(norm2(x)))).
type EncoderBlock struct {
	Norm1, Norm2 nn.Norm
	// QKV is [3C, C]: queries, keys and values stacked. Out is [C, C].
	QKV, Out nn.Weight
	// FC1 is [F, C], FC2 is [C, F].
	FC1, FC2 nn.Weight
}

// Encoder is a stack of pre-norm blocks without a final norm. Reserve comes before Forward.
type Encoder struct {
	Blocks []EncoderBlock
	Act    nn.Act
	// Observe, when set, is called with the rows that enter block i, and at the end with i = len(Blocks).
	Observe func(i int, x nn.Buf)

	b       nn.Backend
	cache   nn.Cache // keys and values of the block at work
	q, a, h nn.Buf
}

// Reserve makes the workspace for up to rows positions of width heads*headDim
// and an MLP of width inner.
func (e *Encoder) Reserve(b nn.Backend, rows, heads, headDim, inner int) {
	width := heads * headDim
	e.b = b
	e.cache = b.Cache(nn.CacheSpec{
		Layers: 1, Capacity: rows, Heads: heads, KVHeads: heads, HeadDim: headDim,
	})
	e.q = b.Buf(rows, width) // [rows, C] queries
	e.a = b.Buf(rows, width) // [rows, C] what they attended to
	e.h = b.Buf(rows, inner) // [rows, F]
}

// Forward runs the blocks over x [rows, C], in place.
func (e *Encoder) Forward(x nn.Buf, mask nn.Mask) {
	q, a, h := e.q.View(0, x.Rows), e.a.View(0, x.Rows), e.h.View(0, x.Rows)
	for i, block := range e.Blocks {
		e.observe(i, x)
		e.b.Seek(e.cache, 0)
		e.b.QKV(q, x, block.QKV, block.Norm1, e.cache, 0)
		e.b.Attend(a, q, e.cache, 0, mask)
		e.b.Linear(x, a, block.Out, nn.Op{Residual: true})
		e.b.Linear(h, x, block.FC1, nn.Op{Norm: block.Norm2, Act: e.Act})
		e.b.Linear(x, h, block.FC2, nn.Op{Residual: true})
	}
	e.observe(len(e.Blocks), x)
}

func (e *Encoder) observe(i int, x nn.Buf) {
	if e.Observe != nil {
		e.Observe(i, x)
	}
}
