package input

import "encoding/binary"

// RawSize is the size of the kernel's struct input_event on a 64-bit machine:
// two 64-bit numbers of time, type, code and value (include/uapi/linux/input.h).
const RawSize = 24

// Raw is one struct input_event, without its time.
type Raw struct {
	Type  uint16
	Code  uint16
	Value int32
}

// Types of raw events, and codes of EV_SYN (include/uapi/linux/input-event-codes.h).
const (
	evSyn = 0x00
	evKey = 0x01
	evAbs = 0x03

	synReport  = 0
	synDropped = 3
)

// ParseRaw decodes what a read of a device gave; rest is the beginning of an
// event whose end has not come.
func ParseRaw(b []byte) (events []Raw, rest []byte) {
	for len(b) >= RawSize {
		events = append(events, Raw{
			Type:  binary.NativeEndian.Uint16(b[16:]),
			Code:  binary.NativeEndian.Uint16(b[18:]),
			Value: int32(binary.NativeEndian.Uint32(b[20:])),
		})
		b = b[RawSize:]
	}
	return events, b
}

// AppendRaw encodes an event as the kernel does, at time zero.
func AppendRaw(b []byte, r Raw) []byte {
	b = append(b, make([]byte, 16)...)
	b = binary.NativeEndian.AppendUint16(b, r.Type)
	b = binary.NativeEndian.AppendUint16(b, r.Code)
	return binary.NativeEndian.AppendUint32(b, uint32(r.Value))
}

// Range is how far an axis goes: struct input_absinfo without its present value.
type Range struct {
	Min, Max int32
	// Flat is the half width of the dead zone around the middle.
	Flat int32
}

// Scale turns a raw value into -1..1; an axis without a range gives 0.
func (r Range) Scale(v int32) float64 {
	half := (float64(r.Max) - float64(r.Min)) / 2
	flat := float64(max(r.Flat, 0))
	if half <= 0 || flat >= half {
		return 0
	}
	off := float64(v) - float64(r.Min) - half
	switch {
	case off > flat:
		return min((off-flat)/(half-flat), 1)
	case off < -flat:
		return max((off+flat)/(half-flat), -1)
	}
	return 0
}

// state is a device as its events left it.
type state struct {
	down   map[Code]bool
	axes   map[Code]float64
	ranges map[Code]Range
	lost   bool // the kernel dropped events: all until the next report are stale
}

func newState(ranges map[Code]Range) *state {
	return &state{down: map[Code]bool{}, axes: map[Code]float64{}, ranges: ranges}
}

// snapshot is what the kernel says of a device now.
type snapshot struct {
	down map[Code]bool
	axes map[Code]int32
}

// apply takes a raw event. It gives the event to tell, if any, and says whether
// the kernel must be asked for the device's state, since events were lost.
func (s *state) apply(r Raw) (e Event, tell, resync bool) {
	switch {
	case r.Type == evSyn && r.Code == synDropped:
		s.lost = true
	case r.Type == evSyn && r.Code == synReport && s.lost:
		s.lost = false
		return e, false, true
	case s.lost:
	case r.Type == evKey && r.Value != 2: // 2 is a repetition
		e, tell = s.key(KeyCode(r.Code), r.Value != 0)
	case r.Type == evAbs:
		e, tell = s.axis(AxisCode(r.Code), r.Value)
	}
	return e, tell, false
}

func (s *state) key(c Code, down bool) (Event, bool) {
	if s.down[c] == down {
		return Event{}, false
	}
	if down {
		s.down[c] = true
		return Event{Kind: Key, Code: c, Value: 1}, true
	}
	delete(s.down, c)
	return Event{Kind: Key, Code: c}, true
}

func (s *state) axis(c Code, raw int32) (Event, bool) {
	v := s.ranges[c].Scale(raw)
	if s.axes[c] == v {
		return Event{}, false
	}
	s.axes[c] = v
	return Event{Kind: Axis, Code: c, Value: v}, true
}

// catchUp gives the events that lead from the state to what the kernel says now.
// Keys that went down meanwhile are not told: whoever holds one presses it again.
func (s *state) catchUp(now snapshot) []Event {
	var out []Event
	for _, c := range sortedCodes(s.down) {
		if !now.down[c] {
			e, _ := s.key(c, false)
			out = append(out, e)
		}
	}
	for _, c := range sortedCodes(now.axes) {
		if e, tell := s.axis(c, now.axes[c]); tell {
			out = append(out, e)
		}
	}
	return out
}
