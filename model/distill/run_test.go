package distill

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/model"
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/tape/tapetest"
	"cobot_vla/model/seer"
	"cobot_vla/model/train/course"
	"cobot_vla/model/vitavla"
)

// lessonsOfOneDay are the same at every step, so that a few steps show whether something is learned.
type lessonsOfOneDay struct{ *Toy }

func (d lessonsOfOneDay) Sample(seed, _ uint64, steps, actions int, into []Sequence) error {
	return d.Toy.Sample(seed, 0, steps, actions, into)
}

// teach runs a recipe on the toy for a few steps and looks whether it learned.
func teach(t *testing.T, c Config, less float64) {
	t.Helper()
	toy, err := NewToy(84)
	if err != nil {
		t.Fatal(err)
	}
	first, last := math.NaN(), math.NaN()
	c.Report = func(p course.Progress) {
		if last = p.Loss; p.Step == 1 {
			first = p.Loss
		}
	}
	r, err := Run(context.Background(), c, lessonsOfOneDay{toy})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d numbers learned, loss %.4f, then %.4f", c.Recipe, r.Learned, first, last)
	if r.Step != c.Steps || r.Learned == 0 || !(last < less*first) {
		t.Errorf("%s: step %d of %d, loss %.4f, then %.4f, expected less than %.2f of it", c.Recipe, r.Step, c.Steps, first, last, less)
	}
	if r.Held == nil || (r.Held.Error > 0) != (c.Recipe != RecipeBase) || !(r.Held.Loss > 0) {
		t.Errorf("%s: a look at held-out sequences gives %v", c.Recipe, r.Held)
	}
	t.Log(r.Held)
}

// act lets a trained policy decide about the toy.
func act(t *testing.T, p model.Policy, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	toy, err := NewToy(84)
	if err != nil {
		t.Fatal(err)
	}
	s := make([]Sequence, 1)
	if err := toy.Sample(7, 0, 3, 3, s); err != nil {
		t.Fatal(err)
	}
	for _, obs := range s[0].Observations {
		if _, err := p.Act(context.Background(), obs, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecipes goes the whole way: a teacher, a base, the alignment, the fine-tuning,
// and the policies that they leave.
func TestRecipes(t *testing.T) {
	dir := t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	c := DefaultConfig()
	c.Steps, c.Batch, c.History, c.Warmup, c.Threads = 10, 2, 2, 1, 2
	config := continuous.DefaultConfig()
	config.CPU = cpu.Config{Precision: cpu.W8A16, Threads: 2}

	s := c
	s.Recipe, s.Out, s.Loss = RecipeSeer, out("seer"), Code
	teach(t, s, 0.95)
	p, err := seer.Open(s.Out, config)
	act(t, p, err)

	b := c
	b.Recipe, b.Out = RecipeBase, out("base")
	teach(t, b, 0.8)

	a := c
	a.Recipe, a.Out, a.From, a.Teacher = RecipeAlign, out("align"), b.Out, s.Out
	teach(t, a, 0.95)
	p, err = vitavla.Open(a.Out, config)
	act(t, p, err)

	f := c
	f.Recipe, f.Out, f.From = RecipeFinetune, out("vita"), a.Out
	teach(t, f, 0.95)
	p, err = vitavla.Open(f.Out, config)
	act(t, p, err)

	only := f
	only.Out, only.From, only.Teacher, only.Steps, only.Stage = out("only"), b.Out, s.Out, 2, FreezeStage
	teach(t, only, 2)
	p, err = vitavla.Open(only.Out, config)
	act(t, p, err)
}

// TestSeerGradient holds a derivative against a difference.
func TestSeerGradient(t *testing.T) {
	toy, err := NewToy(84)
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Recipe, c.Out, c.Steps, c.History, c.Threads = RecipeSeer, t.TempDir(), 1, 2, 2
	c.Loss = ActionLoss{Arm: Smooth, Gripper: CrossEntropy, Weight: 0.5}
	r, err := open(c, toy)
	if err != nil {
		t.Fatal(err)
	}
	l := r.student().(*seerLesson)
	defer r.close()
	s := make([]Sequence, 2)
	if err := toy.Sample(1, 0, 2, 3, s); err != nil { // two sequences of two steps
		t.Fatal(err)
	}
	for _, p := range l.s.Params() {
		if !strings.Contains("mae.patch_embed.proj.weight mae.blocks.0.attn.qkv.weight text_projector.weight cls_token_wrist_projector.weight perceiver_resampler.latents perceiver_resampler.layers.0.0.to_kv.weight obs_tokens action_pred_token state_projector.weight transformer_backbone.h.1.mlp.c_fc.weight transformer_backbone_position_embedding", p.Name) {
			continue
		}
		tapetest.Along(t, l.s.Optimiser, p, 1e-2, 0.05, func(back bool) (float64, error) { return l.judge(s, 1, back) })
	}
}

// TestScheduleIsTheOriginals compares the learning rates' factors with the reference's.
func TestScheduleIsTheOriginals(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(goldenDir, "vita_train", "info.json"))
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Facts struct {
			Factors []float64 `json:"cosine_schedule_warmup4_total20"`
		} `json:"facts"`
	}
	if err := json.Unmarshal(data, &info); err != nil || len(info.Facts.Factors) != 20 {
		t.Fatalf("%v, %d factors", err, len(info.Facts.Factors))
	}
	c := Config{Warmup: 4, Steps: 20}
	for step, want := range info.Facts.Factors {
		if got := c.factor(step, c.Steps); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: factor %g, expected %g", step, got, want)
		}
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	err := Config{Recipe: "vita"}.Validate()
	for _, want := range []string{`recipe is "vita"`, "out is empty", "steps is 0", "batch 0", "rate 0", "align is", "precision is"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	c := DefaultConfig()
	c.Recipe, c.Out, c.Steps = RecipeAlign, "x", 1
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "from is empty") || !strings.Contains(err.Error(), "teacher is empty") {
		t.Errorf("an alignment of nothing: %v", err)
	}
}

// TestSeerGoesOn: a Seer taught by another run begins with what that knew.
func TestSeerGoesOn(t *testing.T) {
	toy, err := NewToy(84)
	if err != nil {
		t.Fatal(err)
	}
	first := DefaultConfig()
	first.Recipe, first.Out, first.Steps, first.Batch, first.History, first.Held = RecipeSeer, t.TempDir(), 2, 2, 1, 0
	if _, err := Run(t.Context(), first, toy); err != nil {
		t.Fatal(err)
	}
	again := first
	again.From, again.Out, again.Seed, again.Steps, again.Rate = first.Out, t.TempDir(), 9, 1, 1e-12
	if _, err := Run(t.Context(), again, toy); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{seer.WeightsFile, seer.VisionFile, seer.TextFile} {
		one, err := os.ReadFile(filepath.Join(first.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(again.Out, name))
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s differs after a step of rate nought, %v", name, err)
		}
	}
	again.Out, again.History = t.TempDir(), 3
	if _, err := Run(t.Context(), again, toy); err == nil || !strings.Contains(err.Error(), "has a history of 1 steps") {
		t.Errorf("another history: %v", err)
	}
}
