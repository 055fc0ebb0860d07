package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is the element type of a tensor, spelled as safetensors does.
type DType string

// The element types safetensors files hold. Only F32, F16 and BF16 convert to
// float32; the others are read as raw bytes.
const (
	F64    DType = "F64"
	F32    DType = "F32"
	F16    DType = "F16"
	BF16   DType = "BF16"
	F8E4M3 DType = "F8_E4M3"
	F8E5M2 DType = "F8_E5M2"
	I64    DType = "I64"
	I32    DType = "I32"
	I16    DType = "I16"
	I8     DType = "I8"
	U64    DType = "U64"
	U32    DType = "U32"
	U16    DType = "U16"
	U8     DType = "U8"
	Bool   DType = "BOOL"
)

// Size of one element in bytes; 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case F8E4M3, F8E5M2, I8, U8, Bool:
		return 1
	}
	return 0
}

// DecodeF32 converts little-endian elements to float32. src must hold exactly
// len(dst) elements. BF16 and F16 values are all exact in float32.
func DecodeF32(d DType, dst []float32, src []byte) error {
	if size := d.Size(); size == 0 || len(src) != len(dst)*size {
		return fmt.Errorf("%d bytes of %s do not hold %d elements", len(src), d, len(dst))
	}
	switch d {
	case F32:
		decodeF32(dst, src)
	case BF16:
		decodeBF16(dst, src)
	case F16:
		for len(dst) >= 4 && len(src) >= 8 {
			v := binary.LittleEndian.Uint64(src)
			dst[0], dst[1] = F16ToF32(uint16(v)), F16ToF32(uint16(v>>16))
			dst[2], dst[3] = F16ToF32(uint16(v>>32)), F16ToF32(uint16(v>>48))
			dst, src = dst[4:], src[8:]
		}
		for i := range dst {
			dst[i] = F16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	default:
		return fmt.Errorf("%s does not convert to F32: only F32, F16 and BF16 do", d)
	}
	return nil
}

// Eight bytes are loaded at a time: a model has half a billion of these.

func decodeF32(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 16 {
		v, w := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
		dst[0], dst[1] = math.Float32frombits(uint32(v)), math.Float32frombits(uint32(v>>32))
		dst[2], dst[3] = math.Float32frombits(uint32(w)), math.Float32frombits(uint32(w>>32))
		dst, src = dst[4:], src[16:]
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeBF16(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		v := binary.LittleEndian.Uint64(src)
		dst[0], dst[1] = math.Float32frombits(uint32(v)<<16), math.Float32frombits(uint32(v)&0xffff0000)
		dst[2], dst[3] = math.Float32frombits(uint32(v>>32)<<16), math.Float32frombits(uint32(v>>32)&0xffff0000)
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// EncodeF32 appends src as little-endian elements of type d, rounding to
// nearest even where d is narrower.
func EncodeF32(d DType, dst []byte, src []float32) ([]byte, error) {
	switch d {
	case F32:
		for _, v := range src {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	case BF16:
		for _, v := range src {
			dst = binary.LittleEndian.AppendUint16(dst, F32ToBF16(v))
		}
	case F16:
		for _, v := range src {
			dst = binary.LittleEndian.AppendUint16(dst, F32ToF16(v))
		}
	default:
		return dst, fmt.Errorf("F32 does not convert to %s: only to F32, F16 and BF16", d)
	}
	return dst, nil
}

// F16ToF32 widens an IEEE 754 half; exact.
func F16ToF32(h uint16) float32 {
	// The half's exponent and fraction, read as a float32, are 2^112 too small;
	// one multiplication corrects normal and subnormal numbers alike.
	magnitude := math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112
	bits := math.Float32bits(magnitude)
	if h&0x7c00 == 0x7c00 {
		bits = 0x7f800000 | uint32(h&0x3ff)<<13
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// F32ToF16 rounds to the nearest half, ties to even; beyond 65504 it gives infinity.
func F32ToF16(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	abs := bits & 0x7fffffff
	switch {
	case abs > 0x7f800000: // NaN, kept quiet
		return sign | 0x7e00
	case abs >= 0x477ff000: // rounds to 2^16 or more
		return sign | 0x7c00
	case abs < 0x38800000: // below the smallest normal half: the adder of 0.5 rounds at 2^-24
		sum := math.Float32frombits(abs) + 0.5
		return sign | uint16(math.Float32bits(sum)-0x3f000000)
	}
	odd := abs >> 13 & 1
	return sign | uint16((abs+0xfff+odd-(112<<23))>>13)
}

// F32ToBF16 rounds to the nearest bfloat16, ties to even.
func F32ToBF16(f float32) uint16 {
	bits := math.Float32bits(f)
	if bits&0x7fffffff > 0x7f800000 { // NaN: rounding could carry it into infinity
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
