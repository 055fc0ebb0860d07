package can

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// The wire of SocketCAN and of the Unix socket is Linux's struct can_frame
// (linux/can.h), 16 bytes: the identifier with three flags in its top bits (host
// byte order), the length, three bytes of padding, eight bytes of data. A
// controller reports its health in frames with the error flag (linux/can/error.h).
const (
	wireSize = 16

	flagExtended = 0x80000000
	flagRemote   = 0x40000000
	flagError    = 0x20000000

	errorController = 0x00000004 // details in data[1]
	errorBusOff     = 0x00000040
	errorRestarted  = 0x00000100

	controllerWarning = 0x04 | 0x08 // receive, transmit
	controllerPassive = 0x10 | 0x20
	controllerActive  = 0x40
)

// appendWire appends the struct can_frame of a valid frame.
func appendWire(dst []byte, f Frame) []byte {
	dst = binary.NativeEndian.AppendUint32(dst, f.ID)
	dst = append(dst, f.Len, 0, 0, 0)
	return append(dst, f.Data[:]...)
}

// appendWireState appends the error frame by which a controller reports s. Down,
// which no controller can report, is told as bus-off.
func appendWireState(dst []byte, s State) []byte {
	id, detail := uint32(flagError|errorController), byte(controllerActive)
	switch s {
	case Warning:
		detail = controllerWarning
	case Passive:
		detail = controllerPassive
	case BusOff, Down:
		id, detail = flagError|errorBusOff, 0
	}
	dst = binary.NativeEndian.AppendUint32(dst, id)
	return append(dst, 8, 0, 0, 0, 0, detail, 0, 0, 0, 0, 0, 0)
}

// record is what one struct can_frame means to us.
type record struct {
	frame    Frame
	isFrame  bool // a data frame with an 11-bit identifier
	state    State
	hasState bool // the controller reports its state
}

// decodeWire reads one struct can_frame. Extended and remote frames, which no
// robot of ours sends, and errors that don't change the controller's state
// decode to an empty record.
func decodeWire(b *[wireSize]byte) (record, error) {
	id, n := binary.NativeEndian.Uint32(b[:4]), b[4]
	switch {
	case id&flagError != 0:
		s, ok := decodeState(id, b[8+1])
		return record{state: s, hasState: ok}, nil
	case n > 8:
		return record{}, fmt.Errorf("%w: %d data bytes, at most 8", ErrFrame, n)
	case id&(flagExtended|flagRemote) != 0:
		return record{}, nil
	case id > 0x7FF:
		return record{}, fmt.Errorf("%w: identifier 0x%X is above 0x7FF", ErrFrame, id)
	}
	f := Frame{ID: id, Len: n}
	copy(f.Data[:n], b[8:])
	return record{frame: f, isFrame: true}, nil
}

func decodeState(id uint32, detail byte) (s State, ok bool) {
	switch {
	case id&errorBusOff != 0:
		return BusOff, true
	case id&errorRestarted != 0:
		return Up, true
	case id&errorController == 0:
		return 0, false
	case detail&controllerPassive != 0:
		return Passive, true
	case detail&controllerWarning != 0:
		return Warning, true
	case detail&controllerActive != 0:
		return Up, true
	}
	return 0, false
}

// wireReader cuts a byte stream into records.
type wireReader struct{ r *bufio.Reader }

func newWireReader(r io.Reader) wireReader { return wireReader{bufio.NewReaderSize(r, 256*wireSize)} }

// next waits for a record. A read that fails between two records may be
// tried again: nothing is lost.
func (w wireReader) next() (record, error) {
	var b [wireSize]byte
	if _, err := io.ReadFull(w.r, b[:]); err != nil {
		return record{}, err
	}
	return decodeWire(&b)
}
