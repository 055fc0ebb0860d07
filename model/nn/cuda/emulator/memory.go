package emulator

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"cobot_vla/model/nn/cuda"
)

// allocation is memory of the device, or of the host that the device sees.
type allocation struct {
	at     cuda.Pointer
	data   []byte
	pinned bool
}

// memory is all of it. Between allocations lies what nobody may touch.
type memory struct {
	all  []*allocation // by address
	next cuda.Pointer
	used int64
}

const (
	firstAddress = 0x7f0000000000
	gap          = 1 << 16
)

func (m *memory) alloc(bytes int64, pinned bool) *allocation {
	if m.next == 0 {
		m.next = firstAddress
	}
	// Words of 8 bytes, so that the host may read them at once.
	words := make([]uint64, (bytes+15)/16*2)
	a := &allocation{at: m.next, data: unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), bytes), pinned: pinned}
	if !pinned {
		m.used += bytes
		for i := range words {
			words[i] = ^uint64(0) // no number, in f32 and bf16
		}
	}
	m.next += cuda.Pointer((bytes+gap-1)/gap*gap + gap)
	m.all = append(m.all, a)
	return a
}

func (m *memory) free(p cuda.Pointer) bool {
	for i, a := range m.all {
		if a.at == p && !a.pinned {
			m.used -= int64(len(a.data))
			m.all = slices.Delete(m.all, i, i+1)
			return true
		}
	}
	return false
}

// find gives the allocation that an address lies in.
func (m *memory) find(p uint64) *allocation {
	low, high := 0, len(m.all)
	for low < high {
		mid := (low + high) / 2
		if uint64(m.all[mid].at) <= p {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return nil
	}
	if a := m.all[low-1]; p < uint64(a.at)+uint64(len(a.data)) {
		return a
	}
	return nil
}

// bytes of a whole piece of memory.
func (m *memory) bytes(p cuda.Pointer, n int64) ([]byte, error) {
	a := m.find(uint64(p))
	if n == 0 {
		return nil, nil
	}
	if a == nil || uint64(p)+uint64(n) > uint64(a.at)+uint64(len(a.data)) {
		return nil, fmt.Errorf("%w: %d bytes at %#x are in no memory of the device", cuda.ErrLost, n, p)
	}
	return a.data[p-a.at:][:n], nil
}

// fault is a kernel's mistake; it ends the launch, and the device.
type fault struct{ what string }

func (w *warp) fail(in *instr, lane int, format string, args ...any) {
	b := w.block
	panic(fault{fmt.Sprintf("kernel %s, block (%d, %d, %d), thread %d, ptx line %d: %s: %s", b.kernel.name, b.at[0], b.at[1], b.at[2],
		w.index*lanes+lane, in.line, in.text, fmt.Sprintf(format, args...))})
}

// global is size bytes of the device's memory.
func (w *warp) global(in *instr, lane int, p uint64, size int) unsafe.Pointer {
	if p%uint64(size) != 0 {
		w.fail(in, lane, "address %#x is no multiple of %d", p, size)
	}
	a := w.last
	if a == nil || p < uint64(a.at) || p-uint64(a.at) >= uint64(len(a.data)) {
		if a = w.block.memory.find(p); a == nil {
			w.fail(in, lane, "address %#x is in no memory of the device", p)
		}
		w.last = a
	}
	at := p - uint64(a.at)
	if at+uint64(size) > uint64(len(a.data)) {
		w.fail(in, lane, "%d bytes at %d of %d", size, at, len(a.data))
	}
	return unsafe.Pointer(&a.data[at])
}

// local is size bytes of shared memory. It sees to it that what one warp wrote
// is not touched by another before a barrier.
func (w *warp) local(in *instr, lane int, p uint64, size int, write bool) unsafe.Pointer {
	b := w.block
	if p%uint64(size) != 0 || p+uint64(size) > uint64(len(b.shared)) {
		w.fail(in, lane, "%d bytes at %d of %d in shared memory", size, p, len(b.shared))
	}
	me := uint32(1) << w.index
	if t := &b.traces[p/4]; size <= 4 && t.epoch == b.epoch && (t.writers|t.readers)&^me == 0 || size <= 4 && !write && t.epoch == b.epoch && t.writers&^me == 0 {
		if write {
			t.writers |= me
		} else {
			t.readers |= me
		}
		return unsafe.Pointer(&b.shared[p])
	}
	for at := p / 4; at < (p+uint64(size)+3)/4; at++ {
		t := &b.traces[at]
		if t.epoch != b.epoch {
			*t = trace{epoch: b.epoch}
		}
		if t.writers&^me != 0 || write && t.readers&^me != 0 {
			w.fail(in, lane, "shared memory at %d is also used by warps %b (writing) and %b (reading) since the last barrier", p, t.writers, t.readers)
		}
		if write {
			t.writers |= me
		} else {
			t.readers |= me
		}
	}
	return unsafe.Pointer(&b.shared[p])
}

// trace is who touched a word of shared memory since a barrier.
type trace struct {
	epoch            uint32
	writers, readers uint32
}

func (t *translator) memory(in instr, st statement, kind string) (instr, error) {
	width, signed, ok := integer(kind)
	if kind == "f32" {
		width, ok = 32, true
	}
	if !ok {
		return in, fmt.Errorf("memory of %s is unknown", kind)
	}
	in.size = width / 8
	where := "global"
	for _, part := range st.op[1:] {
		switch part {
		case "shared", "param":
			where = part
		case "local", "const":
			return in, fmt.Errorf("memory %s is unknown", part)
		}
	}
	var err error
	switch {
	case st.op[0] == "atom":
		if strings.Join(st.op, ".") != "atom.add.u32" && strings.Join(st.op, ".") != "atom.global.add.u32" {
			return in, fmt.Errorf("this operation on memory is unknown")
		}
		if in.d, err = t.operand(st.args[0]); err != nil {
			return in, err
		}
		if in.b, err = t.operand(st.args[2]); err != nil {
			return in, err
		}
		in.act = atomicAdd
		in.a, in.offset, err = t.address(st.args[1])
		return in, err
	case where == "param":
		name, add, _ := strings.Cut(strings.Trim(st.args[1], "[]"), "+")
		index := slices.Index(t.src.params, name)
		if index < 0 || add != "" {
			return in, fmt.Errorf("no parameter %s", st.args[1])
		}
		if in.d, err = t.operand(st.args[0]); err != nil {
			return in, err
		}
		mask := ^uint64(0) >> (64 - width)
		in.run = func(w *warp, _ *instr, d int32) {
			to, v := w.reg(d), w.block.args[index]&mask
			for i := range lanes {
				to[i] = v
			}
		}
		return in, nil
	case st.op[0] == "ld":
		if in.vector, err = t.list(st.args[0]); err != nil {
			return in, err
		}
		in.act = load(where == "shared", signed, width)
		in.a, in.offset, err = t.address(st.args[1])
		return in, err
	}
	if in.vector, err = t.list(st.args[1]); err != nil {
		return in, err
	}
	in.act = store(where == "shared")
	in.a, in.offset, err = t.address(st.args[0])
	return in, err
}

func (w *warp) place(in *instr, lane int, shared, write bool, bytes int) unsafe.Pointer {
	p := w.reg(in.a)[lane] + uint64(in.offset)
	if shared {
		return w.local(in, lane, p, bytes, write)
	}
	return w.global(in, lane, p, bytes)
}

func load(shared, signed bool, width int) func(*warp, *instr, uint32) {
	return func(w *warp, in *instr, mask uint32) {
		for i := range lanes {
			if mask>>i&1 == 0 {
				continue
			}
			from := w.place(in, i, shared, false, in.size*len(in.vector))
			for n, d := range in.vector {
				at := unsafe.Add(from, n*in.size)
				var v uint64
				switch in.size {
				case 1:
					v = uint64(*(*uint8)(at))
					if signed {
						v = cut(uint64(int8(v)), 32)
					}
				case 2:
					v = uint64(*(*uint16)(at))
				case 4:
					v = uint64(atomic.LoadUint32((*uint32)(at)))
				case 8:
					v = atomic.LoadUint64((*uint64)(at))
				}
				w.r[int(d)*lanes+i] = v
			}
		}
	}
}

func store(shared bool) func(*warp, *instr, uint32) {
	return func(w *warp, in *instr, mask uint32) {
		for i := range lanes {
			if mask>>i&1 == 0 {
				continue
			}
			to := w.place(in, i, shared, true, in.size*len(in.vector))
			for n, s := range in.vector {
				at, v := unsafe.Add(to, n*in.size), w.r[int(s)*lanes+i]
				switch in.size {
				case 1:
					*(*uint8)(at) = uint8(v)
				case 2:
					*(*uint16)(at) = uint16(v)
				case 4:
					atomic.StoreUint32((*uint32)(at), uint32(v))
				case 8:
					atomic.StoreUint64((*uint64)(at), v)
				}
			}
		}
	}
}

func atomicAdd(w *warp, in *instr, mask uint32) {
	for i := range lanes {
		if mask>>i&1 != 0 {
			at := (*uint32)(w.place(in, i, false, true, 4))
			add := uint32(w.reg(in.b)[i])
			w.reg(in.d)[i] = uint64(atomic.AddUint32(at, add) - add)
		}
	}
}

// copying is a cp.async under way: its bytes arrive when somebody waits for them.
type copying struct {
	in   *instr
	lane int
	to   uint64
	data [16]byte
}

func (t *translator) asynchronous(in instr, st statement) (instr, error) {
	var err error
	switch strings.Join(st.op, ".") {
	case "cp.async.cg.shared.global":
		if st.args[2] != "16" || len(st.args) != 4 {
			return in, fmt.Errorf("a copy of 16 bytes is expected")
		}
		if in.a, in.offset, err = t.address(st.args[0]); err != nil {
			return in, err
		}
		if in.b, _, err = t.address(st.args[1]); err != nil {
			return in, err
		}
		in.c, err = t.operand(st.args[3])
		in.act = beginCopy
		return in, err
	case "cp.async.commit_group":
		in.together = true
		in.act = func(w *warp, _ *instr, _ uint32) {
			w.groups = append(w.groups, w.begun)
			w.begun = nil
		}
		return in, nil
	case "cp.async.wait_group":
		newer, err := t.number(st.args[0])
		if err != nil {
			return in, err
		}
		in.together = true
		in.act = func(w *warp, _ *instr, _ uint32) {
			for len(w.groups) > int(newer) {
				for _, c := range w.groups[0] {
					copy(unsafe.Slice((*byte)(w.local(c.in, c.lane, c.to, 16, true)), 16), c.data[:])
				}
				w.groups = w.groups[1:]
			}
		}
		return in, nil
	}
	return in, fmt.Errorf("this copy is unknown")
}

func beginCopy(w *warp, in *instr, mask uint32) {
	for i := range lanes {
		if mask>>i&1 == 0 {
			continue
		}
		c := copying{in: in, lane: i, to: w.reg(in.a)[i] + uint64(in.offset)}
		// Until it is waited for, nothing is there.
		binary.LittleEndian.PutUint64(unsafe.Slice((*byte)(w.local(in, i, c.to, 16, true)), 16), ^uint64(0))
		switch n := w.reg(in.c)[i]; n {
		case 0:
		case 16:
			copy(c.data[:], unsafe.Slice((*byte)(w.global(in, i, w.reg(in.b)[i], 16)), 16))
		default:
			w.fail(in, i, "a copy of %d bytes", n)
		}
		w.begun = append(w.begun, c)
	}
}
