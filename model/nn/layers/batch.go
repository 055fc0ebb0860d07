package layers

import "cobot_vla/model/nn"

// Batch runs a Decoder over several sequences at once, each from its first
// position on. Norms, projections and MLPs see the rows of all of them; each attends to itself.
type Batch struct {
	// X holds the sequences' input, one behind the other.
	X nn.Buf

	d     *Decoder
	cache nn.Cache
	q, a  nn.Buf
	// What is kept for the last block's end.
	keptX, keptA nn.Buf
	index        []int32
}

// NewBatch makes room for sequences of up to positions each, of which up to keep rows a sequence are kept.
func (d *Decoder) NewBatch(sequences, positions, keep int) *Batch {
	s, rows := d.Spec, sequences*positions
	width := s.Heads * s.HeadDim
	return &Batch{
		d: d,
		cache: d.b.Cache(nn.CacheSpec{
			Layers: sequences * s.Layers, Capacity: positions,
			Heads: s.Heads, KVHeads: s.KVHeads, HeadDim: s.HeadDim, RopeTheta: s.RopeTheta,
		}),
		X:     d.b.Buf(rows, s.Hidden), // [rows, H]
		q:     d.b.Buf(rows, width),    // [rows, Heads*D]
		a:     d.b.Buf(rows, width),    // [rows, Heads*D]
		keptX: d.b.Buf(sequences*keep, s.Hidden),
		keptA: d.b.Buf(sequences*keep, width),
	}
}

// Forward runs the blocks over sequences of those lengths. Of each, the last keep rows are computed to
// the end; it returns them, one sequence behind the other, before the final norm.
func (b *Batch) Forward(lengths, keep []int) nn.Buf {
	d := b.d
	rows, kept := 0, 0
	for i, n := range lengths {
		rows += n
		kept += keep[i]
	}
	d.b.Seek(b.cache, 0)
	x, a := b.X.View(0, rows), b.a.View(0, rows)
	for i, block := range d.Blocks {
		last := i == len(d.Blocks)-1
		at := 0
		for s, n := range lengths {
			d.b.QKV(b.q.View(at, n), x.View(at, n), block.QKV, block.InputNorm, b.cache, s*d.Spec.Layers+i)
			at += n
		}
		at = 0
		for s, n := range lengths {
			from := at
			if last {
				from = at + n - keep[s]
			}
			d.b.Attend(a.View(from, at+n-from), b.q.View(from, at+n-from), b.cache, s*d.Spec.Layers+i, nn.Causal())
			at += n
		}
		if last {
			b.index = b.index[:0]
			at = 0
			for s, n := range lengths {
				for r := at + n - keep[s]; r < at+n; r++ {
					b.index = append(b.index, int32(r))
				}
				at += n
			}
			keptX, keptA := b.keptX.View(0, kept), b.keptA.View(0, kept)
			d.b.Gather(keptX, x, b.index)
			d.b.Gather(keptA, a, b.index)
			x, a = keptX, keptA
		}
		d.b.Linear(x, a, block.O, nn.Op{Residual: true})
		d.b.GatedMLP(x, x, block.PostNorm, block.GateUp, block.Down)
	}
	return x
}
