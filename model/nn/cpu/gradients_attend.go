package cpu

import (
	"math"
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// AttendGrad recomputes the weights of each head and takes the derivative of softmax.
//
// A task is a key head of one sequence (or of one group of rows that see only each
// other). One after another, the query heads that share it have their weights P
// and the scores' derivatives dS as matrices of f32 that a core's second cache
// holds, from which the derivatives by queries, keys and values are plain products.
func (b *Backend) AttendGrad(calls []nn.Attended) {
	j := &b.learning.attend
	j.b, j.units = b, j.units[:0]
	cost := 0
	for i := range calls {
		a := &calls[i]
		if b.refuse(nn.CheckAttendGrad(a), a.DQ, a.DK, a.DV, a.DY, a.Q) {
			return
		}
		c := a.Cache.(*cache)
		rows, keys, parts := a.Q.Rows, a.Cache.Len(a.Layer), 1
		if a.Mask.Kind == nn.MaskGroups {
			rows, keys, parts = a.Mask.Group, a.Mask.Group, rows/a.Mask.Group
		}
		for part := range parts {
			for head := range c.spec.KVHeads {
				j.units = append(j.units, attendUnit{a: a, c: c, head: head, row: part * rows, rows: rows, key: part * keys, keys: keys})
			}
		}
		cost = max(cost, rows*keys*c.spec.HeadDim*c.spec.Heads/c.spec.KVHeads/20)
	}
	b.pool.do(j, len(j.units), cost)
	clear(j.units)
}

// attendUnit is a key head, the rows that ask it and the keys they may see.
type attendUnit struct {
	a                    *nn.Attended
	c                    *cache
	head                 int
	row, rows, key, keys int
}

type attendGradJob struct {
	b     *Backend
	units []attendUnit
}

// attendScratch is a worker's memory for one unit.
type attendScratch struct {
	k, v   []float32 // [keys, d]
	kt, vt []float32 // [d, wide], wide being keys in whole panels
	p, ds  []float32 // [rows, wide]
	dk, dv []float32 // [keys, d]
}

// attendStep is how many rows have their scores made at a time, a multiple of a block kernel's.
const attendStep = 24

func (j *attendGradJob) task(worker, t int) {
	u, s := &j.units[t], &j.b.scratch[worker].attend
	d := u.c.spec.HeadDim
	wide := (u.keys + panel - 1) / panel * panel
	s.k, s.v = grow(s.k, u.keys*d), grow(s.v, u.keys*d)
	s.dk, s.dv = grow(s.dk, u.keys*d), grow(s.dv, u.keys*d)
	s.kt, s.vt = grow(s.kt, d*wide), grow(s.vt, d*wide)
	s.p, s.ds = grow(s.p, u.rows*wide), grow(s.ds, u.rows*wide)
	u.c.unpack(s, u, wide)
	clear(s.dk[:u.keys*d])
	clear(s.dv[:u.keys*d])
	group := u.c.spec.Heads / u.c.spec.KVHeads
	for g := range group {
		j.head(worker, u, u.head*group+g, wide)
	}
	cols := u.c.spec.KVHeads * d
	dk, dv := data(u.a.DK), data(u.a.DV)
	for i := range u.keys {
		at := (u.key+i)*cols + u.head*d
		j.b.k.Add(dk[at:at+d], s.dk[i*d:(i+1)*d])
		j.b.k.Add(dv[at:at+d], s.dv[i*d:(i+1)*d])
	}
}

// head adds one query head's share.
func (j *attendGradJob) head(worker int, u *attendUnit, head, wide int) {
	k, s, d := j.b.k, &j.b.scratch[worker].attend, u.c.spec.HeadDim
	cols := u.a.Q.Cols
	at := u.row*cols + head*d
	q, dy, dq := data(u.a.Q)[at:], data(u.a.DY)[at:], data(u.a.DQ)[at:] // [rows, d], cols apart
	scale := float32(1 / math.Sqrt(float64(d)))
	for first := 0; first < u.rows; first += attendStep {
		rows := min(attendStep, u.rows-first)
		low, _ := u.window(first)
		_, high := u.window(first + rows - 1)
		low, high = low/panel*panel, (high+panel-1)/panel*panel
		p, ds := s.p[first*wide:][:rows*wide], s.ds[first*wide:][:rows*wide]
		for r := range rows {
			clear(p[r*wide:][:low])
			clear(p[r*wide+high : (r+1)*wide])
			clear(ds[r*wide:][:low])
			clear(ds[r*wide+high : (r+1)*wide])
		}
		for at := low; at < high; at += panel {
			j.multiply(worker, p[at:], wide, q[first*cols:], cols, 1, s.kt[at:], wide, d, rows, panel, false)
			j.multiply(worker, ds[at:], wide, dy[first*cols:], cols, 1, s.vt[at:], wide, d, rows, panel, false)
		}
		for r := range rows {
			weights, derivative := p[r*wide+low:r*wide+high], ds[r*wide+low:r*wide+high]
			u.hide(weights, first+r, low)
			sum := k.Softmax(weights, weights, panel, scale)
			k.Scale(weights, 1/sum)
			mean := k.Dot(weights, derivative)
			k.MulShift(derivative, weights, derivative, scale, -scale*mean)
		}
		for at := 0; at < d; at += panel {
			j.multiply(worker, dq[first*cols+at:], cols, ds[low:], wide, 1, s.k[low*d+at:], d, min(high, u.keys)-low, rows, min(panel, d-at), false)
		}
	}
	// By keys and values: rows that can't see a key are left out.
	for key := 0; key < u.keys; key += attendStep {
		n, from := min(attendStep, u.keys-key), u.firstRow(key)
		for at := 0; at < d; at += panel {
			j.multiply(worker, s.dv[key*d+at:], d, s.p[from*wide+key:], 1, wide, dy[from*cols+at:], cols, u.rows-from, n, min(panel, d-at), true)
			j.multiply(worker, s.dk[key*d+at:], d, s.ds[from*wide+key:], 1, wide, q[from*cols+at:], cols, u.rows-from, n, min(panel, d-at), true)
		}
	}
}

// multiply is c [rows, cols] = a b over n, or added to c; distances are in numbers.
func (j *attendGradJob) multiply(worker int, c []float32, ldc int, a []float32, aRow, aK int, b []float32, bK, n, rows, cols int, add bool) {
	o := &j.b.scratch[worker].block
	*o = kernels.Block{
		C: unsafe.Pointer(&c[0]), LDC: uintptr(4 * ldc), A: unsafe.Pointer(&a[0]), ARow: uintptr(4 * aRow), AK: uintptr(4 * aK),
		B: unsafe.Pointer(&b[0]), BK: uintptr(4 * bK), K: n, Rows: rows, Cols: cols, Add: add,
	}
	j.b.k.BlockF32(o)
}

// window is the keys of the unit that its row r may see, but for a fixed mask's holes.
func (u *attendUnit) window(r int) (from, to int) {
	if u.a.Mask.Kind != nn.MaskCausal {
		return 0, u.keys
	}
	return u.a.Mask.Window(r, u.rows, u.keys)
}

// firstRow is the first row that may see a key.
func (u *attendUnit) firstRow(key int) int {
	if u.a.Mask.Kind != nn.MaskCausal {
		return 0
	}
	return max(0, key-(u.keys-u.rows))
}

// hide gives the keys that row r may not see a score of -Inf; x begins with key low.
func (u *attendUnit) hide(x []float32, r, low int) {
	from, to := u.window(r)
	for i := low; i < from; i++ {
		x[i-low] = minusInf
	}
	for i := to; i < low+len(x); i++ {
		x[i-low] = minusInf
	}
	if u.a.Mask.Kind == nn.MaskFixed {
		for key, visible := range u.a.Mask.Fixed.Visible[r*u.keys : (r+1)*u.keys] {
			if !visible {
				x[key-low] = minusInf
			}
		}
	}
}

// unpack lays the unit's keys and values out as rows and as columns.
func (c *cache) unpack(s *attendScratch, u *attendUnit, wide int) {
	d, layer := c.spec.HeadDim, u.a.Layer
	for key := u.keys; key < wide; key++ {
		for i := range d {
			s.kt[i*wide+key], s.vt[i*wide+key] = 0, 0
		}
	}
	for key := range u.keys {
		position := u.key + key
		words := unsafe.Slice((*uint32)(c.keyPanel(layer, u.head, position/panel)), c.keyGroups*panel)[position%panel:]
		k, v := s.k[key*d:(key+1)*d], s.v[key*d:(key+1)*d]
		for i := range k {
			if c.element == elementF32 {
				k[i] = math.Float32frombits(words[i*panel])
			} else {
				k[i] = math.Float32frombits(words[i/2*panel] >> (i % 2 * 16) << 16)
			}
			s.kt[i*wide+key] = k[i]
		}
		for p := range c.valuePanels {
			at, part := c.valuePanel(layer, u.head, p, position), v[p*panel:min((p+1)*panel, d)]
			if c.element == elementF32 {
				copy(part, unsafe.Slice((*float32)(at), len(part)))
				continue
			}
			for i, w := range unsafe.Slice((*uint32)(at), len(part)) {
				part[i] = math.Float32frombits(w >> (position % 2 * 16) << 16)
			}
		}
		for i, x := range v {
			s.vt[i*wide+key] = x
		}
	}
}

// QKVGrad turns back and puts side by side.
func (b *Backend) QKVGrad(dst, dq, dk, dv nn.Buf, c nn.Cache, first int) {
	if b.refuse(nn.CheckQKVGrad(dst, dq, dk, dv, c, first), dst, dq, dk, dv) {
		return
	}
	b.learning.qkv = qkvGradJob{b: b, c: c.(*cache), dst: data(dst), dq: dataOf(dq), dk: data(dk), dv: data(dv), rows: dst.Rows, cols: dst.Cols, kv: dk.Cols, first: first}
	b.pool.do(&b.learning.qkv, (dst.Rows+splitRows-1)/splitRows, splitRows*dst.Cols/2)
}

type qkvGradJob struct {
	b               *Backend
	c               *cache
	dst, dq, dk, dv []float32
	rows, cols, kv  int
	first           int
}

func (j *qkvGradJob) task(worker, t int) {
	width := j.cols - 2*j.kv
	half := j.c.spec.HeadDim / 2
	s := &j.b.scratch[worker]
	s.row = grow(s.row, half)
	sin := s.row[:half]
	for r := t * splitRows; r < min((t+1)*splitRows, j.rows); r++ {
		to := j.dst[r*j.cols : (r+1)*j.cols]
		if width > 0 {
			copy(to[:width], j.dq[r*width:])
		}
		copy(to[width:width+j.kv], j.dk[r*j.kv:])
		copy(to[width+j.kv:], j.dv[r*j.kv:(r+1)*j.kv])
		if j.c.spec.RopeTheta == 0 {
			continue
		}
		at := (j.first + r) * half
		copy(sin, j.c.sin[at:at+half])
		j.b.k.Scale(sin, -1)
		j.b.k.Rotate(to[:width+j.kv], j.c.cos[at:at+half], sin)
	}
}
