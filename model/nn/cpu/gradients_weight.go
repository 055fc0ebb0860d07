package cpu

import (
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

func unsafeWords(w []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), 4*len(w))
}

// WeightGrad is dyᵀ x.
//
// x is packed into panels of 32 columns, and in bf16 two rows to a word, as dy
// is. A task owns some outputs and adds up over all rows, a block of them at a
// time that the caches hold.
func (b *Backend) WeightGrad(dw, db, dy, x nn.Buf, w nn.Weight, set *nn.Set) {
	if b.refuse(nn.CheckWeightGrad(dw, db, dy, x, w, set), dw, db, dy, x) {
		return
	}
	b.outer(dataOf(dw), dataOf(db), data(dy), data(x), dy.Rows, dy.Cols, x.Cols, w.(*weight).element, set)
}

// outerJob has two phases: packing, by blocks of rows, and the products, by outputs.
type outerJob struct {
	b             *Backend
	dw, db, dy, x []float32
	rows, out, in int
	pairs         bool // bf16
	panels        int
	words         int // rows, or pairs of rows

	chunks   []chunk
	multiply bool
}

// chunk is columns of dy and the row of dw that the first of them belongs to.
type chunk struct{ column, n, row int }

const (
	// chunkOutputs is the most outputs of a task, a multiple of a block kernel's rows.
	chunkOutputs = 96
	// outerRows is how many rows are added up at a time: 32 columns of them fit a core's first cache.
	outerRows = 256
)

func (b *Backend) outer(dw, db, dy, x []float32, rows, out, in int, e element, set *nn.Set) {
	if rows == 0 {
		return
	}
	l := &b.learning
	j := &l.outer
	*j = outerJob{b: b, dw: dw, db: db, dy: dy, x: x, rows: rows, out: out, in: in, pairs: e == elementBF16,
		panels: (in + panel - 1) / panel, words: rows, chunks: j.chunks[:0]}
	if j.pairs {
		j.words = (rows + 1) / 2
	}
	if set == nil {
		j.split(0, out, 0)
	} else {
		column := 0
		for _, ids := range set.Ranges() {
			j.split(column, int(ids.To-ids.From), int(ids.From))
			column += int(ids.To - ids.From)
		}
	}
	blocks := blocksOf(rows)
	if dw != nil {
		l.x = grow(l.x, j.panels*j.words*groupBytes)
		if j.pairs {
			l.y = grow(l.y, j.words*out*4)
		}
	}
	if db != nil {
		l.sums = grow(l.sums, blocks*out)
	}
	b.pool.do(j, blocks, rowBlock*(in+out)/2)
	for i := range blocks {
		if db != nil {
			b.k.Add(db, l.sums[i*out:][:out])
		}
	}
	if dw != nil {
		j.multiply = true
		b.pool.do(j, len(j.chunks), chunkOutputs*in*rows/100)
	}
	j.dw, j.db, j.dy, j.x = nil, nil, nil, nil
}

func (j *outerJob) split(column, n, row int) {
	for at := 0; at < n; at += chunkOutputs {
		j.chunks = append(j.chunks, chunk{column + at, min(chunkOutputs, n-at), row + at})
	}
}

func (j *outerJob) task(worker, t int) {
	if j.multiply {
		j.product(worker, j.chunks[t])
		return
	}
	l, k := &j.b.learning, j.b.k
	from, to := t*rowBlock, min((t+1)*rowBlock, j.rows)
	if j.db != nil {
		sum := l.sums[t*j.out:][:j.out]
		clear(sum)
		for r := from; r < to; r++ {
			k.Add(sum, j.dy[r*j.out:][:j.out])
		}
	}
	if j.dw == nil {
		return
	}
	if !j.pairs {
		xs := as[float32](l.x)
		for p := range j.panels {
			cols := min(panel, j.in-p*panel)
			for r := from; r < to; r++ {
				copy(xs[(p*j.words+r)*panel:][:cols], j.x[r*j.in+p*panel:])
			}
		}
		return
	}
	s := &j.b.scratch[worker]
	n := max(j.in, j.out)
	s.half = grow(s.half, 2*n)
	s.words = grow(s.words, n)
	xs, ys := as[uint32](l.x), as[uint32](l.y)
	// rowBlock is even: a pair is one task's.
	for r := from; r < to; r += 2 {
		pair := func(dst []uint32, m []float32, cols int) {
			low, high := s.half[:cols], s.half[n:n+cols]
			k.ToBF16(low, m[r*cols:(r+1)*cols])
			if r+1 < j.rows {
				k.ToBF16(high, m[(r+1)*cols:(r+2)*cols])
			} else {
				clear(high)
			}
			k.Pairs(dst, low, high)
		}
		pair(ys[r/2*j.out:][:j.out], j.dy, j.out)
		pair(s.words[:j.in], j.x, j.in)
		for p := range j.panels {
			cols := min(panel, j.in-p*panel)
			copy(xs[(p*j.words+r/2)*panel:][:cols], s.words[p*panel:])
		}
	}
}

func (j *outerJob) product(worker int, c chunk) {
	l, o := &j.b.learning, &j.b.scratch[worker].block
	run, step := j.b.k.BlockF32, outerRows
	a, lda := unsafe.Pointer(unsafe.SliceData(j.dy)), uintptr(4*j.out)
	if j.pairs {
		run, a = j.b.k.BlockBF16, unsafe.Pointer(unsafe.SliceData(l.y))
	}
	x := unsafe.Pointer(unsafe.SliceData(l.x))
	for at := 0; at < j.words; at += step {
		for p := range j.panels {
			*o = kernels.Block{
				C: unsafe.Pointer(&j.dw[c.row*j.in+p*panel]), LDC: uintptr(4 * j.in),
				A: unsafe.Add(a, uintptr(at)*lda+uintptr(4*c.column)), ARow: 4, AK: lda,
				B: unsafe.Add(x, (p*j.words+at)*groupBytes), BK: groupBytes,
				K: min(step, j.words-at), Rows: c.n, Cols: min(panel, j.in-p*panel), Add: true,
			}
			run(o)
		}
	}
}

// PatchGrad is the weight's gradient over patches cut out as rows.
func (b *Backend) PatchGrad(dw, db, dpos, dy, pixels nn.Buf, w nn.Weight, p nn.Patches) {
	images, err := nn.CheckPatchGrad(dw, db, dpos, dy, pixels, w, p)
	if b.refuse(err, dw, db, dpos, dy, pixels) {
		return
	}
	l, own := &b.learning, w.(*weight)
	gh, gw := p.Grid()
	patches := gh * gw
	if !dpos.IsZero() {
		l.pos = posJob{k: b.k, dpos: data(dpos), dy: data(dy), images: images, rows: p.Skip + patches, skip: p.Skip, cols: dy.Cols}
		b.pool.do(&l.pos, patches, images*dy.Cols/2)
	}
	if dw.IsZero() && db.IsZero() {
		return
	}
	grads := data(dy)
	if p.Skip > 0 {
		l.cuY = grow(l.cuY, images*patches*dy.Cols)
		for i := range images {
			copy(l.cuY[i*patches*dy.Cols:][:patches*dy.Cols], grads[(i*(p.Skip+patches)+p.Skip)*dy.Cols:])
		}
		grads = l.cuY
	}
	l.cut = grow(l.cut, images*patches*own.in)
	l.patches = cutJob{dst: l.cut, pixels: data(pixels), p: p, in: own.in}
	b.pool.do(&l.patches, images*gh, gw*own.in/2)
	b.outer(dataOf(dw), dataOf(db), grads, l.cut, images*patches, dy.Cols, own.in, own.element, nil)
}

// cutJob cuts one line of patches a task.
type cutJob struct {
	dst, pixels []float32
	p           nn.Patches
	in          int
}

func (j *cutJob) task(_, t int) {
	p := j.p
	gh, gw := p.Grid()
	image, gy := t/gh, t%gh
	for gx := range gw {
		to := j.dst[(t*gw+gx)*j.in:][:j.in]
		for c := range p.Channels {
			for y := range p.Size {
				line := ((image*p.Channels+c)*p.Height+gy*p.Size+y)*p.Width + gx*p.Size
				to = to[copy(to, j.pixels[line:line+p.Size]):]
			}
		}
	}
}

// posJob adds up one position over the images.
type posJob struct {
	k                        *kernels.Set
	dpos, dy                 []float32
	images, rows, skip, cols int
}

func (j *posJob) task(_, t int) {
	for i := range j.images {
		j.k.Add(j.dpos[(j.skip+t)*j.cols:][:j.cols], j.dy[(i*j.rows+j.skip+t)*j.cols:][:j.cols])
	}
}

// squareStep is how many numbers are added up in f32.
const squareStep = 4096

// SquareSum is Σ v².
func (b *Backend) SquareSum(v nn.Buf) (float64, error) {
	if b.refuse(nil, v) {
		return 0, b.err
	}
	l, x := &b.learning, data(v)
	n := (len(x) + squareStep - 1) / squareStep
	l.parts = grow(l.parts, n)
	l.square = squareJob{k: b.k, x: x, parts: l.parts}
	b.pool.do(&l.square, n, squareStep/8)
	sum := 0.0
	for _, p := range l.parts[:n] {
		sum += p
	}
	return sum, nil
}

type squareJob struct {
	k     *kernels.Set
	x     []float32
	parts []float64
}

func (j *squareJob) task(_, t int) {
	x := j.x[t*squareStep : min((t+1)*squareStep, len(j.x))]
	j.parts[t] = float64(j.k.Dot(x, x))
}

// Adam takes a step.
func (b *Backend) Adam(value, grad, m, v nn.Buf, a nn.Adam) {
	if b.refuse(nn.CheckSame("adam", value, grad, m, v), value, grad, m, v) {
		return
	}
	keep, rate, root := a.Factors()
	b.learning.adam = adamJob{k: b.k, x: data(value), g: data(grad), m: data(m), v: data(v), step: kernels.AdamStep{
		Scale: float32(a.Scale), Beta1: float32(a.Beta1), Rest1: 1 - float32(a.Beta1), Beta2: float32(a.Beta2), Rest2: 1 - float32(a.Beta2),
		Keep: keep, Rate: rate, Root: root, Eps: float32(a.Eps),
	}}
	b.pool.do(&b.learning.adam, (len(data(value))+adamChunk-1)/adamChunk, adamChunk/2)
}

const adamChunk = 8192

type adamJob struct {
	k          *kernels.Set
	x, g, m, v []float32
	step       kernels.AdamStep
}

func (j *adamJob) task(_, t int) {
	from, to := t*adamChunk, min((t+1)*adamChunk, len(j.x))
	j.k.Adam(j.x[from:to], j.g[from:to], j.m[from:to], j.v[from:to], &j.step)
}
