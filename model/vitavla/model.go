package vitavla

import (
	"fmt"
	"slices"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/seer"
	"cobot_vla/model/weights"
)

// Options of a Model.
type Options struct {
	// Turns it has room for: frames whose features are kept, and turns of a conversation. Default 10.
	Turns int
	// Words a turn may have beside its images. Default 96, ample for an instruction.
	Words int
	// Teach is for a model that learns: its steps are recalled from the features that
	// its frozen vision tower made of them (Look, Recall) instead of being seen.
	Teach bool
	// Speak loads the output projection too: for a model that learns to name what it sees.
	Speak bool
}

// Model is the network with its weights on a backend. One goroutine at a time may use it.
type Model struct {
	config  NetworkConfig
	options Options
	b       nn.Backend

	state    *seer.StateEncoder
	tower    *tower
	language *layers.Decoder
	token    nn.Weight   // table [1, H], the action token
	mapper   []nn.Weight // [D, H], [D, D], …
	heads    *seer.Heads

	words    nn.Tokens
	features nn.Buf // [Turns 2n, H] image tokens, by slot
	states   nn.Buf // [Turns, H] state tokens, by slot
	action   nn.Buf // [1, H] the action token
	hidden   nn.Buf // [Turns A, H] what became of action tokens
	mapped   [2]nn.Buf

	frames uint64 // how many were seen
	// What the language model has read: the prompt, and of which frames.
	prompt *Prompt
	read   []Frame
	// observe, when set, is called with what the stages make.
	observe func(stage string, x nn.Buf)
}

// headWords is room for the system's message.
const headWords = 512

// Build makes a model of config from weights of any source.
func Build(b nn.Backend, config NetworkConfig, src weights.Source, o Options) (*Model, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if o.Turns == 0 {
		o.Turns = 10
	}
	if o.Words == 0 {
		o.Words = 96
	}
	l := weights.NewLoader(b, src)
	h, n := config.Language.Hidden, config.Tokens()
	positions := min(headWords+o.Turns*(views*n+o.Words), config.Language.MaxPositions)
	rows := o.Turns * config.Predictions
	m := &Model{
		config: config, options: o, b: b,
		state:    seer.NewStateEncoder(l, "model.", h, 1),
		tower:    newTower(l, config, o.Teach),
		language: weights.Qwen2(l, config.Language, positions, o.Speak),
		token:    l.Table("model.action_pred_token", 1, h),
		heads:    seer.NewHeads(l, "seer.", config.Action, rows),
		words:    b.Tokens(positions),
		features: b.Buf(o.Turns*views*n, h),
		states:   b.Buf(o.Turns, h),
		action:   b.Buf(1, h),
		hidden:   b.Buf(rows, h),
		mapped:   [2]nn.Buf{b.Buf(rows, config.Action), b.Buf(rows, config.Action)},
	}
	for i := range config.Mapper {
		in := config.Action
		if i == 0 {
			in = h
		}
		m.mapper = append(m.mapper, l.Exact(fmt.Sprintf("model.action_mapper.%d", 2*i), config.Action, in))
	}
	if err := l.Err(); err != nil {
		return nil, fmt.Errorf("load vita-vla: %w", err)
	}
	return m, nil
}

// Config of the network.
func (m *Model) Config() NetworkConfig { return m.config }

// Frame is what was seen and felt at one step; the model keeps the last Turns of them.
type Frame = continuous.Frame

// See encodes one step: pixels [2, 3, Image, Image] of the static and the wrist camera, normalised, and a state.
func (m *Model) See(pixels []float32, state continuous.State) (Frame, error) {
	if want := views * 3 * m.config.Image * m.config.Image; len(pixels) != want {
		return 0, fmt.Errorf("see: %d pixel values, expected %d", len(pixels), want)
	}
	f := Frame(m.frames)
	m.frames++
	slot, n := m.slot(f), views*m.config.Tokens()
	m.tower.encode(m.features.View(slot*n, n), pixels)
	m.look("features", m.features.View(slot*n, n))
	m.feel(f, state)
	return f, m.b.Sync()
}

// feel encodes a frame's state.
func (m *Model) feel(f Frame, state continuous.State) {
	token := m.states.View(m.slot(f), 1)
	m.state.Encode(token, []continuous.State{state})
	m.look("state", token)
}

func (m *Model) slot(f Frame) int { return int(f % Frame(m.options.Turns)) }

// Forget makes the next Read begin with the first word.
func (m *Model) Forget() { m.prompt, m.read = nil, m.read[:0] }

// TurnLength is how many positions a turn takes, its words included, the words between turns not.
func (m *Model) TurnLength(p *Prompt) int {
	a := m.config.Predictions
	return views*m.config.Tokens() + len(p.Between) + len(p.Instruction) + 1 + len(p.Answer) + a + (a-1)*len(p.Apart)
}

// end is the position behind the last action token of turn i.
func (m *Model) end(p *Prompt, i int) int {
	return len(p.Head) + (i+1)*m.TurnLength(p) + i*len(p.Next)
}

// Read has the language model read a conversation about frames, one turn each.
// Turns that it read before, and that all turns before them stayed the same for,
// are not read again. It gives what became of the last turn's action tokens, or
// of every turn's, [turns A, H], before the final norm; the next Read overwrites it.
func (m *Model) Read(p *Prompt, frames []Frame, every bool) (nn.Buf, error) {
	if err := m.check(p, frames); err != nil {
		return nn.Buf{}, err
	}
	seen := 0 // positions that stay
	first := 0
	switch {
	case every || m.prompt == nil || !slices.Equal(m.prompt.Head, p.Head):
		m.prompt, m.read = p, m.read[:0]
	case !m.prompt.equal(p):
		m.prompt, m.read, seen = p, m.read[:0], len(p.Head)
	default:
		for first < min(len(m.read), len(frames)-1) && m.read[first] == frames[first] {
			first++
		}
		if seen = len(p.Head); first > 0 {
			seen = m.end(p, first-1)
		}
	}
	m.language.Seek(seen)
	if seen == 0 && !every {
		// The head alone: what follows is then summed up alike, whether the head was there or not.
		m.say(m.language.X.View(0, len(p.Head)), p.Head)
		m.language.Forward(len(p.Head), 1)
		seen = len(p.Head)
	}
	rows := m.end(p, len(frames)-1) - seen
	w := &writer{m: m, x: m.language.X.View(0, rows)}
	m.b.Put(m.words, []int32{0})
	m.b.Embed(m.action, m.token, m.words)
	if seen == 0 {
		w.say(p.Head)
	}
	for i, f := range frames[first:] {
		if first+i > 0 {
			w.say(p.Next)
		}
		w.turn(p, f)
	}
	m.look("inputs", w.x)

	wanted := w.actions
	if !every {
		wanted = wanted[len(wanted)-m.config.Predictions:]
	}
	keep := rows - int(wanted[0])
	if every {
		keep = rows
	}
	out := m.language.Forward(rows, keep)
	for i := range wanted {
		wanted[i] -= int32(rows - keep)
	}
	hidden := m.hidden.View(0, len(wanted))
	m.b.Gather(hidden, out, wanted)
	if err := m.b.Sync(); err != nil {
		m.Forget()
		return nn.Buf{}, err
	}
	m.read = append(m.read[:0], frames...)
	return hidden, nil
}

func (m *Model) check(p *Prompt, frames []Frame) error {
	if len(frames) < 1 || len(frames) > m.options.Turns {
		return fmt.Errorf("read: %d turns, the model has room for 1..%d", len(frames), m.options.Turns)
	}
	for _, f := range frames {
		if uint64(f) >= m.frames || m.frames-uint64(f) > uint64(m.options.Turns) {
			return fmt.Errorf("read: frame %d, the model keeps the last %d of %d", f, m.options.Turns, m.frames)
		}
	}
	if n := m.end(p, len(frames)-1); n > m.language.Spec.Positions {
		return fmt.Errorf("read: %d turns of %d positions behind %d are %d, the model has room for %d: say the instruction in fewer words", len(frames), m.TurnLength(p), len(p.Head), n, m.language.Spec.Positions)
	}
	return nil
}

func (p *Prompt) equal(q *Prompt) bool {
	return p == q || slices.Equal(p.Head, q.Head) && slices.Equal(p.Between, q.Between) && slices.Equal(p.Instruction, q.Instruction) &&
		slices.Equal(p.Answer, q.Answer) && slices.Equal(p.Apart, q.Apart) && slices.Equal(p.Next, q.Next)
}

// say looks words up.
func (m *Model) say(dst nn.Buf, ids []int32) {
	if len(ids) > 0 {
		m.b.Put(m.words, ids)
		m.b.Embed(dst, m.language.Table, m.words)
	}
}

// writer puts the input of the language model together, row by row.
type writer struct {
	m       *Model
	x       nn.Buf
	at      int
	actions []int32 // rows of action tokens
}

func (w *writer) next(n int) nn.Buf {
	v := w.x.View(w.at, n)
	w.at += n
	return v
}

// say writes words.
func (w *writer) say(ids []int32) {
	w.m.say(w.next(len(ids)), ids)
}

// copy writes rows of what was made before.
func (w *writer) copy(src nn.Buf, from, n int) {
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(from + i)
	}
	w.m.b.Gather(w.next(n), src, index)
}

func (w *writer) turn(p *Prompt, f Frame) {
	m := w.m
	slot, n := m.slot(f), m.config.Tokens()
	for view := range views {
		if view > 0 {
			w.say(p.Between)
		}
		w.copy(m.features, (slot*views+view)*n, n)
	}
	w.say(p.Instruction)
	w.copy(m.states, slot, 1)
	w.say(p.Answer)
	for i := range m.config.Predictions {
		if i > 0 {
			w.say(p.Apart)
		}
		w.actions = append(w.actions, int32(w.at))
		w.copy(m.action, 0, 1)
	}
}

// Map brings hidden states, before the final norm, into the small action
// model's space, [rows, D]; the next Map overwrites it.
func (m *Model) Map(hidden nn.Buf) nn.Buf {
	x, op := hidden, nn.Op{Norm: m.language.Norm}
	for i, w := range m.mapper {
		y := m.mapped[i%2].View(0, hidden.Rows)
		if op.Act = nn.GELU; i == len(m.mapper)-1 {
			op.Act = nn.None
		}
		m.b.Linear(y, x, w, op)
		x, op.Norm = y, nil
	}
	return x
}

// Heads that turn mapped states into numbers.
func (m *Model) Heads() *seer.Heads { return m.heads }

func (m *Model) look(stage string, x nn.Buf) {
	if m.observe != nil {
		m.observe(stage, x)
	}
}
