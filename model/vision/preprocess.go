package vision

import "fmt"

// padColour fills a square around an image under "pad": int(0.5*255).
const padColour = 127

// Preprocessor makes the crops of a Plan from images.
type Preprocessor struct {
	plan   *Plan
	base   *Resizer // the image to one crop
	tile   *Resizer // the image to its place in canvas; nil when there are no tiles to encode
	corner int      // of that place, byte offset in canvas
	canvas Image    // of the tiles: Plan.Best, black around the image
	square Image    // under pad: the image in the middle of a square
	crop   Image    // the base crop
	views  []view   // under views: all crops
}

// view is a part of the image that is a crop of its own.
type view struct {
	rect      Rect
	cut, crop Image
	resizer   *Resizer
}

// NewPreprocessor prepares the resizes.
func NewPreprocessor(plan *Plan) (*Preprocessor, error) {
	p := &Preprocessor{plan: plan, crop: NewImage(plan.Crop, plan.Crop)}
	if plan.AspectRatio == "views" {
		return p, p.split()
	}
	from := plan.Image
	if plan.AspectRatio == "pad" && from.Width != from.Height {
		side := max(from.Width, from.Height)
		from = Size{side, side}
		if err := from.check(); err != nil {
			return nil, err
		}
		p.square = NewImage(side, side)
		for i := range p.square.Pix {
			p.square.Pix[i] = padColour
		}
	}
	var err error
	if p.base, err = NewResizer(from, p.crop.Size, Bicubic); err != nil {
		return nil, err
	}
	if plan.Encoded > 1 {
		size, corner := plan.placed()
		p.canvas = NewImage(plan.Best.Width, plan.Best.Height)
		p.corner = (corner[1]*p.canvas.Width + corner[0]) * 3
		if p.tile, err = NewResizer(plan.Image, size, Bicubic); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// split prepares for views.
func (p *Preprocessor) split() error {
	for _, r := range p.plan.Views {
		v := view{rect: r, cut: NewImage(r.Width, r.Height), crop: NewImage(p.plan.Crop, p.plan.Crop)}
		var err error
		if v.resizer, err = NewResizer(v.cut.Size, v.crop.Size, Bicubic); err != nil {
			return err
		}
		p.views = append(p.views, v)
	}
	return nil
}

// Plan that it works by.
func (p *Preprocessor) Plan() *Plan { return p.plan }

// Len is the number of values that Pixels writes.
func (p *Preprocessor) Len() int { return p.plan.Encoded * 3 * p.plan.Crop * p.plan.Crop }

// Pixels writes the crops to encode, normalised: dst is [Encoded, 3, Crop, Crop].
// A value is (v/255 - 0.5)/0.5 in float32, bit for bit what SigLIP's processor gives.
func (p *Preprocessor) Pixels(dst []float32, image Image) error {
	if len(dst) != p.Len() {
		return fmt.Errorf("%w: %d values for %d crops, expected %d", ErrImage, len(dst), p.plan.Encoded, p.Len())
	}
	if err := p.resize(image); err != nil {
		return err
	}
	n := 3 * p.plan.Crop * p.plan.Crop
	for i := range p.plan.Encoded {
		pix, step := p.bytes(i)
		normalise(dst[i*n:(i+1)*n], pix, step, p.plan.Crop)
	}
	return nil
}

// AppendCrops appends the crops to encode as they are before that: [Encoded, Crop, Crop, 3] bytes.
func (p *Preprocessor) AppendCrops(dst []byte, image Image) ([]byte, error) {
	if err := p.resize(image); err != nil {
		return dst, err
	}
	for i := range p.plan.Encoded {
		pix, step := p.bytes(i)
		for y := range p.plan.Crop {
			dst = append(dst, pix[y*step:y*step+3*p.plan.Crop]...)
		}
	}
	return dst, nil
}

// resize fills the base crop and the canvas.
func (p *Preprocessor) resize(image Image) error {
	if image.Size != p.plan.Image {
		return fmt.Errorf("%w: image of %s, planned for %s", ErrImage, image.Size, p.plan.Image)
	}
	if err := image.check(); err != nil {
		return err
	}
	for _, v := range p.views {
		for y := range v.rect.Height {
			copy(v.cut.Pix[3*y*v.rect.Width:3*(y+1)*v.rect.Width], image.Pix[3*((v.rect.Y+y)*image.Width+v.rect.X):])
		}
		if err := v.resizer.Resize(v.crop.Pix, v.crop.Width*3, v.cut.Pix); err != nil {
			return err
		}
	}
	if p.views != nil {
		return nil
	}
	whole := image.Pix
	if p.square.Pix != nil {
		side, row := p.square.Width, image.Width*3
		at := ((side-image.Height)/2*side + (side-image.Width)/2) * 3
		for y := range image.Height {
			copy(p.square.Pix[at+y*side*3:], image.Pix[y*row:(y+1)*row])
		}
		whole = p.square.Pix
	}
	if err := p.base.Resize(p.crop.Pix, p.crop.Width*3, whole); err != nil {
		return err
	}
	if p.tile == nil {
		return nil
	}
	return p.tile.Resize(p.canvas.Pix[p.corner:], p.canvas.Width*3, image.Pix)
}

// bytes of encoded crop i: its first row, and how far apart rows are.
func (p *Preprocessor) bytes(i int) (pix []byte, step int) {
	if p.views != nil {
		return p.views[i].crop.Pix, p.plan.Crop * 3
	}
	if i == 0 {
		return p.crop.Pix, p.crop.Width * 3
	}
	across := p.canvas.Width / p.plan.Crop
	x, y := (i-1)%across*p.plan.Crop, (i-1)/across*p.plan.Crop
	return p.canvas.Pix[(y*p.canvas.Width+x)*3:], p.canvas.Width * 3
}

var normalised = normalTable()

func normalTable() (t [256]float32) {
	for v := range t {
		t[v] = (float32(v)/255 - 0.5) / 0.5
	}
	return t
}

// normalise turns packed RGB into three planes.
func normalise(dst []float32, pix []byte, step, side int) {
	red, green, blue := dst[:side*side], dst[side*side:2*side*side], dst[2*side*side:]
	for y := range side {
		row := pix[y*step : y*step+side*3]
		r, g, b := red[y*side:(y+1)*side], green[y*side:(y+1)*side], blue[y*side:(y+1)*side]
		for x := range r {
			r[x] = normalised[row[3*x]]
			g[x] = normalised[row[3*x+1]]
			b[x] = normalised[row[3*x+2]]
		}
	}
}
