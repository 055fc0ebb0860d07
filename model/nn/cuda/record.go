package cuda

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"cobot_vla/model/nn"
)

// live is a number that grows as calls are made: the host knows it, and the
// device has it at an address for recorded steps, whose arguments never change.
type live struct {
	n      int
	at     Pointer
	device int // what lies at the address
}

// count is a number as kernels take it: alone, or beside what the device knows.
func (b *Backend) count(l *live) (n, base uint64) {
	if b.recording == nil {
		return uint64(l.n), 0
	}
	return uint64(l.n - b.recording.begin(l)), uint64(l.at)
}

// counter is a live number that a step moves.
type counter struct {
	l     *live
	start int // when recording began
	by    int
}

// step implements nn.Step.
type step struct {
	b        *Backend
	widest   *nn.Set
	set      Pointer // descriptor of what this run chooses from
	now      *nn.Set // that it holds
	counters []counter
	picks    []*tokens
	graph    Graph
	nodes    int
}

// begin is the number when recording began.
func (s *step) begin(l *live) int {
	for _, c := range s.counters {
		if c.l == l {
			return c.start
		}
	}
	s.counters = append(s.counters, counter{l: l, start: l.n})
	return l.n
}

func (s *step) streams(t *tokens) {
	if !slices.Contains(s.picks, t) {
		s.picks = append(s.picks, t)
	}
}

// Record captures what body calls.
func (b *Backend) Record(widest *nn.Set, body func(set *nn.Set)) nn.Step {
	s := &step{b: b, widest: widest}
	if b.err != nil || b.unrecorded("record") {
		return s
	}
	s.set = b.alloc(16, &b.memory.Rest, true)
	b.recording = s
	// Once for the memory that it needs, and to learn what moves.
	b.dry = true
	body(widest)
	b.dry = false
	table := s.rewind()
	at := b.alloc(16*int64(max(len(s.counters), 1)), &b.memory.Rest, false)
	b.recording = nil
	b.tell(at, table)
	if b.err != nil {
		return s
	}
	b.recording = s
	if b.failed(b.device.Capture()) {
		b.recording = nil
		return s
	}
	body(widest)
	b.take(uint64(at), uint64(len(s.counters)), uint64(b.heard.Device), uint64(b.stopped))
	b.launch("advance", 0, 1, 1, 1)
	graph, err := b.device.Captured()
	s.rewind()
	b.recording = nil
	if !b.failed(err) {
		s.graph, s.nodes = graph, graph.Nodes()
	}
	return s
}

// rewind puts all numbers back to what they were; it gives the table by which the device moves them.
func (s *step) rewind() []uint32 {
	var table []uint32
	for i := range s.counters {
		c := &s.counters[i]
		c.by = c.l.n - c.start
		c.l.n = c.start
		table = append(table, uint32(c.l.at), uint32(c.l.at>>32), uint32(c.by), 0)
	}
	return table
}

// Nodes is how many kernels the step launches.
func (s *step) Nodes() int { return s.nodes }

// Run replays the graph.
func (s *step) Run(set *nn.Set) {
	b := s.b
	if b.err != nil || b.unrecorded("run") {
		return
	}
	if set.Size() > s.widest.Size() {
		b.fail(fmt.Errorf("step: a set of %d tokens, it was recorded for %d", set.Size(), s.widest.Size()))
		return
	}
	if s.now != set {
		b.copyWords(s.set, b.set(set), 4)
		s.now = set
	}
	for _, t := range s.picks {
		if t.live.n >= t.cap {
			b.fail(fmt.Errorf("step: %d tokens, room for no more", t.cap))
			return
		}
	}
	for i := range s.counters {
		c := &s.counters[i]
		if c.l.device != c.l.n {
			b.tell(c.l.at, []uint32{uint32(c.l.n)})
		}
		c.l.n += c.by
		c.l.device = c.l.n
	}
	for _, t := range s.picks {
		if t.told != t.tag {
			b.tell(t.live.at+4, []uint32{t.tag})
			t.told = t.tag
		}
	}
	if b.err == nil {
		b.failed(b.device.Replay(s.graph))
	}
	b.steps = s
}

// Stream gives t a ring that the device writes picked ids to.
func (b *Backend) Stream(t nn.Tokens) {
	if b.err != nil || !b.ownTokens(t) {
		return
	}
	own := t.(*tokens)
	if own.ring.Host != nil {
		return
	}
	ring, err := b.device.Pinned(8 * own.cap)
	if !b.failed(err) {
		own.ring = ring
	}
}

const (
	// pollQuick is how often Next looks before it begins to sleep between.
	pollQuick = 2000
	pollSleep = 20 * time.Microsecond
	// pollDevice is how many sleeps lie between questions to the device whether it still works.
	pollDevice = 50
)

// Next polls the ring.
func (b *Backend) Next(ctx context.Context, t nn.Tokens, i int) (int32, error) {
	if b.err != nil || !b.ownTokens(t) {
		return 0, b.err
	}
	own := t.(*tokens)
	if i < 0 || i >= own.live.n || own.ring.Host == nil {
		b.fail(fmt.Errorf("next: token %d of a stream of %d", i, own.live.n))
		return 0, b.err
	}
	entry := (*uint64)(unsafe.Pointer(&own.ring.Host[8*i]))
	for n := 0; ; n++ {
		if v := atomic.LoadUint64(entry); uint32(v>>32) == own.tag {
			return int32(uint32(v)), b.examine()
		}
		if err := ctx.Err(); err != nil {
			b.halt()
			return 0, err
		}
		if n < pollQuick {
			runtime.Gosched()
			continue
		}
		if n%pollDevice == 0 {
			idle, err := b.device.Idle()
			if b.failed(err) {
				return 0, b.err
			}
			if v := atomic.LoadUint64(entry); idle && uint32(v>>32) != own.tag {
				b.examine()
				b.fail(fmt.Errorf("next: %s has ended its work without saying token %d", b.info.Name, i))
				return 0, b.err
			}
		}
		time.Sleep(pollSleep)
	}
}

// halt ends a run of steps early: those that have not begun do nothing. Numbers are then what the device says.
func (b *Backend) halt() {
	s := b.steps
	if s == nil || b.err != nil {
		return
	}
	flag := (*uint32)(unsafe.Pointer(&b.heard.Host[0]))
	atomic.StoreUint32(flag, 1)
	if b.failed(b.device.Wait()) {
		return
	}
	atomic.StoreUint32(flag, 0)
	b.mailed, b.steps = 0, nil
	b.failed(b.device.Zero(b.stopped, 4))
	for _, c := range s.counters {
		var now [4]byte
		b.failed(b.device.Download(now[:], c.l.at))
		c.l.n = int(now[0]) | int(now[1])<<8 | int(now[2])<<16 | int(now[3])<<24
		c.l.device = c.l.n
	}
}
