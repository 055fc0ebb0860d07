package cpu

import (
	"fmt"
	"slices"

	"cobot_vla/model/nn"
)

// store is the memory of a Buf.
type store struct {
	b    *Backend
	cols int
	data []float32
}

func (s *store) Bytes() int64 { return int64(len(s.data)) * 4 }

type tokens struct {
	ids []int32
	cap int
}

func (t *tokens) Bytes() int64 { return int64(t.cap) * 4 }
func (t *tokens) Len() int     { return len(t.ids) }

// Buf makes a matrix.
func (b *Backend) Buf(rows, cols int) nn.Buf {
	if rows < 1 || cols < 1 {
		b.fail(fmt.Errorf("buffer [%d, %d] is no matrix", rows, cols))
		return nn.Buf{}
	}
	s := &store{b: b, cols: cols}
	if data := as[float32](b.room(4 * rows * cols)); data != nil {
		s.data = data[:rows*cols]
	}
	return nn.Buf{Store: s, Rows: rows, Cols: cols}
}

// Tokens makes room for ids.
func (b *Backend) Tokens(capacity int) nn.Tokens {
	return &tokens{cap: capacity, ids: make([]int32, 0, capacity)}
}

// data is all of a view. The checks have made sure that it is inside.
func data(v nn.Buf) []float32 {
	s := v.Store.(*store)
	return s.data[v.First*s.cols : (v.First+v.Rows)*s.cols]
}

func (b *Backend) own(v nn.Buf) bool {
	s, ok := v.Store.(*store)
	if !ok || s.b != b || s.cols != v.Cols || v.First < 0 || (v.First+v.Rows)*s.cols > len(s.data) {
		b.fail(fmt.Errorf("buffer %v is none of this backend, or a view outside its buffer", v))
		return false
	}
	return true
}

// Write copies from the host.
func (b *Backend) Write(dst nn.Buf, from []float32) {
	if b.err != nil || !b.own(dst) {
		return
	}
	if len(from) != dst.Rows*dst.Cols {
		b.fail(fmt.Errorf("write: %d numbers into %v", len(from), dst))
		return
	}
	copy(data(dst), from)
}

// Read copies to the host.
func (b *Backend) Read(dst []float32, src nn.Buf) error {
	if b.err != nil || !b.own(src) {
		return b.err
	}
	if len(dst) != src.Rows*src.Cols {
		b.fail(fmt.Errorf("read: %v into %d numbers", src, len(dst)))
		return b.err
	}
	copy(dst, data(src))
	return nil
}

// Put replaces the ids.
func (b *Backend) Put(t nn.Tokens, ids []int32) {
	own, ok := t.(*tokens)
	if !ok || len(ids) > own.cap {
		b.fail(fmt.Errorf("put: %d tokens do not fit", len(ids)))
		return
	}
	own.ids = append(own.ids[:0], ids...)
}

// ReadTokens appends the ids to dst.
func (b *Backend) ReadTokens(dst []int32, t nn.Tokens) ([]int32, error) {
	return append(dst, t.(*tokens).ids...), b.err
}

// Gather copies rows.
func (b *Backend) Gather(dst, src nn.Buf, index []int32) {
	if b.err != nil || b.fail(nn.CheckGather(dst, src, index)) || !b.own(dst) || !b.own(src) {
		return
	}
	to, from, cols := data(dst), data(src), src.Cols
	for i, r := range index {
		if r >= 0 {
			copy(to[i*cols:(i+1)*cols], from[int(r)*cols:])
		}
	}
}

// Embed looks the last tokens up.
func (b *Backend) Embed(dst nn.Buf, table nn.Weight, t nn.Tokens) {
	if b.err != nil || b.fail(nn.CheckEmbed(dst, table, t)) || !b.own(dst) {
		return
	}
	w, ids := table.(*weight), t.(*tokens).ids
	for r, id := range ids[len(ids)-dst.Rows:] {
		if id < 0 || int(id) >= w.out {
			b.fail(fmt.Errorf("embed: token %d of a table of %d", id, w.out))
			return
		}
		w.row(data(dst)[r*dst.Cols:(r+1)*dst.Cols], int(id))
	}
}

// Pick appends the highest ids.
func (b *Backend) Pick(dst, history nn.Tokens, scores nn.Buf, set *nn.Set, penalty float32) {
	d, h := dst.(*tokens), history.(*tokens)
	if b.err != nil || b.fail(nn.CheckPick(dst, history, scores, set, d.cap)) || !b.own(scores) {
		return
	}
	known := len(h.ids) - (scores.Rows - 1)
	for r := range scores.Rows {
		row := data(scores)[r*scores.Cols : (r+1)*scores.Cols]
		b.penalise(row, set, h.ids[:known+r], penalty)
		best, highest := 0, row[0]
		for c, s := range row {
			if s > highest {
				best, highest = c, s
			} else if s != s {
				b.fail(fmt.Errorf("pick: row %d of the scores holds what is no number", r))
				return
			}
		}
		for _, p := range b.penalised {
			row[p.column] = p.score
		}
		// history may be dst: what is appended lies behind what is read.
		d.ids = append(d.ids, set.At(best))
	}
}

// penalised is a score as it was.
type penalised struct {
	column int
	score  float32
}

// penalise changes the scores of ids that were said, each once, and remembers them.
func (b *Backend) penalise(row []float32, set *nn.Set, said []int32, penalty float32) {
	b.penalised = b.penalised[:0]
	if penalty == 0 || penalty == 1 {
		return
	}
	for i, id := range said {
		c := set.Column(id)
		if c < 0 || slices.Contains(said[:i], id) {
			continue
		}
		b.penalised = append(b.penalised, penalised{c, row[c]})
		row[c] = nn.Penalise(row[c], penalty)
	}
}
