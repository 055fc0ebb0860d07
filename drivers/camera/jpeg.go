package camera

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
)

// CompressedEncoding says what the format field of a sensor_msgs/CompressedImage
// holds: jpeg or png. ROS writes "jpeg", or "rgb8; jpeg compressed bgr8".
func CompressedEncoding(format string) (string, error) {
	words := strings.Fields(strings.ToLower(strings.ReplaceAll(format, ";", " ")))
	for _, w := range words {
		switch w {
		case "jpeg", "jpg":
			return "jpeg", nil
		case "png":
			return "png", nil
		case "compresseddepth":
			return "", fmt.Errorf("%w: format %q is depth, not colour", ErrImage, format)
		}
	}
	return "", fmt.Errorf("%w: compressed format %q, expected jpeg or png", ErrImage, format)
}

// EncodeJPEG compresses a frame of any encoding for a /compressed topic, quality
// 1 to 100 (ROS's default is 95, 80 is a third of its size). A JPEG frame comes
// back as it is.
func EncodeJPEG(f Frame, quality int) (Frame, error) {
	if quality < 1 || quality > 100 {
		return Frame{}, fmt.Errorf("%w: JPEG quality %d is not 1 to 100", ErrImage, quality)
	}
	if f.Encoding == "jpeg" {
		return f, nil
	}
	var m image.Image
	if f.Encoding == "mono8" {
		if err := f.checkRaw(layouts["mono8"]); err != nil {
			return Frame{}, err
		}
		m = &image.Gray{Pix: f.Data, Stride: f.Step, Rect: image.Rect(0, 0, f.Width, f.Height)}
	} else {
		rgb, err := Decode(nil, f)
		if err != nil {
			return Frame{}, err
		}
		f = rgb
		rgba := image.NewRGBA(image.Rect(0, 0, rgb.Width, rgb.Height))
		for i, j := 0, 0; i+3 <= len(rgb.Data); i, j = i+3, j+4 {
			rgba.Pix[j], rgba.Pix[j+1], rgba.Pix[j+2], rgba.Pix[j+3] = rgb.Data[i], rgb.Data[i+1], rgb.Data[i+2], 255
		}
		m = rgba
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: quality}); err != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrImage, err)
	}
	return Frame{Stamp: f.Stamp, Width: f.Width, Height: f.Height, Encoding: "jpeg", Data: out.Bytes()}, nil
}

// mostPixels a byte can hold, so that a few bytes can't ask for much memory: a
// JPEG block of 64 pixels takes a bit at least; deflate shrinks to a 1032nd, and
// a PNG pixel can be one bit.
var mostPixels = map[string]int{"jpeg": 8 * 64, "png": 8 * 1032}

// decompress decodes JPEG and PNG. The size in the header is checked before
// anything of that size is allocated.
func decompress(dst []byte, f Frame) (Frame, error) {
	data := f.Data
	config, decode := png.DecodeConfig, png.Decode
	if f.Encoding == "jpeg" {
		whole, err := completeJPEG(data)
		if err != nil {
			return Frame{}, err
		}
		data, config, decode = whole, jpeg.DecodeConfig, jpeg.Decode
	}
	c, err := config(bytes.NewReader(data))
	if err != nil {
		return Frame{}, fmt.Errorf("%w: %s frame of %d bytes: %w", ErrImage, f.Encoding, len(data), err)
	}
	if f.Width == 0 && f.Height == 0 {
		f.Width, f.Height = c.Width, c.Height
	}
	if err := f.checkSize(); err != nil {
		return Frame{}, err
	}
	if c.Width != f.Width || c.Height != f.Height {
		return Frame{}, fmt.Errorf("%w: %s frame holds %dx%d pixels, expected %dx%d", ErrImage, f.Encoding, c.Width, c.Height, f.Width, f.Height)
	}
	if most := len(data) * mostPixels[f.Encoding]; c.Width*c.Height > most {
		return Frame{}, fmt.Errorf("%w: %s frame of %d bytes claims %dx%d pixels, at most %d fit", ErrImage, f.Encoding, len(data), c.Width, c.Height, most)
	}
	m, err := decode(bytes.NewReader(data))
	if err != nil {
		return Frame{}, fmt.Errorf("%w: %s frame of %d bytes: %w", ErrImage, f.Encoding, len(data), err)
	}
	out := f.rgb(dst)
	for y := range out.Height {
		rowOf(out.Data[y*out.Step:(y+1)*out.Step], m, y)
	}
	return out, nil
}

// rowOf converts row y of a decoded image; what cameras produce goes fast.
func rowOf(dst []byte, m image.Image, y int) {
	r := m.Bounds()
	y += r.Min.Y
	switch m := m.(type) {
	case *image.YCbCr:
		for i, x := 0, r.Min.X; x < r.Max.X; i, x = i+3, x+1 {
			c := m.COffset(x, y)
			dst[i], dst[i+1], dst[i+2] = color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[c], m.Cr[c])
		}
	case *image.Gray:
		at := m.PixOffset(r.Min.X, y)
		rowGrey(dst, m.Pix[at:at+r.Dx()])
	case *image.RGBA: // a PNG without alpha
		rowRGBA(dst, m.Pix[m.PixOffset(r.Min.X, y):])
	case *image.NRGBA:
		rowRGBA(dst, m.Pix[m.PixOffset(r.Min.X, y):])
	default:
		for i, x := 0, r.Min.X; x < r.Max.X; i, x = i+3, x+1 {
			c, _ := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			dst[i], dst[i+1], dst[i+2] = c.R, c.G, c.B
		}
	}
}
