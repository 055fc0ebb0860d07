package vision

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Rules are what a checkpoint's config.json says of images.
type Rules struct {
	// Crop is the side of what the vision tower sees [px]: 384.
	Crop int
	// Grid is the number of patches along a side of a crop: 27.
	Grid int
	// AspectRatio is square (one crop, stretched), pad (one crop, padded to a
	// square first), views (a crop of every view, stretched), anyres, or anyres_max_N (the whole image stretched, and tiles
	// of it at its own aspect ratio; N bounds the tiles' tokens to N crops' worth).
	AspectRatio string
	// Pinpoints are the resolutions that anyres chooses from, (width, height) [px].
	Pinpoints [][2]int
	// MergeType is how features become tokens: flat (crop after crop), spatial
	// (the tiles' features row by row across tiles) or spatial_unpad (those, without
	// the rows or columns that are padding, and a newline after each row).
	MergeType string
	// Views are the parts of the image that are crops of their own, under views.
	Views []Rect `json:",omitempty"`
}

// Newline is the token index of the image_newline vector.
const Newline int32 = -1

// Plan is how an image of one size becomes crops, and their features visual
// tokens. It does not depend on pixels.
type Plan struct {
	Rules
	// Image that the plan is for.
	Image Size
	// Best is the resolution anyres chose; zero without anyres.
	Best Size
	// Source[i] is the encoded crop that crop i of the original's list is. Crops
	// that are byte for byte the same are encoded once: the only tile of a square
	// image is the stretched image again.
	Source []int
	// Encoded is the number of crops to encode.
	Encoded int
	// Unpadded and Final are the grid of the tiles' features [features] after the
	// padding is cut, and after it is shrunk to the bound; zero without anyres.
	Unpadded, Final Size
	// Tokens are the visual tokens in order. Token t is Newline or a row: of the
	// features of the encoded crops, one after another, and after these of Blends.
	Tokens []int32
	// Blends are the rows made of four others where the grid was shrunk.
	Blends []Blend
}

// Blend is a bilinear mean of four rows.
type Blend struct {
	Rows    [4]int32
	Weights [4]float32
}

// Crops that the original makes.
func (p *Plan) Crops() int { return len(p.Source) }

// Patches of one crop.
func (p *Plan) Patches() int { return p.Grid * p.Grid }

// NewPlan plans for images of a size (LLaVA-NeXT: mm_utils.process_images,
// llava_arch.prepare_inputs_labels_for_multimodal).
func NewPlan(rules Rules, image Size) (*Plan, error) {
	if err := image.check(); err != nil {
		return nil, err
	}
	if rules.Crop < 1 || rules.Crop > 1<<12 || rules.Grid < 1 || rules.Grid > rules.Crop/4 {
		return nil, fmt.Errorf("%w: crops of %d px with %d patches a side, expected up to 4096 px and patches of 4 px or more", ErrImage, rules.Crop, rules.Grid)
	}
	p := &Plan{Rules: rules, Image: image}
	switch {
	case rules.AspectRatio == "square" || rules.AspectRatio == "pad":
		return p, p.single()
	case rules.AspectRatio == "views":
		return p, p.split()
	case rules.AspectRatio == "anyres" || strings.HasPrefix(rules.AspectRatio, "anyres_max_"):
		return p, p.anyres()
	}
	return nil, fmt.Errorf("%w: image_aspect_ratio is %q, expected square, pad, views, anyres or anyres_max_N", ErrImage, rules.AspectRatio)
}

// single plans one crop.
func (p *Plan) single() error { return p.crops(1) }

// split plans a crop of every view, their tokens one behind the other.
func (p *Plan) split() error {
	if len(p.Views) == 0 {
		return fmt.Errorf("%w: image_aspect_ratio is views, but no view is named", ErrImage)
	}
	for _, v := range p.Views {
		if v.X < 0 || v.Y < 0 || v.Width < 1 || v.Height < 1 || v.X > p.Image.Width-v.Width || v.Y > p.Image.Height-v.Height {
			return fmt.Errorf("%w: view %s is %dx%d at %d, %d, outside an image of %s", ErrImage, v.Name, v.Width, v.Height, v.X, v.Y, p.Image)
		}
	}
	return p.crops(len(p.Views))
}

// crops plans n of them, each whole.
func (p *Plan) crops(n int) error {
	p.Encoded = n
	for i := range n {
		p.Source = append(p.Source, i)
		p.appendCrop(i)
		switch p.MergeType {
		case "flat", "spatial":
		case "spatial_unpad":
			p.Tokens = append(p.Tokens, Newline)
		default:
			return p.unknownMerge()
		}
	}
	return nil
}

func (p *Plan) unknownMerge() error {
	return fmt.Errorf("%w: mm_patch_merge_type is %q, expected flat, spatial or spatial_unpad", ErrImage, p.MergeType)
}

// appendCrop appends all tokens of an encoded crop.
func (p *Plan) appendCrop(crop int) {
	for i := range p.Patches() {
		p.Tokens = append(p.Tokens, int32(crop*p.Patches()+i))
	}
}

// anyres plans the stretched image and the tiles.
func (p *Plan) anyres() error {
	limit := 0
	if number, ok := strings.CutPrefix(p.AspectRatio, "anyres_max_"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 1<<16 {
			return fmt.Errorf("%w: image_aspect_ratio is %q, expected anyres_max_N", ErrImage, p.AspectRatio)
		}
		limit = n
	}
	if err := p.choose(); err != nil {
		return err
	}
	across, down := p.Best.Width/p.Crop, p.Best.Height/p.Crop
	p.Source, p.Encoded = []int{0}, 1
	if resized, _ := p.placed(); across*down == 1 && resized == p.Best {
		p.Source = append(p.Source, 0)
	} else {
		for range across * down {
			p.Source = append(p.Source, p.Encoded)
			p.Encoded++
		}
	}
	if p.MergeType == "flat" {
		for _, crop := range p.Source {
			p.appendCrop(crop)
		}
		return nil
	}
	p.appendCrop(0)
	grid := Size{across * p.Grid, down * p.Grid}
	switch p.MergeType {
	case "spatial":
		p.Unpadded, p.Final = grid, grid
		for y := range grid.Height {
			for x := range grid.Width {
				p.Tokens = append(p.Tokens, p.tileRow(across, x, y))
			}
		}
		return nil
	case "spatial_unpad":
		return p.unpad(across, grid, limit)
	}
	return p.unknownMerge()
}

// choose finds the resolution that keeps most of the image and wastes least:
// the first of equals (select_best_resolution).
func (p *Plan) choose() error {
	w, h := p.Image.Width, p.Image.Height
	most, least := 0, 0
	for _, pin := range p.Pinpoints {
		if pin[0] < 1 || pin[1] < 1 || pin[0]%p.Crop != 0 || pin[1]%p.Crop != 0 {
			return fmt.Errorf("%w: image_grid_pinpoints has %dx%d, no multiple of the crop size %d", ErrImage, pin[0], pin[1], p.Crop)
		}
		if err := (Size{pin[0], pin[1]}).check(); err != nil {
			return fmt.Errorf("image_grid_pinpoints: %w", err)
		}
		scale := min(float64(pin[0])/float64(w), float64(pin[1])/float64(h))
		effective := min(int(float64(w)*scale)*int(float64(h)*scale), w*h)
		wasted := pin[0]*pin[1] - effective
		if effective > most || effective == most && most > 0 && wasted < least {
			most, least = effective, wasted
			p.Best = Size{pin[0], pin[1]}
		}
	}
	if most == 0 {
		return fmt.Errorf("%w: none of the %d image_grid_pinpoints suits an image of %s", ErrImage, len(p.Pinpoints), p.Image)
	}
	return nil
}

// placed is the size of the image within Best, at its own aspect ratio, and its
// upper left corner (resize_and_pad_image).
func (p *Plan) placed() (size Size, corner [2]int) {
	w, h := p.Image.Width, p.Image.Height
	scaleW, scaleH := float64(p.Best.Width)/float64(w), float64(p.Best.Height)/float64(h)
	size = p.Best
	if scaleW < scaleH {
		size.Height = min(int(math.Ceil(float64(h)*scaleW)), p.Best.Height)
	} else {
		size.Width = min(int(math.Ceil(float64(w)*scaleH)), p.Best.Width)
	}
	return size, [2]int{(p.Best.Width - size.Width) / 2, (p.Best.Height - size.Height) / 2}
}

// tileRow is the feature row at x, y of the grid that the tiles make together.
func (p *Plan) tileRow(across, x, y int) int32 {
	tile := y/p.Grid*across + x/p.Grid
	return int32(p.Source[1+tile]*p.Patches() + y%p.Grid*p.Grid + x%p.Grid)
}

// unpad cuts the rows or columns of the grid that lie in the padding, shrinks
// the rest if it is more than 1.1 times the bound, and ends rows with Newline.
func (p *Plan) unpad(across int, grid Size, limit int) error {
	w, h := float64(p.Image.Width), float64(p.Image.Height)
	fromX, fromY := 0, 0
	if w/h > float64(grid.Width)/float64(grid.Height) {
		kept := int(h * (float64(grid.Width) / w))
		fromY = (grid.Height - kept) / 2
	} else {
		kept := int(w * (float64(grid.Height) / h))
		fromX = (grid.Width - kept) / 2
	}
	p.Unpadded = Size{grid.Width - 2*fromX, grid.Height - 2*fromY}
	p.Final = p.Unpadded
	row := func(x, y int) int32 { return p.tileRow(across, fromX+x, fromY+y) }

	if times := p.times(limit); times > 1.1 {
		p.Final = Size{floorDivide(p.Unpadded.Width, times), floorDivide(p.Unpadded.Height, times)}
		if p.Final.Width < 1 || p.Final.Height < 1 {
			return fmt.Errorf("%w: an image of %s leaves no visual tokens under %s", ErrImage, p.Image, p.AspectRatio)
		}
		row = p.shrink(row)
	}
	for y := range p.Final.Height {
		for x := range p.Final.Width {
			p.Tokens = append(p.Tokens, row(x, y))
		}
		p.Tokens = append(p.Tokens, Newline)
	}
	return nil
}

// times is by how much a side of the grid exceeds the bound of limit crops; 0 without a bound.
func (p *Plan) times(limit int) float64 {
	if limit == 0 {
		return 0
	}
	return math.Sqrt(float64(p.Unpadded.Width*p.Unpadded.Height) / float64(limit*p.Patches()))
}

// floorDivide is Python's int(n // d) for floats: the quotient less its
// remainder, so that a quotient rounded up to the next integer is not one.
func floorDivide(n int, d float64) int {
	remainder := math.Mod(float64(n), d)
	return int(math.Round((float64(n) - remainder) / d))
}

// shrink makes the Blends that resize the unpadded grid to the final one:
// bilinear, half-pixel centres, no antialiasing, positions in float32, as
// torch.nn.functional.interpolate does with align_corners=False.
func (p *Plan) shrink(row func(x, y int) int32) func(x, y int) int32 {
	first := int32(p.Encoded * p.Patches())
	across, down := positions(p.Unpadded.Width, p.Final.Width), positions(p.Unpadded.Height, p.Final.Height)
	for _, v := range down {
		for _, u := range across {
			p.Blends = append(p.Blends, Blend{
				Rows: [4]int32{row(u.low, v.low), row(u.high, v.low), row(u.low, v.high), row(u.high, v.high)},
				Weights: [4]float32{
					(1 - v.part) * (1 - u.part), (1 - v.part) * u.part,
					v.part * (1 - u.part), v.part * u.part,
				},
			})
		}
	}
	return func(x, y int) int32 { return first + int32(y*p.Final.Width+x) }
}

// position lies between two source positions: part of the way from low to high.
type position struct {
	low, high int
	part      float32
}

func positions(src, dst int) []position {
	scale := float32(src) / float32(dst)
	all := make([]position, dst)
	for i := range all {
		at := max(float32(scale*(float32(i)+0.5))-0.5, 0)
		low := min(int(at), src-1)
		all[i] = position{low: low, high: min(low+1, src-1), part: at - float32(low)}
	}
	return all
}
