package vision

import (
	"fmt"
)

// ToRGB converts one frame as sensor_msgs/Image carries it to packed RGB in
// dst, whose bytes are reused when there are enough. step is the length of a
// row [bytes], padding included; data must be exactly step x height.
//
// Encodings are ROS's (sensor_msgs/image_encodings.hpp) and the names cameras
// use for the same: rgb8 (8UC3 is refused: it doesn't say the order), bgr8,
// rgba8, bgra8 (alpha is dropped), mono8 (8UC1), yuyv (yuv422_yuy2, yuy2) and
// uyvy (yuv422). YUV is BT.601 with video range, as UVC cameras send it and
// OpenCV converts it.
func ToRGB(dst *Image, encoding string, width, height, step int, data []byte) error {
	size := Size{width, height}
	if err := size.check(); err != nil {
		return err
	}
	f, ok := formats[encoding]
	if !ok {
		return fmt.Errorf("%w: encoding %q, expected rgb8, bgr8, rgba8, bgra8, mono8, yuyv (yuv422_yuy2) or uyvy (yuv422)", ErrImage, encoding)
	}
	if f.even && width%2 != 0 {
		return fmt.Errorf("%w: %s frame of odd width %d: two pixels share their colour", ErrImage, encoding, width)
	}
	row := width * f.bytes
	if step < row || step > maxSide*16 {
		return fmt.Errorf("%w: %s frame %s with rows of %d bytes, expected at least %d", ErrImage, encoding, size, step, row)
	}
	if len(data) != step*height {
		return fmt.Errorf("%w: %s frame %s in rows of %d has %d bytes, expected %d", ErrImage, encoding, size, step, len(data), step*height)
	}
	dst.resize(size)
	for y := range height {
		f.convert(dst.Pix[y*width*3:(y+1)*width*3], data[y*step:y*step+row])
	}
	return nil
}

// format says how one row of an encoding becomes RGB.
type format struct {
	bytes   int  // per pixel
	even    bool // pixels come in pairs
	convert func(dst, src []byte)
}

var formats = map[string]format{
	"rgb8":        {bytes: 3, convert: func(dst, src []byte) { copy(dst, src) }},
	"bgr8":        {bytes: 3, convert: fromBGR},
	"rgba8":       {bytes: 4, convert: fromRGBA},
	"bgra8":       {bytes: 4, convert: fromBGRA},
	"mono8":       {bytes: 1, convert: fromMono},
	"8UC1":        {bytes: 1, convert: fromMono},
	"yuyv":        {bytes: 2, even: true, convert: fromYUYV},
	"yuy2":        {bytes: 2, even: true, convert: fromYUYV},
	"yuv422_yuy2": {bytes: 2, even: true, convert: fromYUYV},
	"uyvy":        {bytes: 2, even: true, convert: fromUYVY},
	"yuv422":      {bytes: 2, even: true, convert: fromUYVY},
}

func fromBGR(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 3 {
		dst[0], dst[1], dst[2] = src[2], src[1], src[0]
		dst, src = dst[3:], src[3:]
	}
}

func fromRGBA(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		dst, src = dst[3:], src[4:]
	}
}

func fromBGRA(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		dst[0], dst[1], dst[2] = src[2], src[1], src[0]
		dst, src = dst[3:], src[4:]
	}
}

func fromMono(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 1 {
		dst[0], dst[1], dst[2] = src[0], src[0], src[0]
		dst, src = dst[3:], src[1:]
	}
}

func fromYUYV(dst, src []byte) {
	for len(dst) >= 6 && len(src) >= 4 {
		pairFromYUV(dst, src[0], src[2], src[1], src[3])
		dst, src = dst[6:], src[4:]
	}
}

func fromUYVY(dst, src []byte) {
	for len(dst) >= 6 && len(src) >= 4 {
		pairFromYUV(dst, src[1], src[3], src[0], src[2])
		dst, src = dst[6:], src[4:]
	}
}

// BT.601 video range in units of 2^-20 (ITU-R BT.601-7, 2.5.1): 255/219, and
// 255/224 times the differences' 1.402, 0.344, 0.714, 1.772.
const (
	yuvBits = 20
	yuvY    = 1220542
	yuvRV   = 1673527
	yuvGU   = 409993
	yuvGV   = 852492
	yuvBU   = 2116026
)

// luma of every y, in the same units.
var luma = lumaTable()

func lumaTable() (t [256]int32) {
	for y := range t {
		t[y] = max(int32(y)-16, 0) * yuvY
	}
	return t
}

// pairFromYUV converts two pixels that share u and v.
func pairFromYUV(dst []byte, y0, y1, u, v byte) {
	const round = 1 << (yuvBits - 1)
	cu, cv := int32(u)-128, int32(v)-128
	red, green, blue := round+yuvRV*cv, round-yuvGV*cv-yuvGU*cu, round+yuvBU*cu
	first, second := luma[y0], luma[y1]
	dst = dst[:6]
	dst[0], dst[1], dst[2] = clipYUV(first+red), clipYUV(first+green), clipYUV(first+blue)
	dst[3], dst[4], dst[5] = clipYUV(second+red), clipYUV(second+green), clipYUV(second+blue)
}

func clipYUV(v int32) byte {
	return byte(min(max(v>>yuvBits, 0), 255))
}
