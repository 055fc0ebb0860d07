package seer

import (
	"math"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/weights"
)

// foresight is the image decoder: what foresight tokens say, and as many mask
// tokens as an image has patches, become the patches of an image to come, normalised.
type foresight struct {
	b         nn.Backend
	config    Config
	projector nn.Weight // [H, H]
	mask      nn.Weight // table [1, H]
	blocks    layers.Encoder
	norm      nn.Norm
	pred      nn.Weight // [3 P², H]

	ids       nn.Tokens
	positions nn.Buf // [images (M+G), H]
	asked     nn.Buf // [images M, H]
	answer    nn.Buf // [images M, H]
	empty     nn.Buf // [1, H]
	x         nn.Buf // [images (M+G), H]
	patches   nn.Buf // [images G, H]
	pixels    nn.Buf // [images G, 3 P²]
}

func newForesight(l *weights.Loader, c Config) *foresight {
	b, h, images := l.Backend(), c.Hidden, views*c.Steps
	n := c.Foresight + c.Patches()
	f := &foresight{
		b: b, config: c,
		projector: l.Linear("image_decoder_obs_pred_projector", h, h),
		mask:      l.Table("mask_token", 1, h),
		norm:      l.LayerNorm("image_decoder_norm", h, trunkEps),
		pred:      l.Linear("image_decoder_pred", 3*c.Patch*c.Patch, h),
		ids:       b.Tokens(1),
		asked:     b.Buf(images*c.Foresight, h), answer: b.Buf(images*c.Foresight, h),
		empty: b.Buf(1, h), x: b.Buf(images*n, h),
		patches: b.Buf(images*c.Patches(), h), pixels: b.Buf(images*c.Patches(), 3*c.Patch*c.Patch),
	}
	one := foresightPositions(c)
	all := make([]float32, 0, images*len(one))
	for range images {
		all = append(all, one...)
	}
	f.positions = l.Buf(all, images*n, h)
	f.blocks = layers.Encoder{Act: nn.GELU, Blocks: weights.VisionBlocks(l, "image_decoder.", 2, h, 4*h, trunkEps)}
	f.blocks.Reserve(b, images*n, c.ForesightHeads, h/c.ForesightHeads, 4*h)
	return f
}

// foresightPositions are sines and cosines of a grid of foresight tokens, then of the patches, [M+G, H].
func foresightPositions(c Config) []float32 {
	side := int(math.Sqrt(float64(c.Foresight)))
	return append(sineCosine(side, c.Hidden), sineCosine(c.Grid(), c.Hidden)...)
}

// sineCosine is a grid's positions [side², width]: half of the columns for the
// place across, half for that down, each sines and then cosines.
func sineCosine(side, width int) []float32 {
	quarter := width / 4
	table := make([]float32, side*side*width)
	for i := range side * side {
		row := table[i*width : (i+1)*width]
		for half, place := range []int{i % side, i / side} {
			for k := range quarter {
				omega := 1 / math.Pow(10000, float64(k)/float64(quarter))
				sin, cos := math.Sincos(float64(place) * omega)
				row[2*half*quarter+k], row[(2*half+1)*quarter+k] = float32(sin), float32(cos)
			}
		}
	}
	return table
}

// run predicts the pixels of the images that the asked steps of a layout will
// lead to, [asked 2 G, 3 P²], from the trunk's output.
func (f *foresight) run(output nn.Buf, l *layout) nn.Buf {
	c, b := f.config, f.b
	images := views * len(l.asked)
	n := c.Foresight + c.Patches()
	asked, answer := f.asked.View(0, images*c.Foresight), f.answer.View(0, images*c.Foresight)
	b.Gather(asked, output, l.foresight)
	b.Linear(answer, asked, f.projector, nn.Op{})
	b.Put(f.ids, []int32{0})
	b.Embed(f.empty, f.mask, f.ids)

	x, patches, pixels := f.x.View(0, images*n), f.patches.View(0, images*c.Patches()), f.pixels.View(0, images*c.Patches())
	spoken, masked, kept := make([]int32, x.Rows), make([]int32, x.Rows), make([]int32, 0, patches.Rows)
	for r := range x.Rows {
		image, i := r/n, r%n
		spoken[r], masked[r] = -1, -1
		if i < c.Foresight {
			spoken[r] = int32(image*c.Foresight + i)
			continue
		}
		masked[r] = 0
		kept = append(kept, int32(r))
	}
	b.Gather(x, answer, spoken)
	b.Gather(x, f.empty, masked)
	b.Linear(x, f.positions.View(0, x.Rows), nil, nn.Op{Residual: true})
	f.blocks.Forward(x, nn.Groups(n))
	b.Gather(patches, x, kept)
	b.Linear(pixels, patches, f.pred, nn.Op{Norm: f.norm})
	return pixels
}
