package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/text"
	"cobot_vla/model/token"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// Result of a run.
type Result struct {
	// Step that was reached, of Steps; less when the time was up.
	Step, Steps int
	// Parameters that were learned, and all.
	Learned, Parameters int
	// Held is the last look at held-out examples; nil without any.
	Held *Diagnosis
}

// Run trains until the steps are done, the budget is spent or ctx ends, and leaves
// in Out a checkpoint that the policy node loads, and the state to go on from. A run that
// was ended, or killed, continues when it is called again with the same Config.
func Run(ctx context.Context, c Config, data Data) (Result, error) {
	if err := c.Validate(); err != nil {
		return Result{}, err
	}
	r, err := open(c, data)
	if err != nil {
		return Result{}, err
	}
	result, err := r.train(ctx)
	return result, errors.Join(err, r.s.close())
}

// run is a run that is set up.
type run struct {
	Config
	data    Data
	binding Binding
	asked   Config // as it was given: Steps may be 0
	model   checkpoint.Config
	stats   calibration.Statistics
	grammar *token.Grammar
	s       *student
	teacher *teacher
	begun   int // step it resumed at
	planned bool
}

func open(c Config, data Data) (_ *run, err error) {
	r := &run{Config: c, data: data, binding: data.Binding()}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return nil, err
	}
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
	b, err := cpu.New(cpu.Config{Precision: c.Precision, Threads: c.Threads})
	if err != nil {
		return nil, err
	}
	if err := r.build(b, src, words); err != nil {
		return nil, errors.Join(err, b.Close())
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

func (r *run) build(b nn.Gradients, src weights.Source, words *text.Tokenizer) error {
	g, v := r.data.Geometry(), r.model.Vision
	if g.Side != v.ImageSize {
		return fmt.Errorf("the data's images are %d px a side, the model's %d", g.Side, v.ImageSize)
	}
	vocabulary, err := newVocabulary(r.binding.Manifest, r.grammar)
	if err != nil {
		return err
	}
	if highest := int(vocabulary.set.Max()); highest >= r.model.Language.VocabRows {
		return fmt.Errorf("the manifest's tokens go up to %d, the model has %d", highest, r.model.Language.VocabRows)
	}
	size := vision.Size{Width: v.ImageSize, Height: v.ImageSize}
	if r.s, err = newStudent(b, r.model, src, room{lessons: r.Micro, positions: g.Visual + g.Longest, answer: g.Longest, image: size}); err != nil {
		return err
	}
	if n := len(r.s.plan.Tokens); n != g.Visual || r.s.plan.Encoded != g.Crops {
		return fmt.Errorf("the data say %d crops and %d visual tokens, the model makes %d and %d of an image", g.Crops, g.Visual, r.s.plan.Encoded, n)
	}
	if err := r.s.freeze(r.Freeze); err != nil {
		return err
	}
	r.teacher = newTeacher(r.s, vocabulary, g, r.Micro, r.Smoothing)
	if r.teacher.placeholder, err = placeholder(words, r.Blank); err != nil {
		return err
	}
	r.teacher.blank = r.Blank
	var steps int
	if r.begun, steps, err = readState(r.Out, r.s, r.Config); err != nil {
		return err
	}
	r.asked = r.Config
	if r.Steps == 0 {
		r.Steps, r.planned = steps, steps > 0
	}
	return nil
}

// pace is how many steps a plan is made after: the first few are slow, as buffers are made.
const pace = 20

// steps that were given or planned; 0 as long as there is no plan.
func (r *run) steps() int {
	if r.asked.Steps == 0 && !r.planned {
		return 0
	}
	return r.Steps
}

// plan sets the steps by the time that one takes, when they were left open.
func (r *run) plan(done int, took time.Duration) {
	if r.Steps > 0 && (r.planned || r.asked.Steps > 0) {
		return
	}
	if done < pace {
		r.Steps = max(r.Steps, r.begun+2*pace) // as good as any: the rate is rising
		return
	}
	// What is left after a last look, a state and a checkpoint.
	r.Steps = r.begun + max(pace, int(0.97*float64(r.Budget)/(float64(took)/float64(done))))
	r.planned = true
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

func (r *run) train(ctx context.Context) (Result, error) {
	began := r.Now()
	result := Result{Step: r.begun}
	result.Learned, result.Parameters = r.s.parameters()
	log, err := openLog(r.Out, r.begun)
	if err != nil {
		return result, err
	}
	defer log.close()
	batches := ahead(ctx, r.data, r.Seed, r.begun, r.Batch)
	defer batches.end()
	r.plan(0, 0)
	p := Progress{Resumed: r.begun}
	saved := r.begun
	for step := r.begun; step < r.Steps; step++ {
		out := r.Budget > 0 && r.Now().Sub(began) >= r.Budget
		if ctx.Err() != nil || out {
			break
		}
		examples, err := batches.next()
		if err != nil {
			return result, err
		}
		if err := r.step(step, examples, &p); err != nil {
			return result, fmt.Errorf("step %d: %w", step+1, err)
		}
		batches.done(examples)
		result.Step = step + 1
		p.Step, p.Took, p.Held = step+1, r.Now().Sub(began), nil
		r.plan(step+1-r.begun, p.Took)
		p.Steps = r.Steps
		if r.DiagnoseEvery > 0 && (step+1)%r.DiagnoseEvery == 0 && step+1 < r.Steps {
			if err := r.diagnose(ctx, &result); err != nil {
				return result, err
			}
			p.Held = result.Held
		}
		if err := log.add(&p); err != nil {
			return result, err
		}
		r.Report(p)
		if (step+1)%r.SaveEvery == 0 {
			if err := errors.Join(log.out.Flush(), writeState(r.Out, r.s, step+1, r.steps(), r.asked)); err != nil {
				return result, err
			}
			saved = step + 1
		}
	}
	result.Steps = r.Steps
	return result, r.finish(ctx, &result, log, saved)
}

// finish leaves the state, the checkpoint, a last diagnosis and the curves. A run that is being ended
// leaves all but the diagnosis.
func (r *run) finish(ctx context.Context, result *Result, log *runLog, saved int) error {
	if result.Step != saved || result.Step == 0 {
		if err := writeState(r.Out, r.s, result.Step, r.steps(), r.asked); err != nil {
			return err
		}
	}
	if err := writeCheckpoint(r.Out, r.s, r.model, r.binding, checkpoint.DType(r.Stored)); err != nil {
		return err
	}
	if ctx.Err() == nil {
		if err := r.diagnose(ctx, result); err != nil {
			return err
		}
		if result.Held != nil && result.Step > r.begun {
			if err := log.add(&Progress{Step: result.Step, Steps: r.Steps, Held: result.Held, Loss: math.NaN()}); err != nil {
				return err
			}
		}
	}
	if err := log.close(); err != nil {
		return err
	}
	return errors.Join(ctx.Err(), Curves(r.Out))
}

func (r *run) diagnose(ctx context.Context, result *Result) error {
	held := r.data.Held()
	if held == nil || held.Len() < 2 || r.Held < 2 {
		return nil
	}
	d, err := r.teacher.diagnose(ctx, held, r.Held, r.grammar, r.stats)
	if err == nil {
		result.Held = d
	}
	return err
}

// step is one step of the optimiser.
func (r *run) step(step int, examples []Example, p *Progress) error {
	r.s.tape.ClearGrads()
	r.teacher.source.Seed(r.Seed, uint64(step))
	r.teacher.rng = r.teacher.drawn
	loss, tokens, err := r.teacher.look(examples, true)
	r.teacher.rng = nil
	if err != nil {
		return err
	}
	norm, err := r.s.gradNorm()
	if err != nil {
		return err
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return fmt.Errorf("the gradient's length is %v: the training diverged; lower the learning rate", norm)
	}
	scale := 1.0
	if r.Clip > 0 {
		scale = math.Min(1, r.Clip/(norm+1e-6))
	}
	factor := r.factor(step)
	rule := nn.Adam{Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Epsilon, Scale: scale, Step: step + 1}
	p.Loss, p.GradNorm, p.Rate = loss, norm, r.Rate*factor
	p.Tokens += tokens
	p.Examples += len(examples)
	return r.s.step(func(param *tape.Param) nn.Adam {
		a := rule
		a.Rate = r.Rate * factor
		if r.VisionRate > 0 && (strings.HasPrefix(param.Name, "vision.") || strings.HasPrefix(param.Name, "projector.")) {
			a.Rate = r.VisionRate * factor
		}
		if param.Matrix {
			a.Decay = r.Decay
		}
		return a
	})
}

// batches are drawn by a goroutine of their own, one ahead.
type batches struct {
	full, empty chan []Example
	failed      error // read after full is closed
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

func (b *batches) next() ([]Example, error) {
	examples, ok := <-b.full
	if !ok {
		return nil, fmt.Errorf("sampling: %w", errors.Join(b.failed, errEnded))
	}
	return examples, nil
}

var errEnded = errors.New("no more batches")

func (b *batches) done(examples []Example) { b.empty <- examples }

// end waits for the goroutine.
func (b *batches) end() {
	b.stop()
	for range b.full {
	}
}
