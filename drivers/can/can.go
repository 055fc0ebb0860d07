// Package can carries CAN 2.0 frames. Bus is the seam between drivers and
// hardware: SocketCAN, a virtual bus in process, or a Unix socket carrying
// struct can_frame, and a driver can't tell which.
package can

import (
	"errors"
	"fmt"
)

// Frame is a classic CAN frame with an 11-bit identifier.
type Frame struct {
	ID   uint32 // 0..0x7FF
	Len  uint8  // 0..8
	Data [8]byte
}

// String formats the frame as candump does: 2A1#0102.
func (f Frame) String() string { return fmt.Sprintf("%03X#%X", f.ID, f.Data[:min(f.Len, 8)]) }

// State is the health of a bus as its controller reports it.
type State uint8

const (
	Up State = iota
	Warning
	Passive
	BusOff
	Down
)

// String is what diagnostics print.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Warning:
		return "error-warning"
	case Passive:
		return "error-passive"
	case BusOff:
		return "bus-off"
	case Down:
		return "down"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Errors of Send.
var (
	// ErrClosed: the bus was closed, or its interface went away.
	ErrClosed = errors.New("can: bus closed")
	// ErrBusOff: the controller left the bus after too many errors; it needs a restart.
	ErrBusOff = errors.New("can: bus off")
	// ErrBufferFull: the send queue is full; nobody acknowledges frames, or the bus is saturated.
	ErrBufferFull = errors.New("can: send buffer full")
	// ErrDown: the interface exists and is down; it works again once somebody brings it up.
	ErrDown = errors.New("can: interface down")
	// ErrFrame: the frame is not a classic CAN frame with an 11-bit identifier.
	ErrFrame = errors.New("can: not a classic frame")
)

// Validate tells whether a classic bus can carry f.
func (f Frame) Validate() error {
	if f.ID > 0x7FF {
		return fmt.Errorf("%w: identifier 0x%X is above 0x7FF", ErrFrame, f.ID)
	}
	if f.Len > 8 {
		return fmt.Errorf("%w: %d data bytes, at most 8", ErrFrame, f.Len)
	}
	return nil
}

// Bus is one end of a CAN bus. Methods are safe for concurrent use.
//
// Never call Send with a lock held that a Listen callback takes: an in-process
// bus delivers on the sender's goroutine. For the same reason never call cancel
// or Close from a Listen callback, or with a lock held that it takes: both wait
// for a callback that is running.
type Bus interface {
	// Name of the interface, e.g. can_left.
	Name() string
	// Send queues one frame; it does not block.
	Send(Frame) error
	// Listen calls fn for every frame that others send, in order, one at a time,
	// until cancel returns. fn must not block. A sender does not hear itself.
	Listen(fn func(Frame)) (cancel func())
	// State of the controller.
	State() State
	// Close releases the interface; listeners hear nothing more once it returns.
	Close() error
}

// Opener opens buses by name, so that a node can't tell where its bus comes from.
type Opener interface {
	Open(name string) (Bus, error)
}
