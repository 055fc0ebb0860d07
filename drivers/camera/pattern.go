package camera

import (
	"context"
	"fmt"
	"sync"
)

// PatternConfig describes a source of test pictures.
type PatternConfig struct {
	// Name of the camera; default pattern.
	Name string
	// Width and Height of the pictures [px]; default 640x480, at least 64x32, width even.
	Width, Height int
	// Rate that Info names [Hz]; default 30. Capture itself never waits.
	Rate float64
	// Encoding of the frames: rgb8 (default), yuyv, mono8 or jpeg.
	Encoding string
}

// DefaultPatternConfig is VGA at 30 Hz.
func DefaultPatternConfig() PatternConfig {
	return PatternConfig{Name: "pattern", Width: 640, Height: 480, Rate: 30, Encoding: "rgb8"}
}

// Pattern draws eight colour bars that move one pixel a frame, and below them
// the frame's number, in digits for people and in black and white blocks for
// PatternNumber. The same number is always the same picture.
type Pattern struct {
	cfg PatternConfig

	mu     sync.Mutex
	number uint32
	closed bool
}

// NewPattern makes the source.
func NewPattern(cfg PatternConfig) (*Pattern, error) {
	switch {
	case cfg.Width < 64 || cfg.Height < 32 || cfg.Width%2 != 0 || cfg.Width > MaxSide || cfg.Height > MaxSide || cfg.Width*cfg.Height > MaxPixels:
		return nil, fmt.Errorf("%w: a pattern of %dx%d: expected at least 64x32 and an even width", ErrImage, cfg.Width, cfg.Height)
	case cfg.Rate < 0:
		return nil, fmt.Errorf("%w: a pattern at %v Hz", ErrMode, cfg.Rate)
	}
	switch cfg.Encoding {
	case "rgb8", "yuyv", "mono8", "jpeg":
	default:
		return nil, fmt.Errorf("%w: a pattern as %q: expected rgb8, yuyv, mono8 or jpeg", ErrMode, cfg.Encoding)
	}
	return &Pattern{cfg: cfg}, nil
}

// Info implements Source.
func (p *Pattern) Info() Info {
	return Info{Name: p.cfg.Name, Width: p.cfg.Width, Height: p.cfg.Height, Rate: p.cfg.Rate}
}

// Capture implements Source: the next picture, at once.
func (p *Pattern) Capture(ctx context.Context) (Frame, error) {
	if err := ctx.Err(); err != nil {
		return Frame{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return Frame{}, ErrClosed
	}
	rgb := p.draw(p.number)
	p.number++
	switch p.cfg.Encoding {
	case "yuyv":
		return toYUYV(rgb), nil
	case "mono8":
		return toGrey(rgb), nil
	case "jpeg":
		return EncodeJPEG(rgb, 90)
	}
	return rgb, nil
}

// Close implements Source.
func (p *Pattern) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// bars are white, yellow, cyan, green, magenta, red, blue, black at 75 %.
var bars = [8][3]byte{{191, 191, 191}, {191, 191, 0}, {0, 191, 191}, {0, 191, 0}, {191, 0, 191}, {191, 0, 0}, {0, 0, 191}, {16, 16, 16}}

const numberBits = 32

// strip is the height of the row of blocks at the bottom.
func (c PatternConfig) strip() int { return max(c.Height/16, 2) }

func (p *Pattern) draw(number uint32) Frame {
	w, h, strip := p.cfg.Width, p.cfg.Height, p.cfg.strip()
	f := Frame{Width: w, Height: h, Step: 3 * w, Encoding: "rgb8", Data: make([]byte, 3*w*h)}
	row := f.Data[:f.Step]
	for x := range w {
		b := bars[(x+int(number%uint32(w)))%w*len(bars)/w]
		copy(row[3*x:], b[:])
	}
	for y := 1; y < h-strip; y++ {
		copy(f.Data[y*f.Step:], row)
	}
	for x := range w {
		v := byte(0)
		if number>>(numberBits-1-x*numberBits/w)&1 == 1 {
			v = 255
		}
		for y := h - strip; y < h; y++ {
			at := y*f.Step + 3*x
			f.Data[at], f.Data[at+1], f.Data[at+2] = v, v, v
		}
	}
	f.digits(fmt.Sprintf("%d", number), max(h/64, 1))
	return f
}

// font holds the digits, 3 pixels wide and 5 high, a row an octal digit.
var font = [10]uint16{0o75557, 0o26227, 0o71747, 0o71717, 0o55711, 0o74717, 0o74757, 0o71111, 0o75757, 0o75717}

// digits writes a number in white, scaled, at the top left.
func (f Frame) digits(text string, scale int) {
	for i, d := range text {
		for y := range 5 * scale {
			for x := range 3 * scale {
				if font[d-'0']>>(3*(4-y/scale))>>(2-x/scale)&1 == 0 {
					continue
				}
				px, py := (4*i+1)*scale+x, scale+y
				if px < f.Width && py < f.Height {
					at := py*f.Step + 3*px
					f.Data[at], f.Data[at+1], f.Data[at+2] = 255, 255, 255
				}
			}
		}
	}
}

// PatternNumber reads a test picture's number, so that a test sees frames that
// were lost, repeated or torn. The frame is of any encoding; its blocks must be
// clearly black or white.
func PatternNumber(f Frame) (uint32, error) {
	rgb, err := Decode(nil, f)
	if err != nil {
		return 0, err
	}
	y := rgb.Height - PatternConfig{Height: rgb.Height}.strip()/2 - 1
	number := uint32(0)
	for i := range numberBits {
		x := (2*i + 1) * rgb.Width / (2 * numberBits)
		switch v := rgb.Data[y*rgb.Step+3*x+1]; {
		case v >= 192:
			number |= 1 << (numberBits - 1 - i)
		case v >= 64:
			return 0, fmt.Errorf("%w: no test picture: block %d is grey (%d)", ErrImage, i, v)
		}
	}
	return number, nil
}

// toYUYV converts to BT.601 in video range, as cameras do.
func toYUYV(rgb Frame) Frame {
	out := Frame{Stamp: rgb.Stamp, Width: rgb.Width, Height: rgb.Height, Step: 2 * rgb.Width, Encoding: "yuyv", Data: make([]byte, 2*rgb.Width*rgb.Height)}
	for i, j := 0, 0; j+4 <= len(out.Data); i, j = i+6, j+4 {
		y0, u0, v0 := yuv(rgb.Data[i:])
		y1, u1, v1 := yuv(rgb.Data[i+3:])
		out.Data[j], out.Data[j+1], out.Data[j+2], out.Data[j+3] = y0, byte((int(u0)+int(u1))/2), y1, byte((int(v0)+int(v1))/2)
	}
	return out
}

// yuv is the inverse of pair's matrix, for one pixel.
func yuv(rgb []byte) (y, u, v byte) {
	r, g, b := float64(rgb[0]), float64(rgb[1]), float64(rgb[2])
	luma := 0.299*r + 0.587*g + 0.114*b
	round := func(x float64) byte { return byte(min(max(x+0.5, 0), 255)) }
	return round(16 + luma*219/255), round(128 + (b-luma)/1.772*224/255), round(128 + (r-luma)/1.402*224/255)
}

func toGrey(rgb Frame) Frame {
	out := Frame{Stamp: rgb.Stamp, Width: rgb.Width, Height: rgb.Height, Step: rgb.Width, Encoding: "mono8", Data: make([]byte, rgb.Width*rgb.Height)}
	for i := range out.Data {
		r, g, b := int(rgb.Data[3*i]), int(rgb.Data[3*i+1]), int(rgb.Data[3*i+2])
		out.Data[i] = byte((299*r + 587*g + 114*b + 500) / 1000)
	}
	return out
}
