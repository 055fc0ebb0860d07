//go:build linux && (amd64 || arm64)

package camera

import "unsafe"

// The structures and requests of Linux's video capture interface that are used
// here, as include/uapi/linux/videodev2.h lays them out on 64-bit machines. A
// test holds their sizes, offsets and numbers to the header's.

const (
	capVideoCapture = 0x00000001
	capStreaming    = 0x04000000
	capDeviceCaps   = 0x80000000 // deviceCaps is filled in

	bufCapture = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	memoryMmap = 1 // V4L2_MEMORY_MMAP

	flagError         = 0x0040
	flagTimestampMask = 0xe000
	flagMonotonic     = 0x2000

	typeDiscrete   = 1
	typeContinuous = 2
	typeStepwise   = 3

	capTimePerFrame = 0x1000
)

type v4l2Capability struct {
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	version      uint32
	capabilities uint32
	deviceCaps   uint32
	reserved     [3]uint32
}

type v4l2FmtDesc struct {
	index       uint32
	bufType     uint32
	flags       uint32
	description [32]byte
	pixelFormat uint32
	mbusCode    uint32
	reserved    [3]uint32
}

// v4l2FrmSize: a discrete size uses min only, as width and height.
type v4l2FrmSize struct {
	index       uint32
	pixelFormat uint32
	kind        uint32
	sizes       [6]uint32 // discrete: width, height; else min, max, step of width, then of height
	reserved    [2]uint32
}

type v4l2Fract struct{ numerator, denominator uint32 }

type v4l2FrmIval struct {
	index         uint32
	pixelFormat   uint32
	width, height uint32
	kind          uint32
	intervals     [3]v4l2Fract // discrete: the first; else min, max, step
	reserved      [2]uint32
}

type v4l2PixFormat struct {
	width, height uint32
	pixelFormat   uint32
	field         uint32
	bytesPerLine  uint32
	sizeImage     uint32
	colorspace    uint32
	priv          uint32
	flags         uint32
	encoding      uint32
	quantization  uint32
	transfer      uint32
}

type v4l2Format struct {
	bufType uint32
	_       uint32
	pix     v4l2PixFormat
	_       [200 - unsafe.Sizeof(v4l2PixFormat{})]byte
}

type v4l2StreamParm struct {
	bufType      uint32
	capability   uint32
	mode         uint32
	timePerFrame v4l2Fract
	extended     uint32
	readBuffers  uint32
	reserved     [4]uint32
	_            [200 - 40]byte
}

type v4l2RequestBuffers struct {
	count        uint32
	bufType      uint32
	memory       uint32
	capabilities uint32
	flags        uint32
}

type v4l2Buffer struct {
	index       uint32
	bufType     uint32
	bytesUsed   uint32
	flags       uint32
	field       uint32
	_           uint32
	seconds     int64
	micros      int64
	timecode    [16]byte
	sequence    uint32
	memory      uint32
	offset      uint64 // a union; mmap uses its low 32 bits
	length      uint32
	reserved2   uint32
	requestFD   uint32
	paddingTail uint32
}

// request numbers: direction, size, 'V', number.
func iow(nr, size uintptr) uintptr  { return 1<<30 | size<<16 | 'V'<<8 | nr }
func ior(nr, size uintptr) uintptr  { return 2<<30 | size<<16 | 'V'<<8 | nr }
func iowr(nr, size uintptr) uintptr { return 3<<30 | size<<16 | 'V'<<8 | nr }

var (
	vidQueryCap   = ior(0, unsafe.Sizeof(v4l2Capability{}))
	vidEnumFmt    = iowr(2, unsafe.Sizeof(v4l2FmtDesc{}))
	vidSetFmt     = iowr(5, unsafe.Sizeof(v4l2Format{}))
	vidReqBufs    = iowr(8, unsafe.Sizeof(v4l2RequestBuffers{}))
	vidQueryBuf   = iowr(9, unsafe.Sizeof(v4l2Buffer{}))
	vidQBuf       = iowr(15, unsafe.Sizeof(v4l2Buffer{}))
	vidDQBuf      = iowr(17, unsafe.Sizeof(v4l2Buffer{}))
	vidStreamOn   = iow(18, 4)
	vidStreamOff  = iow(19, 4)
	vidSetParm    = iowr(22, unsafe.Sizeof(v4l2StreamParm{}))
	vidFrameSizes = iowr(74, unsafe.Sizeof(v4l2FrmSize{}))
	vidFrameIvals = iowr(75, unsafe.Sizeof(v4l2FrmIval{}))
)

func fourcc(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// encodings are the pixel formats that Decode knows, by their four letters.
var encodings = map[uint32]string{
	fourcc("MJPG"): "jpeg",
	fourcc("JPEG"): "jpeg",
	fourcc("YUYV"): "yuyv",
	fourcc("UYVY"): "uyvy",
	fourcc("RGB3"): "rgb8",
	fourcc("BGR3"): "bgr8",
	fourcc("GREY"): "mono8",
}

func encodingOf(format uint32) string {
	if e, ok := encodings[format]; ok {
		return e
	}
	return cString([]byte{byte(format), byte(format >> 8), byte(format >> 16), byte(format >> 24)})
}

// cString is the text of a zero-terminated field.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
