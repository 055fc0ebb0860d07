package distill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/golden"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/vitavla"
	"cobot_vla/model/weights"
)

// Tolerances on an f32 engine: of losses, of a gradient as a part of its tensor's
// largest and an absolute rest, and of weights after the steps. The same training in
// double precision differs by less than 1e-5 in each of these, plain loops by 2e-5 in one weight.
const (
	lossTolerance   = 1e-5
	gradTolerance   = 2e-5
	gradRest        = 1e-7
	weightTolerance = 3e-5 // where a gradient is zero but for rounding, Adam divides rounding by rounding
)

// variant of a training in a golden file.
type variant struct {
	stage Stage
	align Align
	act   ActionLoss
	rate  float64
}

var variants = map[string]variant{
	"stage1_mse":      {stage: AlignStage, align: SquaredDistance, rate: 1e-3},
	"stage1_l2norm":   {stage: AlignStage, align: Distance, rate: 1e-3},
	"stage2_paper":    {stage: FinetuneStage, act: Paper, rate: 3e-4},
	"stage2_code":     {stage: FinetuneCode, act: Code, rate: 3e-4},
	"stage2_mean_mae": {stage: FreezeStage, act: ActionLoss{Arm: MeanAbsolute, Gripper: CrossEntropy, Weight: 0.01}, rate: 3e-4},
}

// referenceDecay of every tensor that is learned, in the reference.
const referenceDecay = 0.1

// IsTraining says whether a golden file holds trainings of VITA-VLA.
func IsTraining(f *checkpoint.File) bool { return f.Has("teacher_feature") && f.Has("images") }

// CompareTraining repeats the trainings of a golden file, from the weights of a checkpoint after its
// alignment stage: losses, the gradients of the first step, the weights after the last.
// backend makes one for each.
func CompareTraining(ctx context.Context, backend func() (nn.Gradients, error), dir, path string) ([]golden.Report, error) {
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var info struct {
		Facts map[string]json.RawMessage `json:"facts"`
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "info.json"))
	if err == nil {
		err = json.Unmarshal(data, &info)
	}
	if err != nil {
		return nil, fmt.Errorf("info.json beside %s: %w", path, err)
	}
	var reports []golden.Report
	for _, name := range []string{"stage1_mse", "stage1_l2norm", "stage2_paper", "stage2_code", "stage2_mean_mae"} {
		var facts struct {
			Losses []float64 `json:"losses"`
			Norms  []float64 `json:"grad_norms"`
		}
		if info.Facts[name] == nil {
			continue
		}
		if err := json.Unmarshal(info.Facts[name], &facts); err != nil {
			return nil, fmt.Errorf("info.json: %s: %w", name, err)
		}
		f := golden.Case(file, name)
		t := &training{f: f, variant: variants[name], losses: facts.Losses, norms: facts.Norms}
		f.Fail(t.run(ctx, backend, dir))
		r, err := f.Done()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

type training struct {
	variant
	f             *golden.File
	losses, norms []float64
	s             *VITA
	lessons       []*VITALesson
}

func (t *training) run(ctx context.Context, backend func() (nn.Gradients, error), dir string) (err error) {
	files, err := vitavla.OpenFiles(dir, vitavla.AlignFile)
	if err != nil {
		return err
	}
	defer files.Close()
	b, err := backend()
	if err != nil {
		return err
	}
	image := files.Config.Image
	shape, err := t.f.Tensor("images", -1, -1, 2, 3, image, image)
	if err != nil {
		return errors.Join(err, b.Close())
	}
	batch, turns := shape.Shape[0], shape.Shape[1]
	if t.s, err = NewVITA(b, files.Config, weights.Files{Weights: files.Weights}, turns, t.stage); err != nil {
		return errors.Join(err, b.Close())
	}
	defer func() { err = errors.Join(err, t.s.Close()) }()
	if err := t.read(batch, turns, files.Config); err != nil {
		return err
	}
	var losses, norms []float64
	for step := range t.losses {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.s.Tape.ClearGrads()
		loss, err := t.batch()
		if err != nil {
			return err
		}
		losses = append(losses, loss)
		if step == 0 {
			t.compare("grad.", func(p *tape.Param) nn.Buf { return p.Grad })
		}
		if step < len(t.norms) {
			norm, err := t.s.Norm()
			if err != nil {
				return err
			}
			norms = append(norms, norm)
		}
		if step == len(t.losses)-1 {
			break
		}
		adam := nn.Adam{Rate: t.rate, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: referenceDecay, Scale: 1, Step: step + 1}
		if err := t.s.Step(func(*tape.Param) nn.Adam { return adam }); err != nil {
			return err
		}
	}
	t.compare("after3.", func(p *tape.Param) nn.Buf { return p.Value })
	for _, x := range []struct {
		name      string
		got, want []float64
	}{{"losses", losses, t.losses}, {"grad_norms", norms, t.norms}} {
		d, err := golden.Difference(t.f.Case+"."+x.name, x.got, x.want, lossTolerance*slices.Max(x.want))
		t.f.Fail(err)
		t.f.Diffs = append(t.f.Diffs, d)
	}
	return nil
}

// read makes the lessons.
func (t *training) read(batch, turns int, c vitavla.NetworkConfig) error {
	f, per := t.f, 2*3*c.Image*c.Image
	images, states, labels, teacher := f.F32("images"), f.F32("states"), f.F32("labels"), f.F32("teacher_feature")
	if f.Failed() {
		return nil
	}
	features := turns * c.Predictions * c.Action
	for b := range batch {
		l := &VITALesson{Teacher: teacher[b*features : (b+1)*features]}
		var err error
		if l.Prompt, _, err = vitavla.ParsePrompt(f.IDs(fmt.Sprintf("input_ids.%d", b))); err != nil {
			return err
		}
		for s := range turns {
			at := b*turns + s
			seen, err := t.s.Model.Look(images[at*per : (at+1)*per])
			if err != nil {
				return err
			}
			state := continuous.State{Gripper: continuous.Class(states[7*at+6])}
			copy(state.Arm[:], states[7*at:])
			l.Features, l.States = append(l.Features, seen), append(l.States, state)
			for i := range c.Predictions {
				l.Labels = append(l.Labels, [7]float32(labels[7*(at*c.Predictions+i):]))
			}
		}
		t.lessons = append(t.lessons, l)
	}
	return nil
}

// batch is the mean loss of all lessons, and its gradients.
func (t *training) batch() (float64, error) {
	sum, scale := 0.0, 1/float64(len(t.lessons))
	for _, l := range t.lessons {
		var loss float64
		var err error
		if t.align != "" {
			loss, err = t.s.Align(l, t.align, scale, true)
		} else {
			loss, err = t.s.Act(l, t.act, scale, true)
		}
		if err != nil {
			return 0, err
		}
		sum += loss * scale
	}
	return sum, nil
}

// compare holds parameters against the tensors of the case under a prefix.
func (t *training) compare(kind string, of func(*tape.Param) nn.Buf) {
	params := map[string]*tape.Param{}
	for _, p := range t.s.Params() {
		params[p.Name] = p
	}
	for _, name := range t.f.Names() {
		short, ok := strings.CutPrefix(name, t.f.Case+"."+kind)
		if !ok {
			continue
		}
		p := params[vitavla.TrainedName(short)]
		if p == nil {
			t.f.Fail(fmt.Errorf("%s: nothing of that name is learned", name))
			return
		}
		tolerance := weightTolerance
		if kind == "grad." {
			largest := 0.0
			for _, v := range t.f.Values(name) {
				largest = max(largest, v, -v)
			}
			tolerance = gradTolerance*largest + gradRest
		}
		t.f.Compare(name, t.f.Read(t.s.Tape, of(p)), tolerance)
	}
}
