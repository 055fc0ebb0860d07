package camera

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxSide bounds a frame's width and height, MaxPixels their product: far above
// any camera, so that a hostile header can't ask for more memory [px].
const (
	MaxSide   = 1 << 14
	MaxPixels = 1 << 24
)

// layout says how the rows of an encoding become RGB.
type layout struct {
	bytes int  // per pixel
	pairs bool // two pixels share their colour
	row   func(dst, src []byte)
}

// layouts are ROS's names (sensor_msgs/image_encodings.hpp), and the cameras' for the same.
var layouts = map[string]layout{
	"rgb8":        {bytes: 3, row: func(dst, src []byte) { copy(dst, src) }},
	"bgr8":        {bytes: 3, row: rowBGR},
	"rgba8":       {bytes: 4, row: rowRGBA},
	"bgra8":       {bytes: 4, row: rowBGRA},
	"mono8":       {bytes: 1, row: rowGrey},
	"yuyv":        {bytes: 2, pairs: true, row: rowYUYV},
	"yuv422_yuy2": {bytes: 2, pairs: true, row: rowYUYV},
	"uyvy":        {bytes: 2, pairs: true, row: rowUYVY},
	"yuv422":      {bytes: 2, pairs: true, row: rowUYVY},
}

// Encodings lists what Decode takes.
func Encodings() []string {
	return append(slices.Sorted(maps.Keys(layouts)), "jpeg", "png")
}

// Decode converts a frame to packed RGB: encoding rgb8, rows of 3·Width bytes.
// Raw encodings are rgb8, bgr8, rgba8, bgra8 (alpha is dropped), mono8, yuyv
// (yuv422_yuy2) and uyvy (yuv422), the latter in BT.601 with video range as UVC
// cameras send them; compressed ones are jpeg and png, where Width and Height 0
// take what the image says.
//
// The sizes must fit: Step at least a row and Data exactly Step·Height (of a
// compressed frame: the image Width·Height), else the error is ErrImage. dst is
// reused when it is long enough. A frame that is packed RGB already comes back
// as it is.
func Decode(dst []byte, f Frame) (Frame, error) {
	if f.Encoding == "jpeg" || f.Encoding == "png" {
		return decompress(dst, f)
	}
	l, ok := layouts[f.Encoding]
	if !ok {
		return Frame{}, fmt.Errorf("%w: encoding %q is unknown; known are %s", ErrImage, f.Encoding, strings.Join(Encodings(), ", "))
	}
	if err := f.checkRaw(l); err != nil {
		return Frame{}, err
	}
	if f.Encoding == "rgb8" && f.Step == 3*f.Width {
		return f, nil
	}
	out := f.rgb(dst)
	for y := range f.Height {
		l.row(out.Data[y*out.Step:(y+1)*out.Step], f.Data[y*f.Step:y*f.Step+f.Width*l.bytes])
	}
	return out, nil
}

// rgb makes the frame that f becomes; its bytes' content is undefined.
func (f Frame) rgb(dst []byte) Frame {
	n := 3 * f.Width * f.Height
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	return Frame{Stamp: f.Stamp, Width: f.Width, Height: f.Height, Step: 3 * f.Width, Encoding: "rgb8", Data: dst[:n]}
}

func (f Frame) checkSize() error {
	if f.Width < 1 || f.Height < 1 || f.Width > MaxSide || f.Height > MaxSide || f.Width*f.Height > MaxPixels {
		return fmt.Errorf("%w: %s frame of %dx%d pixels, expected 1x1 to %d a side and %d in all", ErrImage, f.Encoding, f.Width, f.Height, MaxSide, MaxPixels)
	}
	return nil
}

func (f Frame) checkRaw(l layout) error {
	if err := f.checkSize(); err != nil {
		return err
	}
	row := f.Width * l.bytes
	switch {
	case l.pairs && f.Width%2 != 0:
		return fmt.Errorf("%w: %s frame of odd width %d: two pixels share their colour", ErrImage, f.Encoding, f.Width)
	case f.Step < row:
		return fmt.Errorf("%w: %s frame %dx%d with rows of %d bytes, expected at least %d", ErrImage, f.Encoding, f.Width, f.Height, f.Step, row)
	case f.Step > 16*MaxSide || len(f.Data) != f.Step*f.Height:
		return fmt.Errorf("%w: %s frame %dx%d in rows of %d has %d bytes, expected %d", ErrImage, f.Encoding, f.Width, f.Height, f.Step, len(f.Data), f.Step*f.Height)
	}
	return nil
}

func rowBGR(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 3 {
		dst[0], dst[1], dst[2] = src[2], src[1], src[0]
		dst, src = dst[3:], src[3:]
	}
}

func rowRGBA(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		dst, src = dst[3:], src[4:]
	}
}

func rowBGRA(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		dst[0], dst[1], dst[2] = src[2], src[1], src[0]
		dst, src = dst[3:], src[4:]
	}
}

func rowGrey(dst, src []byte) {
	for i, v := range src {
		dst[3*i], dst[3*i+1], dst[3*i+2] = v, v, v
	}
}

func rowYUYV(dst, src []byte) {
	for len(dst) >= 6 && len(src) >= 4 {
		pair(dst, src[0], src[2], src[1], src[3])
		dst, src = dst[6:], src[4:]
	}
}

func rowUYVY(dst, src []byte) {
	for len(dst) >= 6 && len(src) >= 4 {
		pair(dst, src[1], src[3], src[0], src[2])
		dst, src = dst[6:], src[4:]
	}
}

// The matrix of ITU-R BT.601-7 (2.5.1) for video range, in units of 2^-20, with
// the three decimals that OpenCV, and so ROS's cv_bridge, has: 1.164, 1.596,
// 0.391, 0.813, 2.018. They are within 0.2 of a step of the exact ones.
const (
	fixed = 20
	fromY = 1220542
	redV  = 1673527
	grnU  = 409993
	grnV  = 852492
	bluU  = 2116026
)

// pair converts two pixels that share u and v.
func pair(dst []byte, y0, y1, u, v byte) {
	const half = 1 << (fixed - 1)
	cu, cv := int32(u)-128, int32(v)-128
	r, g, b := half+redV*cv, half-grnV*cv-grnU*cu, half+bluU*cu
	for i, y := range [2]byte{y0, y1} {
		l := max(int32(y)-16, 0) * fromY
		dst[3*i], dst[3*i+1], dst[3*i+2] = clip(l+r), clip(l+g), clip(l+b)
	}
}

func clip(v int32) byte { return byte(min(max(v>>fixed, 0), 255)) }
