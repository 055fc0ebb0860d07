package data

import (
	"fmt"
	"math/rand/v2"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/vision"
)

// rect is a camera's view in the crops [px]; each is moved by itself.
type rect struct{ crop, x, y, width, height int }

func (r rect) view() model.View { return model.View{X: r.x, Y: r.y, Width: r.width, Height: r.height} }

// viewsOf are the cameras' views in a file's crops. Where the composite is one crop,
// its views lie in it as in the composite; else a crop counts as one view.
func viewsOf(f *File) ([]rect, error) {
	m, side := f.meta.Manifest, f.meta.Rules.Crop
	var whole []rect
	for crop := range f.meta.Crops {
		whole = append(whole, rect{crop, 0, 0, side, side})
	}
	if f.meta.Crops != 1 || f.meta.Rules.AspectRatio != "square" || m.ImageWidth == 0 {
		return whole, nil
	}
	all, _, err := vision.Views(vision.Size{Width: m.ImageWidth, Height: m.ImageHeight}, m.Layout, m.Cameras)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	var views []rect
	for _, v := range all {
		left, right := v.X*side/m.ImageWidth, (v.X+v.Width)*side/m.ImageWidth
		top, bottom := v.Y*side/m.ImageHeight, (v.Y+v.Height)*side/m.ImageHeight
		views = append(views, rect{0, left, top, right - left, bottom - top})
	}
	return views, nil
}

// disturb changes an example as the configuration says. Every draw happens whatever is switched on, so
// that one switch does not change what another does.
func (w *worker) disturb(pixels []byte, obs *model.Observation, words []phrase) {
	c, rng := w.s.cfg, w.rng
	stats := w.reader.Statistics()

	blind := rng.Float64() < c.Blind
	touched := c.Feel(rng, obs.State, stats, blind)
	if touched {
		obs.Bins = nil // they are another state's
	}
	pick := rng.IntN(len(words))
	if c.Wording {
		obs.Instruction, obs.Mobile = words[pick].text, words[pick].mobile
	}
	Paint(rng, pixels, c.Colour)
	side := w.s.geometry.Side
	for _, v := range w.s.views {
		c.Move(rng, pixels[v.crop*side*side*3:(v.crop+1)*side*side*3], side, v.view())
	}
}

// Feel disturbs proprioception: noise, numbers that are their mean, or all of them when blind. It says whether any may have changed.
func (c Config) Feel(rng *rand.Rand, state []float64, stats calibration.Statistics, blind bool) (touched bool) {
	touched = blind
	for i := range state {
		noise, drop := rng.NormFloat64(), rng.Float64() < c.Dropout
		if c.Noise > 0 {
			state[i] += noise * c.Noise * stats.Std[i]
			touched = true
		}
		if drop || blind {
			state[i] = stats.Mean[i]
			touched = true
		}
	}
	return touched
}

// Move shifts a view by up to Shift pixels each way, in a picture so many pixels wide.
func (c Config) Move(rng *rand.Rand, picture []byte, wide int, v model.View) {
	if dx, dy := rng.IntN(2*c.Shift+1)-c.Shift, rng.IntN(2*c.Shift+1)-c.Shift; dx != 0 || dy != 0 {
		shift(picture, wide, v, dx, dy)
	}
}

// Paint changes brightness, contrast and the balance of colours of a picture, RGB, alike in all views, by up to the part c.
func Paint(rng *rand.Rand, pixels []byte, c float64) {
	within := func() float64 { return (2*rng.Float64() - 1) * c }
	bright, contrast := within(), 1+within()
	var table [3][256]byte
	for k := range table {
		gain := contrast * (1 + within()/2)
		for v := range table[k] {
			x := (float64(v)-128)*gain + 128*(1+bright/2)
			table[k][v] = byte(min(max(x, 0), 255) + 0.5)
		}
	}
	if c == 0 {
		return
	}
	for i := 0; i+2 < len(pixels); i += 3 {
		pixels[i], pixels[i+1], pixels[i+2] = table[0][pixels[i]], table[1][pixels[i+1]], table[2][pixels[i+2]]
	}
}

// shift moves what a view shows in a picture, RGB and so many pixels wide, by dx to the right and dy down; its edges repeat.
func shift(picture []byte, wide int, v model.View, dx, dy int) {
	row := make([]byte, 3*v.Width)
	for k := range v.Height {
		y := k
		if dy > 0 { // from below, so that no row is read that was written
			y = v.Height - 1 - k
		}
		from := min(max(y-dy, 0), v.Height-1)
		src := picture[((v.Y+from)*wide+v.X)*3:]
		for x := range v.Width {
			at := min(max(x-dx, 0), v.Width-1)
			copy(row[3*x:3*x+3], src[3*at:3*at+3])
		}
		copy(picture[((v.Y+y)*wide+v.X)*3:], row)
	}
}
