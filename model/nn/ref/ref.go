// Package ref is the definition of nn.Backend: every sublayer as plain loops in
// float32, one goroutine, no tricks. Other backends are compared with it by
// nntest; a policy can run on it, slowly.
package ref

import (
	"errors"
	"fmt"
	"math"

	"cobot_vla/model/nn"
)

// Backend implements nn.Backend.
type Backend struct{ err error }

var _ nn.Backend = (*Backend)(nil)

// New makes a backend.
func New() *Backend { return &Backend{} }

type weight struct {
	out, in int
	w       []float32 // [out, in]
	bias    []float32 // [out] or nil
	gated   bool
}

func (w *weight) Bytes() int64         { return int64(len(w.w)+len(w.bias)) * 4 }
func (w *weight) Shape() (out, in int) { return w.out, w.in }
func (w *weight) row(r int) []float32  { return w.w[r*w.in : (r+1)*w.in] }

type norm struct{ nn.NormSpec }

func (n *norm) Bytes() int64 { return int64(len(n.Gain)+len(n.Bias)) * 4 }
func (n *norm) Width() int   { return len(n.Gain) }

type store struct {
	cols int
	data []float32
}

func (s *store) Bytes() int64 { return int64(len(s.data)) * 4 }

type cache struct {
	spec nn.CacheSpec
	// k and v of each layer, [Capacity, KVHeads*HeadDim].
	k, v [][]float32
	len  []int
	freq []float64 // of rope, [HeadDim/2]
}

func (c *cache) Bytes() int64 {
	s := c.spec
	return int64(s.Layers*s.Capacity*s.KVHeads*s.HeadDim) * 8
}
func (c *cache) Spec() nn.CacheSpec { return c.spec }
func (c *cache) Len(layer int) int  { return c.len[layer] }

type tokens struct {
	ids []int32
	cap int
}

func (t *tokens) Bytes() int64 { return int64(t.cap) * 4 }
func (t *tokens) Len() int     { return len(t.ids) }

var errClosed = errors.New("the backend is closed")

func (b *Backend) fail(err error) bool {
	if b.err == nil && err != nil {
		b.err = err
	}
	return b.err != nil
}

// Sync returns the first error.
func (b *Backend) Sync() error { return b.err }

// Close refuses everything from now on.
func (b *Backend) Close() error {
	b.fail(errClosed)
	return nil
}

// Weight copies the rows as f32.
func (b *Backend) Weight(spec nn.WeightSpec) nn.Weight {
	out, in := spec.Shape()
	w := &weight{out: out, in: in, bias: spec.StackedBias(), gated: spec.Gated}
	if b.fail(spec.Check()) {
		return w
	}
	w.w = make([]float32, out*in)
	at := 0
	for _, p := range spec.Parts {
		for r := range p.Out {
			p.Read(w.w[at:at+in], r)
			at += in
		}
	}
	return w
}

// Norm keeps the parameters.
func (b *Backend) Norm(spec nn.NormSpec) nn.Norm {
	b.fail(spec.Check())
	return &norm{spec}
}

// Buf makes a matrix.
func (b *Backend) Buf(rows, cols int) nn.Buf {
	if rows < 1 || cols < 1 {
		b.fail(fmt.Errorf("buffer [%d, %d] is no matrix", rows, cols))
		return nn.Buf{}
	}
	return nn.Buf{Store: &store{cols: cols, data: make([]float32, rows*cols)}, Rows: rows, Cols: cols}
}

// Cache makes room for keys and values.
func (b *Backend) Cache(spec nn.CacheSpec) nn.Cache {
	c := &cache{spec: spec}
	if b.fail(spec.Check()) {
		return c
	}
	size := spec.Capacity * spec.KVHeads * spec.HeadDim
	c.len = make([]int, spec.Layers)
	for range spec.Layers {
		c.k = append(c.k, make([]float32, size))
		c.v = append(c.v, make([]float32, size))
	}
	if spec.RopeTheta > 0 {
		c.freq = nn.RopeFrequencies(spec.RopeTheta, spec.HeadDim)
	}
	return c
}

// Tokens makes room for ids.
func (b *Backend) Tokens(capacity int) nn.Tokens {
	return &tokens{cap: capacity, ids: make([]int32, 0, capacity)}
}

// row is row r of a view. The checks have made sure that it is inside.
func row(b nn.Buf, r int) []float32 {
	s := b.Store.(*store)
	at := (b.First + r) * s.cols
	return s.data[at : at+s.cols]
}

func (b *Backend) own(bufs ...nn.Buf) error {
	for _, v := range bufs {
		s, ok := v.Store.(*store)
		if !ok || s.cols != v.Cols || v.First < 0 || (v.First+v.Rows)*s.cols > len(s.data) {
			return fmt.Errorf("buffer %v is none of this backend, or a view outside its buffer", v)
		}
	}
	return nil
}

// Write copies from the host.
func (b *Backend) Write(dst nn.Buf, data []float32) {
	if b.err != nil || b.fail(b.own(dst)) {
		return
	}
	if len(data) != dst.Rows*dst.Cols {
		b.fail(fmt.Errorf("write: %d numbers into %v", len(data), dst))
		return
	}
	for r := range dst.Rows {
		copy(row(dst, r), data[r*dst.Cols:])
	}
}

// Read copies to the host.
func (b *Backend) Read(dst []float32, src nn.Buf) error {
	if b.err != nil || b.fail(b.own(src)) {
		return b.err
	}
	if len(dst) != src.Rows*src.Cols {
		b.fail(fmt.Errorf("read: %v into %d numbers", src, len(dst)))
		return b.err
	}
	for r := range src.Rows {
		copy(dst[r*src.Cols:], row(src, r))
	}
	return nil
}

// Put replaces the ids.
func (b *Backend) Put(t nn.Tokens, ids []int32) {
	own := t.(*tokens)
	if len(ids) > own.cap {
		b.fail(fmt.Errorf("put: %d tokens, room for %d", len(ids), own.cap))
		return
	}
	own.ids = append(own.ids[:0], ids...)
}

// ReadTokens appends the ids to dst.
func (b *Backend) ReadTokens(dst []int32, t nn.Tokens) ([]int32, error) {
	return append(dst, t.(*tokens).ids...), b.err
}

// Seek empties the cache but for its first n positions.
func (b *Backend) Seek(c nn.Cache, n int) {
	own := c.(*cache)
	for l, have := range own.len {
		if n < 0 || n > have {
			b.fail(fmt.Errorf("seek: layer %d holds %d positions, not %d", l, have, n))
			return
		}
		own.len[l] = n
	}
}

// Gather copies rows.
func (b *Backend) Gather(dst, src nn.Buf, index []int32) {
	if b.err != nil || b.fail(nn.CheckGather(dst, src, index)) || b.fail(b.own(dst, src)) {
		return
	}
	n := dst.Cols / src.Cols
	for i, r := range index {
		if r >= 0 {
			copy(row(dst, i/n)[i%n*src.Cols:][:src.Cols], row(src, int(r)))
		}
	}
}

// Embed looks the last tokens up.
func (b *Backend) Embed(dst nn.Buf, table nn.Weight, t nn.Tokens) {
	if b.err != nil || b.fail(nn.CheckEmbed(dst, table, t)) || b.fail(b.own(dst)) {
		return
	}
	w, ids := table.(*weight), t.(*tokens).ids
	for r, id := range ids[len(ids)-dst.Rows:] {
		if id < 0 || int(id) >= w.out {
			b.fail(fmt.Errorf("embed: token %d of a table of %d", id, w.out))
			return
		}
		copy(row(dst, r), w.row(int(id)))
	}
}

func (b *Backend) apply(dst, x []float32, n nn.Norm) {
	if n == nil {
		copy(dst, x)
		return
	}
	s := n.(*norm)
	mean := float32(0)
	if !s.RMS {
		for _, v := range x {
			mean += v
		}
		mean /= float32(len(x))
	}
	square := float32(0)
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	scale := 1 / sqrt(square/float32(len(x))+s.Eps)
	for i, v := range x {
		dst[i] = (v - mean) * scale * s.Gain[i]
		if s.Bias != nil {
			dst[i] += s.Bias[i]
		}
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
