package tape

import "cobot_vla/model/nn"

// cache gives every run over a layer keys and values of its own, as Backward
// wants those of all blocks and not of the last alone.
type cache struct {
	t    *Tape
	spec nn.CacheSpec
	// layers are what each layer holds now; nil when it was emptied.
	layers []*slot
	slots  []*slot
	used   int
}

// slot is one layer's keys and values on the backend, and their gradients.
type slot struct {
	base   nn.Cache
	dk, dv nn.Buf // [Capacity, KVHeads*HeadDim]
	wanted bool
	clear  int // rows of dk and dv that are ready to be added to
}

func (c *cache) Bytes() int64 {
	total := int64(0)
	for _, s := range c.slots {
		total += s.base.Bytes()
	}
	return total
}
func (c *cache) Spec() nn.CacheSpec { return c.spec }
func (c *cache) Len(layer int) int {
	if s := c.layers[layer]; s != nil {
		return s.base.Len(0)
	}
	return 0
}

func (c *cache) forget() {
	c.used = 0
	for i, s := range c.layers {
		if s != nil { // what was there before the pass can't be gone back over
			c.layers[i] = nil
		}
	}
}

// slot of a layer, a fresh one when it is empty.
func (c *cache) slot(layer int) *slot {
	if s := c.layers[layer]; s != nil {
		return s
	}
	if c.used == len(c.slots) {
		spec := c.spec
		spec.Layers = 1
		c.slots = append(c.slots, &slot{base: c.t.Gradients.Cache(spec)})
	}
	s := c.slots[c.used]
	c.used++
	c.t.Gradients.Seek(s.base, 0)
	s.wanted, s.clear = false, 0
	c.layers[layer] = s
	return s
}

// gradients of the first n keys and values, zero at first.
func (c *cache) gradients(s *slot, n int) (dk, dv nn.Buf) {
	if s.dk.IsZero() {
		cols := c.spec.KVHeads * c.spec.HeadDim
		s.dk, s.dv = c.t.Gradients.Buf(c.spec.Capacity, cols), c.t.Gradients.Buf(c.spec.Capacity, cols)
	}
	if s.clear < n {
		c.t.Gradients.Clear(s.dk.View(s.clear, n-s.clear))
		c.t.Gradients.Clear(s.dv.View(s.clear, n-s.clear))
		s.clear = n
	}
	return s.dk.View(0, n), s.dv.View(0, n)
}

// Cache makes room on the backend when a layer is first used.
func (t *Tape) Cache(spec nn.CacheSpec) nn.Cache {
	c := &cache{t: t, spec: spec}
	if err := spec.Check(); err != nil {
		t.fail("%w", err)
		return c
	}
	c.layers = make([]*slot, spec.Layers)
	t.caches = append(t.caches, c)
	return c
}

// Seek empties a cache, or shortens it while nothing is recorded.
func (t *Tape) Seek(nnCache nn.Cache, n int) {
	c := nnCache.(*cache)
	if n == 0 {
		if !t.recording {
			c.forget()
			return
		}
		clear(c.layers)
		return
	}
	if t.recording {
		t.fail("seek to %d: while a pass is recorded a cache can only be emptied", n)
		return
	}
	for i, s := range c.layers {
		if s == nil {
			t.fail("seek: layer %d holds no positions, not %d", i, n)
			return
		}
		t.Gradients.Seek(s.base, n)
	}
}

// QKV keeps the input.
func (t *Tape) QKV(q, x nn.Buf, w nn.Weight, n nn.Norm, nnCache nn.Cache, layer int) {
	own, c, norm := w.(*weight), nnCache.(*cache), ownNorm(n)
	if t.refuse(nn.CheckQKV(q, x, own.base, baseNorm(n), c, layer)) {
		return
	}
	s := c.slot(layer)
	first := s.base.Len(0)
	if !t.recording || !t.wants(x) && !own.learns() && (norm == nil || !norm.learns()) {
		t.Gradients.QKV(q, x, own.base, baseNorm(n), s.base, 0)
		return
	}
	r := step{kind: qkv, dst: q, x: x, w: own, norm: norm, cache: c, slot: s, first: first}
	r.in, r.normed = t.prepare(x, norm)
	t.Gradients.QKV(q, r.normed, own.base, nil, s.base, 0)
	s.wanted = true
	if !q.IsZero() {
		t.want(q)
	}
	t.steps = append(t.steps, r)
}

// Attend keeps the queries; keys and values stay in their slot.
func (t *Tape) Attend(dst, q nn.Buf, nnCache nn.Cache, layer int, m nn.Mask) {
	c := nnCache.(*cache)
	if t.refuse(nn.CheckAttend(dst, q, c, layer, m)) {
		return
	}
	s := c.slot(layer)
	t.Gradients.Attend(dst, q, s.base, 0, m)
	if !t.recording || !s.wanted && !t.wants(q) {
		return
	}
	t.remember(step{kind: attend, dst: dst, x: q, in: t.copied(q), cache: c, slot: s, first: s.base.Len(0), mask: m})
}
