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
	column int // of the target
}

// target is where the columns of a product go: to data, or, from column cut on, to rest.
type target struct {
	data []float32
	ld   int
	cut  int // 0: all go to data
	rest []float32
	// restLD is the distance of two rows of rest.
	restLD int
}

// at is where columns of rows from one on go, when they go to one place.
func (t *target) at(row, column, cols int) (dst []float32, ld int, ok bool) {
	switch {
	case t.cut == 0 || column+cols <= t.cut:
		return t.data[row*t.ld+column:], t.ld, true
	case column >= t.cut:
		return t.rest[row*t.restLD+column-t.cut:], t.restLD, true
	}
	return nil, 0, false
}

// store writes rows of a tile's numbers, from its lane lo on, to cols columns from one on.
func (t *target) store(k *kernels.Set, tile []float32, row, rows, lo, column, cols int, add bool) {
	dst, ld, ok := t.at(row, column, cols)
	if !ok {
		n := t.cut - column
		t.store(k, tile, row, rows, lo, column, n, add)
		t.store(k, tile, row, rows, lo+n, t.cut, cols-n, add)
		return
	}
	k.Store(dst, ld, tile[lo:], rows, cols, add)
}

// storeRow writes numbers of one row, from a column on.
func (t *target) storeRow(k *kernels.Set, x []float32, row, column int, add bool) {
	dst, _, ok := t.at(row, column, len(x))
	if !ok {
		n := t.cut - column
		t.storeRow(k, x[:n], row, column, add)
		t.storeRow(k, x[n:], row, t.cut, add)
		return
	}
	if add {
		k.Add(dst[:len(x)], x)
		return
	}
	copy(dst, x)
}

// productJob is to = act(o wᵀ + bias), or to += that.
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
	to       target
	act      nn.Act
	add      bool

	multiplier
	// stay says that a lane stays with its panels.
	stay bool
	// past says that the result is written past the caches.
	past bool

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

// stayBytes of panels a lane stays with: half of a second cache of 2 MB. They and 96 rows are 100 µs of a matrix unit and what follows it.
const stayBytes = 1 << 20

// pastBytes of a matrix unit's result are written past the caches. Through them each line is read before it is
// overwritten, and takes the place of weights: a third of a vision tower's widest product.
const pastBytes = 8 << 20

// laneTasks is how many tasks a lane has at least, where there are panels enough: the last of them are shared.
const laneTasks = 8

// product runs a productJob.
func (b *Backend) product(o *operand, w *weight, segments []segment, to target, op nn.Op) {
	j := &b.productJob
	*j = productJob{b: b, o: o, w: w, segments: segments, to: to, act: op.Act, add: op.Residual, taken: j.taken}
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
		j.past = !j.add && !w.gated && 4*o.rows*w.out >= pastBytes
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
	j.to, j.o, j.w, j.segments = target{}, nil, nil, nil
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
	block, r := lane, group*j.rowStep
	if j.stay {
		block, r = group*j.b.config.Threads+lane, n*j.rowStep
	}
	first := block * j.block
	last := min(first+j.block, j.panels)
	if !j.stay {
		first += n * j.step
		last = min(first+j.step, last)
	}
	tile := j.b.scratch[worker].tile
	end := min(r+j.rowStep, j.o.tileRows())
	// Few rows wait for memory, which a product of several panels in one go keeps busy.
	switch {
	case end-r == 1 && j.wide == nil && j.segments == nil: // a row of sixteen is two
		for ; first < last; first += rowPanels {
			j.row(tile, r, first, min(rowPanels, last-first))
		}
		return
	case end-r <= kernels.TileRows && j.wide == nil:
		for ; first < last; first += fewPanels {
			n := min(fewPanels, last-first)
			for i := range n {
				j.run(tile[i*kernels.TileRows*panel:], j.o.at(r), j.o.lda, end-r, j.w.panelData(j.segment(first+i).panel), j.w.groups)
			}
			for i := range n {
				j.finish(tile[i*kernels.TileRows*panel:], j.segment(first+i), r, end-r)
			}
		}
		return
	}
	for i := first; i < last; i++ {
		s := j.segment(i)
		for at := r; at < end; at += j.height {
			rows := min(j.height, end-at)
			j.run(tile, j.o.at(at), j.o.lda, rows, j.w.panelData(s.panel), j.w.groups)
			j.finish(tile, s, at, rows)
		}
	}
}

const (
	// fewPanels tiles of few rows fit into a worker's tile.
	fewPanels = kernels.WideRows / kernels.TileRows
	// rowPanels tiles of one row do, and the rows that a kernel may overwrite behind them.
	rowPanels = kernels.WideRows - kernels.TileRows
)

// row computes one row of the operand times panels that follow each other, whose tiles are one row too.
func (j *productJob) row(tile []float32, r, first, panels int) {
	k, o, w := j.b.k, j.o, j.w
	for i := range panels {
		j.run(tile[i*panel:], o.at(r), o.lda, 1, w.panelData(first+i), w.groups)
	}
	column := first * panel
	x, bias := tile[:panels*panel], w.bias[column:][:panels*panel]
	switch {
	case w.element == elementI8:
		k.DequantizeRow(x, o.sum[r:], o.scale[r:], w.scale[column:][:len(x)], bias)
	case w.hasBias:
		k.Add(x, bias)
	}
	if w.gated {
		k.GatedTile(j.to.data[r*j.to.ld+column/2:], panel/2, x, panels)
		return
	}
	activate(k, j.act, x)
	j.to.storeRow(k, x[:min(len(x), w.out-column)], r, column, j.add)
}

// segment is what is asked of a panel.
func (j *productJob) segment(i int) segment {
	switch {
	case j.segments != nil:
		return j.segments[i]
	case j.w.gated:
		return segment{panel: i, hi: panel, column: i * panel / 2}
	}
	return segment{panel: i, hi: min(panel, j.w.out-i*panel), column: i * panel}
}

// finish makes rows of a product of what the kernel left in the tile, and puts them where they belong.
func (j *productJob) finish(tile []float32, s segment, at, rows int) {
	k, o, w := j.b.k, j.o, j.w
	scale, bias := w.panelScale(s.panel), w.panelBias(s.panel)
	row, out := at, rows
	if o.sixteen {
		row, out = at/2, rows/2
	}
	cols := s.hi - s.lo
	dst, ld, one := j.to.at(row, s.column, cols)
	if one && w.element == elementI8 && j.act == nn.None && !w.gated && s.lo == 0 && !j.past {
		store := k.StoreI8
		if o.sixteen {
			store = k.StoreI16
		}
		store(dst, ld, tile, rows, cols, o.sum[at:], o.scale[row:], scale, bias, j.add)
		return
	}
	switch {
	case o.sixteen:
		k.Dequantize16(tile, rows, o.sum[at:], o.scale[row:], scale, bias)
	case w.element == elementI8:
		k.Dequantize8(tile, rows, o.sum[at:], o.scale[row:], scale, bias)
	case w.hasBias:
		k.AddBias(tile, rows, bias)
	}
	if w.gated {
		k.GatedTile(dst, ld, tile, out)
		return
	}
	activate(k, j.act, tile[:out*panel])
	if one && j.past && cols == panel {
		k.Stream(dst, ld, tile, out)
		return
	}
	j.to.store(k, tile, row, out, s.lo, s.column, cols, j.add)
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
