package cuda

import (
	"fmt"

	"cobot_vla/model/nn"
)

// Modes of an output: see kernels/output.h.
const (
	modeLinear = iota
	modeGated
	modeQKV
	modeScores
)

// output is where a product goes.
type output struct {
	mode       uint64
	rows, cols int
	dst        Pointer
	ld         int
	act        nn.Act
	residual   bool
	inner      int
	set        Pointer
	cache      *cache
	heads      int // of queries, 0 for none
	layer      int
	position   [2]uint64
}

// takeOutput adds OUTPUT_PARAMETERS.
func (b *Backend) takeOutput(o output, w *weight) {
	b.args = append(b.args, o.mode, uint64(o.rows), uint64(o.cols), uint64(o.dst), uint64(o.ld), uint64(o.act), flag(o.residual),
		flag(b.config.Precision == F32), uint64(w.bias), uint64(w.scale), uint64(o.inner), uint64(o.set))
	if c := o.cache; c != nil {
		b.args = append(b.args, uint64(o.heads), uint64(c.spec.KVHeads), uint64(c.spec.HeadDim), uint64(c.padded),
			uint64(c.layer(c.keys, o.layer)), uint64(c.layer(c.values, o.layer)), uint64(c.spec.Capacity), o.position[0], o.position[1], uint64(c.angles))
	} else {
		b.args = append(b.args, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	b.args = append(b.args, b.stop())
}

const (
	// fusedRows and fusedBytes bound what a thin product normalises by itself.
	fusedRows  = 16
	fusedBytes = 40 << 10
	tileRows   = 128
	exactTile  = 64
)

// tileBytes is the shared memory of a tile: 3 stages of 128 rows of 32 numbers of each side, padded.
func tileBytes(size int) int {
	if size == 2 {
		return 3 * 128 * (80 + 80)
	}
	return 3 * 128 * (80 + 48)
}

// product is norm(x) Wᵀ. inPlace says that x shares memory with where it goes: a
// kernel can't read what its other blocks write, so x is copied first.
func (b *Backend) product(x nn.Buf, n nn.Norm, w *weight, o output, inPlace bool) {
	fused := o.rows * (w.depth + 8) * 2
	switch {
	case o.rows == 0 || o.cols == 0:
	case w.element == elementF32:
		from := at(x)
		if n != nil || inPlace {
			from = b.room("exact rows", 4*int64(x.Rows)*int64(x.Cols))
			b.normalise(from, x.Cols, x, n, false, nn.Op{})
		}
		b.exact(from, x.Cols, w, o)
	case o.rows <= fusedRows && fused <= fusedBytes && !inPlace:
		b.take(uint64(at(x)), uint64(x.Cols), uint64(w.depth), uint64(w.data), uint64(b.columnsOf(o.cols)))
		b.takeNorm(n)
		b.takeOutput(o, w)
		b.launch("thin_norm_"+w.element.String(), fused, blocksOf(o.cols, 8*b.columnsOf(o.cols)), 1, 1)
	default:
		rows := b.room("rows", 2*int64(x.Rows)*int64(w.depth))
		b.normalise(rows, w.depth, x, n, true, nn.Op{})
		b.multiply(rows, w, o)
	}
}

// exact is a product of f32 rows of w.in numbers.
func (b *Backend) exact(x Pointer, ld int, w *weight, o output) {
	b.take(uint64(x), uint64(ld), uint64(w.in), uint64(w.depth), uint64(w.data))
	b.takeOutput(o, w)
	b.launch("exact", 0, blocksOf(o.cols, exactTile), blocksOf(o.rows, exactTile), 1)
}

// multiply is a product of bf16 rows of w.depth numbers.
func (b *Backend) multiply(x Pointer, w *weight, o output) {
	if o.rows > nn.RowsAlike {
		b.take(uint64(x), uint64(w.depth), uint64(w.data))
		b.takeOutput(o, w)
		b.launch("tile_"+w.element.String(), tileBytes(w.element.size()), blocksOf(o.cols, tileRows), blocksOf(o.rows, tileRows), 1)
		return
	}
	name := "thin_"
	if o.rows > 16 {
		name = "thin_rows_"
	}
	b.take(uint64(x), uint64(w.in), uint64(w.depth), uint64(w.data), uint64(b.columnsOf(o.cols)))
	b.takeNorm(nil)
	b.takeOutput(o, w)
	b.launch(name+w.element.String(), 0, blocksOf(o.cols, 8*b.columnsOf(o.cols)), 1, 1)
}

func blocksOf(n, step int) int { return (n + step - 1) / step }

// columnsOf is how many times 8 columns a block of a thin product takes: several when there are more than blocks that run at once.
func (b *Backend) columnsOf(cols int) int {
	return min(max(cols/8/(b.info.Processors*6), 1), 8)
}

// normalise rows of x, to bf16 rows of ld numbers (half) or to f32.
func (b *Backend) normalise(to Pointer, ld int, x nn.Buf, n nn.Norm, half bool, op nn.Op) {
	b.take(uint64(to), uint64(ld), uint64(at(x)), uint64(x.Rows), uint64(x.Cols), flag(half), uint64(op.Act), flag(op.Residual))
	b.takeNorm(n)
	b.args = append(b.args, b.stop())
	b.launch("normalise_rows", 0, blocksOf(x.Rows, 8), 1, 1)
}

// Linear is dst = act(norm(x) Wᵀ + bias).
func (b *Backend) Linear(dst, x nn.Buf, w nn.Weight, op nn.Op) {
	if b.err != nil || b.fail(nn.CheckLinear(dst, x, w, op)) || !b.own(dst, x) || x.Rows == 0 {
		return
	}
	if w == nil {
		b.normalise(at(dst), dst.Cols, x, op.Norm, false, op)
		return
	}
	o := output{mode: modeLinear, rows: dst.Rows, cols: dst.Cols, dst: at(dst), ld: dst.Cols, act: op.Act, residual: op.Residual}
	b.product(x, op.Norm, w.(*weight), o, overlap(dst, x))
}

// GatedMLP is dst += W_down(silu(gate) * up).
func (b *Backend) GatedMLP(dst, x nn.Buf, n nn.Norm, gateUp, down nn.Weight) {
	if b.err != nil || b.fail(nn.CheckGatedMLP(dst, x, n, gateUp, down)) || !b.own(dst, x) || x.Rows == 0 {
		return
	}
	gu, d := gateUp.(*weight), down.(*weight)
	size := 2
	if d.element == elementF32 {
		size = 4
	}
	if gu.element != d.element || (size == 4) != (b.config.Precision == F32) {
		b.fail(fmt.Errorf("gated mlp: %s is %v and %s is %v, at precision %s", gu.name, gu.element, d.name, d.element, b.config.Precision))
		return
	}
	hidden := b.room("hidden", int64(size)*int64(x.Rows)*int64(d.depth))
	b.product(x, n, gu, output{mode: modeGated, rows: x.Rows, cols: 2 * d.depth, dst: hidden, ld: d.depth, inner: d.in}, false)
	o := output{mode: modeLinear, rows: dst.Rows, cols: dst.Cols, dst: at(dst), ld: dst.Cols, residual: true}
	if size == 4 {
		b.exact(hidden, d.depth, d, o)
		return
	}
	b.multiply(hidden, d, o)
}

// Scores is norm(x) times the rows of head that are in the set.
func (b *Backend) Scores(dst, x nn.Buf, n nn.Norm, head nn.Weight, set *nn.Set) {
	if b.err != nil || b.fail(nn.CheckScores(dst, x, n, head, set)) || !b.own(dst, x) || x.Rows == 0 {
		return
	}
	o := output{mode: modeScores, rows: dst.Rows, cols: dst.Cols, dst: at(dst), ld: dst.Cols, set: b.set(set)}
	b.product(x, n, head.(*weight), o, overlap(dst, x))
}

// Patch embeds images.
func (b *Backend) Patch(dst, pixels nn.Buf, w nn.Weight, pos nn.Buf, p nn.Patches) {
	images, err := nn.CheckPatch(dst, pixels, w, pos, p)
	if b.err != nil || b.fail(err) || !b.own(dst, pixels, pos) || images == 0 {
		return
	}
	gh, gw := p.Grid()
	own, grid := w.(*weight), gh*gw
	half, depth, size := own.element != elementF32, own.in, int64(4)
	if half {
		depth, size = own.depth, 2
	}
	cut := b.room("patches", size*int64(images)*int64(grid)*int64(depth))
	b.take(uint64(cut), uint64(depth), flag(half), uint64(at(pixels)), uint64(p.Channels), uint64(p.Height), uint64(p.Width), uint64(p.Size), uint64(gw), uint64(gh))
	b.launch("patches", 0, images*grid, 1, 1)
	for i := range images {
		rows := dst.View(i*(p.Skip+grid)+p.Skip, grid)
		b.copyWords(at(rows), at(pos.View(p.Skip, grid)), grid*dst.Cols)
		if p.Skip == 0 && i < images-1 {
			continue // all at once
		}
		o := output{mode: modeLinear, rows: grid, cols: dst.Cols, dst: at(rows), ld: dst.Cols, residual: true}
		from := cut + Pointer(size*int64(i)*int64(grid)*int64(depth))
		if p.Skip == 0 {
			o.rows, o.dst, from = images*grid, at(dst), cut
		}
		if half {
			b.multiply(from, own, o)
		} else {
			b.exact(from, depth, own, o)
		}
	}
}
