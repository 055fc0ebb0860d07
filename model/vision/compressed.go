package vision

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
)

// Decompress decodes a JPEG or PNG frame, as sensor_msgs/CompressedImage
// carries it, to packed RGB in dst, whose bytes are reused when there are
// enough. What it is is told by its first bytes; the message's format field is
// free text. The size in the header is checked before anything is allocated.
// Alpha is dropped, as Pillow's convert("RGB") does.
func Decompress(dst *Image, data []byte) error {
	decode, config := jpeg.Decode, jpeg.DecodeConfig
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		decode, config = png.Decode, png.DecodeConfig
	default:
		return fmt.Errorf("%w: compressed frame of %d bytes is neither JPEG nor PNG", ErrImage, len(data))
	}
	c, err := config(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrImage, err)
	}
	size := Size{c.Width, c.Height}
	if err := size.check(); err != nil {
		return err
	}
	m, err := decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrImage, err)
	}
	if b := m.Bounds(); b.Dx() != size.Width || b.Dy() != size.Height {
		return fmt.Errorf("%w: decoded to %dx%d, its header says %s", ErrImage, b.Dx(), b.Dy(), size)
	}
	dst.resize(size)
	unpack(dst, m)
	return nil
}

// unpack converts a decoded image; the kinds that cameras produce go row by row.
func unpack(dst *Image, m image.Image) {
	b := m.Bounds()
	for y := range dst.Height {
		out := dst.Pix[y*dst.Width*3 : (y+1)*dst.Width*3]
		switch m := m.(type) {
		case *image.YCbCr:
			at := m.YOffset(b.Min.X, b.Min.Y+y)
			for x := range dst.Width {
				c := m.COffset(b.Min.X+x, b.Min.Y+y)
				out[3*x], out[3*x+1], out[3*x+2] = color.YCbCrToRGB(m.Y[at+x], m.Cb[c], m.Cr[c])
			}
		case *image.Gray:
			fromMono(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):])
		case *image.RGBA: // PNG without alpha
			fromRGBA(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):])
		case *image.NRGBA:
			fromRGBA(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):])
		default:
			for x := range dst.Width {
				c := color.NRGBAModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
				out[3*x], out[3*x+1], out[3*x+2] = c.R, c.G, c.B
			}
		}
	}
}
