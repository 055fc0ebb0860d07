package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/ref"
	"cobot_vla/model/text"
	"cobot_vla/model/vision"
)

const golden = "../../model/testdata/golden"

// command runs the program and gives what it says on stdout.
func command(args ...string) (string, error) {
	var out bytes.Buffer
	err := run(context.Background(), append([]string{"cobot_vla", "--log-level", "error"}, args...), &out, discard{})
	return out.String(), err
}

func mustCommand(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

// refused runs commands that must end with an error that says something.
func refused(t *testing.T, says string, args ...string) {
	t.Helper()
	out, err := command(args...)
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%q: error %v, expected %q; stdout %s", args, err, says, out)
	}
}

// randomCheckpoint is the smallest one, bound to the factory robot.
func randomCheckpoint(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	mustCommand(t, "model", "synth", "--preset", "tiny", "--out", dir, "--manifest")
	return dir
}

func TestModelInfo(t *testing.T) {
	bound := randomCheckpoint(t)
	cases := []struct {
		dir  string
		says []string
	}{
		{filepath.Join(golden, "tiny", "hf"), []string{"llava-hf", "F32", "4 x 4; 2 layers of 64", "1000 rows, head tied", "no tokenizer.json", "no manifest.yaml", "anyres_max_9"}},
		{filepath.Join(golden, "odd", "lmms"), []string{"lmms-lab", "F16", "2 heads of 18", "7 heads and 1 of keys of 8", "300 rows"}},
		{bound, []string{"with <Navigation>", "parameters  252 352", "5 absolute steps of 0.1 s: left_joint1", "stack3", "fits cobot_magic", "repetition_penalty 1.1"}},
	}
	for _, c := range cases {
		out := mustCommand(t, "model", "info", c.dir)
		for _, want := range c.says {
			if !strings.Contains(out, want) {
				t.Errorf("%s: nothing of %q:\n%s", c.dir, want, out)
			}
		}
	}
	for dir, says := range map[string][]string{
		"seer_tiny": {"seer, F32 in seer.safetensors, mae.safetensors", "48 x 48 px in patches of 16", "trunk 25 568", "no text.safetensors", "no manifest.yaml"},
		"vita_tiny": {"vitavla, BF16", "vita_vla.safetensors", "mapper of 3 layers into the small action model's 16 numbers", "400 rows", "language 80 304"},
	} {
		out := mustCommand(t, "model", "info", filepath.Join(golden, dir))
		for _, want := range says {
			if !strings.Contains(out, want) {
				t.Errorf("%s: nothing of %q:\n%s", dir, want, out)
			}
		}
	}
	var info modelInfo
	if err := json.Unmarshal([]byte(mustCommand(t, "model", "info", bound, "--json", "--tensors")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Parameters.All != 252352 || info.Manifest == nil || info.Manifest.Disagrees != "" || info.Tokenizer.Base != 990 || info.Images.Crops != 37 {
		t.Errorf("%+v", info)
	}
	if i := slices.IndexFunc(info.Tensors, func(x tensorInfo) bool { return x.Name == "language.norm.weight" }); i < 0 || !slices.Equal(info.Tensors[i].Shape, []int{64}) {
		t.Errorf("tensors %+v", info.Tensors)
	}
}

// TestModelInfoOfTheWrongRobot names the field that disagrees, and does not fail for it.
func TestModelInfoOfTheWrongRobot(t *testing.T) {
	dir := randomCheckpoint(t)
	replace(t, filepath.Join(dir, manifestFile), "left_joint1, ", "left_elbow, ")
	if out := mustCommand(t, "model", "info", dir); !strings.Contains(out, `statistics: action_names lacks "left_elbow"`) && !strings.Contains(out, "left_elbow") {
		t.Error(out)
	}
	refused(t, "left_elbow", "launch", "sim.launch.yaml", "plant:=kinematic", "policy:=llavavla", "checkpoint:="+dir)
}

func replace(t *testing.T, path, old, with string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %q", path, old)
	}
	write(t, path, bytes.ReplaceAll(data, []byte(old), []byte(with)))
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestModelSynth(t *testing.T) {
	content := func(seed string) map[string]string {
		dir := filepath.Join(t.TempDir(), "x")
		mustCommand(t, "model", "synth", "--preset", "tiny", "--seed", seed, "--out", dir)
		files := map[string]string{}
		for _, name := range []string{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(data)
		}
		return files
	}
	first := content("7")
	if !reflect.DeepEqual(first, content("7")) {
		t.Error("the same seed gives other bytes")
	}
	if other := content("8"); other["model.safetensors"] == first["model.safetensors"] || other["config.json"] != first["config.json"] {
		t.Error("another seed should give other weights of the same shapes")
	}
	refused(t, "new folder", "model", "synth", "--preset", "tiny", "--out", golden)
	refused(t, "huge", "model", "synth", "--preset", "huge", "--out", t.TempDir())
}

func TestModelManifest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	mustCommand(t, "model", "synth", "--preset", "tiny", "--out", dir)
	path := filepath.Join(dir, manifestFile)
	trained := filepath.Join("..", "..", "model", "expert", statisticsFile)

	refused(t, "no statistics.yaml", "model", "manifest", dir)
	refused(t, "one of the two", "model", "manifest", dir, "--from-limits", "--statistics", trained)
	refused(t, "left_elbow", "model", "manifest", dir, "--statistics", trained, "--action", "left_elbow")
	refused(t, "takes 2 cameras", "model", "manifest", dir, "--statistics", trained, "--layout", "stack")
	refused(t, `no "top"`, "model", "manifest", dir, "--statistics", trained, "--cameras", "front,top")
	refused(t, "--image-size", "model", "manifest", dir, "--statistics", trained, "--image-size", "334")
	refused(t, "give four", "model", "manifest", dir, "--statistics", trained, "--directions", "1,2")
	refused(t, "only 0..994", "model", "manifest", dir, "--statistics", trained, "--directions", "1,2,3,999")
	refused(t, "256 bins", "model", "manifest", dir, "--statistics", trained, "--edges", "norm", "--bins", "128")
	refused(t, "max_observation_age_s", "model", "manifest", dir, "--statistics", trained, "--max-age", "0s")
	refused(t, "tokenizer", "model", "manifest", filepath.Join(golden, "tiny", "hf"), "--from-limits")
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a refused manifest was written")
	}
	if _, err := os.Stat(filepath.Join(dir, statisticsFile)); err == nil {
		t.Fatal("statistics of a refused manifest were written")
	}

	mustCommand(t, "model", "manifest", dir, "--statistics", trained)
	m, err := checkpoint.ReadManifest(path)
	if err != nil {
		t.Fatal(err)
	}
	robot := calibration.Default()
	want := checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: "mine", Robot: robot.Name,
		Action:         checkpoint.ActionSpec{Names: robot.ActionNames(), Mode: "absolute", Chunk: 5, Period: 0.1},
		Proprioception: append(robot.ActionNames(), "left_gripper_command", "right_gripper_command"),
		Cameras:        []string{"front", "left", "right"}, Layout: "stack3", Statistics: statisticsFile,
		ActionTokenTop: 990, ActionBins: 256, ActionEdges: "uniform",
		Navigation:        &checkpoint.NavigationSpec{MaxForward: 2, MaxTurn: math.Pi, DirectionTokens: [4]uint32{733, 732, 731, 730}},
		MaxObservationAge: 5,
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("manifest\n%+v, expected\n%+v", m, want)
	}
	if _, err := bind("llavavla", dir, ""); err != nil {
		t.Error(err)
	}

	refused(t, "--force", "model", "manifest", dir, "--statistics", trained)
	mustCommand(t, "model", "manifest", dir, "--force", "--name", "arms", "--chunk", "3", "--period", "50ms", "--mode", "delta",
		"--cameras", "front,left", "--image-size", "100x80", "--navigation", "off", "--action", "left_joint1,left_gripper", "--proprioception", "left_joint2", "--max-age", "1s")
	if m, err = checkpoint.ReadManifest(path); err != nil {
		t.Fatal(err)
	}
	want = checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: "arms", Robot: robot.Name,
		Action:         checkpoint.ActionSpec{Names: []string{"left_joint1", "left_gripper"}, Mode: "delta", Chunk: 3, Period: 0.05},
		Proprioception: []string{"left_joint2"}, Cameras: []string{"front", "left"}, Layout: "stack", ImageWidth: 100, ImageHeight: 80,
		Statistics: statisticsFile, ActionTokenTop: 990, ActionBins: 256, ActionEdges: "uniform", MaxObservationAge: 1,
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("manifest\n%+v, expected\n%+v", m, want)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused(t, "--force", "model", "manifest", dir, "--from-limits") // the statistics that are there say other things
}

// TestModelManifestNeedsNames: the original's statistics do not say whose numbers they are.
func TestModelManifestNeedsNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "calvin")
	mustCommand(t, "model", "synth", "--preset", "tiny", "--out", dir, "--no-navigation")
	write(t, filepath.Join(dir, statisticsFile), []byte("robot_obs:\n  - mean: [0, 0]\n    std: [1, 0.1]\nact_min_bound: [-1, 0]\nact_max_bound: [1, 0.07]\n"))
	refused(t, "--action", "model", "manifest", dir)
	refused(t, "--proprioception", "model", "manifest", dir, "--action", "left_joint1,left_gripper")
	refused(t, "no <Navigation>", "model", "manifest", dir, "--navigation", "on", "--action", "left_joint1,left_gripper", "--proprioception", "left_joint1,left_gripper")
	out := mustCommand(t, "model", "manifest", dir, "--action", "left_joint1,left_gripper", "--proprioception", "left_joint1,left_gripper")
	if !strings.Contains(out, "arms only") {
		t.Error(out)
	}
}

func TestModelParity(t *testing.T) {
	for _, model := range []string{"tiny", "odd"} {
		for _, layout := range []string{"hf", "lmms"} {
			args := []string{"model", "parity", "--checkpoint", filepath.Join(golden, model, layout), "--golden", filepath.Join(golden, model, "golden.safetensors")}
			if out := mustCommand(t, args...); !strings.Contains(out, "3 of 3 cases agree") || strings.Contains(out, "beyond") {
				t.Error(out)
			}
		}
	}
	tiny := []string{"model", "parity", "--checkpoint", filepath.Join(golden, "tiny", "lmms"), "--golden", filepath.Join(golden, "tiny", "golden.safetensors")}
	dec := json.NewDecoder(strings.NewReader(mustCommand(t, append(tiny, "--json")...)))
	for range 3 {
		var p parityCase
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if !p.OK || !p.Greedy || *p.MaxLogit > 1e-4 || *p.MaxLogit == 0 || len(p.IDs) != 1 || p.IDs[0].Equal != 20 {
			t.Errorf("%+v", p)
		}
	}
	// Random weights do not survive eight bits: it must say so.
	out, err := command(append(tiny, "--precision", "int8")...)
	if code := exitCode(0); !errors.As(err, &code) || code != 1 || !strings.Contains(out, "FAILED") {
		t.Errorf("int8: error %v\n%s", err, out)
	}
	refused(t, "precision", append(tiny, "--precision", "int4")...)
	refused(t, "token", "model", "parity", "--checkpoint", filepath.Join(golden, "odd", "hf"), "--golden", filepath.Join(golden, "tiny", "golden.safetensors"))
	refused(t, "pre_ids", "model", "parity", "--checkpoint", filepath.Join(golden, "odd", "hf"), "--golden", filepath.Join(golden, "odd", "hf", "model.safetensors"))
}

// TestModelParityOfAnotherConfig compares on shapes that no golden file of the
// tree has, against logits of the plainest backend, right and then wrong.
func TestModelParityOfAnotherConfig(t *testing.T) {
	dir := t.TempDir()
	config := checkpoint.Config{
		Scheme: checkpoint.LMMs, ModelType: "llava_qwen", ImageToken: -1,
		Vision: checkpoint.VisionConfig{ImageSize: 40, PatchSize: 8, Channels: 3, Hidden: 30, Intermediate: 44, Layers: 3, Heads: 3, Eps: 1e-6},
		Language: checkpoint.LanguageConfig{Hidden: 40, Intermediate: 52, Layers: 3, Heads: 5, KVHeads: 5, HeadDim: 8,
			VocabRows: 90, MaxPositions: 128, Eps: 1e-6, RopeTheta: 1e5, EOS: []int{89}},
		Image: checkpoint.ImageConfig{AspectRatio: "square", MergeType: "flat"},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	values := func(n int, size float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(size * rng.NormFloat64())
		}
		return v
	}
	weights := tensors{}
	for _, s := range config.Shapes() {
		n := 1
		for _, d := range s.Dims {
			n *= d
		}
		weights.add(checkpoint.LMMs.Name(s.Name), s.Dims, values(n, 0.4))
	}
	weights.write(t, filepath.Join(dir, "model.safetensors"))
	if err := checkpoint.WriteConfig(dir, config); err != nil {
		t.Fatal(err)
	}
	files, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()

	size := config.Vision.ImageSize
	pixels := values(3*size*size, 0.5)
	prompt := llavavla.Prompt{Before: []int32{3, 1, 4}, After: []int32{1, 5, 9, 2}}
	logits, ids := answer(t, files, pixels, prompt, 6)
	path := filepath.Join(dir, "golden.safetensors")
	golden := func(logits []float32, ids []int32) {
		g := tensors{}
		g.add("pixel_values", []int{1, 3, size, size}, pixels)
		g.addIDs("pre_ids", prompt.Before)
		g.addIDs("post_ids", prompt.After)
		g.add("square.last_logits", []int{len(logits)}, logits)
		g.addIDs("square.greedy_ids", ids)
		g.write(t, path)
	}
	args := []string{"model", "parity", "--checkpoint", dir, "--golden", path}
	golden(logits, ids)
	if out := mustCommand(t, args...); !strings.Contains(out, "1 of 1 cases agree") {
		t.Error(out)
	}
	wrong := slices.Clone(ids)
	wrong[5] ^= 1
	golden(logits, wrong)
	fails(t, "5 of 6 equal", args)
	off := slices.Clone(logits)
	off[11] += 0.001
	golden(off, ids)
	fails(t, "beyond", args)
	off[11] = float32(math.NaN())
	golden(off, ids)
	fails(t, "not a number", args)
	fails(t, `"max_logit_difference":null`, append(args, "--json"))
}

func fails(t *testing.T, says string, args []string) {
	t.Helper()
	out, err := command(args...)
	if code := exitCode(0); !errors.As(err, &code) || code != 1 || !strings.Contains(out, says) {
		t.Errorf("%q: %v, expected exit status 1 and %q:\n%s", args, err, says, out)
	}
}

// answer is what the plainest backend says: the logits after the prompt, and greedy ids.
func answer(t *testing.T, files *checkpoint.Checkpoint, pixels []float32, prompt llavavla.Prompt, n int) (logits []float32, ids []int32) {
	t.Helper()
	b := ref.New()
	m, err := llavavla.Load(b, files, llavavla.Options{})
	if err != nil {
		t.Fatal(err)
	}
	side := files.Config.Vision.ImageSize
	plan, err := vision.NewPlan(llavavla.Rules(files.Config), vision.Size{Width: side, Height: side})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := m.Encode(pixels, plan)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := m.Prefill(prompt, seen)
	if err != nil {
		t.Fatal(err)
	}
	rows := files.Config.Language.VocabRows
	all, err := nn.NewSet(nn.IDRange{From: 0, To: int32(rows)})
	if err != nil {
		t.Fatal(err)
	}
	logits = make([]float32, rows)
	if err := b.Read(logits, m.Scores(hidden, all)); err != nil {
		t.Fatal(err)
	}
	ids, err = m.Greedy(context.Background(), nil, hidden, llavavla.Decoding{Grammar: llavavla.Fixed(n, all), Penalty: 1})
	if err != nil {
		t.Fatal(err)
	}
	return logits, ids
}

// tensors of a safetensors file in the making.
type tensors struct {
	specs []checkpoint.Spec
	data  [][]byte
}

func (f *tensors) add(name string, shape []int, values []float32) {
	data, _ := checkpoint.EncodeF32(checkpoint.F32, nil, values)
	f.specs = append(f.specs, checkpoint.Spec{Name: name, DType: checkpoint.F32, Shape: shape})
	f.data = append(f.data, data)
}

func (f *tensors) addIDs(name string, ids []int32) {
	var data []byte
	for _, id := range ids {
		data = binary.LittleEndian.AppendUint64(data, uint64(id))
	}
	f.specs = append(f.specs, checkpoint.Spec{Name: name, DType: checkpoint.I64, Shape: []int{len(ids)}})
	f.data = append(f.data, data)
}

func (f *tensors) write(t *testing.T, path string) {
	t.Helper()
	w, err := checkpoint.Create(path, f.specs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.data {
		if _, err := w.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// pictures are frames of three cameras, of different sizes and formats.
func pictures(t *testing.T) (flags []string) {
	t.Helper()
	dir := t.TempDir()
	for i, size := range []image.Point{{64, 48}, {32, 32}, {50, 40}} {
		m := image.NewRGBA(image.Rectangle{Max: size})
		for y := range size.Y {
			for x := range size.X {
				m.Set(x, y, color.RGBA{uint8(3 * x), uint8(5 * y), uint8(80 * i), 255})
			}
		}
		var b bytes.Buffer
		name, err := "a.png", error(nil)
		if i == 1 {
			name, err = "b.jpg", jpeg.Encode(&b, m, nil)
		} else {
			err = png.Encode(&b, m)
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, string(rune('0'+i))+name)
		write(t, path, b.Bytes())
		flags = append(flags, "--image", path)
	}
	return flags
}

const someState = "0 1 -1 0 0.2 0 0.03, 0 1 -1 0 0 0 0.03"

func TestModelRun(t *testing.T) {
	dir := randomCheckpoint(t)
	images := pictures(t)
	args := func(more ...string) []string {
		return append(append([]string{"model", "run", "--checkpoint", dir, "--instruction", "push the bottle"}, images...), more...)
	}
	decide := func(more ...string) decision {
		t.Helper()
		var d decision
		if err := json.Unmarshal([]byte(mustCommand(t, args(more...)...)), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := decide("--state", someState)
	if d.Navigation != nil || d.Manipulate == nil || len(d.Manipulate.Steps) != 5 || len(d.Manipulate.Tokens) != 5 || d.Robot != "cobot_magic" || len(d.Stages) != 4 {
		t.Fatalf("%+v", d)
	}
	robot := calibration.Default()
	lower, upper := robot.ActionLimits()
	if !slices.Equal(d.Manipulate.Names, robot.ActionNames()) {
		t.Errorf("names %v", d.Manipulate.Names)
	}
	for _, step := range d.Manipulate.Steps {
		for i, v := range step {
			if v < lower[i] || v > upper[i] {
				t.Errorf("%s %g beyond its limits", d.Manipulate.Names[i], v)
			}
		}
	}
	var named []string
	for i, v := range strings.FieldsFunc(someState, func(r rune) bool { return r == ' ' || r == ',' }) {
		named = append([]string{d.Manipulate.Names[i] + "=" + v}, named...)
	}
	if again := decide("--state", strings.Join(named, " ")); !reflect.DeepEqual(again.Manipulate, d.Manipulate) {
		t.Error("the same state by name makes another action")
	}
	for _, precision := range []string{"f32", "bf16", "int8"} {
		if x := decide("--state", someState, "--precision", precision); x.Manipulate == nil {
			t.Errorf("%s: %+v", precision, x)
		}
	}
	if m := decide("--state", someState, "--mobile"); (m.Navigation == nil) == (m.Manipulate == nil) {
		t.Errorf("a mobile task makes both or neither: %+v", m)
	}

	refused(t, "numbers, expected 14: the policy feels left_joint1", args("--state", "1 2")...)
	refused(t, "expected a number", args("--state", strings.Replace(someState, "-1", "one", 1))...)
	refused(t, "NaN", args("--state", strings.Replace(someState, "-1", "NaN", 1))...)
	refused(t, `has "elbow"`, args("--state", strings.Replace(someState, "-1", "elbow=1", 1))...)
	refused(t, "left_joint1 twice", args("--state", strings.Replace(someState, "-1", "left_joint1=1", 1))...)
	refused(t, "control token", args("--state", someState, "--instruction", "stop <|im_end|>")...)
	refused(t, "4 images, but the policy sees front, left, right", args("--state", someState, "--image", images[1])...)
	refused(t, "neither JPEG nor PNG", "model", "run", "--checkpoint", dir, "--instruction", "x", "--state", someState,
		"--image", images[1], "--image", images[3], "--image", filepath.Join(dir, manifestFile))
	refused(t, "manifest", "model", "run", "--checkpoint", filepath.Join(golden, "tiny", "hf"), "--instruction", "x", "--state", "1", "--image", images[1])
}

func TestModelAccuracy(t *testing.T) {
	args := []string{"model", "accuracy", "--checkpoint", randomCheckpoint(t), "--observations", "3"}
	out := mustCommand(t, args...)
	for _, want := range []string{"bf16", "w8a16", "int8", "the gate", "left_gripper", "rad or m"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing of %q:\n%s", want, out)
		}
	}
	var r llavavla.Accuracy
	line := mustCommand(t, append(append(args, "--json", "--precision", "bf16", "--mobile"), pictures(t)...)...)
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	if r.Precision != "bf16" || r.Observations != 3 || r.Tokens < 3 || r.Equal <= 0 {
		t.Errorf("%s", line)
	}
	refused(t, "one of each", append(args, pictures(t)[:4]...)...)
	refused(t, "no episode there", append(args, "--demonstrations", t.TempDir())...)
	refused(t, "--observations", "model", "accuracy", "--checkpoint", args[3], "--observations", "0")
	refused(t, "manifest", "model", "accuracy", "--checkpoint", filepath.Join(golden, "tiny", "hf"))
}

// TestModelConvert: converted weights say the same, beside the checkpoint and in a folder of their own.
func TestModelConvert(t *testing.T) {
	dir := randomCheckpoint(t)
	images := pictures(t)
	decide := func(dir, precision string) *manipulation {
		t.Helper()
		var d decision
		args := append([]string{"model", "run", "--checkpoint", dir, "--instruction", "push", "--state", someState, "--precision", precision}, images...)
		if err := json.Unmarshal([]byte(mustCommand(t, args...)), &d); err != nil {
			t.Fatal(err)
		}
		return d.Manipulate
	}
	for _, c := range []struct{ precision, file string }{{"w8a16", "packed-int8.bin"}, {"bf16", "packed-bf16.bin"}} {
		plain := decide(dir, c.precision)
		moved := filepath.Join(t.TempDir(), "moved")
		mustCommand(t, "model", "convert", "--checkpoint", dir, "--precision", c.precision, "--out", moved)
		if out := mustCommand(t, "model", "convert", "--checkpoint", dir, "--precision", c.precision); !strings.Contains(out, c.file) {
			t.Error(out)
		}
		for _, where := range []string{dir, moved} {
			if _, err := os.Stat(filepath.Join(where, c.file)); err != nil {
				t.Error(err)
			}
			if !reflect.DeepEqual(decide(where, c.precision), plain) {
				t.Errorf("%s in %s: converted weights decide otherwise", c.precision, where)
			}
		}
	}
	if out := mustCommand(t, "model", "info", dir); !strings.Contains(out, "packed-int8.bin") || !strings.Contains(out, "packed-bf16.bin") {
		t.Error(out)
	}
	refused(t, "new folder", "model", "convert", "--checkpoint", dir, "--out", golden)
	refused(t, "precision", "model", "convert", "--checkpoint", dir, "--precision", "int3")
}

func TestBenchModel(t *testing.T) {
	args := []string{"bench", "model", "--preset", "tiny", "--tokens", "5", "--crops", "2,1", "--precision", "int8", "--repeat", "1", "--full-head", "--threads", "2"}
	out := mustCommand(t, append(args, "--json")...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d rows, expected 2 crops with 2 heads:\n%s", len(lines), out)
	}
	for _, line := range lines {
		var r modelRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(line, `"step_s":`) || r.StepS <= 0 || r.Machine.ReadGBs <= 0 || r.PrefillTokensS <= 0 || r.DecodeTokensS <= 0 ||
			r.VisionRatio <= 0 || r.PrefillRatio <= 0 || r.DecodeRatio <= 0 || (r.Head == "restricted") != (r.ParallelBestS > 0) {
			t.Errorf("%s", line)
		}
	}
	out = mustCommand(t, args...)
	for _, want := range []string{"this machine: ", "GB/s", "int8", "restricted", "full", "in parallel"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing of %q:\n%s", want, out)
		}
	}
	refused(t, "--crops", "bench", "model", "--crops", "3")
	refused(t, "--tokens", "bench", "model", "--tokens", "0")
	refused(t, "--words", "bench", "model", "--words", "100000")
	refused(t, "int4", "bench", "model", "--preset", "tiny", "--precision", "int4")
	refused(t, "preset", "bench", "model", "--preset", "huge")
}

func TestPassOver(t *testing.T) {
	ms := map[int]float64{1: 10, 4: 16, 8: 30}
	for n, want := range map[int]float64{1: 10, 2: 12, 4: 16, 6: 23, 8: 30, 9: 0} {
		if got := passOver(ms, n); got != want {
			t.Errorf("%d tokens take %g ms, expected %g", n, got, want)
		}
	}
}

// TestAwaitShowsProgress: long work is seen, and left when the program is told to end.
func TestAwaitShowsProgress(t *testing.T) {
	var shown bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	a := &app{ctx: ctx, stderr: &shown}
	if got, err := await(a, "counting", func() float64 { return 0.5 }, func() (int, error) { return 3, nil }); got != 3 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if !strings.Contains(shown.String(), "counting") || !strings.Contains(shown.String(), "50 %") {
		t.Errorf("shown %q", &shown)
	}
	never := make(chan struct{})
	defer close(never)
	cancel()
	if _, err := await(a, "waiting", nil, func() (int, error) { <-never; return 0, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestBenchNodesWhileInferring measures the arm loop beside the smallest network.
func TestBenchNodesWhileInferring(t *testing.T) {
	c := benchNodesCmd{Length: 1500 * time.Millisecond, load: load{WhileInferring: true, Preset: "tiny", Precision: "int8", processor: processor{Threads: 1}}}
	rows, err := c.inferring(testApp(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].P50 <= 0 || rows[0].P99 < rows[0].P50 || !strings.Contains(rows[0].Note, "tiny (synthetic) int8 on 1 threads: ") {
		t.Errorf("%+v", rows)
	}
	c.Preset = "huge"
	if _, err := c.inferring(testApp(t)); err == nil || !strings.Contains(err.Error(), "huge") {
		t.Errorf("error %v", err)
	}
}

// TestModelParityOfContinuousPolicies compares VITA-VLA and Seer with their originals.
func TestModelParityOfContinuousPolicies(t *testing.T) {
	vita, seer := filepath.Join(golden, "vita_tiny"), filepath.Join(golden, "seer_tiny")
	if out := mustCommand(t, "model", "parity", "--checkpoint", vita); !strings.Contains(out, "8 of 8 cases agree") || strings.Contains(out, "beyond") {
		t.Error(out)
	}
	if out := mustCommand(t, "model", "parity", "--checkpoint", seer, "--golden", seer); !strings.Contains(out, "2 of 2 cases agree") || strings.Contains(out, "beyond") {
		t.Error(out)
	}
	// Eight bits move the arm by more than the tolerance, but are not held to it: the counts and places still agree.
	if out := mustCommand(t, "model", "parity", "--checkpoint", seer, "--precision", "bf16"); !strings.Contains(out, "beyond") {
		t.Error(out)
	}
	if out := mustCommand(t, "model", "parity", "--checkpoint", vita, "--golden", filepath.Join(golden, "vita_train")); !strings.Contains(out, "5 of 5 cases agree") || strings.Contains(out, "beyond") {
		t.Error(out)
	}
	refused(t, "text_feature", "model", "parity", "--checkpoint", seer, "--golden", vita)
}

// TestModelConvertPth turns what torch.save wrote into safetensors.
func TestModelConvertPth(t *testing.T) {
	to := filepath.Join(t.TempDir(), "x.safetensors")
	pth := "../../model/checkpoint/testdata/small.pth"
	if out := mustCommand(t, "model", "convert", "--pth", pth, "--out", to); !strings.Contains(out, "6 tensors") {
		t.Error(out)
	}
	refused(t, "no dictionary", "model", "convert", "--pth", pth, "--out", to, "--key", "ema")
	refused(t, "--checkpoint", "model", "convert")
}

// TestTrainRecipe teaches the small action model for two steps, and refuses what it can't do.
func TestTrainRecipe(t *testing.T) {
	out := filepath.Join(t.TempDir(), "seer")
	said := mustCommand(t, "train", "--recipe", "seer", "--data", "toy", "--out", out, "--steps", "2", "--batch", "1", "--micro", "1", "--history", "2", "--precision", "f32")
	if !strings.Contains(said, "seer: step 2 of 2") {
		t.Error(said)
	}
	var info continuousInfo
	if err := json.Unmarshal([]byte(mustCommand(t, "model", "info", out, "--json", "--tensors")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Kind != "seer" || len(info.Knows) != 2 || info.Manifest == nil || info.Manifest.Disagrees != "" || info.Manifest.Continuous.History != 2 || info.Parameters["trunk"] == 0 || len(info.Tensors) < 50 {
		t.Errorf("%+v", info)
	}
	refused(t, "teacher is empty", "train", "--recipe", "vita-align", "--data", "toy", "--out", out, "--from", out)
	refused(t, "no such file", "train", "--recipe", "seer", "--data", "nowhere", "--out", out)
}

// TestModelManifestOfContinuousPolicies binds VITA-VLA to an arm and asks it for a decision.
func TestModelManifestOfContinuousPolicies(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "seer.safetensors", "vita_vla.safetensors"} {
		data, err := os.ReadFile(filepath.Join(golden, "vita_tiny", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), data)
	}
	write(t, filepath.Join(dir, "tokenizer.json"), text.Synthetic(390))
	refused(t, "has no statistics.yaml", "model", "manifest", filepath.Join(golden, "vita_tiny"))
	out := mustCommand(t, "model", "manifest", dir, "--from-limits", "--arm", "right", "--selection", "all", "--gripper", "binary")
	if !strings.Contains(out, "vitavla for the right arm of cobot_magic: 7 steps of history, all of 3 predictions") {
		t.Error(out)
	}
	picture := filepath.Join(t.TempDir(), "x.png")
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewRGBA(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	write(t, picture, file.Bytes())
	var d decision
	said := mustCommand(t, "model", "run", "--checkpoint", dir, "--instruction", "pick the block", "--image", picture, "--image", picture, "--state", "0 1 -1 0 0 0 0.05", "--precision", "f32")
	if err := json.Unmarshal([]byte(said), &d); err != nil {
		t.Fatal(err)
	}
	if d.Manipulate == nil || len(d.Manipulate.Steps) != 3 || len(d.Manipulate.Steps[0]) != 7 || d.Manipulate.Tokens != nil || len(d.Stages) != 3 {
		t.Errorf("%s", said)
	}
}
