package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"slices"

	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
)

// film collects frames for an animated GIF, which every browser and README shows.
type film struct {
	src    camera.Source
	frames []*image.RGBA
}

// shoot takes one frame.
func (f *film) shoot(ctx context.Context) error {
	frame, err := f.src.Capture(ctx)
	if err != nil {
		return fmt.Errorf("film: %w", err)
	}
	f.frames = append(f.frames, rgba(frame.Width, frame.Height, frame.Step, frame.Data))
	return nil
}

// rgba copies packed rgb8 pixels.
func rgba(w, h, step int, data []byte) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		row := data[y*step : y*step+3*w]
		for x := range w {
			copy(img.Pix[y*img.Stride+4*x:], row[3*x:3*x+3])
			img.Pix[y*img.Stride+4*x+3] = 255
		}
	}
	return img
}

// write makes the GIF: period is the time between two frames in hundredths of a second.
func (f *film) write(path string, period int) error {
	if len(f.frames) == 0 {
		return fmt.Errorf("film: no frame was taken")
	}
	palette := quantize(f.frames)
	index := newInverse(palette)
	out := &gif.GIF{}
	var last *image.Paletted
	for _, frame := range f.frames {
		p := image.NewPaletted(frame.Rect, palette)
		for i := range p.Pix {
			p.Pix[i] = index.of(frame.Pix[4*i], frame.Pix[4*i+1], frame.Pix[4*i+2])
		}
		shown := p.SubImage(changed(last, p)).(*image.Paletted) // the rest stays from the frame before
		last = p
		out.Image = append(out.Image, shown)
		out.Delay = append(out.Delay, period)
		out.Disposal = append(out.Disposal, gif.DisposalNone)
	}
	out.Delay[len(out.Delay)-1] = 200 // a rest before it starts again
	return writeFile(path, func(w *os.File) error { return gif.EncodeAll(w, out) })
}

// changed is the smallest rectangle in which two frames differ; at least one pixel.
func changed(last, next *image.Paletted) image.Rectangle {
	if last == nil {
		return next.Rect
	}
	box := image.Rectangle{}
	for y := next.Rect.Min.Y; y < next.Rect.Max.Y; y++ {
		for x := next.Rect.Min.X; x < next.Rect.Max.X; x++ {
			if last.ColorIndexAt(x, y) != next.ColorIndexAt(x, y) {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if box.Empty() {
		return image.Rect(0, 0, 1, 1)
	}
	return box
}

// writeFile writes a file whole or not at all.
func writeFile(path string, fill func(*os.File) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".cobot_vla-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := fill(tmp); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// writePNG saves an image message.
func writePNG(path string, m *msgs.Image) error {
	if m == nil || m.Encoding != "rgb8" {
		return fmt.Errorf("no rgb8 image was seen")
	}
	return writeFile(path, func(w *os.File) error {
		return png.Encode(w, rgba(int(m.Width), int(m.Height), int(m.Step), m.Data))
	})
}

// quantize chooses 256 colours for all frames by median cut over a sample of their pixels.
func quantize(frames []*image.RGBA) color.Palette {
	var pixels [][3]uint8
	step := 1 + len(frames)/12
	for i := 0; i < len(frames); i += step {
		pix := frames[i].Pix
		for j := 0; j+3 < len(pix); j += 4 * 17 {
			pixels = append(pixels, [3]uint8{pix[j], pix[j+1], pix[j+2]})
		}
	}
	boxes := [][][3]uint8{pixels}
	for len(boxes) < 256 {
		best, axis, width := -1, 0, 0
		for i, b := range boxes {
			if a, w := widest(b); len(b) > 1 && w*len(b) > width {
				best, axis, width = i, a, w*len(b)
			}
		}
		if best < 0 {
			break
		}
		b := boxes[best]
		slices.SortFunc(b, func(p, q [3]uint8) int { return int(p[axis]) - int(q[axis]) })
		boxes[best] = b[:len(b)/2]
		boxes = append(boxes, b[len(b)/2:])
	}
	var palette color.Palette
	for _, b := range boxes {
		var sum [3]int
		for _, p := range b {
			for k := range sum {
				sum[k] += int(p[k])
			}
		}
		n := max(len(b), 1)
		palette = append(palette, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
	}
	return palette
}

// widest is the axis along which a box of colours is widest, and how wide.
func widest(b [][3]uint8) (axis, width int) {
	for k := range 3 {
		lo, hi := 255, 0
		for _, p := range b {
			lo, hi = min(lo, int(p[k])), max(hi, int(p[k]))
		}
		if hi-lo > width {
			axis, width = k, hi-lo
		}
	}
	return axis, width
}

// inverse finds the nearest colour of a palette, remembering by the colours' five high bits.
type inverse struct {
	palette color.Palette
	known   [1 << 15]int16
}

func newInverse(p color.Palette) *inverse {
	v := &inverse{palette: p}
	for i := range v.known {
		v.known[i] = -1
	}
	return v
}

func (v *inverse) of(r, g, b uint8) uint8 {
	k := int(r>>3)<<10 | int(g>>3)<<5 | int(b>>3)
	if v.known[k] < 0 {
		v.known[k] = int16(v.palette.Index(color.RGBA{r, g, b, 255}))
	}
	return uint8(v.known[k])
}
