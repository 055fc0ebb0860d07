package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// Tolerances of Parity on an f32 engine: of a gradient, a part of its tensor's largest and an absolute
// rest; of weights, how far they may be after the steps. A vision key bias's gradient is zero in
// theory, as softmax does not see what all scores of a row have in common: Adam divides noise by noise there.
const (
	gradTolerance   = 1e-3
	gradRest        = 1e-6
	weightTolerance = 2e-5
	keyTolerance    = 3e-4
	strayTolerance  = 2e-3
)

// Parity is how far gradients and weights are from those that the original implementation computed.
type Parity struct {
	// Losses before each step and after the last, beside the reference's.
	Losses, WantLosses []float64
	// Tensors, one for the gradient of the first step and one for the weights after the last.
	Tensors []TensorParity
}

// TensorParity is that of one tensor.
type TensorParity struct {
	// Name in the file: grad.… or after3.…
	Name string
	// Max |difference|, and Scale, the largest reference value.
	Max, Scale, Tolerance float64
	// Beyond is how many of Values are further off than Tolerance.
	Beyond, Values int
	// Cosine between all values.
	Cosine float64
}

// LeastCosine is what the gradients of lower precisions are held to, against f32's.
const LeastCosine = 0.999

// strays is the part of all weights that may be beyond their tolerance: where the first gradient is a
// rounding error in a sum of numbers a million times its size, Adam divides it by itself, and the
// first step goes by the full rate one way or the other. They stay within the three rates together.
const strays = 1e-4

// OK says that everything is within its tolerance, which is an f32 engine's: all gradients, and all weights but strays.
func (p Parity) OK() bool {
	beyond, values := 0, 0
	for _, t := range p.Tensors {
		if strings.HasPrefix(t.Name, "grad.") {
			if !(t.Max <= t.Tolerance) {
				return false
			}
			continue
		}
		if !(t.Max <= strayTolerance) {
			return false
		}
		beyond, values = beyond+t.Beyond, values+t.Values
	}
	return values > 0 && float64(beyond) <= strays*float64(values)
}

// Cosine is the smallest cosine of a gradient with the reference's, but for those that are zero in theory.
func (p Parity) Cosine() float64 {
	least := 1.0
	for _, t := range p.Tensors {
		if strings.HasPrefix(t.Name, "grad.") && !isVisionKeyBias(t.Name) {
			least = math.Min(least, t.Cosine)
		}
	}
	return least
}

// IsTraining says whether a safetensors file holds a training to compare with.
func IsTraining(f *checkpoint.File) bool {
	for _, name := range f.Names() {
		if strings.HasPrefix(name, "grad.") {
			return f.Has("labels") && f.Has("pixel_values")
		}
	}
	return false
}

// ParityConfig is what CompareTraining computes with.
type ParityConfig struct {
	// Backend for the training; closed at the end.
	Backend nn.Gradients
	// Checkpoint that the reference started from.
	Checkpoint *checkpoint.Checkpoint
	// Path of the reference: a safetensors file with pre_ids, post_ids, pixel_values, labels, the first
	// step's grad.* and the weights after3.*, and info.json beside it, which says the optimiser.
	Path string
}

// CompareTraining repeats a training of the original implementation, three steps on one batch.
func CompareTraining(ctx context.Context, c ParityConfig) (report Parity, err error) {
	golden, err := checkpoint.OpenFile(c.Path)
	if err != nil {
		return report, err
	}
	defer golden.Close()
	r, err := readReference(golden, c.Path)
	if err != nil {
		return report, fmt.Errorf("%s: %w", c.Path, err)
	}
	config := c.Checkpoint.Config
	config.Image.AspectRatio = "square" // the reference has one crop
	size := vision.Size{Width: config.Vision.ImageSize, Height: config.Vision.ImageSize}
	plan, err := vision.NewPlan(llavavla.Rules(config), size)
	if err != nil {
		return report, err
	}
	first := r.lessons[0]
	s, err := newStudent(c.Backend, config, weights.Files{Weights: c.Checkpoint.Weights}, room{
		lessons: len(r.lessons), answer: len(first.Answer), rules: plan.Rules, image: size,
		positions: len(first.Before) + len(plan.Tokens) + len(first.After) + len(first.Answer),
	})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	everything, err := nn.NewSet(nn.IDRange{To: int32(config.Language.VocabRows)})
	if err != nil {
		return report, err
	}
	rows := len(r.lessons) * len(first.Answer)
	p := &pass{s: s, set: everything, scores: s.Tape.Buf(rows, everything.Size())}
	for _, l := range r.lessons {
		for _, id := range l.Answer {
			p.targets = append(p.targets, target{id: id, to: everything.Size(), column: int(id), weight: 1})
		}
	}
	report.WantLosses = r.losses
	for n := range len(r.losses) {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		s.Tape.ClearGrads()
		loss, err := p.run(r.pixels, r.lessons, float64(rows), true)
		if err != nil {
			return report, err
		}
		report.Losses = append(report.Losses, loss/float64(rows))
		if n == 0 {
			if err := report.compare(golden, s, "grad.", func(p *tape.Param) nn.Buf { return p.Grad }); err != nil {
				return report, err
			}
		}
		if n == len(r.losses)-1 {
			break
		}
		norm, err := s.Norm()
		if err != nil {
			return report, err
		}
		step := r.adam
		step.Step = n + 1
		step.Scale = math.Min(1, r.clip/(norm+1e-6))
		if err := s.Step(func(*tape.Param) nn.Adam { return step }); err != nil {
			return report, err
		}
	}
	return report, report.compare(golden, s, "after3.", func(p *tape.Param) nn.Buf { return p.Value })
}

// reference is a training as it stands in the file.
type reference struct {
	pixels  []float32
	lessons []llavavla.Lesson
	losses  []float64
	adam    nn.Adam
	clip    float64
}

func readReference(f *checkpoint.File, path string) (r reference, err error) {
	ids := func(name string) (ids []int32, rows int) {
		t, failed := f.Tensor(name)
		wide, wrong := t.Int64()
		err = errors.Join(err, failed, wrong)
		for _, id := range wide {
			ids = append(ids, int32(id))
		}
		if len(t.Shape) > 0 {
			rows = t.Shape[0]
		}
		return ids, rows
	}
	pre, _ := ids("pre_ids")
	post, _ := ids("post_ids")
	labels, batch := ids("labels")
	pixels, failed := f.Tensor("pixel_values")
	if err = errors.Join(err, failed); err != nil {
		return r, err
	}
	if r.pixels, err = pixels.F32(); err != nil {
		return r, err
	}
	if batch < 1 || len(labels)%batch != 0 || pixels.Shape[0] != batch {
		return r, fmt.Errorf("labels of %d sequences and pixel_values %v", batch, pixels.Shape)
	}
	n := len(labels) / batch
	for b := range batch {
		r.lessons = append(r.lessons, llavavla.Lesson{Prompt: llavavla.Prompt{Before: pre, After: post}, Answer: labels[b*n : (b+1)*n]})
	}
	info := filepath.Join(filepath.Dir(path), "info.json")
	data, err := os.ReadFile(info)
	if err != nil {
		return r, err
	}
	var said struct {
		Losses    []float64 `json:"losses_before_each_step_and_after"`
		Optimizer string    `json:"optimizer"`
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return r, fmt.Errorf("%s: %w", info, err)
	}
	r.losses = said.Losses
	number := func(pattern string) float64 {
		found := regexp.MustCompile(pattern + ` *([0-9.]+(?:e-?[0-9]+)?)`).FindStringSubmatch(said.Optimizer)
		if found == nil {
			err = errors.Join(err, fmt.Errorf("%s: optimizer %q does not say %s", info, said.Optimizer, pattern))
			return 0
		}
		x, wrong := strconv.ParseFloat(found[1], 64)
		err = errors.Join(err, wrong)
		return x
	}
	r.adam = nn.Adam{Rate: number("lr"), Beta1: number("betas"), Beta2: number("betas [0-9.]+,"), Eps: number("eps"), Decay: number("weight_decay")}
	r.clip = number("global norm")
	if len(r.losses) < 2 {
		err = errors.Join(err, fmt.Errorf("%s: %d losses, expected those before each step and after the last", info, len(r.losses)))
	}
	return r, err
}

func isVisionKeyBias(name string) bool {
	return strings.Contains(name, "vision") && strings.HasSuffix(name, "self_attn.k_proj.bias")
}

// compare adds the tensors of the file under a prefix.
func (r *Parity) compare(f *checkpoint.File, s *student, prefix string, of func(*tape.Param) nn.Buf) error {
	params := map[string]*tape.Param{}
	for _, p := range s.Params() {
		params[p.Name] = p
	}
	for _, name := range f.Names() {
		file, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		canonical, _ := checkpoint.Canonical(file)
		p := params[canonical]
		if p == nil {
			if strings.HasPrefix(canonical, "vision.post_layernorm.") { // nothing reads it
				continue
			}
			return fmt.Errorf("%s: the model has no parameter %s", name, canonical)
		}
		t, err := f.Tensor(name)
		if err != nil {
			return err
		}
		want, err := t.F32()
		if err != nil {
			return err
		}
		buf := of(p)
		got := make([]float32, buf.Rows*buf.Cols)
		if err := s.Tape.Read(got, buf); err != nil {
			return err
		}
		if len(got) != len(want) {
			return fmt.Errorf("%s is %v, the model's has %d numbers", name, t.Shape, len(got))
		}
		d := TensorParity{Name: name, Values: len(want)}
		var dot, aa, bb float64
		for i, w := range want {
			a, b := float64(got[i]), float64(w)
			if diff := math.Abs(a - b); diff > d.Max || diff != diff {
				d.Max = diff
			}
			d.Scale = max(d.Scale, math.Abs(b))
			dot, aa, bb = dot+a*b, aa+a*a, bb+b*b
		}
		d.Cosine = dot / math.Sqrt(aa*bb)
		switch {
		case prefix == "grad.":
			d.Tolerance = gradTolerance*d.Scale + gradRest
		case isVisionKeyBias(name):
			d.Tolerance = keyTolerance
		default:
			d.Tolerance = weightTolerance
		}
		for i, w := range want {
			if !(math.Abs(float64(got[i])-float64(w)) <= d.Tolerance) {
				d.Beyond++
			}
		}
		r.Tensors = append(r.Tensors, d)
	}
	return nil
}
