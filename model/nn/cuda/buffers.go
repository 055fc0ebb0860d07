package cuda

import (
	"fmt"
	"slices"
	"unsafe"

	"cobot_vla/model/nn"
)

// store is the memory of a Buf, f32.
type store struct {
	b          *Backend
	rows, cols int
	data       Pointer
}

func (s *store) Bytes() int64 { return 4 * int64(s.rows) * int64(s.cols) }

// Buf makes a matrix.
func (b *Backend) Buf(rows, cols int) nn.Buf {
	if rows < 1 || cols < 1 {
		b.fail(fmt.Errorf("buffer [%d, %d] is no matrix", rows, cols))
		return nn.Buf{}
	}
	s := &store{b: b, rows: rows, cols: cols}
	s.data = b.alloc(s.Bytes(), &b.memory.Activations, true)
	return nn.Buf{Store: s, Rows: rows, Cols: cols}
}

func (b *Backend) own(bufs ...nn.Buf) bool {
	for _, v := range bufs {
		s, ok := v.Store.(*store)
		if !ok || s.b != b || s.cols != v.Cols || v.First < 0 || v.First+v.Rows > s.rows {
			b.fail(fmt.Errorf("buffer %v is none of this backend, or a view outside its buffer", v))
			return false
		}
	}
	return true
}

// at is where a view begins.
func at(v nn.Buf) Pointer {
	s := v.Store.(*store)
	return s.data + Pointer(4*v.First*s.cols)
}

// overlap says that two views share memory.
func overlap(x, y nn.Buf) bool {
	return x.Store == y.Store && x.First < y.First+y.Rows && y.First < x.First+x.Rows
}

// Write copies from the host.
func (b *Backend) Write(dst nn.Buf, data []float32) {
	if b.err != nil || !b.own(dst) {
		return
	}
	if len(data) != dst.Rows*dst.Cols {
		b.fail(fmt.Errorf("write: %d numbers into %v", len(data), dst))
		return
	}
	if !b.unrecorded("write") && len(data) > 0 {
		b.upload(at(dst), data)
	}
}

// Read waits and copies to the host.
func (b *Backend) Read(dst []float32, src nn.Buf) error {
	if b.err != nil || !b.own(src) {
		return b.err
	}
	if len(dst) != src.Rows*src.Cols {
		b.fail(fmt.Errorf("read: %v into %d numbers", src, len(dst)))
		return b.err
	}
	if !b.unrecorded("read") && len(dst) > 0 {
		b.failed(b.device.Download(bytesOf(dst), at(src)))
	}
	return b.examine()
}

// unrecorded refuses what a step can't hold.
func (b *Backend) unrecorded(what string) bool {
	if b.recording != nil {
		b.fail(fmt.Errorf("%s: a recorded step can't hold it", what))
	}
	return b.err != nil
}

// tokens holds ids on the device.
type tokens struct {
	b    *Backend
	cap  int
	ids  Pointer
	live live
	// ring is where the device tells the host each id it picks, behind tag, which is another one after each Put.
	ring Pinned
	tag  uint32
	told uint32 // the tag that recorded steps see
}

func (t *tokens) Bytes() int64 { return 4 * int64(t.cap) }
func (t *tokens) Len() int     { return t.live.n }

// Tokens makes room for ids.
func (b *Backend) Tokens(capacity int) nn.Tokens {
	t := &tokens{b: b, cap: capacity}
	if capacity < 1 {
		b.fail(fmt.Errorf("room for %d tokens", capacity))
		return t
	}
	t.ids = b.alloc(4*int64(capacity), &b.memory.Rest, true)
	t.live.at = b.alloc(8, &b.memory.Rest, true)
	return t
}

func (b *Backend) ownTokens(all ...nn.Tokens) bool {
	for _, t := range all {
		if own, ok := t.(*tokens); !ok || own.b != b {
			b.fail(fmt.Errorf("these tokens are none of this backend"))
			return false
		}
	}
	return true
}

// Put replaces the ids.
func (b *Backend) Put(t nn.Tokens, ids []int32) {
	if b.err != nil || !b.ownTokens(t) || b.unrecorded("put") {
		return
	}
	own := t.(*tokens)
	if len(ids) > own.cap {
		b.fail(fmt.Errorf("put: %d tokens, room for %d", len(ids), own.cap))
		return
	}
	own.live.n = len(ids)
	own.tag++
	b.tell(own.ids, words(ids))
}

func words(ids []int32) []uint32 {
	if len(ids) == 0 {
		return nil
	}
	return unsafe.Slice((*uint32)(unsafe.Pointer(&ids[0])), len(ids))
}

// ReadTokens waits and appends the ids to dst.
func (b *Backend) ReadTokens(dst []int32, t nn.Tokens) ([]int32, error) {
	if b.err != nil || !b.ownTokens(t) || b.unrecorded("read tokens") {
		return dst, b.err
	}
	own := t.(*tokens)
	if own.live.n == 0 {
		return dst, b.Sync()
	}
	from := len(dst)
	dst = slices.Grow(dst, own.live.n)[:from+own.live.n]
	ids := dst[from:]
	b.failed(b.device.Download(unsafe.Slice((*byte)(unsafe.Pointer(&ids[0])), 4*len(ids)), own.ids))
	return dst, b.examine()
}

// index is a Gather's, as the device has it.
type index struct {
	host []int32
	at   Pointer
}

// mostIndices: a model's layouts are few and always the same.
const mostIndices = 256

func (b *Backend) index(rows []int32) Pointer {
	key := &rows[0]
	have, ok := b.indices[key]
	if ok && slices.Equal(have.host, rows) {
		return have.at
	}
	if len(have.host) < len(rows) {
		if len(b.indices) >= mostIndices {
			clear(b.indices) // their memory stays until Close
		}
		have.at = b.alloc(4*int64(len(rows)), &b.memory.Rest, false)
	}
	have.host = append(have.host[:0], rows...)
	b.indices[key] = have
	b.tell(have.at, words(rows))
	return have.at
}

// Gather copies rows.
func (b *Backend) Gather(dst, src nn.Buf, rows []int32) {
	if b.err != nil || b.fail(nn.CheckGather(dst, src, rows)) || !b.own(dst, src) || len(rows) == 0 || b.unrecorded("gather") {
		return
	}
	where := b.index(rows)
	b.take(uint64(at(dst)), uint64(at(src)), uint64(src.Cols), uint64(where))
	b.launch("gather", 0, len(rows), 1, 1)
}

// Embed looks the last tokens up.
func (b *Backend) Embed(dst nn.Buf, table nn.Weight, t nn.Tokens) {
	if b.err != nil || b.fail(nn.CheckEmbed(dst, table, t)) || !b.own(dst) || !b.ownTokens(t) || dst.Rows == 0 {
		return
	}
	w, own := table.(*weight), t.(*tokens)
	length, base := b.count(&own.live)
	b.take(uint64(at(dst)), uint64(dst.Cols), uint64(dst.Rows), uint64(w.data), uint64(w.element), uint64(w.depth), uint64(w.scale),
		uint64(own.ids), length, base, uint64(w.out), uint64(b.faults.Device), b.stop())
	b.launch("embed", 0, dst.Rows, 1, 1)
}

// set is the descriptor of a set on the device: its ids and their number.
func (b *Backend) set(s *nn.Set) Pointer {
	if b.recording != nil && s == b.recording.widest {
		return b.recording.set
	}
	if p, ok := b.sets[s]; ok {
		return p
	}
	ids := make([]int32, 0, s.Size())
	for _, r := range s.Ranges() {
		for id := r.From; id < r.To; id++ {
			ids = append(ids, id)
		}
	}
	data := b.alloc(4*int64(len(ids)), &b.memory.Rest, false)
	p := b.alloc(16, &b.memory.Rest, false)
	if b.err != nil {
		return 0
	}
	b.failed(b.device.Upload(data, unsafe.Slice((*byte)(unsafe.Pointer(&ids[0])), 4*len(ids))))
	b.tell(p, []uint32{uint32(data), uint32(data >> 32), uint32(len(ids)), 0})
	b.sets[s] = p
	return p
}

// Pick appends the highest ids.
func (b *Backend) Pick(dst, history nn.Tokens, scores nn.Buf, set *nn.Set, penalty float32) {
	if b.err != nil || !b.ownTokens(dst, history) {
		return
	}
	d, h := dst.(*tokens), history.(*tokens)
	if b.fail(nn.CheckPick(dst, history, scores, set, d.cap)) || !b.own(scores) {
		return
	}
	which := b.set(set)
	known, knownBase := b.count(&h.live)
	length, lengthBase := b.count(&d.live)
	tag, tagBase := uint64(d.tag), uint64(0)
	if b.recording != nil {
		tag, tagBase = 0, uint64(d.live.at)+4
		b.recording.streams(d)
	}
	b.take(uint64(d.ids), length, lengthBase, uint64(h.ids), known-uint64(scores.Rows-1), knownBase, uint64(at(scores)), uint64(scores.Cols), uint64(which), number(penalty),
		uint64(d.ring.Device), tag, tagBase, uint64(b.faults.Device), b.stop())
	b.launch("pick", 0, scores.Rows, 1, 1)
	d.live.n += scores.Rows
}
