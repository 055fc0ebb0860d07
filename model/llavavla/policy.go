package llavavla

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/token"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// NavigationToken marks a mobile task, behind the instruction (LLaVA-VLA, section IV.D). A
// checkpoint whose manifest has a navigation part has it among its added tokens.
const NavigationToken = "<Navigation>"

// ErrObservation: what the robot saw or felt is not what the manifest says.
var ErrObservation = errors.New("the observation does not fit the policy")

// Policy is a Model bound to a robot by its checkpoint's manifest.
type Policy struct {
	*Reader
	config  Config
	model   *Model
	b       nn.Backend
	penalty float32

	directions, values *nn.Set // what may be said
	costs              *Costs

	previous chunk
	answer   []int32
	guess    []int32
}

var _ model.Policy = (*Policy)(nil)

// chunk is what was decided before, from which the next decision is guessed.
type chunk struct {
	stamp  time.Time
	tokens []int32 // chunk x dims; none after driving
}

// Open loads a checkpoint directory with its manifest.yaml onto the processor,
// from converted weights where Convert has put them.
func Open(dir string, c Config) (*Policy, error) {
	return open(dir, c, func(files *checkpoint.Checkpoint) (nn.Backend, error) {
		with, err := weights.Packed(files.Dir, files.Weights, c.CPU)
		if err != nil {
			return nil, err
		}
		b, err := cpu.New(with)
		if err != nil {
			return nil, err
		}
		return b, nil
	})
}

// OpenOn is Open on any backend, which the policy's Close, or a failure to load, closes.
func OpenOn(b nn.Backend, dir string, c Config) (*Policy, error) {
	return open(dir, c, func(*checkpoint.Checkpoint) (nn.Backend, error) { return b, nil })
}

func open(dir string, c Config, backend func(*checkpoint.Checkpoint) (nn.Backend, error)) (*Policy, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "manifest.yaml")
	manifest, err := checkpoint.ReadManifest(path)
	if err != nil {
		return nil, err
	}
	if manifest.Kind != "llavavla" {
		return nil, fmt.Errorf("%s: kind is %q, this is the policy llavavla", path, manifest.Kind)
	}
	stats, err := manifest.LoadStatistics(path)
	if err != nil {
		return nil, err
	}
	files, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	words, err := files.Tokenizer()
	if err != nil {
		return nil, err
	}
	want := 0
	if manifest.ProprioceptionInput == "mlp" {
		want = len(manifest.Proprioception)
	}
	if files.Config.Proprioception != want {
		return nil, fmt.Errorf("%s: proprioception_input is %q of %d numbers, the network's MLP takes %d", path, cmp.Or(manifest.ProprioceptionInput, "tokens"), len(manifest.Proprioception), files.Config.Proprioception)
	}
	p := &Policy{config: c, penalty: float32(files.Generation.RepetitionPenalty)}
	rules, _, err := BindRules(Rules(files.Config), manifest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if p.Reader, err = NewReader(manifest, stats, words, rules); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.slicing = c.Slicing
	if err := p.bind(files); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	positions := c.Positions
	if positions == 0 {
		positions = min(8192, files.Config.Language.MaxPositions)
	}
	if p.b, err = backend(files); err != nil {
		return nil, err
	}
	if p.model, err = Load(p.b, files, Options{Positions: positions, Window: 1 + p.grammar.Actions()}); err != nil {
		return nil, errors.Join(err, p.b.Close())
	}
	return p, nil
}

// bind checks the manifest's tokens against the checkpoint and prepares the sets of what may be said.
func (p *Policy) bind(c *checkpoint.Checkpoint) error {
	predictable := int32(c.Predictable(p.words))
	first, last := p.grammar.Tokenizer().Range()
	ranges := []nn.IDRange{{From: int32(first), To: int32(last) + 1}}
	var err error
	if p.values, err = nn.NewSet(ranges...); err != nil {
		return err
	}
	if directions := p.grammar.Directions(); directions != nil {
		ids := make([]int32, len(directions))
		for i, id := range directions {
			if ids[i] = int32(id); ids[i] >= predictable || ids[i] < 0 {
				return fmt.Errorf("navigation.direction_tokens[%d] is %d, the model can say 0..%d", i, id, predictable-1)
			}
		}
		if p.directions, err = nn.IDs(ids...); err != nil {
			return err
		}
	}
	if p.values.Max() >= predictable {
		return fmt.Errorf("action_token_top is %d, the model can say 0..%d", p.manifest.ActionTokenTop, predictable-1)
	}
	return nil
}

// Model is the network.
func (p *Policy) Model() *Model { return p.model }

// Close frees the weights.
func (p *Policy) Close() error { return p.b.Close() }

// Reset forgets the last decision, which the next would be guessed from.
func (p *Policy) Reset() { p.previous = chunk{tokens: p.previous.tokens[:0]} }

// Act decides on one observation.
func (p *Policy) Act(ctx context.Context, obs model.Observation, emit func(step int, values []float64, tokens []uint32)) (model.Action, error) {
	if err := ctx.Err(); err != nil {
		return model.Action{}, err
	}
	watch := stopwatch{now: p.config.Now, last: p.config.Now()}
	prompt, err := p.read(obs)
	if err != nil {
		return model.Action{}, err
	}
	watch.lap("preprocess")
	watch.begin(p.b)

	image, err := p.model.Encode(p.pixels, p.vision.Plan())
	if err != nil {
		return model.Action{}, err
	}
	if err := watch.stage(ctx, "vision", p.b); err != nil {
		return model.Action{}, err
	}

	hidden, err := p.model.Prefill(prompt, image)
	if err != nil {
		return model.Action{}, err
	}
	if err := watch.stage(ctx, "prefill", p.b); err != nil {
		return model.Action{}, err
	}

	action, err := p.decode(ctx, obs, hidden, emit)
	if err != nil {
		return model.Action{}, err
	}
	if err := watch.end("decode"); err != nil {
		return model.Action{}, err
	}
	action.Timings = watch.laps
	return action, nil
}

// read turns an observation into pixels and a prompt.
func (p *Policy) read(obs model.Observation) (Prompt, error) {
	if _, err := p.Pixels(vision.Image{Size: vision.Size{Width: obs.Width, Height: obs.Height}, Pix: obs.Image}); err != nil {
		return Prompt{}, err
	}
	return p.Prompt(obs)
}

// decode says the action, and each step of it as soon as its tokens are certain.
func (p *Policy) decode(ctx context.Context, obs model.Observation, hidden nn.Buf, emit func(int, []float64, []uint32)) (model.Action, error) {
	lead := 0 // tokens before the steps
	if obs.Mobile {
		lead = p.grammar.Lead()
	}
	dims := len(p.manifest.Action.Names)
	var said, step []uint32
	var failure error
	emitted := 0 // steps; what a mobile task's decision begins with belongs to none
	d := Decoding{
		Penalty: p.penalty,
		Grammar: func(answer []int32) *nn.Set { return p.allowed(answer, obs.Mobile) },
		Emit: func(i int, id int32) {
			if i < lead {
				said = append(said, uint32(id))
				return
			}
			if lead > 0 {
				if d, ok := p.grammar.Direction(said); !ok || d != token.Stop {
					return
				}
			}
			if step = append(step, uint32(id)); len(step) < dims {
				return
			}
			values, err := p.grammar.Tokenizer().Values(p.stats, step)
			if failure = errors.Join(failure, err); failure == nil && emit != nil {
				emit(emitted, values, step)
			}
			emitted++
			step = nil // the receiver keeps what it got
		},
	}
	var err error
	if p.config.Parallel && p.costs != nil { // it was measured, which a device that runs ahead of the host is not
		p.answer, err = p.model.Parallel(ctx, p.answer[:0], hidden, d, p.expect(obs), p.costs)
	} else {
		p.answer, err = p.model.Greedy(ctx, p.answer[:0], hidden, d)
	}
	if err = errors.Join(err, failure); err != nil {
		return model.Action{}, err
	}
	ids := make([]uint32, len(p.answer))
	for i, id := range p.answer {
		ids[i] = uint32(id)
	}
	action, err := p.grammar.Parse(ids, obs.Mobile)
	if err != nil {
		return model.Action{}, err
	}
	p.previous.stamp = obs.Stamp
	p.previous.tokens = p.previous.tokens[:0]
	if action.Navigation == nil {
		p.previous.tokens = append(p.previous.tokens, p.answer[len(p.answer)-p.grammar.Actions():]...)
	}
	return action, nil
}

// allowed is the set of ids that may follow.
func (p *Policy) allowed(answer []int32, mobile bool) *nn.Set {
	first := uint32(0)
	if len(answer) > 0 {
		first = uint32(answer[0])
	}
	if p.grammar.At(len(answer), first, mobile) == nil {
		return nil
	}
	if mobile && len(answer) == 0 && p.directions != nil {
		return p.directions
	}
	return p.values
}

// expect guesses the answer: the previous chunk as far as it overlaps, its last
// step repeated after that, else the present state repeated.
func (p *Policy) expect(obs model.Observation) []int32 {
	p.guess = p.guess[:0]
	if obs.Mobile { // the direction is certain before the first guess is fed
		for _, id := range p.grammar.Still() {
			p.guess = append(p.guess, int32(id))
		}
	}
	dims, n := len(p.manifest.Action.Names), p.grammar.Actions()
	if len(p.previous.tokens) == n {
		period := time.Duration(p.manifest.Action.Period * float64(time.Second))
		passed := int((obs.Stamp.Sub(p.previous.stamp) + period/2) / period)
		from := min(max(passed, 0)*dims, n-dims)
		p.guess = append(p.guess, p.previous.tokens[from:]...)
		for range n - (n - from) {
			p.guess = append(p.guess, p.guess[len(p.guess)-dims])
		}
		return p.guess
	}
	if len(obs.State) != len(p.manifest.Proprioception) || p.manifest.Action.Mode != "absolute" {
		return p.guess
	}
	for range p.manifest.Action.Chunk {
		for i, name := range p.manifest.Action.Names {
			at := slices.Index(p.manifest.Proprioception, name)
			if at < 0 {
				return p.guess
			}
			x := token.Normalise(p.stats, i, obs.State[at])
			p.guess = append(p.guess, int32(p.grammar.Tokenizer().Encode(x)))
		}
	}
	return p.guess
}
