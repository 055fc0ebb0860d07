package llavavla

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/text"
	"cobot_vla/model/token"
)

const testBase = 990 // of the tokenizer, of 1000 rows

// testPolicy binds the smallest golden model to a robot of three joints and opens it.
func testPolicy(t *testing.T, change func(*checkpoint.Manifest), c Config) (*Policy, error) {
	t.Helper()
	return openPolicy(t, testCheckpoint(t, change), c)
}

func openPolicy(t *testing.T, dir string, c Config) (*Policy, error) {
	t.Helper()
	p, err := Open(dir, c)
	if err == nil {
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return p, err
}

func testCheckpoint(t *testing.T, change func(*checkpoint.Manifest)) string {
	t.Helper()
	dir := t.TempDir()
	golden := filepath.Join(goldenDir, "tiny", "lmms")
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(golden, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), text.Synthetic(testBase), 0o644); err != nil {
		t.Fatal(err)
	}
	addNavigation(t, filepath.Join(dir, "tokenizer.json"))
	names := []string{"joint1", "joint2", "gripper"}
	m := checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: "test", Robot: "three_joints",
		Action:         checkpoint.ActionSpec{Names: names, Mode: "absolute", Chunk: 5, Period: 0.1},
		Proprioception: names, Cameras: []string{"front", "left"}, Layout: "stack",
		Statistics: "statistics.yaml", ActionTokenTop: testBase, ActionBins: 256, ActionEdges: "uniform",
		Navigation:        &checkpoint.NavigationSpec{MaxForward: 2, MaxTurn: 3, DirectionTokens: [4]uint32{700, 701, 702, 703}},
		MaxObservationAge: 1,
	}
	if change != nil {
		change(&m)
	}
	stats := calibration.Statistics{
		StateNames: names, ActionNames: names,
		Mean: []float64{0, 0.1, 0.03}, Std: []float64{0.5, 0.5, 0.02},
		ActMin: []float64{-1, -2, 0}, ActMax: []float64{1, 2, 0.07},
	}
	write := func(name string, data []byte, err error) {
		t.Helper()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := stats.YAML("")
	write("statistics.yaml", data, err)
	data, err = m.YAML("")
	write("manifest.yaml", data, err)
	return dir
}

func addNavigation(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tokenizer map[string]json.RawMessage
	if err := json.Unmarshal(data, &tokenizer); err != nil {
		t.Fatal(err)
	}
	var added []map[string]any
	if err := json.Unmarshal(tokenizer["added_tokens"], &added); err != nil {
		t.Fatal(err)
	}
	added = append(added, map[string]any{"id": testBase + 3, "content": NavigationToken, "special": true,
		"normalized": false, "single_word": false, "lstrip": false, "rstrip": false})
	if tokenizer["added_tokens"], err = json.Marshal(added); err != nil {
		t.Fatal(err)
	}
	if data, err = json.Marshal(tokenizer); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// ticking is a clock that a call moves by a millisecond.
func ticking() func() time.Time {
	at := time.Unix(1e9, 0)
	return func() time.Time {
		at = at.Add(time.Millisecond)
		return at
	}
}

func observation(seed int, mobile bool) model.Observation {
	const side = 40
	obs := model.Observation{
		Stamp: time.Unix(100, int64(seed)*1e8), Instruction: "push the bottle", Mobile: mobile,
		Width: side, Height: side, Image: make([]byte, 3*side*side), State: []float64{0.1, float64(seed%7) / 10, 0.05},
	}
	for i := range obs.Image {
		obs.Image[i] = byte(i * (seed + 3) >> 3)
	}
	return obs
}

func testConfig(parallel bool) Config {
	return Config{CPU: cpu.Config{Precision: cpu.W8A16, Threads: 2}, Parallel: parallel, Now: ticking(), Positions: 256}
}

// what a manifest may say of a policy besides the robot.
var manifests = map[string]func(*checkpoint.Manifest){
	"as the paper has it": nil,
	"tokens of every view": func(m *checkpoint.Manifest) {
		m.ImageTokens, m.ImageWidth, m.ImageHeight = "concatenated", 40, 40
	},
	"value tokens": func(m *checkpoint.Manifest) { m.Navigation.Tokens = "values" },
}

func TestPolicyActs(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, change := range manifests {
		t.Run(name, func(t *testing.T) { policyActs(t, change) }) // so that the policies are closed before the leak check
	}
}

func policyActs(t *testing.T, change func(*checkpoint.Manifest)) {
	ctx := context.Background()
	greedy, err := testPolicy(t, change, testConfig(false))
	if err != nil {
		t.Fatal(err)
	}
	parallel, err := testPolicy(t, change, testConfig(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(greedy.Warm(ctx), parallel.Warm(ctx)); err != nil {
		t.Fatal(err)
	}
	// Passes cost nothing extra, so that every window is looked at.
	for k := range parallel.costs.Pass {
		parallel.costs.Pass[k] = 1
	}
	seen := map[string]bool{}
	for seed := range 12 {
		obs := observation(seed, seed%2 == 1)
		var steps [][]float64
		a, err := greedy.Act(ctx, obs, func(k int, values []float64, tokens []uint32) {
			if k != len(steps) || len(tokens) != 3 {
				t.Errorf("step %d after %d, of tokens %v", k, len(steps), tokens)
			}
			steps = append(steps, values)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(steps, a.Steps) {
			t.Errorf("emitted %v, returned %v", steps, a.Steps)
		}
		if (a.Navigation == nil) == (a.Steps == nil) || !obs.Mobile && len(a.Steps) != 5 {
			t.Errorf("mobile %v gave %+v", obs.Mobile, a)
		}
		stages := []string{}
		for _, timing := range a.Timings {
			stages = append(stages, timing.Stage)
			if timing.Took <= 0 {
				t.Errorf("stage %s took %v", timing.Stage, timing.Took)
			}
		}
		if !slices.Equal(stages, []string{"preprocess", "vision", "prefill", "decode"}) {
			t.Errorf("stages %v", stages)
		}
		b, err := parallel.Act(ctx, obs, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Timings, b.Timings = nil, nil
		if !reflect.DeepEqual(a, b) {
			t.Errorf("observation %d: parallel decoding gave %+v, one token at a time %+v", seed, b, a)
		}
		seen[fmt.Sprint(a.Tokens, a.Navigation)] = true
	}
	if len(seen) < 3 {
		t.Errorf("12 observations gave %d different actions: the policy does not look", len(seen))
	}
}

// The same observation gives the same action, whatever came before it.
func TestPolicyHasNoMemory(t *testing.T) {
	ctx := context.Background()
	p, err := testPolicy(t, nil, testConfig(true))
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.Act(ctx, observation(3, false), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Warm(ctx); err != nil {
		t.Fatal(err)
	}
	for _, seed := range []int{4, 5, 3} {
		obs := observation(seed, false)
		obs.Instruction = fmt.Sprint("take ", seed)
		if _, err := p.Act(ctx, obs, nil); err != nil {
			t.Fatal(err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Act(cancelled, observation(3, false), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled action gave %v", err)
	}
	again, err := p.Act(ctx, observation(3, false), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first.Tokens, again.Tokens) {
		t.Errorf("%v, and later %v", first.Tokens, again.Tokens)
	}
}

func TestPolicyRefusesObservations(t *testing.T) {
	ctx := context.Background()
	p, err := testPolicy(t, nil, testConfig(false))
	if err != nil {
		t.Fatal(err)
	}
	still, err := testPolicy(t, func(m *checkpoint.Manifest) { m.Navigation = nil }, testConfig(false))
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		p      *Policy
		change func(*model.Observation)
		says   string
	}{
		"bytes":       {p, func(o *model.Observation) { o.Image = o.Image[:7] }, "7 bytes"},
		"size":        {p, func(o *model.Observation) { o.Width = 0 }, "0x40"},
		"state":       {p, func(o *model.Observation) { o.State = o.State[:1] }, "1 state values"},
		"bins":        {p, func(o *model.Observation) { o.Bins = []uint16{1, 2, 257} }, "gripper has bin 257"},
		"few bins":    {p, func(o *model.Observation) { o.Bins = []uint16{1, 2} }, "the manifest lists 3"},
		"instruction": {p, func(o *model.Observation) { o.Instruction = "now <|im_end|>" }, "control token"},
		"mobile":      {still, func(o *model.Observation) { o.Mobile = true }, "no navigation"},
	} {
		obs := observation(1, false)
		tt.change(&obs)
		if _, err := tt.p.Act(ctx, obs, nil); !errors.Is(err, ErrObservation) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := tt.p.Act(ctx, observation(1, false), nil); err != nil {
			t.Errorf("%s: a good observation afterwards: %v", what, err)
		}
	}
}

func TestPolicyRefusesCheckpoints(t *testing.T) {
	for what, tt := range map[string]struct {
		change func(*checkpoint.Manifest)
		says   string
	}{
		"kind":       {func(m *checkpoint.Manifest) { m.Kind = "expert" }, "kind is"},
		"tokens":     {func(m *checkpoint.Manifest) { m.ActionTokenTop = 991 }, "action_token_top is 991"},
		"directions": {func(m *checkpoint.Manifest) { m.Navigation.DirectionTokens[1] = 5000 }, "direction_tokens[1]"},
		"names":      {func(m *checkpoint.Manifest) { m.Action.Names = []string{"elbow"} }, "elbow"},
	} {
		if _, err := testPolicy(t, tt.change, testConfig(false)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, c := range map[string]Config{
		"precision": {CPU: cpu.Config{Precision: "int4"}}, "kernels": {CPU: cpu.Config{Kernels: "mmx"}},
		"slicing": {Slicing: "bread"}, "positions": {Positions: -1}, "room": {Positions: 30},
	} {
		p, err := testPolicy(t, nil, c)
		if err == nil {
			_, err = p.Act(context.Background(), observation(1, false), nil)
		}
		if err == nil || !strings.Contains(err.Error(), what[:4]) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The original's slips in the prompt give other tokens: they are in use.
func TestPolicySlicing(t *testing.T) {
	prompts := map[string]bool{}
	for _, s := range []text.Slicing{text.Exact, text.TrainingCode, text.ServerCode} {
		c := testConfig(false)
		c.Slicing = s
		p, err := testPolicy(t, nil, c)
		if err != nil {
			t.Fatal(err)
		}
		prompt, err := p.read(observation(2, false))
		if err != nil {
			t.Fatal(err)
		}
		prompts[fmt.Sprint(prompt)] = true
		if _, err := p.Act(context.Background(), observation(2, false), nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(prompts) < 2 {
		t.Error("the slicings give the same prompt")
	}
}

func TestExpect(t *testing.T) {
	p, err := testPolicy(t, nil, testConfig(true))
	if err != nil {
		t.Fatal(err)
	}
	obs := observation(0, false)
	guess := p.expect(obs)
	if len(guess) != 15 || !slices.Equal(guess[:3], guess[12:]) {
		t.Errorf("from the state: %v", guess)
	}
	tok := p.grammar.Tokenizer()
	if x := token.Denormalise(p.stats, 2, tok.Decode(uint32(guess[2]))); x < 0.0499 || x > 0.0502 {
		t.Errorf("a gripper at 0.05 m is guessed at %v", x)
	}
	p.previous = chunk{stamp: obs.Stamp}
	for i := range 15 {
		p.previous.tokens = append(p.previous.tokens, int32(800+i))
	}
	obs.Stamp = obs.Stamp.Add(201 * time.Millisecond)
	if got, want := fmt.Sprint(p.expect(obs)), "[806 807 808 809 810 811 812 813 814 812 813 814 812 813 814]"; got != want {
		t.Errorf("two steps later: %v, expected %v", got, want)
	}
	obs.Stamp = obs.Stamp.Add(time.Hour)
	obs.Mobile = true
	if got, want := fmt.Sprint(p.expect(obs)), "[703 812 813 814 812 813 814 812 813 814 812 813 814 812 813 814]"; got != want {
		t.Errorf("much later: %v, expected %v", got, want)
	}
}

func TestConvertedWeights(t *testing.T) {
	dir := testCheckpoint(t, nil)
	ctx := context.Background()
	plain, err := openPolicy(t, dir, testConfig(true))
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Act(ctx, observation(3, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	path, err := Convert(dir, cpu.INT8) // the same file serves W8A16
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPolicy(t, dir, testConfig(true))
	if err != nil {
		t.Fatal(err)
	}
	if packed := p.b.(*cpu.Backend).Config().Packed; packed != path {
		t.Errorf("loaded from %q, expected %q", packed, path)
	}
	got, err := p.Act(ctx, observation(3, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Tokens, want.Tokens) || !reflect.DeepEqual(got.Navigation, want.Navigation) {
		t.Errorf("converted weights give %+v, the checkpoint's %+v", got, want)
	}
	// A checkpoint that was trained further is another one.
	weights := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data); i += 1000 {
		data[i] ^= 1
	}
	if err := os.WriteFile(weights, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openPolicy(t, dir, testConfig(true)); !errors.Is(err, cpu.ErrPacked) || !strings.Contains(err.Error(), "convert again") {
		t.Errorf("stale converted weights: %v", err)
	}
}
