package llavavla

import (
	"fmt"
	"math"
	"slices"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/text"
	"cobot_vla/model/token"
	"cobot_vla/model/vision"
)

// Reader turns observations into what the network reads, and decisions into what
// it should say about them. The policy reads with it on the robot, training
// reads its examples with it: what is learned from is what will be seen. One goroutine
// at a time may use it; Fork makes another.
type Reader struct {
	manifest checkpoint.Manifest
	stats    calibration.Statistics
	words    *text.Tokenizer
	grammar  *token.Grammar
	rules    vision.Rules
	slicing  text.Slicing
	task     []int32 // ids behind the words of a mobile task

	// Of the last observation, as the next is likely to be alike.
	vision      *vision.Preprocessor
	pixels      []float32
	instruction string
	mobile      bool
	prompt      text.Prompt
	after       []int32
	numbers     []float32
}

// NewReader reads for a network that takes images by these rules; the statistics are in the manifest's order.
func NewReader(m checkpoint.Manifest, s calibration.Statistics, words *text.Tokenizer, rules vision.Rules) (*Reader, error) {
	r := &Reader{manifest: m, stats: s, words: words, rules: rules, slicing: text.Exact}
	var err error
	if r.grammar, err = token.NewGrammar(m, s); err != nil {
		return nil, err
	}
	if m.ActionTokenTop != uint32(words.BaseSize()) {
		return nil, fmt.Errorf("action_token_top is %d, but the tokenizer's base vocabulary is %d: action tokens would mean other numbers", m.ActionTokenTop, words.BaseSize())
	}
	if m.Navigation == nil {
		return r, nil
	}
	id, ok := words.ID(NavigationToken)
	if !ok {
		return nil, fmt.Errorf("navigation is set, but the tokenizer has no %s, which marks a mobile task", NavigationToken)
	}
	r.task = []int32{id}
	return r, nil
}

// Fork is a Reader for another goroutine.
func (r *Reader) Fork() *Reader {
	return &Reader{manifest: r.manifest, stats: r.stats, words: r.words, grammar: r.grammar, rules: r.rules, slicing: r.slicing, task: r.task}
}

// Manifest says what robot it reads for.
func (r *Reader) Manifest() checkpoint.Manifest { return r.manifest }

// Statistics it reads with, in the manifest's order.
func (r *Reader) Statistics() calibration.Statistics { return r.stats }

// Grammar of what may be said.
func (r *Reader) Grammar() *token.Grammar { return r.grammar }

// Plan is how composites of a size are encoded.
func (r *Reader) Plan(size vision.Size) (*vision.Plan, error) {
	if err := r.look(size); err != nil {
		return nil, err
	}
	return r.vision.Plan(), nil
}

// look prepares for images of a size.
func (r *Reader) look(size vision.Size) error {
	if r.vision != nil && r.vision.Plan().Image == size {
		return nil
	}
	plan, err := vision.NewPlan(r.rules, size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrObservation, err)
	}
	if r.vision, err = vision.NewPreprocessor(plan); err != nil {
		return fmt.Errorf("%w: %w", ErrObservation, err)
	}
	r.pixels = make([]float32, r.vision.Len())
	return nil
}

// Pixels are the crops of a composite, normalised; they last until the next call.
func (r *Reader) Pixels(image vision.Image) ([]float32, error) {
	if err := r.look(image.Size); err != nil {
		return nil, err
	}
	if err := r.vision.Pixels(r.pixels, image); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrObservation, err)
	}
	return r.pixels, nil
}

// Crops are the same before they are normalised: appended to dst, one after another, packed RGB.
func (r *Reader) Crops(dst []byte, image vision.Image) ([]byte, error) {
	if err := r.look(image.Size); err != nil {
		return dst, err
	}
	dst, err := r.vision.AppendCrops(dst, image)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrObservation, err)
	}
	return dst, nil
}

// Prompt is what is read besides the image; it lasts until the next call.
func (r *Reader) Prompt(obs model.Observation) (Prompt, error) {
	state, numbers, err := r.feel(obs)
	if err != nil {
		return Prompt{}, err
	}
	if obs.Mobile && r.task == nil {
		return Prompt{}, fmt.Errorf("%w: a mobile task, but the manifest %q has no navigation", ErrObservation, r.manifest.Name)
	}
	if r.slicing != text.Exact {
		return r.sliced(obs, state)
	}
	if r.prompt.Head == nil || r.instruction != obs.Instruction || r.mobile != obs.Mobile {
		var task []int32
		if obs.Mobile {
			task = r.task
		}
		prompt, err := r.words.Prompt(obs.Instruction, task)
		if err != nil {
			return Prompt{}, fmt.Errorf("%w: %w", ErrObservation, err)
		}
		r.prompt, r.instruction, r.mobile = prompt, obs.Instruction, obs.Mobile
	}
	r.after = append(append(append(r.after[:0], r.prompt.Task...), state...), r.prompt.Tail...)
	return Prompt{Before: r.prompt.Head, After: r.after, State: numbers, StateAt: len(r.prompt.Task)}, nil
}

// StateAt is where the proprioception stands in the After of the last Prompt.
func (r *Reader) StateAt() (from, to int) {
	from = len(r.prompt.Task)
	if r.manifest.ProprioceptionInput == "mlp" {
		return from, from + 1
	}
	return from, from + len(r.manifest.Proprioception)
}

// feel is the proprioception as ids, or as the numbers that the network's MLP takes and an id to stand for them.
func (r *Reader) feel(obs model.Observation) (ids []int32, numbers []float32, err error) {
	if r.manifest.ProprioceptionInput != "mlp" {
		ids, err = r.state(obs)
		return ids, nil, err
	}
	r.numbers, err = token.NormalState(r.numbers[:0], r.stats, obs.State)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrObservation, err)
	}
	return []int32{int32(r.grammar.Tokenizer().ID(1))}, r.numbers, nil
}

// sliced is the prompt with the original's slip.
func (r *Reader) sliced(obs model.Observation, state []int32) (Prompt, error) {
	if obs.Mobile {
		return Prompt{}, fmt.Errorf("%w: the original has no mobile tasks, so slicing %s has none", ErrObservation, r.slicing)
	}
	ids, err := r.words.PromptAs(r.slicing, obs.Instruction, state)
	if err != nil {
		return Prompt{}, fmt.Errorf("%w: %w", ErrObservation, err)
	}
	at := slices.Index(ids, text.ImageToken)
	if at < 0 {
		return Prompt{}, fmt.Errorf("%w: slicing %s overwrote the image in the prompt", ErrObservation, r.slicing)
	}
	return Prompt{Before: ids[:at], After: ids[at+1:]}, nil
}

// state is the proprioception as ids.
func (r *Reader) state(obs model.Observation) ([]int32, error) {
	bins := obs.Bins
	tok := r.grammar.Tokenizer()
	if len(bins) == 0 {
		var err error
		if bins, err = tok.State(r.stats, obs.State); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrObservation, err)
		}
	}
	if len(bins) != len(r.manifest.Proprioception) {
		return nil, fmt.Errorf("%w: %d numbers of proprioception, the manifest lists %d", ErrObservation, len(bins), len(r.manifest.Proprioception))
	}
	ids := make([]int32, len(bins))
	for i, digit := range bins {
		if digit < 1 || int(digit) > tok.Bins() {
			return nil, fmt.Errorf("%w: %s has bin %d, expected 1..%d", ErrObservation, r.manifest.Proprioception[i], digit, tok.Bins())
		}
		ids[i] = int32(tok.ID(digit))
	}
	return ids, nil
}

// Answer is what the network should say to decide a: ids as the grammar allows them, and the numbers in
// -1..1 that they were binned from; NaN for a direction. Both are appended.
func (r *Reader) Answer(a model.Action, mobile bool, ids []int32, values []float64) ([]int32, []float64, error) {
	nav := r.manifest.Navigation
	if mobile && nav == nil {
		return ids, values, fmt.Errorf("a mobile task, but the manifest %q has no navigation", r.manifest.Name)
	}
	tok := r.grammar.Tokenizer()
	if a.Navigation != nil {
		if !mobile {
			return ids, values, fmt.Errorf("%s in a task that is not mobile", token.DirectionName(a.Navigation.Direction))
		}
		said, err := r.grammar.Drive(a.Navigation.Direction, a.Navigation.Value)
		if err != nil {
			return ids, values, err
		}
		ids = append(ids, int32(said.DirectionToken), int32(said.ValueToken))
		if r.grammar.Directions() == nil {
			return ids, append(values, tok.Decode(said.DirectionToken), tok.Decode(said.ValueToken)), nil
		}
		span := nav.MaxTurn
		if said.Direction == token.Forward {
			span = nav.MaxForward
		}
		return ids, append(values, math.NaN(), min(max(a.Navigation.Value/span*2-1, -1), 1)), nil
	}
	if len(a.Steps) != r.manifest.Action.Chunk {
		return ids, values, fmt.Errorf("%d steps, the manifest's chunk is %d", len(a.Steps), r.manifest.Action.Chunk)
	}
	if mobile {
		for _, id := range r.grammar.Still() {
			ids, values = append(ids, int32(id)), append(values, math.NaN())
		}
	}
	for _, step := range a.Steps {
		said, err := tok.Step(r.stats, step)
		if err != nil {
			return ids, values, err
		}
		for i, id := range said {
			ids = append(ids, int32(id))
			values = append(values, min(max(token.Normalise(r.stats, i, step[i]), -1), 1))
		}
	}
	return ids, values, nil
}
