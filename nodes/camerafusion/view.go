package camerafusion

import (
	"cobot_vla/model/vision"
)

// view turns one camera's frames to RGB, in a buffer of its own.
type view struct {
	Camera
	of    frame        // what rgb shows
	rgb   vision.Image // the frame's own bytes where they are packed RGB already
	buf   vision.Image
	err   error // why of can't be shown
	known vision.Size
}

// show converts a frame, once.
func (v *view) show(f frame) error {
	if f.raw == v.of.raw && f.jpeg == v.of.jpeg {
		return v.err
	}
	v.of = f
	switch m := f.raw; {
	case m == nil:
		v.err = vision.Decompress(&v.buf, f.jpeg.Data)
		v.rgb = v.buf
	case m.Encoding == "rgb8" && m.Step == 3*m.Width && m.Width > 0 && m.Height > 0 && uint64(len(m.Data)) == uint64(m.Step)*uint64(m.Height):
		v.err = nil
		v.rgb = vision.Image{Size: vision.Size{Width: int(m.Width), Height: int(m.Height)}, Pix: m.Data}
	default:
		v.err = vision.ToRGB(&v.buf, m.Encoding, int(m.Width), int(m.Height), int(m.Step), m.Data)
		v.rgb = v.buf
	}
	if v.err == nil {
		v.known = v.rgb.Size
	}
	return v.err
}
