package train

import (
	"fmt"
	"math"
	"math/rand/v2"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/text"
	"cobot_vla/model/token"
)

// Toy is data that need no robot, for measurements and tests: a bright square stands somewhere in a dim
// picture, and the arm shall go there, by a part of the way from where it is. A model that does not see, or
// does not read its state, can't know where.
type Toy struct {
	side    int
	binding Binding
	stats   calibration.Statistics
	grammar *token.Grammar
	prompt  text.Prompt
	chunk   int
}

// NewToy makes the data for pictures of that side [px], for an arm of 6 joints and a gripper.
func NewToy(side int) (*Toy, error) {
	l := text.Learning{Texts: []string{"go to the square"}, Merges: 200, Added: []string{"<Navigation>", "<image>"}}
	for digit := 256; digit > 0; digit-- {
		l.Reserved = append(l.Reserved, fmt.Sprintf("<action_%d>", digit))
	}
	file, err := text.Learn(l)
	if err != nil {
		return nil, err
	}
	words, err := text.Parse(file)
	if err != nil {
		return nil, err
	}
	t := &Toy{side: side, chunk: 5}
	names := []string{"left_joint1", "left_joint2", "left_joint3", "left_joint4", "left_joint5", "left_joint6", "left_gripper"}
	t.stats = calibration.Statistics{StateNames: names, ActionNames: names}
	for i := range names {
		span := 1.0
		if i == len(names)-1 {
			span = 0.035
		}
		t.stats.Mean, t.stats.Std = append(t.stats.Mean, 0), append(t.stats.Std, span/2)
		t.stats.ActMin, t.stats.ActMax = append(t.stats.ActMin, -span), append(t.stats.ActMax, span)
	}
	t.binding = Binding{Tokenizer: file, Manifest: checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: "toy", Robot: "cobot_magic",
		Action:         checkpoint.ActionSpec{Names: names, Mode: "absolute", Chunk: t.chunk, Period: 0.1},
		Proprioception: names, Cameras: []string{"front", "left"}, Layout: "stack", Statistics: "statistics.yaml",
		ActionTokenTop: uint32(words.BaseSize()), ActionBins: 256, ActionEdges: "uniform", MaxObservationAge: 1,
	}}
	if t.binding.Statistics, err = t.stats.YAML("Of the toy."); err != nil {
		return nil, err
	}
	if t.grammar, err = token.NewGrammar(t.binding.Manifest, t.stats); err != nil {
		return nil, err
	}
	t.prompt, err = words.Prompt("go to the square", nil)
	return t, err
}

// Binding of the toy.
func (t *Toy) Binding() Binding { return t.binding }

// Geometry of the toy: one crop and a newline.
func (t *Toy) Geometry() Geometry {
	dims := len(t.stats.ActMin)
	grid := t.side / 14
	g := Geometry{
		Side: t.side, Crops: 1, Visual: grid*grid + 1,
		Longest: len(t.prompt.Head) + len(t.prompt.Task) + dims + len(t.prompt.Tail) + t.chunk*dims,
	}
	if t.binding.Manifest.ProprioceptionInput == "mlp" {
		g.State = dims
	}
	return g
}

// Sample draws places and states.
func (t *Toy) Sample(seed, step uint64, into []Example) error {
	rng := rand.New(rand.NewPCG(seed, step))
	for i := range into {
		if err := t.draw(rng, &into[i]); err != nil {
			return err
		}
	}
	return nil
}

// Held are 64 examples of another generator.
func (t *Toy) Held() Held { return heldToy{t} }

type heldToy struct{ t *Toy }

func (h heldToy) Len() int { return 64 }
func (h heldToy) At(i int, e *Example) error {
	return h.t.draw(rand.New(rand.NewPCG(0xe1d, uint64(i))), e)
}

func (t *Toy) draw(rng *rand.Rand, e *Example) error {
	across, down := rng.Float64(), rng.Float64()
	if len(e.Pixels) != t.side*t.side*3 {
		e.Pixels = make([]byte, t.side*t.side*3)
	}
	for i := range e.Pixels {
		e.Pixels[i] = byte(40 + rng.IntN(16))
	}
	size := t.side / 6
	left, top := int(across*float64(t.side-size)), int(down*float64(t.side-size))
	for y := top; y < top+size; y++ {
		for x := left; x < left+size; x++ {
			copy(e.Pixels[(y*t.side+x)*3:], []byte{220, 180, 60})
		}
	}
	tok, dims := t.grammar.Tokenizer(), len(t.stats.ActMin)
	state := make([]float64, dims)
	for i := range state {
		state[i] = t.stats.ActMax[i] * (2*rng.Float64() - 1)
	}
	digits, err := tok.State(t.stats, state)
	if err != nil {
		return err
	}
	if e.State = e.State[:0]; t.binding.Manifest.ProprioceptionInput == "mlp" {
		if e.State, err = token.NormalState(e.State, t.stats, state); err != nil {
			return err
		}
		digits = digits[:1] // one token stands for all
	}
	e.Before = t.prompt.Head
	e.After = append(e.After[:0], t.prompt.Task...)
	e.StateFrom = len(e.After)
	for _, id := range tok.IDs(digits) {
		e.After = append(e.After, int32(id))
	}
	e.StateTo = len(e.After)
	e.After = append(e.After, t.prompt.Tail...)
	e.Labels, e.Values, e.Weights = e.Labels[:0], e.Values[:0], nil
	for step := range t.chunk {
		for i := range dims {
			goal := [2]float64{2*across - 1, 2*down - 1}[i%2] * math.Cos(float64(i)/2)
			along := 0.4 + 0.15*float64(step)
			x := state[i]/t.stats.ActMax[i]*(1-along) + goal*along
			e.Labels = append(e.Labels, int32(tok.Encode(x)))
			e.Values = append(e.Values, max(-1, min(1, x)))
		}
	}
	return nil
}
