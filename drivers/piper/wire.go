package piper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"cobot_vla/drivers/can"
)

// All fields on the wire are big-endian, two's complement, in these units.
const (
	milliDegree = math.Pi / 180e3 // [rad]
	deciDegree  = math.Pi / 1800  // [rad]
	micrometre  = 1e-6            // [m]
	milli       = 1e-3
	centi       = 1e-2
	deci        = 1e-1
)

// Errors of the codec.
var (
	// ErrLength: the frame carries fewer bytes than its layout needs.
	ErrLength = errors.New("frame too short")
	// ErrIdentifier: the frame's identifier is not one that this layout belongs to.
	ErrIdentifier = errors.New("wrong identifier")
	// ErrValue: a value to send is not finite, or does not fit the wire's field.
	ErrValue = errors.New("value can't be sent")
)

// check returns an error unless the frame has one of the identifiers first..last and n bytes.
func check(f can.Frame, first, last uint32, n uint8) error {
	if f.ID < first || f.ID > last {
		return fmt.Errorf("piper: frame %s: %w: want %03X..%03X", f, ErrIdentifier, first, last)
	}
	if f.Len < n || f.Len > 8 {
		return fmt.Errorf("piper: frame %s: %w: %d bytes, want %d", f, ErrLength, f.Len, n)
	}
	return nil
}

// checkShifted returns an error unless the frame has identifier id, with or without an IDOffset, and n bytes.
func checkShifted(f can.Frame, id uint32, n uint8) error {
	if f.ID == id || f.ID == id+uint32(Offset10) || f.ID == id+uint32(Offset20) {
		id = f.ID
	}
	return check(f, id, id, n)
}

func frame(id uint32, data ...byte) can.Frame {
	f := can.Frame{ID: id, Len: 8}
	copy(f.Data[:], data)
	return f
}

func getU16(f can.Frame, at int) uint16 { return binary.BigEndian.Uint16(f.Data[at:]) }
func getI16(f can.Frame, at int) int16  { return int16(binary.BigEndian.Uint16(f.Data[at:])) }
func getI32(f can.Frame, at int) int32  { return int32(binary.BigEndian.Uint32(f.Data[at:])) }

func putU16(f *can.Frame, at int, v uint16) { binary.BigEndian.PutUint16(f.Data[at:], v) }
func putI16(f *can.Frame, at int, v int16)  { binary.BigEndian.PutUint16(f.Data[at:], uint16(v)) }
func putI32(f *can.Frame, at int, v int32)  { binary.BigEndian.PutUint32(f.Data[at:], uint32(v)) }

// ticks is x in wire units, rounded and saturated to [lo, hi]. NaN becomes lo:
// the most negative reading is one that no sensor gives, so a NaN can't pass for a measurement.
func ticks(x, unit float64, lo, hi int64) int64 {
	k := math.Round(x / unit)
	switch {
	case math.IsNaN(k), k <= float64(lo):
		return lo
	case k >= float64(hi):
		return hi
	}
	return int64(k)
}

func ticks32(x, unit float64) int32 { return int32(ticks(x, unit, math.MinInt32, math.MaxInt32)) }
func ticks16(x, unit float64) int16 { return int16(ticks(x, unit, math.MinInt16, math.MaxInt16)) }
func ticksU16(x, unit float64) uint16 {
	return uint16(ticks(x, unit, 0, math.MaxUint16))
}

// sendable returns an error when x is not finite or outside [lo, hi].
func sendable(what string, x, lo, hi float64) error {
	if math.IsNaN(x) || x < lo || x > hi {
		return fmt.Errorf("piper: %s %g: %w: want %g..%g", what, x, ErrValue, lo, hi)
	}
	return nil
}

// within rounds an angle to the wire's 0.001° without leaving [lo, hi] (unless no step lies inside) [rad].
func within(x, lo, hi float64) float64 {
	const slack = 1e-6 // of a step: a bound that is itself a whole step stays reachable
	first := math.Ceil(lo/milliDegree - slack)
	last := math.Floor(hi/milliDegree + slack)
	return max(first, min(last, math.Round(x/milliDegree))) * milliDegree
}
