package llavavla

import (
	"fmt"
	"math"

	"cobot_vla/model/checkpoint"
)

// Visual says how the vectors of an image's crops become its visual tokens:
// first those of the base, which is crop 0, the whole image; then, where there
// is a grid, those of the other crops laid side by side, less what the padding
// made of them, with image_newline after every row.
type Visual struct {
	// Source says, for each crop, which of the encoded crops it is: crops that are byte-identical are encoded once.
	Source []int
	// Side of a crop in patches.
	Side int
	// GridRows x GridCols crops follow the base; 0 when there is only the base.
	GridRows, GridCols int
	// Top, Left, Height and Width of what the grid keeps, in patches.
	Top, Left, Height, Width int
	// ResizedHeight and ResizedWidth are other than Height and Width when that is too much and is interpolated.
	ResizedHeight, ResizedWidth int
	// Newline: image_newline ends every row of the grid, or the base when there is no grid.
	Newline bool

	base, grid, ends []int32
}

// Tokens is how many visual tokens there are.
func (v *Visual) Tokens() int { return len(v.base) }

// Arrange plans the visual tokens of an image of width x height pixels that was
// cut into 1 + gridRows*gridCols crops of side patches (LLaVA's
// prepare_inputs_labels_for_multimodal). source may be nil when all crops differ.
func Arrange(c checkpoint.ImageConfig, side, gridRows, gridCols, width, height int, source []int) (*Visual, error) {
	v := &Visual{Source: source, Side: side, GridRows: gridRows, GridCols: gridCols}
	if source == nil {
		for i := range 1 + gridRows*gridCols {
			v.Source = append(v.Source, i)
		}
	}
	if len(v.Source) != 1+gridRows*gridCols || side < 1 {
		return v, fmt.Errorf("visual tokens: %d crops for a base and a grid of %d x %d", len(v.Source), gridRows, gridCols)
	}
	if c.MergeType != "flat" && c.MergeType != "spatial_unpad" {
		return v, fmt.Errorf("visual tokens: mm_patch_merge_type %q: only flat and spatial_unpad run here", c.MergeType)
	}
	v.Newline = c.MergeType == "spatial_unpad"
	if gridRows == 0 {
		return v.index(), nil
	}
	if width < 1 || height < 1 {
		return v, fmt.Errorf("visual tokens: an image of %d x %d pixels", width, height)
	}
	if !v.Newline {
		return v, fmt.Errorf("visual tokens: mm_patch_merge_type %q with %d crops: only spatial_unpad runs here", c.MergeType, len(v.Source))
	}
	v.Height, v.Width = gridRows*side, gridCols*side
	// The padding that made the image fit the grid is taken off again.
	if float64(width)/float64(height) > float64(v.Width)/float64(v.Height) {
		kept := int(float64(height) * (float64(v.Width) / float64(width)))
		v.Top = (v.Height - kept) / 2
		v.Height -= 2 * v.Top
	} else {
		kept := int(float64(width) * (float64(v.Height) / float64(height)))
		v.Left = (v.Width - kept) / 2
		v.Width -= 2 * v.Left
	}
	v.ResizedHeight, v.ResizedWidth = v.Height, v.Width
	if most, ok := maxCrops(c.AspectRatio); ok {
		times := math.Sqrt(float64(v.Height*v.Width) / float64(most*side*side))
		if times > 1.1 {
			v.ResizedHeight = int(float64(v.Height) / times)
			v.ResizedWidth = int(float64(v.Width) / times)
		}
	}
	return v.index(), nil
}

// maxCrops is N of anyres_max_N.
func maxCrops(aspect string) (n int, ok bool) {
	_, err := fmt.Sscanf(aspect, "anyres_max_%d", &n)
	return n, err == nil && n > 0
}

// Resized says that the grid is interpolated.
func (v *Visual) Resized() bool {
	return v.ResizedHeight != v.Height || v.ResizedWidth != v.Width
}

// index writes down, for every visual token, the encoded vector it is a copy of
// (base), its place in the interpolated grid (grid), or 0 when it is
// image_newline (ends); -1 in the other two.
func (v *Visual) index() *Visual {
	put := func(base, grid, end int32) {
		v.base, v.grid, v.ends = append(v.base, base), append(v.grid, grid), append(v.ends, end)
	}
	patches := v.Side * v.Side
	for i := range patches {
		put(int32(v.Source[0]*patches+i), -1, -1)
	}
	for y := range v.ResizedHeight {
		for x := range v.ResizedWidth {
			if v.Resized() {
				put(-1, int32(y*v.ResizedWidth+x), -1)
			} else {
				put(v.cell(y, x), -1, -1)
			}
		}
		put(-1, -1, 0)
	}
	if v.GridRows == 0 && v.Newline {
		put(-1, -1, 0)
	}
	return v
}

// cell is the encoded vector at a place of what the grid keeps.
func (v *Visual) cell(y, x int) int32 {
	y, x = y+v.Top, x+v.Left
	crop := v.Source[1+y/v.Side*v.GridCols+x/v.Side]
	return int32(crop*v.Side*v.Side + y%v.Side*v.Side + x%v.Side)
}

// interpolate makes the resized grid from the encoded vectors, cols wide:
// bilinear, corners not aligned, without antialiasing, in f32 as the original.
func (v *Visual) interpolate(encoded []float32, cols int) []float32 {
	out := make([]float32, v.ResizedHeight*v.ResizedWidth*cols)
	rows, columns := taps(v.Height, v.ResizedHeight), taps(v.Width, v.ResizedWidth)
	at := func(y, x int) []float32 { return encoded[int(v.cell(y, x))*cols:][:cols] }
	for y, r := range rows {
		for x, c := range columns {
			a, b := at(r.low, c.low), at(r.low, c.high)
			d, e := at(r.high, c.low), at(r.high, c.high)
			dst := out[(y*v.ResizedWidth+x)*cols:][:cols]
			for i := range dst {
				dst[i] = (1-r.high2)*((1-c.high2)*a[i]+c.high2*b[i]) + r.high2*((1-c.high2)*d[i]+c.high2*e[i])
			}
		}
	}
	return out
}

// tap is the two source lines of a resized one, and the weight of the second.
type tap struct {
	low, high int
	high2     float32
}

func taps(from, to int) []tap {
	out := make([]tap, to)
	scale := float32(from) / float32(to)
	for i := range out {
		at := max(scale*(float32(i)+0.5)-0.5, 0)
		low := int(at)
		out[i] = tap{low: low, high: min(low+1, from-1), high2: at - float32(low)}
	}
	return out
}
