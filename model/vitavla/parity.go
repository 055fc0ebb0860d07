package vitavla

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	// trailing words follow the last action token; nothing of the action depends on them, and they are not read.
	trailing = 4
)

// goldenFacts is what info.json says beside a golden file.
type goldenFacts struct {
	Facts struct {
		Chat struct {
			Space        int32     `json:"space"`
			Instructions [][]int32 `json:"instructions"`
			Libero       int       `json:"libero_instruction"`
		} `json:"chat_ids"`
		Sizes struct {
			History int `json:"history"`
		} `json:"sizes"`
	} `json:"facts"`
}

// CompareGolden runs the cases of a golden file that this model has: main, width,
// nolang and align (one call each, the last with the weights of the alignment stage),
// gripper_rule, calvin and libero (an episode, as the original's evaluations run
// it) and ensemble. dir is the checkpoint's; info.json lies beside the golden file.
func CompareGolden(ctx context.Context, b nn.Backend, dir, path string) ([]golden.Report, error) {
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	g := &goldenRun{b: b, dir: dir, file: file}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "info.json"))
	if err == nil {
		err = json.Unmarshal(data, &g.facts)
	}
	if err != nil {
		return nil, fmt.Errorf("info.json beside %s: %w", path, err)
	}
	trained, err := g.load("")
	if err != nil {
		return nil, err
	}
	call := func(f *golden.File) { g.call(f) }
	var reports []golden.Report
	for _, c := range []struct {
		name string
		run  func(*golden.File)
	}{
		{"main", call}, {"width", call}, {"nolang", call}, {"align", call},
		{"gripper_rule", g.gripperRule}, {"calvin", g.calvin}, {"libero", g.libero}, {"ensemble", g.ensemble},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(file.Names(), func(n string) bool { return len(n) > len(c.name) && n[:len(c.name)+1] == c.name+"." }) {
			continue
		}
		g.m = trained
		if c.name == "align" {
			if g.m, err = g.load(AlignFile); err != nil {
				return nil, err
			}
		}
		f := golden.Case(file, c.name)
		c.run(f)
		r, err := f.Done()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

type goldenRun struct {
	b     nn.Backend
	dir   string
	file  *checkpoint.File
	facts goldenFacts
	m     *Model
}

func (g *goldenRun) load(trained string) (*Model, error) {
	c, err := OpenFiles(g.dir, trained)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	turns := max(g.facts.Facts.Sizes.History, 3)
	return Build(g.b, c.Config, weights.Files{Weights: c.Weights}, Options{Turns: turns})
}

// pixels of frame i, both cameras.
func (g *goldenRun) pixels(f *golden.File, i int) []float32 {
	px := g.m.config.Image
	static, wrist := f.F32("frames.static", -1, 3, px, px), f.F32("frames.wrist", -1, 3, px, px)
	if f.Failed() {
		return nil
	}
	n := 3 * px * px
	return slices.Concat(static[i*n:(i+1)*n], wrist[i*n:(i+1)*n])
}

// state of frame i: the gripper by class, or by two finger positions.
func (g *goldenRun) state(f *golden.File, i int, width bool) (s continuous.State) {
	arm, command, fingers := f.F32("frames.arm_state", -1, 6), f.F32("frames.gripper_action"), f.F32("frames.gripper_qpos", -1, 2)
	if f.Failed() {
		return s
	}
	copy(s.Arm[:], arm[i*6:])
	s.Gripper = continuous.Class(command[i])
	if width {
		s.Gripper = [2]float32{fingers[2*i], fingers[2*i+1]}
	}
	return s
}

// call is one conversation about the first frames, every stage of it.
func (g *goldenRun) call(f *golden.File) {
	m, name := g.m, f.Case
	ids := name + ".input_ids"
	if !g.file.Has(ids) {
		ids = "main.input_ids"
	}
	p, turns, err := ParsePrompt(f.IDs(ids))
	if f.Fail(err); f.Failed() {
		return
	}
	stages := map[string][]float32{}
	keep := func(stage string, x nn.Buf) { stages[stage] = append(stages[stage], f.Read(g.b, x)...) }
	m.observe = func(stage string, x nn.Buf) {
		switch stage {
		case "features":
			keep("vision.projected", x)
			for _, v := range f.Read(g.b, m.tower.wide) { // the halving is in the connector's weights
				stages["vision.shuffled"] = append(stages["vision.shuffled"], v*0.5)
			}
		case "state":
			gripper, armFeature, gripperFeature := m.state.Last()
			keep("state.token", x)
			keep("state.gripper_input", gripper)
			keep("state.arm_feature", armFeature)
			keep("state.gripper_feature", gripperFeature)
		case "inputs":
			keep("inputs_embeds", x)
		}
	}
	m.tower.vit.Observe = func(i int, x nn.Buf) {
		keep(fmt.Sprintf("vision.hidden.%d", i), x)
		if i == m.config.Vision.Layers {
			for v := range views {
				keep("vision.features", x.View(v*m.tower.vit.Rows()+1, m.config.Patches()))
			}
		}
	}
	m.language.Observe = func(i int, x nn.Buf) {
		if i < m.config.Language.Layers {
			keep(fmt.Sprintf("lm_hidden.%d", i), x)
			return
		}
		keep(fmt.Sprintf("lm_hidden.%d", i), g.normed(x))
	}
	defer func() { m.observe, m.tower.vit.Observe, m.language.Observe = nil, nil, nil }()

	var frames []Frame
	for i := range turns {
		frame, err := m.See(g.pixels(f, i), g.state(f, i, name == "width"))
		if f.Fail(err); f.Failed() {
			return
		}
		frames = append(frames, frame)
	}
	hidden, err := m.Read(p, frames, true)
	if f.Fail(err); f.Failed() {
		return
	}
	keep("action_hidden", g.normed(hidden))
	keep("vision.pos_embed", m.tower.vit.Positions)
	mapped := m.Map(hidden)
	keep("mapper_out", mapped)
	out := m.heads.Apply(mapped)
	keep("decoder_feature", out.Feature)
	keep("arm", out.Arm)
	keep("gripper", out.Gripper)

	for _, tensor := range g.file.Names() {
		stage, ok := cut(tensor, name+".")
		got := stages[stage]
		switch {
		case !ok || got == nil:
		case stage == "inputs_embeds" || len(stage) > 9 && stage[:9] == "lm_hidden":
			f.ComparePrefix(tensor, got, m.config.Language.Hidden, trailing, innerTolerance)
		case stage == "arm" || stage == "gripper":
			f.Compare(tensor, got, actionTolerance)
		default:
			f.Compare(tensor, got, innerTolerance)
		}
	}
	g.layout(f, p, turns)
}

// layout compares where everything lies.
func (g *goldenRun) layout(f *golden.File, p *Prompt, turns int) {
	m := g.m
	var kinds, index, actions []float64
	put := func(kind int, values ...int) {
		for _, v := range values {
			kinds, index = append(kinds, float64(kind)), append(index, float64(v))
		}
	}
	say := func(ids []int32) {
		for _, id := range ids {
			put(0, int(id))
		}
	}
	n := m.config.Tokens()
	for t := range turns {
		if t == 0 {
			say(p.Head)
		} else {
			say(p.Next)
		}
		for view := range views {
			if view > 0 {
				say(p.Between)
			}
			for i := range n {
				put(1, (t*views+view)*n+i)
			}
		}
		say(p.Instruction)
		put(2, t)
		say(p.Answer)
		for i := range m.config.Predictions {
			if i > 0 {
				say(p.Apart)
			}
			actions = append(actions, float64(len(kinds)))
			put(3, t*m.config.Predictions+i)
		}
	}
	f.EqualPrefix(f.Case+".expanded.kind", kinds, trailing)
	f.EqualPrefix(f.Case+".expanded.index", index, trailing)
	f.Equal(f.Case+".action_positions", actions)
}

func (g *goldenRun) normed(x nn.Buf) nn.Buf {
	y := g.b.Buf(x.Rows, x.Cols)
	g.b.Linear(y, x, nil, nn.Op{Norm: g.m.language.Norm})
	return y
}

func (g *goldenRun) gripperRule(f *golden.File) {
	m := g.m
	var classes []float64
	var tokens []float32
	state := g.state(f, 0, false)
	for _, v := range f.F32("gripper_rule.value") {
		state.Gripper = continuous.Class(v)
		classes = append(classes, float64(state.Gripper[1]))
		token := m.states.View(0, 1)
		m.state.Encode(token, []continuous.State{state})
		tokens = append(tokens, f.Read(g.b, token)...)
	}
	m.Forget()
	f.Equal("gripper_rule.class", classes)
	f.Compare("gripper_rule.token", tokens, innerTolerance)
}

// predict reads a conversation and gives the predictions of its last turn, or of every turn.
func (g *goldenRun) predict(f *golden.File, p *Prompt, frames []Frame, every bool) [][7]float32 {
	if f.Failed() {
		return nil
	}
	hidden, err := g.m.Read(p, frames, every)
	if f.Fail(err); err != nil {
		return nil
	}
	out, err := g.m.heads.Read(g.m.heads.Apply(g.m.Map(hidden)))
	f.Fail(err)
	return out
}

// episode sees a frame after the other: state says what the robot feels at time t.
func (g *goldenRun) episode(f *golden.File, frames int, state func(t int) continuous.State, at func(t int, seen []Frame)) {
	var seen []Frame
	for t := range frames {
		frame, err := g.m.See(g.pixels(f, t), state(t))
		if f.Fail(err); f.Failed() {
			return
		}
		seen = append(seen, frame)
		seen = seen[max(0, len(seen)-g.m.options.Turns):]
		at(t, seen)
	}
}

// calvin: the history is filled up with the newest frame, the second of the last turn's predictions counts.
func (g *goldenRun) calvin(f *golden.File) {
	t, err := g.file.Tensor("calvin.prediction", -1, -1, g.m.config.Predictions, 7)
	p, _, errPrompt := ParsePrompt(f.IDs("main.input_ids"))
	if f.Fail(errors.Join(err, errPrompt)); f.Failed() {
		return
	}
	history := t.Shape[1]
	var all []float32
	var actions []float64
	g.episode(f, t.Shape[0], func(t int) continuous.State { return g.state(f, t, false) }, func(t int, seen []Frame) {
		frames := fill(slices.Clone(seen[max(0, len(seen)-history):]), history)
		// As a policy does it, keeping what it can, and from the beginning.
		kept := g.predict(f, p, frames, false)
		whole := g.predict(f, p, frames, true)
		if f.Failed() {
			return
		}
		for _, row := range whole {
			all = append(all, row[:]...)
		}
		same(f, t, kept, whole[len(whole)-len(kept):])
		g.predict(f, p, frames, false) // leaves the cache as a policy would
		actions = append(actions, command(continuous.Widen(kept)[1])...)
	})
	f.Compare("calvin.prediction", all, actionTolerance)
	f.Compare64("calvin.action", actions, actionTolerance)
	f.Compare64("calvin.action_f16", actions, actionTolerance+halfTolerance)
}

// fill repeats the newest frame until there are n.
func fill(frames []Frame, n int) []Frame {
	for len(frames) < n {
		frames = append(frames, frames[len(frames)-1])
	}
	return frames
}

// same holds what was computed with kept keys and values against the whole.
func same(f *golden.File, t int, kept, whole [][7]float32) {
	for i, row := range kept {
		for k, v := range row {
			if d := float64(v - whole[i][k]); d > actionTolerance || d < -actionTolerance {
				f.Fail(fmt.Errorf("time %d: with kept turns step %d predicts %g, from the beginning %g", t, i, v, whole[i][k]))
			}
		}
	}
}

// libero: the history grows, then slides; predictions for one time are averaged;
// what the gripper was told last is what it feels next.
func (g *goldenRun) libero(f *golden.File) {
	t, err := g.file.Tensor("libero.prediction", -1, g.m.config.Predictions, 7)
	p, _, errPrompt := ParsePrompt(f.IDs("main.input_ids"))
	if f.Fail(errors.Join(err, errPrompt)); f.Failed() {
		return
	}
	chat := g.facts.Facts.Chat
	if chat.Libero < 0 || chat.Libero >= len(chat.Instructions) {
		f.Fail(fmt.Errorf("info.json: libero_instruction %d of %d", chat.Libero, len(chat.Instructions)))
		return
	}
	told := *p
	told.Instruction = slices.Concat([]int32{chat.Space}, chat.Instructions[chat.Libero], []int32{chat.Space})
	history := g.facts.Facts.Sizes.History
	if history < 1 || history > g.m.options.Turns {
		f.Fail(fmt.Errorf("info.json: history %d", history))
		return
	}
	ensemble := continuous.NewEnsemble(continuous.EnsembleDecay)
	last := -1.0
	var grippers, counts, means, actions []float64
	var all []float32
	state := func(t int) continuous.State {
		s := g.state(f, t, false)
		grippers = append(grippers, last)
		s.Gripper = continuous.Class(float32(last))
		return s
	}
	g.episode(f, t.Shape[0], state, func(_ int, seen []Frame) {
		out := g.predict(f, &told, seen[max(0, len(seen)-history):], false)
		if f.Failed() {
			return
		}
		for _, row := range out {
			all = append(all, row[:]...)
		}
		mean, count := ensemble.Add(continuous.Widen(out))
		action := command(mean)
		last = action[6]
		counts, means, actions = append(counts, float64(count)), append(means, mean[:]...), append(actions, action...)
	})
	f.Compare("libero.prediction", all, actionTolerance)
	f.Equal("libero.gripper_state", grippers)
	f.Equal("libero.count", counts)
	f.Compare64("libero.mean", means, actionTolerance)
	f.Compare64("libero.action", actions, actionTolerance)
}

// ensemble: synthetic predictions with zeros among them.
func (g *goldenRun) ensemble(f *golden.File) {
	t, err := g.file.Tensor("ensemble.prediction", -1, -1, 7)
	if f.Fail(err); err != nil {
		return
	}
	values := f.Values("ensemble.prediction")
	for _, k := range []struct {
		name  string
		decay float64
	}{{"0.01", 0.01}, {"0.3", 0.3}} {
		e := continuous.NewEnsemble(k.decay)
		var counts, means, actions []float64
		for at := range t.Shape[0] {
			steps := make([]continuous.Prediction, t.Shape[1])
			for i := range steps {
				copy(steps[i][:], values[(at*t.Shape[1]+i)*7:])
			}
			mean, count := e.Add(steps)
			counts, means, actions = append(counts, float64(count)), append(means, mean[:]...), append(actions, command(mean)...)
		}
		f.Equal("ensemble."+k.name+".count", counts)
		f.Compare64("ensemble."+k.name+".mean", means, 1e-9)
		f.Compare64("ensemble."+k.name+".action", actions, 1e-9)
	}
}

// command makes the gripper's probability a command, -1 or +1.
func command(p continuous.Prediction) []float64 {
	s := slices.Clone(p[:])
	s[6] = -1
	if p[6] > 0.5 {
		s[6] = 1
	}
	return s
}

func cut(name, prefix string) (string, bool) {
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):], true
	}
	return "", false
}
