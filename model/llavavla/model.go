// Package llavavla is LLaVA-VLA: one composite image, the robot's state and an
// instruction go through SigLIP, a projector and Qwen2, and come out as tokens
// that mean motion. Model is the network, Policy makes it the robot's.
//
// # The network, in the paper's order
//
// The views are merged to one image; its crops are encoded and projected into
// the word space (vision.go), laid out as a run of visual tokens (layout.go),
// and put between the words of the prompt, which end with the proprioception
// tokens (policy.go). The language model (nn/layers) reads it all
// once and then says the action, token by token (decode.go), or guesses many
// and lets the model correct them (parallel.go), with the same result.
package llavavla

import (
	"fmt"
	"slices"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// Options of a Model.
type Options struct {
	// Positions it has room for, prompt and answer together. Default: what config.json allows.
	Positions int
	// Crops that memory is reserved for at once; an image with more of them reserves more. Default 1.
	Crops int
	// Window is the most places that parallel decoding looks at together, nn.RowsAlike at most. Default 1: one at a time.
	Window int
}

// Model is the network with its weights on a backend. One goroutine at a time may use it.
type Model struct {
	config  checkpoint.Config
	options Options
	b       nn.Backend

	tower    *tower
	feeling  *feeling // nil when proprioception is tokens
	newline  nn.Buf   // [1, H]
	language *layers.Decoder

	answer, guess, words nn.Tokens
	scores               map[*nn.Set]nn.Buf // [Window, set]

	layout *layout // of the last image
	// What parallel decoding works in: the guesses by place, what a pass is fed, what it said.
	guesses, fed, said []int32
	// Recorded decoding steps by their penalty, and the sets of those that are under way.
	steps map[float32]recorded
	plan  []*nn.Set

	// head of the prompt whose keys and values are in the cache already.
	head []int32
}

// Load puts a checkpoint onto a backend.
func Load(b nn.Backend, c *checkpoint.Checkpoint, o Options) (*Model, error) {
	return Build(b, c.Config, weights.Files{Weights: c.Weights}, o)
}

// Build makes a model of config from weights of any source.
func Build(b nn.Backend, config checkpoint.Config, src weights.Source, o Options) (*Model, error) {
	if o.Positions == 0 {
		o.Positions = config.Language.MaxPositions
	}
	o.Crops = max(o.Crops, 1)
	o.Window = min(max(o.Window, 1), nn.RowsAlike) // beyond it, a window's rows need not be those of single tokens
	l := weights.NewLoader(b, src)
	m := &Model{
		config: config, options: o, b: b,
		tower:    newTower(l, config),
		feeling:  newFeeling(l, config.Proprioception, config.Language.Hidden),
		language: weights.Qwen2(l, config.Language, o.Positions, true),
		answer:   b.Tokens(o.Positions),
		guess:    b.Tokens(o.Positions),
		words:    b.Tokens(o.Positions),
		scores:   map[*nn.Set]nn.Buf{},
		steps:    map[float32]recorded{},
	}
	m.tower.reserve(o.Crops)
	if config.Image.MergeType == "spatial_unpad" {
		m.newline = b.Buf(1, config.Language.Hidden)
		b.Write(m.newline, l.Vector("newline", config.Language.Hidden))
	}
	if err := l.Err(); err != nil {
		return nil, fmt.Errorf("load llava-vla: %w", err)
	}
	return m, nil
}

// Config of the checkpoint.
func (m *Model) Config() checkpoint.Config { return m.config }

// Image is what Encode made of an image: it stays on the backend, and the next Encode overwrites it.
type Image struct {
	layout           *layout
	encoded, blended nn.Buf // [crops*patches, H], [blends, H]
}

// Tokens is how many visual tokens the image has.
func (i Image) Tokens() int { return i.layout.tokens() }

// Encode runs the tower over the crops of an image that plan wants encoded, pixels [plan.Encoded, 3, size, size].
func (m *Model) Encode(pixels []float32, plan *vision.Plan) (Image, error) {
	c := m.config.Vision
	if want := plan.Encoded * c.Channels * c.ImageSize * c.ImageSize; len(pixels) != want || plan.Grid != c.Grid() {
		return Image{}, fmt.Errorf("encode: %d pixel values for %d crops of %d x %d patches, expected %d", len(pixels), plan.Encoded, plan.Grid, plan.Grid, want)
	}
	if m.layout == nil || m.layout.plan != plan {
		m.layout = newLayout(plan)
	}
	m.tower.reserve(plan.Encoded)
	image := Image{layout: m.layout, encoded: m.tower.encode(pixels)}
	if len(plan.Blends) > 0 {
		var err error
		if image.blended, err = m.layout.blend(m.b, image.encoded); err != nil {
			return Image{}, err
		}
	}
	return image, m.settle()
}

// splice puts the visual tokens into dst [Tokens, H].
func (m *Model) splice(dst nn.Buf, image Image) {
	m.b.Gather(dst, image.encoded, image.layout.encoded)
	if !image.blended.IsZero() {
		m.b.Gather(dst, image.blended, image.layout.blended)
	}
	if !m.newline.IsZero() {
		m.b.Gather(dst, m.newline, image.layout.newline)
	}
}

// Prompt is what the language model reads: words, the visual tokens, words.
type Prompt struct {
	Before, After []int32
	// State is the proprioception, normalised, and StateAt the place in After of the token that stands where its vector goes;
	// none for a network that reads it as tokens in After.
	State   []float32
	StateAt int
}

// Prefill reads a prompt and forgets everything before it. It returns the
// hidden state of the last position, before the final norm.
func (m *Model) Prefill(p Prompt, image Image) (nn.Buf, error) {
	return m.prefill(p, image, false)
}

// prefill keeps the last row of what the last block gives, or all of them.
func (m *Model) prefill(p Prompt, image Image, all bool) (nn.Buf, error) {
	visual := image.Tokens()
	n := len(p.Before) + visual + len(p.After)
	if n+1 > m.options.Positions || len(p.After) == 0 {
		return nn.Buf{}, fmt.Errorf("prefill: a prompt of %d + %d + %d tokens, the model has room for %d positions and needs one after the image", len(p.Before), visual, len(p.After), m.options.Positions)
	}
	if err := m.feeling.check(p); err != nil {
		return nn.Buf{}, fmt.Errorf("prefill: %w", err)
	}
	// The system's words come first and never change: their keys and values are kept.
	seen := len(m.head)
	if !slices.Equal(m.head, p.Before) || m.language.Len() < seen {
		seen = 0
		m.head = append(m.head[:0], p.Before...)
	}
	m.language.Seek(seen)
	n -= seen
	x := m.language.X
	m.embed(x, 0, p.Before[seen:])
	m.splice(x.View(len(p.Before)-seen, visual), image)
	m.embed(x, n-len(p.After), p.After)
	if m.feeling != nil {
		m.feeling.project(p.State)
		m.feeling.put(x.View(n-len(p.After)+p.StateAt, 1), 0)
	}
	keep := 1
	if all {
		keep = n
	}
	return m.language.Forward(n, keep), nil
}

// embed puts the vectors of words into x from row at.
func (m *Model) embed(x nn.Buf, at int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	m.b.Put(m.words, ids)
	m.b.Embed(x.View(at, len(ids)), m.language.Table, m.words)
}

// Scores are the logits of rows of hidden states for the ids in set.
func (m *Model) Scores(hidden nn.Buf, set *nn.Set) nn.Buf {
	dst, ok := m.scores[set]
	if !ok || dst.Rows < hidden.Rows {
		dst = m.b.Buf(max(hidden.Rows, m.options.Window), set.Size())
		m.scores[set] = dst
	}
	dst = dst.View(0, hidden.Rows)
	m.b.Scores(dst, hidden, m.language.Norm, m.language.Head, set)
	return dst
}
