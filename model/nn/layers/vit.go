package layers

import "cobot_vla/model/nn"

// ViT is a vision transformer with a class token (InternViT, MAE's encoder):
// an image's rows are its class and then its patches, row-major.
type ViT struct {
	Encoder
	// Patch is [C, channels*size*size].
	Patch nn.Weight
	// Positions is [1+patches, C]; Class [1, C] is the class token with its position added.
	Positions, Class nn.Buf
	// Geometry of an image; it skips one row.
	Geometry nn.Patches

	b         nn.Backend
	pixels, x nn.Buf
	images    int
	class     []int32 // Class into the first row of every image
}

// Rows of an image.
func (v *ViT) Rows() int {
	down, across := v.Geometry.Grid()
	return 1 + down*across
}

// Reserve makes the workspace for up to images at a time.
func (v *ViT) Reserve(b nn.Backend, images, heads, headDim, inner int) {
	v.b, v.images = b, images
	rows := images * v.Rows()
	v.Encoder.Reserve(b, rows, heads, headDim, inner)
	v.pixels = b.Buf(images*v.Geometry.Channels*v.Geometry.Height, v.Geometry.Width)
	v.x = b.Buf(rows, heads*headDim)
	v.class = make([]int32, rows)
	for r := range v.class {
		v.class[r] = -1
		if r%v.Rows() == 0 {
			v.class[r] = 0
		}
	}
}

// Encode gives the output of the last block, without a norm, for images
// [n, channels, height, width], n at most what was reserved: rows that the next call overwrites.
func (v *ViT) Encode(pixels []float32) nn.Buf {
	g := v.Geometry
	n := len(pixels) / (g.Channels * g.Height * g.Width)
	image := v.pixels.View(0, n*g.Channels*g.Height)
	x := v.x.View(0, n*v.Rows())
	v.b.Write(image, pixels)
	v.b.Gather(x, v.Class, v.class[:x.Rows])
	v.b.Patch(x, image, v.Patch, v.Positions, g)
	v.Encoder.Forward(x, nn.Groups(v.Rows()))
	return x
}
