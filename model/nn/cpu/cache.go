package cpu

import (
	"fmt"
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// cache holds keys and values in the panels that the kernels multiply by: a
// query times keys is a product whose outputs are positions, and weights times
// values is one whose inputs are. They are bf16 where the processor multiplies
// bf16 and the precision allows it, else f32.
type cache struct {
	spec    nn.CacheSpec
	element element
	// A key panel is 32 positions: [keyGroups][32][4 bytes]. keyPanels of them a head.
	keyGroups, keyPanels int
	// A value panel is 32 columns of a head: [valueGroups][32][4 bytes], over all positions. valuePanels of them a head.
	valueGroups, valuePanels int

	keys, values []byte // [layers][KVHeads][panels]…
	len          []int
	cos, sin     []float32 // [Capacity, HeadDim/2]
}

func (c *cache) Bytes() int64 {
	return int64(len(c.keys)+len(c.values)) + 4*int64(len(c.cos)+len(c.sin))
}
func (c *cache) Spec() nn.CacheSpec { return c.spec }
func (c *cache) Len(layer int) int  { return c.len[layer] }

// Cache makes room for keys and values.
func (b *Backend) Cache(spec nn.CacheSpec) nn.Cache {
	c := &cache{spec: spec}
	if b.err != nil || b.fail(spec.Check()) {
		return c
	}
	if b.config.Precision != F32 && b.k.FastBF16 {
		c.element = elementBF16
	}
	step := kernels.GroupStep
	if c.element == elementBF16 && b.k.WideBF16 != nil {
		step = kernels.WideStep
	}
	c.keyGroups = kernels.Groups(spec.HeadDim, c.element.perGroup(), step)
	c.keyPanels = (spec.Capacity + panel - 1) / panel
	c.valueGroups = c.keyPanels * panel / c.element.perGroup()
	c.valuePanels = (spec.HeadDim + panel - 1) / panel
	heads := spec.Layers * spec.KVHeads
	c.keys = b.room(heads * c.keyPanels * c.keyGroups * groupBytes)
	c.values = b.room(heads * c.valuePanels * c.valueGroups * groupBytes)
	c.len = make([]int, spec.Layers)
	if spec.RopeTheta > 0 {
		half := spec.HeadDim / 2
		c.cos = as[float32](b.room(4 * spec.Capacity * half))
		c.sin = as[float32](b.room(4 * spec.Capacity * half))
		if b.err != nil {
			return c
		}
		freq := nn.RopeFrequencies(spec.RopeTheta, spec.HeadDim)
		for i := range spec.Capacity * half {
			c.cos[i], c.sin[i] = nn.RopeAngle(i/half, freq[i%half])
		}
	}
	return c
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

// keyPanel is where panel p of a head's keys lies.
func (c *cache) keyPanel(layer, head, p int) unsafe.Pointer {
	return unsafe.Pointer(&c.keys[((layer*c.spec.KVHeads+head)*c.keyPanels+p)*c.keyGroups*groupBytes])
}

// valuePanel is where panel p of a head's values lies, from a position on that begins a group.
func (c *cache) valuePanel(layer, head, p, position int) unsafe.Pointer {
	group := position / c.element.perGroup()
	return unsafe.Pointer(&c.values[(((layer*c.spec.KVHeads+head)*c.valuePanels+p)*c.valueGroups+group)*groupBytes])
}

// putKey stores one position's key of one head.
func (c *cache) putKey(k *kernels.Set, layer, head, position int, key []float32, half []uint16) {
	lane := unsafe.Slice((*uint32)(c.keyPanel(layer, head, position/panel)), c.keyGroups*panel)[position%panel:]
	if c.element == elementF32 {
		k.Spread(lane, as[uint32](unsafeBytes(key)))
		return
	}
	half = half[:2*c.keyGroups]
	k.ToBF16(half, key)
	clear(half[len(key):])
	k.Spread(lane, unsafe.Slice((*uint32)(unsafe.Pointer(&half[0])), c.keyGroups))
}

// putValue stores one position's value of one head.
func (c *cache) putValue(k *kernels.Set, layer, head, position int, value []float32, half []uint16) {
	if c.element == elementF32 {
		for p := range c.valuePanels {
			part := value[p*panel : min((p+1)*panel, len(value))]
			copy(unsafe.Slice((*float32)(c.valuePanel(layer, head, p, position)), panel), part)
		}
		return
	}
	k.ToBF16(half, value)
	for p := range c.valuePanels {
		part := half[p*panel : min((p+1)*panel, len(value))]
		pairs := unsafe.Slice((*uint16)(c.valuePanel(layer, head, p, position)), 2*panel)
		pairs = pairs[position%2:]
		for i, v := range part {
			pairs[2*i] = v
		}
	}
}

// putValues stores the values of an even position and the next, whose numbers lie in pairs.
func (c *cache) putValues(k *kernels.Set, layer, head, position int, first, second []float32, half []uint16) {
	n := len(first)
	low, high := half[:n], half[n:2*n]
	k.ToBF16(low, first)
	k.ToBF16(high, second)
	for p := range c.valuePanels {
		from, to := p*panel, min((p+1)*panel, n)
		words := unsafe.Slice((*uint32)(c.valuePanel(layer, head, p, position)), to-from)
		k.Pairs(words, low[from:to], high[from:to])
	}
}

// QKV projects, rotates and appends.
func (b *Backend) QKV(q, x nn.Buf, w nn.Weight, n nn.Norm, c nn.Cache, layer int) {
	if b.err != nil || b.fail(nn.CheckQKV(q, x, w, n, c, layer)) || !b.own(x) || !q.IsZero() && !b.own(q) || x.Rows == 0 {
		return
	}
	own, weight := c.(*cache), w.(*weight)
	o := b.pack(data(x), x.Rows, x.Cols, x.Cols, ownNorm(n), weight)
	j := &b.splitJob
	*j = splitJob{b: b, c: own, layer: layer, rows: x.Rows, width: q.Cols, ld: weight.out - q.Cols}
	j.from = as[float32](b.hidden.bytes(4 * x.Rows * j.ld))
	to := target{data: j.from, ld: j.ld}
	if !q.IsZero() {
		j.q = data(q)
		to = target{data: j.q, ld: q.Cols, cut: q.Cols, rest: j.from, restLD: j.ld}
	}
	b.product(o, weight, nil, to, nn.Op{})
	b.pool.do(j, (x.Rows+splitRows-1)/splitRows, splitRows*weight.out)
	own.len[layer] += x.Rows
}

// splitJob takes up the outputs of a QKV product: queries are rotated where they are, keys and values go to the cache.
type splitJob struct {
	b       *Backend
	c       *cache
	layer   int
	q, from []float32 // [rows, width], nil for none; [rows, ld], the keys, then the values
	rows    int
	width   int
	ld      int
}

// splitRows is a multiple of 2: two positions share the words of a value panel, so one task writes both.
const splitRows = 16

func (j *splitJob) task(worker, t int) {
	c, s := j.c, j.c.spec
	scratch := &j.b.scratch[worker]
	scratch.half = grow(scratch.half, 2*max(c.keyGroups, s.HeadDim))
	d := s.HeadDim
	first := c.len[j.layer]
	// Tasks are cut at even positions.
	from, to := t*splitRows-first%2, (t+1)*splitRows-first%2
	if (t+1)*splitRows >= j.rows {
		to = j.rows
	}
	for r := max(from, 0); r < to; r++ {
		position := first + r
		if j.q != nil {
			c.rotate(j.b.k, j.q[r*j.width:(r+1)*j.width], position)
		}
		keys := j.from[r*j.ld:][:s.KVHeads*d]
		c.rotate(j.b.k, keys, position)
		for head := range s.KVHeads {
			c.putKey(j.b.k, j.layer, head, position, keys[head*d:(head+1)*d], scratch.half)
		}
	}
	values := func(r, head int) []float32 { return j.from[r*j.ld+(s.KVHeads+head)*d:][:d] }
	for r := max(from, 0); r < to; r++ {
		position := first + r
		paired := c.element == elementBF16 && position%2 == 0 && r+1 < to
		for head := range s.KVHeads {
			if paired {
				c.putValues(j.b.k, j.layer, head, position, values(r, head), values(r+1, head), scratch.half)
			} else {
				c.putValue(j.b.k, j.layer, head, position, values(r, head), scratch.half)
			}
		}
		if paired {
			r++
		}
	}
}

func (c *cache) rotate(k *kernels.Set, x []float32, position int) {
	if c.spec.RopeTheta == 0 {
		return
	}
	half := c.spec.HeadDim / 2
	k.Rotate(x, c.cos[position*half:(position+1)*half], c.sin[position*half:(position+1)*half])
}
