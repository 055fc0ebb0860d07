package vitavla

import (
	"fmt"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/weights"
)

// views of a turn: static, which sees the scene, and wrist.
const views = 2

// tower is InternViT and the connector: an image becomes Tokens vectors that
// the language model reads as if they were words.
type tower struct {
	b         nn.Backend
	config    NetworkConfig
	vit       *layers.ViT
	connector []nn.Weight // [H, 4C], [H, H], …

	// shuffle takes four patches to a token, two by two, class rows left out.
	shuffle []int32
	wide    nn.Buf    // [2 n, 4C] four patches side by side
	hidden  [2]nn.Buf // [2 n, H]
}

// newTower loads the tower; with whole the connector's weights stay as they are, for features that were halved already.
func newTower(l *weights.Loader, c NetworkConfig, whole bool) *tower {
	v, h, b := c.Vision, c.Language.Hidden, l.Backend()
	t := &tower{
		b: b, config: c,
		vit: &layers.ViT{
			Patch:    l.Exact("vision.embeddings.patch_embedding", v.Hidden, v.Channels*v.PatchSize*v.PatchSize),
			Geometry: nn.Patches{Channels: v.Channels, Height: c.Image, Width: c.Image, Size: v.PatchSize, Skip: 1},
		},
		wide:   b.Buf(views*c.Tokens(), 4*v.Hidden),
		hidden: [2]nn.Buf{b.Buf(views*c.Tokens(), h), b.Buf(views*c.Tokens(), h)},
	}
	t.positions(l)
	t.vit.Act = nn.GELU
	t.vit.Blocks = weights.VisionBlocks(l, "vision.encoder.layers.", v.Layers, v.Hidden, v.Intermediate, v.Eps)
	t.vit.Reserve(b, views, v.Heads, v.HeadDim(), v.Intermediate)
	for i := range c.Connector {
		name, in := fmt.Sprintf("projector.%d", 2*i), h
		if i == 0 {
			in = 4 * v.Hidden
		}
		m := l.Matrix(name, h, in)
		if i == 0 && !whole {
			// The original halves the features before it shuffles them; half the
			// weights does the same, to the last bit.
			m = halveInputs(m)
		}
		t.connector = append(t.connector, l.Weight(nn.WeightSpec{Name: name, Parts: []nn.Matrix{m}}))
	}
	grid := c.Grid()
	for view := range views {
		for y := 0; y < grid; y += 2 {
			for x := 0; x < grid; x += 2 {
				for _, at := range [4]int{y*grid + x, y*grid + x + 1, (y+1)*grid + x, (y+1)*grid + x + 1} {
					t.shuffle = append(t.shuffle, int32(view*(1+c.Patches())+1+at))
				}
			}
		}
	}
	return t
}

// halveInputs is a matrix for inputs twice as large.
func halveInputs(m nn.Matrix) nn.Matrix {
	read := m.Read
	m.Read = func(dst []float32, r int) {
		read(dst, r)
		for i := range dst {
			dst[i] *= 0.5
		}
	}
	return m
}

// positions resamples the position embedding to the images' grid and adds the class token to its own.
func (t *tower) positions(l *weights.Loader) {
	v, c := t.config.Vision, t.config
	trained := l.Vector("vision.embeddings.position_embedding", (1+v.Patches())*v.Hidden)
	class := l.Vector("vision.embeddings.class_embedding", v.Hidden)
	if len(trained) == 0 || len(class) == 0 {
		return
	}
	all := append([]float32{}, trained[:v.Hidden]...)
	all = append(all, resamplePositions(trained[v.Hidden:], v.Grid(), c.Grid(), v.Hidden)...)
	first := make([]float32, v.Hidden)
	for i := range first {
		first[i] = class[i] + all[i]
	}
	t.vit.Positions, t.vit.Class = l.Buf(all, 1+c.Patches(), v.Hidden), l.Buf(first, 1, v.Hidden)
}

// encode puts the tokens of two images, pixels [2, 3, Image, Image] normalised, into dst [2 Tokens, H].
func (t *tower) encode(dst nn.Buf, pixels []float32) {
	x := t.vit.Encode(pixels)
	t.b.Gather(t.wide, x, t.shuffle)
	t.connect(dst, t.wide)
}

// connect projects shuffled features.
func (t *tower) connect(dst, x nn.Buf) {
	for i, w := range t.connector {
		y, act := t.hidden[i%2], nn.GELU
		if i == len(t.connector)-1 {
			y, act = dst, nn.None
		}
		t.b.Linear(y, x, w, nn.Op{Act: act})
		x = y
	}
}
