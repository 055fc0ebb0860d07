package seer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/golden"
	"cobot_vla/model/nn"
	"cobot_vla/model/weights"
)

// Tolerances on an f32 engine: of what moves the robot, and of what lies between.
const (
	actionTolerance = 2e-5
	innerTolerance  = 1e-4
	// halfTolerance is what rounding to half precision takes from numbers of at most 1.
	halfTolerance = 1.0 / (1 << 11)
)

// CompareGolden runs the cases of a golden file that this model has: main (every stage
// of one call), calls, calvin and libero (an episode, as the original's evaluations run it), mask.
func CompareGolden(ctx context.Context, b nn.Backend, c *Checkpoint, path string) ([]golden.Report, error) {
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	m, err := Build(b, c.Config, weights.Files{Weights: c.Weights}, Options{Foresight: true})
	if err != nil {
		return nil, err
	}
	g := &goldenRun{m: m, file: file}
	var reports []golden.Report
	for _, step := range []struct {
		name string
		run  func(*golden.File)
	}{{"main", g.main}, {"calls", g.calls}} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f := golden.Case(file, step.name)
		step.run(f)
		r, err := f.Done()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

type goldenRun struct {
	m    *Model
	file *checkpoint.File
}

// frame i of the file, into a slot.
func (g *goldenRun) see(f *golden.File, slot, i int) {
	c := g.m.config
	n := 3 * c.Image * c.Image
	primary, wrist := f.F32("frames.primary", -1, 3, c.Image, c.Image), f.F32("frames.wrist", -1, 3, c.Image, c.Image)
	state := f.F32("frames.state")
	if f.Failed() {
		return
	}
	width := 7
	if c.GripperWidth {
		width = 8
	}
	row := state[i*width : (i+1)*width]
	s := continuous.State{Gripper: continuous.Class(row[6])}
	copy(s.Arm[:], row)
	if c.GripperWidth {
		s.Gripper = [2]float32{row[6], row[7]}
	}
	f.Fail(g.m.See(slot, slices.Concat(primary[i*n:(i+1)*n], wrist[i*n:(i+1)*n]), s))
}

func (g *goldenRun) main(f *golden.File) {
	m, c := g.m, g.m.config
	read := func(x nn.Buf) []float32 {
		v := make([]float32, x.Rows*x.Cols)
		if x.Rows > 0 {
			f.Fail(m.b.Read(v, x))
		}
		return v
	}
	f.Fail(m.Instruct(f.F32("text_feature")))
	stages := map[string][]float32{}
	views := 0
	m.observe = func(stage string, x nn.Buf) {
		switch stage {
		case "mae":
			rows := m.vision.Rows()
			for v, name := range []string{"primary", "wrist"} {
				stages["mae."+name] = append(stages["mae."+name], read(x.View(v*rows, rows))...)
			}
		case "resampler":
			normed := m.b.Buf(x.Rows, x.Cols)
			m.b.Linear(normed, x, nil, nn.Op{Norm: m.resampler.norm})
			name := []string{"primary", "wrist"}[views%2]
			views++
			stages["resampler."+name] = append(stages["resampler."+name], read(normed)...)
		case "frame":
			stages["state.token"] = append(stages["state.token"], read(x.View(1, 1))...)
			stages["text.embedding"] = read(x.View(0, 1))
			stages["state.arm_feature"] = append(stages["state.arm_feature"], read(m.state.parts.View(0, 1))...)
			stages["state.gripper_feature"] = append(stages["state.gripper_feature"], read(m.state.parts.View(1, 1))...)
			stages["state.gripper_input"] = append(stages["state.gripper_input"], read(m.state.gripperIn)...)
		default:
			stages[stage] = read(x)
		}
	}
	m.trunk.Observe = func(i int, x nn.Buf) {
		if i > 0 {
			stages[fmt.Sprintf("backbone.block.%d", i-1)] = read(x)
		}
	}
	defer func() { m.observe, m.trunk.Observe = nil, nil }()
	slots := make([]int, c.Steps)
	for i := range slots {
		slots[i] = i
		g.see(f, i, i)
	}
	if f.Failed() {
		return
	}
	action, err := m.Predict(slots, true)
	if f.Fail(err); err != nil {
		return
	}
	stages["backbone.output"] = stages["output"]
	stages["action_feature"] = read(action)
	l, _ := m.layout(c.Steps, true)
	stages["image_decoder_position_embedding"] = foresightPositions(c)
	p := m.heads.Apply(action)
	stages["decoder_feature"] = read(p.Feature)
	arm, gripper := read(p.Arm), read(p.Gripper)
	output := m.x.View(0, l.rows)
	stages["image_pred"] = read(m.foresight.run(output, l))
	mask := make([]float64, l.rows*l.rows)
	for i, visible := range l.mask.Fixed.Visible {
		if visible {
			mask[i] = 1
		}
	}
	for _, name := range g.file.Names() {
		if got, ok := stages[trim(name, "main.")]; ok {
			f.Compare(name, got, innerTolerance)
		}
	}
	f.Compare("main.arm", arm, actionTolerance)
	f.Compare("main.gripper", gripper, actionTolerance)
	if g.file.Has("main.attention_mask") {
		want := f.Values("main.attention_mask", l.rows, l.rows)
		equal := 0
		for i, v := range want {
			if (v == 0) == (mask[i] == 1) {
				equal++
			}
		}
		f.Greedy = append(f.Greedy, golden.Agreement{List: "main.attention_mask", Equal: equal, Total: len(want)})
	}
}

// calls are an episode: at every time the newest frames, filled up with the newest one.
func (g *goldenRun) calls(f *golden.File) {
	m, c := g.m, g.m.config
	t, err := g.file.Tensor("frames.state")
	if f.Fail(err); err != nil {
		return
	}
	f.Fail(m.Instruct(f.F32("text_feature")))
	var calls []float32
	var first, mean, smooth, count []float64
	ensemble := continuous.NewEnsemble(continuous.EnsembleDecay)
	slots := make([]int, c.Steps)
	for time := range t.Shape[0] {
		for i := range slots {
			slots[i] = i
			g.see(f, i, min(max(0, time-c.Steps+1)+i, time))
		}
		if f.Failed() {
			return
		}
		action, err := m.Predict(slots, true)
		if f.Fail(err); err != nil {
			return
		}
		all, err := m.heads.Read(m.heads.Apply(action))
		f.Fail(err)
		for _, row := range all {
			calls = append(calls, row[:]...)
		}
		// The step that is now, alone: what a policy runs. Its history grows, unfilled.
		last := min(time, c.Steps-1)
		alone, err := m.Predict(slots[:last+1], false)
		if f.Fail(err); err != nil {
			return
		}
		now, err := m.heads.Read(m.heads.Apply(alone))
		f.Fail(err)
		for i, row := range now {
			for k, v := range row {
				if d := v - all[last*c.Predictions+i][k]; d > 1e-6 || d < -1e-6 {
					f.Fail(fmt.Errorf("time %d: step %d alone predicts %g, among all %g: %w", time, i, v, all[last*c.Predictions+i][k], errLayout))
				}
			}
		}
		first = append(first, sign(golden.Widen(now[0][:]))...)
		m, n := ensemble.Add(continuous.Widen(now))
		count, mean = append(count, float64(n)), append(mean, m[:]...)
		smooth = append(smooth, sign(m[:])...)
	}
	f.Compare("calls.prediction", calls, actionTolerance)
	f.Compare64("calvin.action", first, actionTolerance)
	f.Compare64("calvin.action_f16", first, actionTolerance+halfTolerance)
	f.Equal("libero.count", count)
	f.Compare64("libero.mean", mean, actionTolerance)
	f.Compare64("libero.action", smooth, actionTolerance)
}

var errLayout = errors.New("the short layout differs from the whole one")

// sign makes the gripper's probability a command, -1 or +1.
func sign(v []float64) []float64 {
	s := slices.Clone(v)
	s[len(s)-1] = -1
	if v[len(v)-1] > 0.5 {
		s[len(s)-1] = 1
	}
	return s
}

func trim(name, prefix string) string {
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):]
	}
	return ""
}
