package seer

import (
	"fmt"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/weights"
)

// Options of a Model.
type Options struct {
	// Foresight also loads the image decoder, which training needs.
	Foresight bool
	// Sequences is how many Study reads at a time; 0 for none.
	Sequences int
}

// Model is the network with its weights on a backend. One goroutine at a time may use it.
type Model struct {
	config  Config
	options Options
	b       nn.Backend

	vision     *layers.ViT
	visionNorm nn.Norm
	resampler  *resampler
	// Projections to the trunk's width: of a sentence, of resampled patches and classes by view.
	text           nn.Weight
	patches, class [views]nn.Weight
	state          *StateEncoder
	queries        nn.Weight // table [2M+A, H]: foresight tokens, action tokens
	positions      nn.Weight // table [S, H]
	embedNorm      nn.Norm
	trunk          layers.Encoder
	trunkNorm      nn.Norm
	heads          *Heads
	foresight      *foresight
	study          *study

	ids      nn.Tokens
	sentence nn.Buf // [1, T] the sentence's feature
	seen     nn.Buf // [2 (1+G), E] the vision encoder's output, normalised
	frames   nn.Buf // [S context, H] what the steps saw, by slot
	query    nn.Buf // [2M+A, H]
	x, moved nn.Buf // [rows, H] the trunk's rows, and their positions
	action   nn.Buf // [S A, H] action features
	layouts  map[[2]int]*layout
	// observe, when set, is called with what the stages make.
	observe func(stage string, x nn.Buf)
}

// Build makes a model of config from weights of any source.
func Build(b nn.Backend, config Config, src weights.Source, o Options) (*Model, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	l := weights.NewLoader(b, src)
	c := config
	e, h := c.VisionHidden, c.Hidden
	sequences, frames := max(o.Sequences, 1), max(o.Sequences*c.Steps, 1)
	rows := sequences * c.Steps * c.tokens()
	m := &Model{
		config: config, options: o, b: b,
		resampler: newResampler(l, c),
		text:      l.Exact("text_projector", h, c.Text),
		patches:   [views]nn.Weight{l.Linear("image_primary_projector", h, e), l.Linear("image_wrist_projector", h, e)},
		class:     [views]nn.Weight{l.Linear("cls_token_primary_projector", h, e), l.Linear("cls_token_wrist_projector", h, e)},
		state:     NewStateEncoder(l, "", h, frames),
		positions: l.Table("transformer_backbone_position_embedding", c.Steps, h),
		embedNorm: l.LayerNorm("embedding_layer_norm", h, trunkEps),
		trunkNorm: l.LayerNorm("transformer_backbone.ln_f", h, trunkEps),
		heads:     NewHeads(l, "", h, sequences*c.Steps*c.Predictions),
		ids:       b.Tokens(max(rows, 2*c.Foresight+c.Predictions)),
		sentence:  b.Buf(1, c.Text),
		seen:      b.Buf(views*(1+c.Patches()), e),
		frames:    b.Buf(c.Steps*c.context(), h),
		query:     b.Buf(2*c.Foresight+c.Predictions, h),
		x:         b.Buf(rows, h), moved: b.Buf(rows, h),
		action:  b.Buf(sequences*c.Steps*c.Predictions, h),
		layouts: map[[2]int]*layout{},
	}
	m.vision, m.visionNorm = newVision(l, c, frames)
	m.queries = l.Weight(nn.WeightSpec{Name: "queries", Exact: true, Parts: []nn.Matrix{
		weights.Named("obs_tokens", nn.FromSlice(views*c.Foresight, h, l.Vector("obs_tokens", views*c.Foresight*h), nil)),
		weights.Named("action_pred_token", nn.FromSlice(c.Predictions, h, l.Vector("action_pred_token", c.Predictions*h), nil)),
	}})
	m.trunk = layers.Encoder{Act: nn.GELUTanh}
	for i := range c.Layers {
		name := fmt.Sprintf("transformer_backbone.h.%d.", i)
		m.trunk.Blocks = append(m.trunk.Blocks, layers.EncoderBlock{
			Norm1: l.LayerNorm(name+"ln_1", h, trunkEps),
			QKV:   l.Transposed(name+"attn.c_attn", 3*h, h),
			Out:   l.Transposed(name+"attn.c_proj", h, h),
			Norm2: l.LayerNorm(name+"ln_2", h, trunkEps),
			FC1:   l.Transposed(name+"mlp.c_fc", 4*h, h),
			FC2:   l.Transposed(name+"mlp.c_proj", h, 4*h),
		})
	}
	m.trunk.Reserve(b, rows, c.Heads, h/c.Heads, 4*h)
	if o.Sequences > 0 {
		m.study = newStudy(b, c, o.Sequences)
	}
	if o.Foresight {
		m.foresight = newForesight(l, c)
	}
	if err := l.Err(); err != nil {
		return nil, fmt.Errorf("load seer: %w", err)
	}
	return m, nil
}

// Config of the checkpoint.
func (m *Model) Config() Config { return m.config }

// Instruct takes the feature of the sentence that the following frames are seen under.
func (m *Model) Instruct(feature []float32) error {
	if len(feature) != m.config.Text {
		return fmt.Errorf("instruct: a sentence's feature of %d numbers, expected %d", len(feature), m.config.Text)
	}
	m.b.Write(m.sentence, feature)
	return m.b.Sync()
}

// See puts what one step sees and feels into a slot, 0 to Steps-1: pixels
// [2, 3, Image, Image] of the primary and the wrist camera, normalised.
func (m *Model) See(slot int, pixels []float32, state continuous.State) error {
	c := m.config
	if want := views * 3 * c.Image * c.Image; len(pixels) != want || slot < 0 || slot >= c.Steps {
		return fmt.Errorf("see: %d pixel values for slot %d, expected %d for a slot of 0..%d", len(pixels), slot, want, c.Steps-1)
	}
	rows := m.vision.Rows()
	x := m.vision.Encode(pixels)
	m.b.Linear(m.seen, x, nil, nn.Op{Norm: m.visionNorm})
	m.look("mae", m.seen)

	frame := m.frames.View(slot*c.context(), c.context())
	m.b.Linear(frame.View(0, 1), m.sentence, m.text, nn.Op{})
	m.state.Encode(frame.View(1, 1), []continuous.State{state})
	for v := range views {
		image := m.seen.View(v*rows, rows)
		latents := m.resampler.run(image.View(1, rows-1))
		m.b.Linear(frame.View(2+v*c.Latents, c.Latents), latents, m.patches[v], nn.Op{Norm: m.resampler.norm})
		m.look("resampler", latents)
		m.b.Linear(frame.View(2+views*c.Latents+v, 1), image.View(0, 1), m.class[v], nn.Op{})
	}
	m.look("frame", frame)
	return m.b.Sync()
}

// Predict runs the trunk over what the slots have seen, oldest first, and gives the
// action features of the last step, or of every step, [steps A, H]. The next Predict overwrites them.
func (m *Model) Predict(slots []int, every bool) (nn.Buf, error) {
	c := m.config
	l, err := m.layout(len(slots), every)
	if err != nil {
		return nn.Buf{}, err
	}
	index := make([]int32, l.rows)
	for r, i := range l.frames {
		if index[r] = i; i >= 0 {
			index[r] = int32(slots[int(i)/c.context()]*c.context()) + i%int32(c.context())
		}
	}
	x := m.x.View(0, l.rows)
	m.b.Gather(x, m.frames, index)
	return m.think(x, l.queries, l.step, l.actions, l.rows, []nn.Mask{l.mask})
}

// think runs the trunk over context that lies in x, and gives the action features: queries say where foresight and action
// tokens go, step of every row its step, actions which rows are asked for. masks are those of 1, 2, … sequences of
// each rows, and the last is how many go through at a time.
func (m *Model) think(x nn.Buf, queries, step, actions []int32, each int, masks []nn.Mask) (nn.Buf, error) {
	moved := m.moved.View(0, x.Rows)
	m.lookUp(m.query, m.queries)
	m.b.Gather(x, m.query, queries)
	m.b.Put(m.ids, step)
	m.b.Embed(moved, m.positions, m.ids)
	m.b.Linear(x, moved, nil, nn.Op{Residual: true})
	m.look("tokens", x)
	m.b.Linear(x, x, nil, nn.Op{Norm: m.embedNorm})
	m.look("tokens_normed", x)
	for from := 0; from < x.Rows; from += len(masks) * each {
		n := min(len(masks)*each, x.Rows-from)
		m.trunk.Forward(x.View(from, n), masks[n/each-1])
	}
	m.b.Linear(x, x, nil, nn.Op{Norm: m.trunkNorm})
	m.look("output", x)
	action := m.action.View(0, len(actions))
	m.b.Gather(action, x, actions)
	return action, m.b.Sync()
}

// Heads that turn action features into numbers.
func (m *Model) Heads() *Heads { return m.heads }

func (m *Model) layout(steps int, every bool) (*layout, error) {
	if steps < 1 || steps > m.config.Steps {
		return nil, fmt.Errorf("predict: %d steps, the model takes 1..%d", steps, m.config.Steps)
	}
	asked := []int{steps - 1}
	if every {
		asked = asked[:0]
		for s := range steps {
			asked = append(asked, s)
		}
	}
	key := [2]int{steps, len(asked)}
	if l := m.layouts[key]; l != nil {
		return l, nil
	}
	l, err := newLayout(m.config, steps, asked)
	if err == nil {
		m.layouts[key] = l
	}
	return l, err
}

// lookUp puts all rows of a table into dst.
func (m *Model) lookUp(dst nn.Buf, table nn.Weight) {
	ids := make([]int32, dst.Rows)
	for i := range ids {
		ids[i] = int32(i)
	}
	m.b.Put(m.ids, ids)
	m.b.Embed(dst, table, m.ids)
}

func (m *Model) look(stage string, x nn.Buf) {
	if m.observe != nil {
		m.observe(stage, x)
	}
}

// Read copies a buffer of the model's to the host.
func (m *Model) Read(x nn.Buf) ([]float32, error) {
	v := make([]float32, x.Rows*x.Cols)
	return v, m.b.Read(v, x)
}
