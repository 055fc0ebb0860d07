package vision

import (
	"errors"
	"fmt"
	"sync"
)

// Layout of a composite: what the policy was trained to see. Views are placed
// in the order of the cameras; what no view covers is black.
const (
	// Stack is LLaVA-VLA's for two views: each resized to the full width and half
	// the height, one below the other. 334x334 unless the manifest says otherwise.
	Stack = "stack"
	// Stack3 is for three: the first on top at full width and half the height, the
	// second and third side by side below.
	Stack3 = "stack3"
	// Mosaic4 is 2x2, row-major: at native size, every column as wide and every row
	// as high as its largest view; or quarters of the canvas the manifest gives.
	Mosaic4 = "mosaic4"
	// Tiles is any number of views at native size, left to right, tops aligned.
	Tiles = "tiles"
)

// stackSide is the side of the original's composite (TARGET_IMG_SIZE).
const stackSide = 334

// Rect is where a camera's view lies in the composite [px].
type Rect struct {
	Name                string
	X, Y, Width, Height int
}

// Composer draws the views of several cameras into one image. Views are resized
// with Lanczos, as the original does.
type Composer struct {
	canvas Size
	views  []Rect
	// native layouts were measured for these sizes; zero where any size is resized.
	native   []Size
	resizers []*Resizer
	errs     []error // of DrawAll, by view
}

// NewComposer lays out cameras, whose frames have these sizes, on the layout's
// own canvas.
func NewComposer(layout string, cameras []string, sizes []Size) (*Composer, error) {
	return NewComposerOn(Size{}, layout, cameras, sizes)
}

// NewComposerOn is NewComposer on a canvas of a given size; the zero Size is the
// layout's own. Tiles has none but its own.
func NewComposerOn(canvas Size, layout string, cameras []string, sizes []Size) (*Composer, error) {
	if len(cameras) != len(sizes) {
		return nil, fmt.Errorf("%w: %d cameras with %d sizes", ErrImage, len(cameras), len(sizes))
	}
	for i, s := range sizes {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("camera %s: %w", cameras[i], err)
		}
	}
	if canvas != (Size{}) {
		if err := canvas.check(); err != nil {
			return nil, fmt.Errorf("layout %s: %w", layout, err)
		}
	}
	c := &Composer{canvas: canvas, native: make([]Size, len(cameras)), resizers: make([]*Resizer, len(cameras)), errs: make([]error, len(cameras))}
	want := map[string]int{Stack: 2, Stack3: 3, Mosaic4: 4, Tiles: max(len(cameras), 1)}[layout]
	if want == 0 {
		return nil, fmt.Errorf("%w: layout %q, expected %s, %s, %s or %s", ErrImage, layout, Stack, Stack3, Mosaic4, Tiles)
	}
	if len(cameras) != want {
		return nil, fmt.Errorf("%w: layout %s takes %d cameras, got %d: %v", ErrImage, layout, want, len(cameras), cameras)
	}
	switch {
	case layout == Tiles && canvas != (Size{}):
		return nil, fmt.Errorf("%w: layout %s has the size its views make, not %s: leave image_width and image_height 0", ErrImage, layout, canvas)
	case layout == Tiles:
		c.tiles(sizes)
	case layout == Mosaic4 && canvas == (Size{}):
		c.mosaic(sizes)
	default:
		if canvas == (Size{}) {
			c.canvas = Size{stackSide, stackSide}
		}
		c.split(layout)
	}
	for i := range c.views {
		c.views[i].Name = cameras[i]
		if c.views[i].Width < 1 || c.views[i].Height < 1 {
			return nil, fmt.Errorf("%w: layout %s on %s leaves no room for %s", ErrImage, layout, c.canvas, cameras[i])
		}
	}
	return c, c.canvas.check()
}

// Views are where cameras' views lie on a canvas of which they are parts, whatever their frames' sizes, and the canvas;
// the zero Size is the layout's own. Layouts at native size have none.
func Views(canvas Size, layout string, cameras []string) ([]Rect, Size, error) {
	if layout == Tiles || layout == Mosaic4 && canvas == (Size{}) {
		return nil, Size{}, fmt.Errorf("%w: layout %s shows views at native size: where they lie depends on the cameras", ErrImage, layout)
	}
	sizes := make([]Size, len(cameras))
	for i := range sizes {
		sizes[i] = Size{1, 1}
	}
	c, err := NewComposerOn(canvas, layout, cameras, sizes)
	if err != nil {
		return nil, Size{}, err
	}
	return c.views, c.canvas, nil
}

// split divides a canvas of fixed size.
func (c *Composer) split(layout string) {
	w, h := c.canvas.Width, c.canvas.Height/2
	switch layout {
	case Stack:
		c.views = []Rect{{Width: w, Height: h}, {Y: h, Width: w, Height: h}}
	case Stack3:
		c.views = []Rect{{Width: w, Height: h}, {Y: h, Width: w / 2, Height: h}, {X: w / 2, Y: h, Width: w / 2, Height: h}}
	case Mosaic4:
		w /= 2
		c.views = []Rect{{Width: w, Height: h}, {X: w, Width: w, Height: h}, {Y: h, Width: w, Height: h}, {X: w, Y: h, Width: w, Height: h}}
	}
}

// tiles puts views of these sizes side by side.
func (c *Composer) tiles(sizes []Size) {
	for i, s := range sizes {
		c.native[i] = s
		c.views = append(c.views, Rect{X: c.canvas.Width, Width: s.Width, Height: s.Height})
		c.canvas.Width += s.Width
		c.canvas.Height = max(c.canvas.Height, s.Height)
	}
}

// mosaic puts views of these sizes in two rows of two.
func (c *Composer) mosaic(sizes []Size) {
	left := max(sizes[0].Width, sizes[2].Width)
	top := max(sizes[0].Height, sizes[1].Height)
	c.canvas = Size{
		Width:  left + max(sizes[1].Width, sizes[3].Width),
		Height: top + max(sizes[2].Height, sizes[3].Height),
	}
	for i, s := range sizes {
		c.native[i] = s
		c.views = append(c.views, Rect{X: i % 2 * left, Y: i / 2 * top, Width: s.Width, Height: s.Height})
	}
}

// Size of the composite.
func (c *Composer) Size() Size { return c.canvas }

// Views are the rectangles of the cameras, in their order.
func (c *Composer) Views() []Rect { return c.views }

// Canvas is a black composite to draw on.
func (c *Composer) Canvas() Image { return NewImage(c.canvas.Width, c.canvas.Height) }

// Draw puts a frame of camera i into its rectangle. In stack and stack3 a frame
// may have any size, and a new one may differ from the last; where views are
// shown at native size it must be the one the layout was made for.
func (c *Composer) Draw(canvas Image, i int, frame Image) error {
	if err := c.check(canvas, i); err != nil {
		return err
	}
	view := c.views[i]
	if err := frame.check(); err != nil {
		return fmt.Errorf("camera %s: %w", view.Name, err)
	}
	if c.native[i] != (Size{}) && frame.Size != c.native[i] {
		return fmt.Errorf("%w: camera %s gives %s, the layout was made for %s", ErrImage, view.Name, frame.Size, c.native[i])
	}
	if r := c.resizers[i]; r == nil || r.src != frame.Size {
		r, err := NewResizer(frame.Size, Size{view.Width, view.Height}, Lanczos)
		if err != nil {
			return fmt.Errorf("camera %s: %w", view.Name, err)
		}
		c.resizers[i] = r
	}
	return c.resizers[i].Resize(canvas.Pix[(view.Y*canvas.Width+view.X)*3:], canvas.Width*3, frame.Pix)
}

// DrawAll puts a frame of every camera into its rectangle, the views beside each
// other on the processor's cores; a view whose frame is the zero Image stays as it is.
// The picture is the one that Draw makes view by view.
func (c *Composer) DrawAll(canvas Image, frames []Image) error {
	if len(frames) != len(c.views) {
		return fmt.Errorf("%w: %d frames for %d views", ErrImage, len(frames), len(c.views))
	}
	clear(c.errs)
	var rest sync.WaitGroup
	for i, f := range frames {
		if f.Pix == nil {
			continue
		}
		rest.Go(func() { c.errs[i] = c.Draw(canvas, i, f) })
	}
	rest.Wait()
	return errors.Join(c.errs...)
}

// Clear blanks the rectangle of camera i, which has no fresh frame.
func (c *Composer) Clear(canvas Image, i int) error {
	if err := c.check(canvas, i); err != nil {
		return err
	}
	view := c.views[i]
	for y := view.Y; y < view.Y+view.Height; y++ {
		clear(canvas.Pix[(y*canvas.Width+view.X)*3 : (y*canvas.Width+view.X+view.Width)*3])
	}
	return nil
}

func (c *Composer) check(canvas Image, i int) error {
	if i < 0 || i >= len(c.views) {
		return fmt.Errorf("%w: camera %d of %d", ErrImage, i, len(c.views))
	}
	if canvas.Size != c.canvas {
		return fmt.Errorf("%w: canvas %s, the layout needs %s", ErrImage, canvas.Size, c.canvas)
	}
	return canvas.check()
}
