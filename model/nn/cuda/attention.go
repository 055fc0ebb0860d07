package cuda

import (
	"fmt"
	"math"

	"cobot_vla/model/nn"
)

// cache holds keys and values, [layers, KVHeads, Capacity, padded] each: bf16, or f32 at precision F32.
type cache struct {
	b            *Backend
	spec         nn.CacheSpec
	padded, size int
	keys, values Pointer
	angles       Pointer // [Capacity, HeadDim/2, 2] f32, or none
	lens         []live
}

func (c *cache) Spec() nn.CacheSpec { return c.spec }
func (c *cache) Len(layer int) int  { return c.lens[layer].n }
func (c *cache) Bytes() int64 {
	n := 2 * int64(c.spec.Layers) * c.layerBytes()
	if c.angles != 0 {
		n += 4 * int64(c.spec.Capacity) * int64(c.spec.HeadDim)
	}
	return n
}

func (c *cache) layerBytes() int64 {
	return int64(c.spec.KVHeads) * int64(c.spec.Capacity) * int64(c.padded) * int64(c.size)
}

func (c *cache) layer(of Pointer, layer int) Pointer {
	return of + Pointer(int64(layer)*c.layerBytes())
}

// widths that attention has kernels for.
var widths = []int{32, 64, 80, 128}

// chunk is how many keys a block of attention takes.
const chunk = 64

// manyBytes is the shared memory of attend_many: 64 rows of queries, and two stages of keys and values.
func manyBytes(padded int) int { return 5 * 64 * (padded + 8) * 2 }

// exactScores is how many keys attend_exact has room for.
func (b *Backend) exactScores() int { return (b.info.Shared - 2048) / 4 }

// Cache makes room for keys and values.
func (b *Backend) Cache(spec nn.CacheSpec) nn.Cache {
	c := &cache{b: b, spec: spec, size: 2}
	c.lens = make([]live, max(spec.Layers, 0))
	if b.err != nil || b.fail(spec.Check()) {
		return c
	}
	if b.config.Precision == F32 {
		c.size, c.padded = 4, spec.HeadDim
	} else {
		for _, w := range widths {
			if spec.HeadDim <= w {
				c.padded = w
				break
			}
		}
	}
	if c.padded == 0 || c.padded > 256 || spec.Heads*spec.KVHeads > mostHeads {
		b.fail(fmt.Errorf("cache: %d heads over %d of %d: the kernels take heads of up to %d", spec.Heads, spec.KVHeads, spec.HeadDim, widths[len(widths)-1]))
		return c
	}
	all := int64(spec.Layers) * c.layerBytes()
	c.keys = b.alloc(all, &b.memory.Caches, true)
	c.values = b.alloc(all, &b.memory.Caches, true)
	slots := b.alloc(4*int64(spec.Layers), &b.memory.Rest, true)
	for i := range c.lens {
		c.lens[i].at = slots + Pointer(4*i)
	}
	if spec.RopeTheta > 0 {
		half := spec.HeadDim / 2
		freq := nn.RopeFrequencies(spec.RopeTheta, spec.HeadDim)
		angles := make([]float32, 2*spec.Capacity*half)
		for i := range spec.Capacity * half {
			angles[2*i], angles[2*i+1] = nn.RopeAngle(i/half, freq[i%half])
		}
		c.angles = b.alloc(4*int64(len(angles)), &b.memory.Caches, false)
		b.upload(c.angles, angles)
	}
	return c
}

func (b *Backend) ownCache(c nn.Cache) bool {
	if own, ok := c.(*cache); !ok || own.b != b {
		b.fail(fmt.Errorf("this cache is none of this backend"))
	}
	return b.err == nil
}

// Seek empties the cache but for its first n positions.
func (b *Backend) Seek(c nn.Cache, n int) {
	if b.err != nil || !b.ownCache(c) || b.unrecorded("seek") {
		return
	}
	own := c.(*cache)
	for l := range own.lens {
		if have := own.lens[l].n; n < 0 || n > have {
			b.fail(fmt.Errorf("seek: layer %d holds %d positions, not %d", l, have, n))
			return
		}
		own.lens[l].n = n
	}
}

// QKV projects, rotates and appends.
func (b *Backend) QKV(q, x nn.Buf, w nn.Weight, n nn.Norm, c nn.Cache, layer int) {
	if b.err != nil || !b.ownCache(c) || b.fail(nn.CheckQKV(q, x, w, n, c, layer)) || !b.own(x) || !q.IsZero() && !b.own(q) {
		return
	}
	own := c.(*cache)
	out, _ := w.Shape()
	o := output{mode: modeQKV, rows: x.Rows, cols: out, cache: own, layer: layer}
	o.position[0], o.position[1] = b.count(&own.lens[layer])
	if !q.IsZero() {
		o.dst, o.ld, o.heads = at(q), q.Cols, own.spec.Heads
	}
	b.product(x, n, w.(*weight), o, !q.IsZero() && overlap(q, x))
	own.lens[layer].n += x.Rows
}

// mask of a fixed matrix on the device.
func (b *Backend) mask(m *nn.FixedMask) Pointer {
	if p, ok := b.masks[m]; ok {
		return p
	}
	visible := make([]byte, len(m.Visible))
	for i, v := range m.Visible {
		visible[i] = byte(flag(v))
	}
	p := b.alloc(int64(len(visible)), &b.memory.Rest, false)
	if b.err == nil {
		b.failed(b.device.Upload(p, visible))
		b.masks[m] = p
	}
	return p
}

// Attend is softmax(q kᵀ / sqrt(d)) v.
func (b *Backend) Attend(dst, q nn.Buf, c nn.Cache, layer int, m nn.Mask) {
	if b.err != nil || !b.ownCache(c) || b.fail(nn.CheckAttend(dst, q, c, layer, m)) || !b.own(dst, q) || q.Rows == 0 {
		return
	}
	own := c.(*cache)
	s := own.spec
	few := m.Kind == nn.MaskCausal && q.Rows <= nn.RowsAlike
	if !few && b.unrecorded("attend under this mask") {
		return
	}
	visible := Pointer(0)
	if m.Kind == nn.MaskFixed {
		visible = b.mask(m.Fixed)
	}
	scale := number(float32(1 / math.Sqrt(float64(s.HeadDim))))
	length, base := b.count(&own.lens[layer])
	most := own.lens[layer].n // keys that there may be
	if b.recording != nil {
		most = s.Capacity
	}
	b.take(uint64(at(q)), uint64(q.Cols), uint64(at(dst)), uint64(dst.Cols), uint64(q.Rows), uint64(s.Heads), uint64(s.KVHeads), uint64(s.HeadDim))
	keys, values := uint64(own.layer(own.keys, layer)), uint64(own.layer(own.values, layer))
	switch {
	case own.size == 4:
		if most > b.exactScores() {
			b.fail(fmt.Errorf("attend: %d keys in f32, this GPU's shared memory has room for %d: use bf16 or w8a16", most, b.exactScores()))
			return
		}
		b.args = append(b.args, uint64(own.padded), keys, values, uint64(s.Capacity), length, base, uint64(m.Kind), uint64(m.Group), uint64(visible), scale, b.stop())
		b.launch("attend_exact", 4*most, q.Rows, s.Heads, 1)
	case few:
		chunks, tiles := blocksOf(most, chunk), blocksOf(q.Rows*(s.Heads/s.KVHeads), 16)
		partials := b.room("partials", 4*int64(q.Rows)*int64(s.Heads)*int64(chunks)*int64(own.padded+2))
		b.args = append(b.args, uint64(own.padded), keys, values, uint64(s.Capacity), length, base, uint64(partials), uint64(chunks), uint64(b.tickets), scale, b.stop())
		b.launch("attend_few", 0, chunks, s.KVHeads, tiles)
	default:
		b.args = append(b.args, keys, values, uint64(s.Capacity), length, uint64(m.Kind), uint64(m.Group), uint64(visible), scale)
		b.launch(fmt.Sprintf("attend_many_%d", own.padded), manyBytes(own.padded), blocksOf(q.Rows, 64), s.Heads, 1)
	}
}
