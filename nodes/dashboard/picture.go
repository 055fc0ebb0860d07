package dashboard

import (
	"bytes"
	"image"
	"image/jpeg"
	"sync"
	"time"

	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
)

// picture is the newest image of one topic and, once somebody asked for it, its JPEG.
type picture struct {
	name  string // front, left, right, policy
	topic string

	mu     sync.Mutex
	raw    *msgs.Image
	packed *msgs.CompressedImage
	seq    uint64 // of the newest image
	stamp  time.Time
	got    uint64

	made    sync.Mutex // held while one is encoded
	jpeg    []byte
	madeSeq uint64
	problem string
}

// put makes an image the newest.
func (p *picture) put(raw *msgs.Image, packed *msgs.CompressedImage, stamp time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw, p.packed, p.stamp = raw, packed, stamp
	p.seq++
	p.got++
}

// clear forgets the image when nobody looks any more.
func (p *picture) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw, p.packed = nil, nil
}

func (p *picture) newest() (raw *msgs.Image, packed *msgs.CompressedImage, seq uint64, stamp time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw, p.packed, p.seq, p.stamp
}

// encoder makes JPEG pictures, one at a time in the whole node: the other cores belong to the robot.
type encoder struct {
	cfg Config

	mu     sync.Mutex
	rgb    []byte
	canvas *image.RGBA
	out    bytes.Buffer
	count  uint64
}

// get gives the newest picture as JPEG when it is newer than seen. All viewers share one encoding.
func (e *encoder) get(p *picture, seen uint64) (jpeg []byte, seq uint64, stamp time.Time) {
	raw, packed, seq, stamp := p.newest()
	if seq == seen || raw == nil && packed == nil {
		return nil, seen, stamp
	}
	p.made.Lock()
	defer p.made.Unlock()
	if p.madeSeq == seq {
		return p.jpeg, seq, stamp
	}
	f, err := frame(raw, packed)
	if err == nil {
		p.jpeg, err = e.encode(f)
	}
	p.madeSeq, p.problem = seq, ""
	if err != nil {
		p.jpeg, p.problem = nil, err.Error()
	}
	return p.jpeg, seq, stamp
}

func frame(raw *msgs.Image, packed *msgs.CompressedImage) (camera.Frame, error) {
	if packed != nil {
		encoding, err := camera.CompressedEncoding(packed.Format)
		return camera.Frame{Encoding: encoding, Data: packed.Data}, err
	}
	return camera.Frame{
		Width: int(raw.Width), Height: int(raw.Height), Step: int(raw.Step), Encoding: raw.Encoding, Data: raw.Data,
	}, nil
}

// encode makes a JPEG; one that is JPEG already stays as it is.
func (e *encoder) encode(f camera.Frame) ([]byte, error) {
	if f.Encoding == "jpeg" {
		return f.Data, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	rgb, err := camera.Decode(e.rgb, f)
	if err != nil {
		return nil, err
	}
	if f.Encoding != "rgb8" {
		e.rgb = rgb.Data
	}
	factor := 1
	for rgb.Width/factor > e.cfg.ImageWidth {
		factor *= 2
	}
	e.shrink(rgb, factor)
	e.out.Reset()
	e.count++
	if err := jpeg.Encode(&e.out, e.canvas, &jpeg.Options{Quality: e.cfg.Quality}); err != nil {
		return nil, err
	}
	return bytes.Clone(e.out.Bytes()), nil
}

// shrink puts every factor-th pixel of every factor-th row on the canvas: quick, and good enough to watch.
func (e *encoder) shrink(f camera.Frame, factor int) {
	w, h := f.Width/factor, f.Height/factor
	if e.canvas == nil || e.canvas.Rect.Dx() != w || e.canvas.Rect.Dy() != h {
		e.canvas = image.NewRGBA(image.Rect(0, 0, w, h))
	}
	for y := range h {
		src, dst := f.Data[y*factor*f.Step:], e.canvas.Pix[y*e.canvas.Stride:]
		for x := range w {
			s := src[3*factor*x:]
			d := dst[4*x : 4*x+4 : 4*x+4]
			d[0], d[1], d[2], d[3] = s[0], s[1], s[2], 255
		}
	}
}
