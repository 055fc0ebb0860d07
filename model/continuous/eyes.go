package continuous

import (
	"fmt"
	"math"

	"cobot_vla/model"
	"cobot_vla/model/vision"
)

// Sight is how a network wants its pictures.
type Sight struct {
	// Side of a picture [px].
	Side int
	// Crop resizes the shorter side and cuts the middle out (CLIP's way); without it a picture is squashed to the square.
	Crop bool
	// Mean and Std of red, green and blue, 0..1: a pixel becomes (v/255 - mean) / std.
	Mean, Std [3]float32
}

// ImageNet is the sight of InternViT and of VITA.
func ImageNet(side int) Sight {
	return Sight{Side: side, Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}}
}

// CLIP is the sight of Seer, whose pictures go through CLIP's preprocessing.
func CLIP(side int) Sight {
	return Sight{
		Side: side, Crop: true,
		Mean: [3]float32{0.48145466, 0.4578275, 0.40821073}, Std: [3]float32{0.26862954, 0.26130258, 0.27577711},
	}
}

// Eyes make the pictures of the manifest's cameras from a composite image.
type Eyes struct {
	sight   Sight
	cameras []string
	table   [3][256]float32
	views   []eye
	pixels  []float32 // [cameras, 3, Side, Side]
}

// eye is one camera's, for frames of one size.
type eye struct {
	from    vision.Size
	resized vision.Image
	resizer *vision.Resizer
	frame   []byte
}

// seen is how many cameras a network has eyes for: the scene's and the wrist's.
const seen = 2

// NewEyes are for the first two of a manifest's cameras; others only fill the composite.
func NewEyes(sight Sight, cameras []string) *Eyes {
	cameras = cameras[:min(len(cameras), seen)]
	e := &Eyes{sight: sight, cameras: cameras, views: make([]eye, len(cameras)), pixels: make([]float32, len(cameras)*3*sight.Side*sight.Side)}
	for c := range e.table {
		for v := range e.table[c] {
			e.table[c][v] = (float32(v)/255 - sight.Mean[c]) / sight.Std[c]
		}
	}
	return e
}

// Pixels of an observation [cameras, 3, Side, Side]; the next call overwrites them.
func (e *Eyes) Pixels(obs model.Observation) ([]float32, error) {
	if len(obs.Image) != 3*obs.Width*obs.Height {
		return nil, fmt.Errorf("%w: %d bytes of an image of %d x %d", ErrObservation, len(obs.Image), obs.Width, obs.Height)
	}
	for i, name := range e.cameras {
		v, err := find(obs, name)
		if err != nil {
			return nil, err
		}
		frame := e.cut(i, obs, v)
		if err := e.look(i, frame); err != nil {
			return nil, fmt.Errorf("%w: camera %s: %w", ErrObservation, name, err)
		}
	}
	return e.pixels, nil
}

// find the rectangle of a camera.
func find(obs model.Observation, name string) (model.View, error) {
	for _, v := range obs.Views {
		if v.Name != name {
			continue
		}
		if v.Missing {
			return v, fmt.Errorf("%w: camera %s has no fresh picture", ErrObservation, name)
		}
		if v.X < 0 || v.Y < 0 || v.Width < 1 || v.Height < 1 || v.X+v.Width > obs.Width || v.Y+v.Height > obs.Height {
			return v, fmt.Errorf("%w: camera %s lies at %d,%d %d x %d, outside the image of %d x %d", ErrObservation, name, v.X, v.Y, v.Width, v.Height, obs.Width, obs.Height)
		}
		return v, nil
	}
	return model.View{}, fmt.Errorf("%w: no view of camera %s in the image", ErrObservation, name)
}

// cut a camera's picture out of the composite.
func (e *Eyes) cut(i int, obs model.Observation, v model.View) vision.Image {
	frame := e.views[i].frame
	if n := 3 * v.Width * v.Height; cap(frame) < n {
		frame = make([]byte, n)
	} else {
		frame = frame[:n]
	}
	e.views[i].frame = frame
	row := 3 * v.Width
	for y := range v.Height {
		copy(frame[y*row:(y+1)*row], obs.Image[3*((v.Y+y)*obs.Width+v.X):])
	}
	return vision.Image{Size: vision.Size{Width: v.Width, Height: v.Height}, Pix: frame}
}

// look resizes a picture into its place of pixels.
func (e *Eyes) look(i int, frame vision.Image) error {
	v, side := &e.views[i], e.sight.Side
	if v.resizer == nil || v.from != frame.Size {
		to := vision.Size{Width: side, Height: side}
		if e.sight.Crop {
			to = shorter(frame.Size, side)
		}
		r, err := vision.NewResizer(frame.Size, to, vision.Bicubic)
		if err != nil {
			return err
		}
		v.from, v.resizer, v.resized = frame.Size, r, vision.NewImage(to.Width, to.Height)
	}
	if err := v.resizer.Resize(v.resized.Pix, 3*v.resized.Width, frame.Pix); err != nil {
		return err
	}
	// Half a pixel over is rounded to the even side.
	left := int(math.RoundToEven(float64(v.resized.Width-side) / 2))
	top := int(math.RoundToEven(float64(v.resized.Height-side) / 2))
	plane := side * side
	dst := e.pixels[i*3*plane : (i+1)*3*plane]
	for y := range side {
		row := v.resized.Pix[3*((top+y)*v.resized.Width+left):]
		for x := range side {
			for c := range 3 {
				dst[c*plane+y*side+x] = e.table[c][row[3*x+c]]
			}
		}
	}
	return nil
}

// shorter is the size whose shorter side is side, the other in proportion, rounded down.
func shorter(s vision.Size, side int) vision.Size {
	if s.Width <= s.Height {
		return vision.Size{Width: side, Height: side * s.Height / s.Width}
	}
	return vision.Size{Width: side * s.Width / s.Height, Height: side}
}
