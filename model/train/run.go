package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/text"
	"cobot_vla/model/token"
	"cobot_vla/model/train/course"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// Run trains until the steps are done, the budget is spent or ctx ends, and leaves
// in Out a checkpoint that the policy node loads, and the state to go on from. A run that
// was ended, or killed, continues when it is called again with the same Config.
func Run(ctx context.Context, c Config, data Data) (result course.Result, err error) {
	if err := c.Validate(); err != nil {
		return result, err
	}
	r, err := open(c, data)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.class.close()) }()
	if err := r.begin(); err != nil {
		return result, err
	}
	batches := ahead(ctx, r.data, r.Seed, r.course.Begins(), r.Batch)
	defer batches.end()
	r.draw = batches.next
	return r.course.Run(ctx, r)
}

// Look looks at held-out examples with the weights of the checkpoint From, as a run does at its end. Of c, From, Micro, Held,
// Precision and Threads count.
func Look(ctx context.Context, c Config, data Data) (d *course.Diagnosis, err error) {
	r, err := open(c, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.class.close()) }()
	return r.Look(ctx)
}

// begin sets the course up, where it was left.
func (r *run) begin() (err error) {
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return err
	}
	r.course, err = course.Open(course.Config{
		Out: r.Out, Asked: r.Config, Steps: r.Steps, Rate: r.Rate, Clip: r.Clip, Pace: r.Pace,
	}, r.s.Optimiser)
	return err
}

// run is a run that is set up.
type run struct {
	Config
	data    Data
	binding Binding
	model   checkpoint.Config
	stats   calibration.Statistics
	grammar *token.Grammar
	s       *student // the first teacher's, whose parameters the optimiser moves
	class   *class
	course  *course.Course
	draw    func() ([]Example, error) // the next step's
}

func open(c Config, data Data) (_ *run, err error) {
	r := &run{Config: c, data: data, binding: data.Binding()}
	words, err := text.Parse(r.binding.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("the data's tokenizer: %w", err)
	}
	if r.stats, err = calibration.ParseStatistics("the data's statistics", r.binding.Statistics); err != nil {
		return nil, err
	}
	if r.grammar, err = token.NewGrammar(r.binding.Manifest, r.stats); err != nil {
		return nil, err
	}
	src, close, err := r.start(words)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, close()) }()
	r.class = &class{micro: c.Micro, copies: course.NewCopies(min(c.Copies, c.Batch/c.Micro), c.Threads)}
	for range r.class.copies.N {
		b, err := cpu.New(cpu.Config{Precision: c.Precision, Threads: r.class.copies.Threads})
		if err != nil {
			return nil, errors.Join(err, r.class.close())
		}
		t, err := r.teacher(b, src, words)
		if err != nil {
			return nil, errors.Join(err, b.Close(), r.class.close())
		}
		r.class.teachers = append(r.class.teachers, t)
		if r.s == nil {
			r.s = t.s
		} else if err := r.s.Beside(t.s.Tape); err != nil {
			return nil, errors.Join(err, r.class.close())
		}
	}
	return r, nil
}

// start is the weights that the run starts with; it sets the model's config.
func (r *run) start(words *text.Tokenizer) (src weights.Source, close func() error, err error) {
	if r.From == "" {
		if r.model, err = preset(r.Preset, words, r.data.Geometry()); err != nil {
			return nil, nil, err
		}
		first, last := r.grammar.Tokenizer().Range()
		return fresh{config: r.model, seed: r.Seed, first: int(first), last: int(last)}, func() error { return nil }, nil
	}
	files, err := checkpoint.Open(r.From)
	if err != nil {
		return nil, nil, err
	}
	tok, err := files.Tokenizer()
	if err == nil && (tok.BaseSize() != words.BaseSize() || tok.Len() != words.Len()) {
		err = fmt.Errorf("%s: its tokenizer has %d + %d tokens, the data were prepared with %d + %d: prepare them with the checkpoint's", r.From, tok.BaseSize(), tok.Len()-tok.BaseSize(), words.BaseSize(), words.Len()-words.BaseSize())
	}
	if err != nil {
		return nil, nil, errors.Join(err, files.Close())
	}
	r.model = files.Config
	return weights.Files{Weights: files.Weights}, files.Close, nil
}

// teacher builds one with a model of its own on b.
func (r *run) teacher(b nn.Gradients, src weights.Source, words *text.Tokenizer) (*teacher, error) {
	g, v := r.data.Geometry(), r.model.Vision
	if g.Side != v.ImageSize {
		return nil, fmt.Errorf("the data's images are %d px a side, the model's %d", g.Side, v.ImageSize)
	}
	if g.State != r.model.Proprioception {
		return nil, fmt.Errorf("the data have %d numbers of proprioception for an MLP, the model's takes %d: prepare them for the model", g.State, r.model.Proprioception)
	}
	vocabulary, err := newVocabulary(r.grammar)
	if err != nil {
		return nil, err
	}
	if highest := int(vocabulary.set.Max()); highest >= r.model.Language.VocabRows {
		return nil, fmt.Errorf("the manifest's tokens go up to %d, the model has %d", highest, r.model.Language.VocabRows)
	}
	rules, size, err := llavavla.BindRules(llavavla.Rules(r.model), r.binding.Manifest)
	if err != nil {
		return nil, err
	}
	if size == (vision.Size{}) {
		size = vision.Size{Width: v.ImageSize, Height: v.ImageSize}
	}
	s, err := newStudent(b, r.model, src, room{lessons: r.Micro, positions: g.Visual + g.Longest, answer: g.Longest, rules: rules, image: size}, r.Freeze...)
	if err != nil {
		return nil, err
	}
	if n := len(s.plan.Tokens); n != g.Visual || s.plan.Encoded != g.Crops {
		return nil, fmt.Errorf("the data say %d crops and %d visual tokens, the model makes %d and %d of an image", g.Crops, g.Visual, s.plan.Encoded, n)
	}
	t := newTeacher(s, vocabulary, g, r.Micro, r.Smoothing)
	t.blank = r.Blank
	t.placeholder, err = placeholder(words, r.Blank)
	return t, err
}

// placeholder is the token that stands where an answer's is blank.
func placeholder(words *text.Tokenizer, blank float64) (int32, error) {
	const name = "<|endoftext|>"
	id, ok := words.ID(name)
	if !ok && blank > 0 {
		return 0, fmt.Errorf("blank is %g, but the tokenizer has no %s to stand there", blank, name)
	}
	return id, nil
}

// Look implements course.Student.
func (r *run) Look(ctx context.Context) (*course.Diagnosis, error) {
	held := r.data.Held()
	if held == nil || held.Len() < 2 || r.Held < 2 {
		return nil, nil
	}
	return r.class.diagnose(ctx, held, r.Held, r.grammar, r.stats)
}

// Gradients implements course.Student.
func (r *run) Gradients(step int) (course.Batch, error) {
	examples, err := r.draw()
	if err != nil {
		return course.Batch{}, err
	}
	loss, tokens, err := r.class.read(lesson{examples: examples, back: true, seed: r.Seed, step: uint64(step)})
	return course.Batch{Loss: loss, Tokens: tokens, Examples: len(examples)}, err
}

// Factor implements course.Student.
func (r *run) Factor(step, steps int) float64 { return r.factor(step, steps) }

// Rule implements course.Student.
func (r *run) Rule(p *tape.Param, factor float64) nn.Adam {
	a := nn.Adam{Rate: r.Rate * factor, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Epsilon}
	if r.VisionRate > 0 && (strings.HasPrefix(p.Name, "vision.") || strings.HasPrefix(p.Name, "projector.")) {
		a.Rate = r.VisionRate * factor
	}
	if p.Matrix {
		a.Decay = r.Decay
	}
	return a
}

// Save implements course.Student.
func (r *run) Save() error {
	return writeCheckpoint(r.Out, r.s, r.model, r.binding, checkpoint.DType(r.Stored))
}

// batches are drawn by a goroutine of their own, one ahead.
type batches struct {
	full, empty chan []Example
	failed      error // read after full is closed
	taken       []Example
	stop        context.CancelFunc
}

func ahead(ctx context.Context, s Sampler, seed uint64, from, size int) *batches {
	ctx, stop := context.WithCancel(ctx)
	b := &batches{full: make(chan []Example), empty: make(chan []Example, 2), stop: stop}
	b.empty <- make([]Example, size)
	b.empty <- make([]Example, size)
	go func() {
		defer close(b.full)
		for step := from; ; step++ {
			var examples []Example
			select {
			case examples = <-b.empty:
			case <-ctx.Done():
				return
			}
			if b.failed = s.Sample(seed, uint64(step), examples); b.failed != nil {
				return
			}
			select {
			case b.full <- examples:
			case <-ctx.Done():
				return
			}
		}
	}()
	return b
}

// next takes back the batch that it gave before.
func (b *batches) next() ([]Example, error) {
	if b.taken != nil {
		b.empty <- b.taken
	}
	var ok bool
	if b.taken, ok = <-b.full; !ok {
		return nil, fmt.Errorf("sampling: %w", errors.Join(b.failed, errEnded))
	}
	return b.taken, nil
}

var errEnded = errors.New("no more batches")

// end waits for the goroutine.
func (b *batches) end() {
	b.stop()
	for range b.full {
	}
}
