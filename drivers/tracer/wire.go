package tracer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"cobot_vla/drivers/can"
)

// All fields on the wire are big-endian, two's complement.
const (
	milli = 1e-3
	deci  = 1e-1
)

// Errors of the codec.
var (
	// ErrLength: the frame carries fewer bytes than its layout needs.
	ErrLength = errors.New("frame too short")
	// ErrIdentifier: the frame's identifier is not one that this layout belongs to.
	ErrIdentifier = errors.New("wrong identifier")
)

// check returns an error unless the frame has one of the identifiers and n bytes.
func check(f can.Frame, n uint8, ids ...uint32) error {
	for _, id := range ids {
		if f.ID != id {
			continue
		}
		if f.Len < n || f.Len > 8 {
			return fmt.Errorf("tracer: frame %s: %w: %d bytes, want %d", f, ErrLength, f.Len, n)
		}
		return nil
	}
	return fmt.Errorf("tracer: frame %s: %w: want %03X", f, ErrIdentifier, ids)
}

func frame(id uint32, data ...byte) can.Frame {
	f := can.Frame{ID: id, Len: 8}
	copy(f.Data[:], data)
	return f
}

func getU16(f can.Frame, at int) uint16 { return binary.BigEndian.Uint16(f.Data[at:]) }
func getI16(f can.Frame, at int) int16  { return int16(getU16(f, at)) }
func getI32(f can.Frame, at int) int32  { return int32(binary.BigEndian.Uint32(f.Data[at:])) }

func putU16(f *can.Frame, at int, v uint16) { binary.BigEndian.PutUint16(f.Data[at:], v) }
func putI16(f *can.Frame, at int, v int16)  { putU16(f, at, uint16(v)) }
func putI32(f *can.Frame, at int, v int32)  { binary.BigEndian.PutUint32(f.Data[at:], uint32(v)) }

// ticks is x in wire units, rounded and saturated to [lo, hi]; NaN is 0.
func ticks(x, unit float64, lo, hi int64) int64 {
	k := math.Round(x / unit)
	switch {
	case math.IsNaN(k):
		return 0
	case k <= float64(lo):
		return lo
	case k >= float64(hi):
		return hi
	}
	return int64(k)
}

func ticks16(x, unit float64) int16   { return int16(ticks(x, unit, math.MinInt16, math.MaxInt16)) }
func ticksU16(x, unit float64) uint16 { return uint16(ticks(x, unit, 0, math.MaxUint16)) }
