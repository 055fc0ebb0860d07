package cpu

import (
	"math"
	"sync/atomic"
	"unsafe"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu/kernels"
)

// segment is the part of a panel that is asked for, and where it goes.
type segment struct {
	panel  int
	lo, hi int // lanes
	column int // of dst
}

// productJob is dst = act(o wᵀ + bias), or dst += that.
//
// Its tasks come in groups, and a group's in lanes, one for each worker: a
// worker does its own lane's tasks in order, and helps with another's when there are none left. So
// what a worker has in its core's cache, or has asked memory for, it uses itself.
//
// With a vector kernel a group is a block of rows, a lane a stretch of the panels, which streams
// past the rows, and a task some panels of it. A matrix unit multiplies faster than the last cache gives it
// weights: there a lane is a block of panels that the second cache holds beside
// rows of A, a task takes some rows past it, and a group is as many blocks of panels as there are workers.
type productJob struct {
	b        *Backend
	o        *operand
	w        *weight
	segments []segment // nil for all of w
	dst      []float32
	ld       int
	act      nn.Act
	add      bool

	multiplier
	// stay says that a lane stays with its panels.
	stay bool

	panels  int // in all
	block   int // panels of a lane
	step    int // panels of a task, at most
	rowStep int // rows of a task, a multiple of height
	tasks   int // of a lane
	// taken is how many tasks of each lane, [groups][workers], were begun.
	taken []atomic.Int32
}

// blockRows is a multiple of the height of every tile: 96 rows of A fit beside a panel in a core's second cache.
const blockRows = kernels.WideRows

// multiplier is the kernel of a product: a Tile, or a Wide.
type multiplier struct {
	tile   kernels.Tile
	wide   kernels.Wide // nil for a Tile
	height int          // the most rows
}

// multiplier chooses the kernel for a number of rows. Integers are exact in all
// of them; of the others a pass that must give every row the same bits has one.
func (b *Backend) multiplier(e element, rows int) multiplier {
	switch {
	case e == elementI8 && b.k.WideI8 != nil && rows > kernels.TileRows:
		return multiplier{wide: b.k.WideI8, height: kernels.WideRows}
	case e == elementBF16 && b.k.WideBF16 != nil && rows > nn.RowsAlike:
		return multiplier{wide: b.k.WideBF16, height: kernels.WideRows}
	}
	return multiplier{tile: [...]kernels.Tile{b.k.F32, b.k.BF16, b.k.I8}[e], height: kernels.TileRows}
}

// run makes a tile, whose rows follow each other, of rows of A, lda bytes apart, and a panel.
func (m *multiplier) run(tile []float32, a unsafe.Pointer, lda, rows int, weights unsafe.Pointer, groups int) {
	if m.wide != nil {
		m.wide(unsafe.Pointer(&tile[0]), 4*panel, a, uintptr(lda), rows, weights, groups, 1)
		return
	}
	m.tile(unsafe.Pointer(&tile[0]), a, uintptr(lda), rows, weights, groups)
}

// taskWork is how many multiply-adds a task has at most, about: 50 µs of the slowest vector kernel.
const taskWork = 6 << 20

// stayBytes of panels a lane stays with: half of a second cache of 2 MB. They and 96 rows are 60 µs of a matrix unit.
const stayBytes = 1 << 20

// laneTasks is how many tasks a lane has at least, where there are panels enough: the last of them are shared.
const laneTasks = 4

// product runs a productJob.
func (b *Backend) product(o *operand, w *weight, segments []segment, dst []float32, ld int, op nn.Op) {
	j := &b.productJob
	*j = productJob{b: b, o: o, w: w, segments: segments, dst: dst, ld: ld, act: op.Act, add: op.Residual, taken: j.taken}
	j.panels = w.panels
	if segments != nil {
		j.panels = len(segments)
	}
	j.multiplier = b.multiplier(w.element, o.rows)
	rows, threads := o.tileRows(), b.config.Threads
	j.rowStep = min((rows+j.height-1)/j.height*j.height, blockRows)
	rowTasks := (rows + j.rowStep - 1) / j.rowStep
	perPanel := min(rows, j.rowStep) * panel * w.groups * w.element.perGroup()
	var groups int
	if j.stay = j.wide != nil && rowTasks > 1; j.stay {
		lanes := (j.panels*w.groups*groupBytes + stayBytes - 1) / stayBytes
		groups = (lanes + threads - 1) / threads
		j.block = (j.panels + groups*threads - 1) / (groups * threads)
		j.step, j.tasks = j.block, rowTasks
	} else {
		groups = rowTasks
		j.block = (j.panels + threads - 1) / threads
		j.step = max(1, min(taskWork/perPanel, (j.block+laneTasks-1)/laneTasks))
		j.tasks = (j.block + j.step - 1) / j.step
	}
	j.taken = grow(j.taken, groups*threads)
	for i := range j.taken {
		j.taken[i].Store(0)
	}
	// A row alone waits for memory: 30 GB/s; else for arithmetic, 250 G multiply-adds/s.
	bytes := j.step * w.groups * groupBytes
	cost := max(bytes/30, j.step*perPanel/(125*w.element.perGroup()))
	b.pool.do(j, groups*threads*j.tasks, cost)
	j.dst, j.o, j.w, j.segments = nil, nil, nil, nil
}

// take chooses what the worker does as task t. A group has as many tasks as its
// lanes together: when the worker's own has none left, another has.
func (j *productJob) take(worker, t int) (group, lane, task int) {
	threads := j.b.config.Threads
	group = t / (threads * j.tasks)
	for i := 0; ; i++ {
		lane = (worker + i) % threads
		if task = int(j.taken[group*threads+lane].Add(1)) - 1; task < j.tasks {
			return group, lane, task
		}
	}
}

func (j *productJob) task(worker, t int) {
	group, lane, n := j.take(worker, t)
	first, r := lane*j.block, group*j.rowStep
	last := min(first+j.block, j.panels)
	if j.stay {
		first, r = (group*j.b.config.Threads+lane)*j.block, n*j.rowStep
		last = min(first+j.block, j.panels)
	} else {
		first += n * j.step
		last = min(first+j.step, last)
	}
	end := min(r+j.rowStep, j.o.tileRows())
	for i := first; i < last; i++ {
		s := segment{panel: i, hi: panel, column: i * panel}
		switch {
		case j.segments != nil:
			s = j.segments[i]
		case j.w.gated:
			s.column = i * panel / 2
		default:
			s.hi = min(panel, j.w.out-i*panel)
		}
		for at := r; at < end; at += j.height {
			j.rows(worker, s, at, min(j.height, end-at))
		}
	}
}

// rows computes some rows of the operand times one panel.
func (j *productJob) rows(worker int, s segment, at, rows int) {
	k, o, w := j.b.k, j.o, j.w
	tile := j.b.scratch[worker].tile
	j.run(tile, o.at(at), o.lda, rows, w.panelData(s.panel), w.groups)
	switch {
	case o.sixteen:
		k.Dequantize16(tile, rows, o.sum[at:], o.scale[at/2:], w.panelScale(s.panel), w.panelBias(s.panel))
		at, rows = at/2, rows/2
	case w.element == elementI8:
		k.Dequantize8(tile, rows, o.sum[at:], o.scale[at:], w.panelScale(s.panel), w.panelBias(s.panel))
	case w.hasBias:
		k.AddBias(tile, rows, w.panelBias(s.panel))
	}
	dst := j.dst[at*j.ld+s.column:]
	if w.gated {
		k.GatedTile(dst, j.ld, tile, rows)
		return
	}
	activate(k, j.act, tile[:rows*panel])
	k.Store(dst, j.ld, tile[s.lo:], rows, s.hi-s.lo, j.add)
}

func activate(k *kernels.Set, act nn.Act, x []float32) {
	switch act {
	case nn.None:
	case nn.GELU:
		k.GELU(x)
	case nn.GELUTanh:
		k.GELUTanh(x)
	case nn.SiLU:
		k.SiLU(x)
	case nn.ReLU:
		for i, v := range x {
			x[i] = max(v, 0)
		}
	default:
		for i, v := range x {
			x[i] = nn.Activate(act, v)
		}
	}
}

// segmentsOf says which panels hold the ids of a set.
func (b *Backend) segmentsOf(set *nn.Set) []segment {
	if s, ok := b.sets[set]; ok {
		return s
	}
	var segments []segment
	column := 0
	for _, ids := range set.Ranges() {
		for at := int(ids.From); at < int(ids.To); {
			s := segment{panel: at / panel, lo: at % panel, column: column}
			s.hi = min(panel, s.lo+int(ids.To)-at)
			segments = append(segments, s)
			column += s.hi - s.lo
			at += s.hi - s.lo
		}
	}
	b.sets[set] = segments
	return segments
}

var minusInf = float32(math.Inf(-1))
