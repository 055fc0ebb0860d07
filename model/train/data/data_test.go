package data

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/text"
	"cobot_vla/model/token"
	"cobot_vla/model/train"
	"cobot_vla/model/vision"
)

const side = 28

// testSpec is of a small robot with three cameras, that drives.
func testSpec(t testing.TB) Spec {
	t.Helper()
	l := text.Learning{Texts: []string{"fetch it", "bring it here"}, Merges: 50, Added: []string{"<Navigation>", "<image>"}}
	l.Reserved = append(l.Reserved, "<stop>", "<turn_right>", "<turn_left>", "<forward>")
	for digit := 256; digit > 0; digit-- {
		l.Reserved = append(l.Reserved, fmt.Sprintf("<action_%d>", digit))
	}
	file, err := text.Learn(l)
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"left_joint1", "left_gripper"}
	stats := calibration.Statistics{
		StateNames: names, ActionNames: names, Mean: []float64{0.1, 0.03}, Std: []float64{0.5, 0.01},
		ActMin: []float64{-1, 0}, ActMax: []float64{1, 0.07},
	}
	s := Spec{Tokenizer: file, Rules: vision.Rules{Crop: side, Grid: 2, AspectRatio: "square", MergeType: "spatial_unpad"}}
	if s.Statistics, err = stats.YAML("test"); err != nil {
		t.Fatal(err)
	}
	top := uint32(words.BaseSize())
	s.Manifest = checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: "test", Robot: "cobot_magic",
		Action:         checkpoint.ActionSpec{Names: names, Mode: "absolute", Chunk: 3, Period: 0.1},
		Proprioception: names, Cameras: []string{"front", "left", "right"}, Layout: "stack3", ImageWidth: side, ImageHeight: side,
		Statistics: "statistics.yaml", ActionTokenTop: top, ActionBins: 256, ActionEdges: "uniform", MaxObservationAge: 1,
		Navigation: &checkpoint.NavigationSpec{MaxForward: 2, MaxTurn: math.Pi, DirectionTokens: [4]uint32{top - 257, top - 258, top - 259, top - 260}},
	}
	return s
}

// testEpisode is one that drives first.
func testEpisode(seed uint64, samples int, mobile bool) Episode {
	rng := rand.New(rand.NewPCG(seed, uint64(samples)))
	e := Episode{Name: fmt.Sprint("episode ", seed), Seed: seed, Instruction: []string{"fetch it", "bring it here"}[seed%2], Mobile: mobile}
	for i := range samples {
		s := Sample{Stamp: time.Duration(i) * 100 * time.Millisecond, Image: vision.NewImage(side, side), State: []float64{rng.NormFloat64() / 2, 0.07 * rng.Float64()}}
		for k := range s.Image.Pix {
			s.Image.Pix[k] = byte(rng.Uint32())
		}
		if mobile && i < samples/2 {
			s.Action.Navigation = &model.Navigation{Direction: token.TurnLeft, Value: rng.Float64()}
		} else {
			for range 3 {
				s.Action.Steps = append(s.Action.Steps, []float64{2*rng.Float64() - 1, 0.07 * rng.Float64()})
			}
		}
		e.Samples = append(e.Samples, s)
	}
	return e
}

func prepared(t testing.TB, name string, mobile bool, episodes, samples int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	w, err := Create(path, name, testSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range episodes {
		if err := w.Add(testEpisode(uint64(i), samples, mobile)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file has its name before it is whole")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestComesBack(t *testing.T) {
	f, err := Open(prepared(t, "task", true, 3, 6))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Task() != "task" || f.Len() != 18 || f.Episodes() != 3 || f.Spec().differs(testSpec(t)) != "" {
		t.Fatalf("%s, %d samples, %d episodes, %q", f.Task(), f.Len(), f.Episodes(), f.Spec().differs(testSpec(t)))
	}
	reader, err := testSpec(t).Reader()
	if err != nil {
		t.Fatal(err)
	}
	for k := range f.Episodes() {
		want := testEpisode(uint64(k), 6, true)
		got, from, to := f.Episode(k)
		if got.Name != want.Name || got.Seed != want.Seed || got.Instruction != want.Instruction || !got.Mobile || to-from != 6 {
			t.Errorf("episode %+v", got)
		}
		for i := from; i < to; i++ {
			w := want.Samples[i-from]
			s, ids, digits, err := f.Sample(i)
			if err != nil {
				t.Fatal(err)
			}
			pixels, err := f.Pixels(i)
			if err != nil {
				t.Fatal(err)
			}
			if s.Stamp != w.Stamp || !slices.Equal(s.State, w.State) || !bytes.Equal(pixels, w.Image.Pix) || len(s.Action.Steps) != len(w.Action.Steps) {
				t.Fatalf("sample %d: %+v, want %+v", i, s, w)
			}
			if n := w.Action.Navigation; n != nil && *s.Action.Navigation != *n {
				t.Errorf("sample %d drives %+v, want %+v", i, s.Action.Navigation, n)
			}
			answer, _, err := reader.Answer(w.Action, true, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, id := range answer {
				if ids[k] != uint32(id) || len(ids) != len(answer) {
					t.Errorf("sample %d has ids %v, want %v", i, ids, answer)
				}
			}
			if want, _ := reader.Grammar().Tokenizer().State(reader.Statistics(), w.State); !slices.Equal(want, digits) {
				t.Errorf("sample %d has digits %v, want %v", i, digits, want)
			}
		}
	}
}

func TestRefusesWhatDoesNotFit(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "x"), "x", testSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for name, spoil := range map[string]func(*Episode){
		"picture": func(e *Episode) { e.Samples[1].Image = vision.NewImage(side, side+1) },
		"state":   func(e *Episode) { e.Samples[1].State = e.Samples[1].State[:1] },
		"NaN":     func(e *Episode) { e.Samples[1].State[0] = math.NaN() },
		"steps":   func(e *Episode) { e.Samples[1].Action.Steps = e.Samples[1].Action.Steps[:2] },
		"direction": func(e *Episode) {
			e.Samples[1].Action.Navigation = &model.Navigation{Direction: token.Forward, Value: 1}
		},
		"words":       func(e *Episode) { e.Instruction = "<image>" },
		"step of NaN": func(e *Episode) { e.Samples[1].Action.Steps[1][0] = math.Inf(1) },
	} {
		e := testEpisode(1, 3, false)
		spoil(&e)
		if err := w.Add(e); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Add(testEpisode(1, 3, false)); err != nil || w.Samples() != 3 {
		t.Errorf("a good one after them: %v, %d samples", err, w.Samples())
	}
}

// TestDamage cuts a file at many places and changes single bytes of it: no reader believes it.
func TestDamage(t *testing.T) {
	path := prepared(t, "task", true, 2, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		f, err := parse("damaged", b)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Errorf("%s: %v", what, err)
			}
			return
		}
		for i := range f.Len() {
			if _, err := f.Pixels(i); err != nil {
				return
			}
		}
		t.Errorf("%s is believed", what)
	}
	for n := 0; n < len(whole); n += 1 + len(whole)/300 {
		try(fmt.Sprint("cut after ", n), whole[:n])
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		b, at := slices.Clone(whole), rng.IntN(len(whole))
		b[at] ^= byte(1 + rng.IntN(255))
		try(fmt.Sprint("byte ", at, " changed"), b)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is opened")
	}
}

func FuzzParse(f *testing.F) {
	whole, err := os.ReadFile(prepared(f, "task", true, 2, 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:preamble])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parse("fuzzed", b)
		if err != nil {
			return
		}
		for i := range min(file.Len(), 100) {
			_, _ = file.Pixels(i)
			_, _, _, _ = file.Sample(i)
		}
	})
}

// FuzzRecord reads records whose checksum is right and whose content is anything.
func FuzzRecord(f *testing.F) {
	s := shapeOf(testSpec(f).Manifest)
	f.Add(make([]byte, s.size()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < s.size() {
			return
		}
		var r record
		if err := r.read(b, s); err != nil {
			return
		}
		again := r.append(nil, s)
		var back record
		if err := back.read(again, s); err != nil || back.stamp != r.stamp || !slices.Equal(back.ids, r.ids) || !slices.Equal(back.digits, r.digits) {
			t.Errorf("%v: %+v came back as %+v", err, r, back)
		}
	})
}

func open(t *testing.T, cfg Config, paths ...string) *Set {
	t.Helper()
	s, err := OpenSet(paths, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestDrawsEverySampleOnce goes through the data, and once more.
func TestDrawsEverySampleOnce(t *testing.T) {
	a, b := prepared(t, "a", true, 5, 4), prepared(t, "b", false, 4, 7)
	s := open(t, Config{Held: 0.25, Driving: 1}, a, b)
	if s.Held().Len() != 4+7 || s.Len() != 4*4+3*7 {
		t.Fatalf("%d held out, %d to draw", s.Held().Len(), s.Len())
	}
	seen := map[string]int{}
	batch := make([]train.Example, 1)
	held := map[string]bool{}
	for i := range s.Held().Len() {
		if err := s.Held().At(i, &batch[0]); err != nil {
			t.Fatal(err)
		}
		held[string(batch[0].Pixels)] = true
	}
	for step := range uint64(2 * s.Len()) {
		if err := s.Sample(7, step, batch); err != nil {
			t.Fatal(err)
		}
		seen[string(batch[0].Pixels)]++
	}
	if len(seen) != s.Len() {
		t.Errorf("%d different examples of %d were drawn", len(seen), s.Len())
	}
	for pixels, n := range seen {
		if n != 2 || held[pixels] {
			t.Errorf("an example was drawn %d times in two rounds; held out: %t", n, held[pixels])
		}
	}
}

// TestSampleIsAFunction draws steps in another order, in another set, and gets the same.
func TestSampleIsAFunction(t *testing.T) {
	path := prepared(t, "a", true, 6, 5)
	cfg := Augmented()
	one, other := open(t, cfg, path), open(t, cfg, path)
	draw := func(s *Set, seed, step uint64) []train.Example {
		batch := make([]train.Example, 7)
		if err := s.Sample(seed, step, batch); err != nil {
			t.Fatal(err)
		}
		return batch
	}
	var first [][]train.Example
	for step := range uint64(5) {
		first = append(first, draw(one, 3, step))
	}
	differ := false
	for _, step := range []uint64{4, 1, 3, 0, 2} {
		again := draw(other, 3, step)
		for i, e := range again {
			if want := first[step][i]; !same(e, want) {
				t.Fatalf("step %d, example %d differs the second time", step, i)
			}
		}
		differ = differ || !same(draw(other, 4, step)[0], again[0])
	}
	if !differ {
		t.Error("another seed draws the same")
	}
	if g := one.Geometry(); len(first[0][0].Pixels) != g.Crops*g.Side*g.Side*3 || g.Visual != 5 {
		t.Errorf("geometry %+v", g)
	}
}

func same(a, b train.Example) bool {
	equal := func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }
	return bytes.Equal(a.Pixels, b.Pixels) && slices.Equal(a.Before, b.Before) && slices.Equal(a.After, b.After) && slices.Equal(a.Labels, b.Labels) && slices.EqualFunc(a.Values, b.Values, equal)
}

// TestExampleIsWhatThePolicyReads compares an example with what a Reader, which the policy reads with, makes of the observation.
func TestExampleIsWhatThePolicyReads(t *testing.T) {
	s := open(t, Config{Held: 0.5, Driving: 1}, prepared(t, "a", true, 2, 4))
	reader, err := testSpec(t).Reader()
	if err != nil {
		t.Fatal(err)
	}
	var e train.Example
	for i := range s.Held().Len() {
		if err := s.Held().At(i, &e); err != nil {
			t.Fatal(err)
		}
		want := testEpisode(1, 4, true)
		sample := want.Samples[i]
		obs := model.Observation{Instruction: want.Instruction, Mobile: true, Image: sample.Image.Pix, Width: side, Height: side, State: sample.State}
		prompt, err := reader.Prompt(obs)
		if err != nil {
			t.Fatal(err)
		}
		crops, err := reader.Crops(nil, sample.Image)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.Before, prompt.Before) || !slices.Equal(e.After, prompt.After) || !bytes.Equal(e.Pixels, crops) {
			t.Errorf("sample %d: after %v, the policy reads %v", i, e.After, prompt.After)
		}
		state, err := reader.Grammar().Tokenizer().State(reader.Statistics(), sample.State)
		if err != nil {
			t.Fatal(err)
		}
		for k, id := range reader.Grammar().Tokenizer().IDs(state) {
			if e.After[e.StateFrom+k] != int32(id) || e.StateTo-e.StateFrom != len(state) {
				t.Errorf("the state is not at %d..%d of %v", e.StateFrom, e.StateTo, e.After)
			}
		}
		said := make([]uint32, len(e.Labels))
		for k, id := range e.Labels {
			said[k] = uint32(id)
		}
		a, err := reader.Grammar().Parse(said, true)
		if err != nil {
			t.Fatal(err)
		}
		if (a.Navigation == nil) != (sample.Action.Navigation == nil) || a.Navigation != nil && math.Abs(a.Navigation.Value-sample.Action.Navigation.Value) > math.Pi/256 {
			t.Errorf("labels %v say %+v, want %+v", e.Labels, a, sample.Action)
		}
	}
}

func TestAugmentation(t *testing.T) {
	path := prepared(t, "a", true, 4, 30)
	draw := func(change func(*Config)) []train.Example {
		cfg := Config{Driving: 1}
		change(&cfg)
		s := open(t, cfg, path)
		batch := make([]train.Example, 120)
		if err := s.Sample(1, 0, batch); err != nil {
			t.Fatal(err)
		}
		return batch
	}
	plain := draw(func(*Config) {})
	count := func(change func(*Config)) (pixels, state, words int) {
		for i, e := range draw(change) {
			p := plain[i]
			if !bytes.Equal(e.Pixels, p.Pixels) {
				pixels++
			}
			if !slices.Equal(e.After[e.StateFrom:e.StateTo], p.After[p.StateFrom:p.StateTo]) {
				state++
			}
			if !slices.Equal(e.After[:e.StateFrom], p.After[:p.StateFrom]) {
				words++
			}
			if !slices.Equal(e.Labels, p.Labels) {
				t.Fatal("augmentation changes a label")
			}
		}
		return
	}
	for _, c := range []struct {
		name                 string
		change               func(*Config)
		pixels, state, words [2]int
	}{
		{"noise", func(c *Config) { c.Noise = 0.1 }, [2]int{0, 0}, [2]int{100, 120}, [2]int{0, 0}},
		{"dropout", func(c *Config) { c.Dropout = 0.3 }, [2]int{0, 0}, [2]int{40, 90}, [2]int{0, 0}},
		{"blind", func(c *Config) { c.Blind = 0.3 }, [2]int{0, 0}, [2]int{20, 60}, [2]int{0, 0}},
		{"shift", func(c *Config) { c.Shift = 2 }, [2]int{100, 120}, [2]int{0, 0}, [2]int{0, 0}},
		{"colour", func(c *Config) { c.Colour = 0.2 }, [2]int{119, 120}, [2]int{0, 0}, [2]int{0, 0}},
		{"wording", func(c *Config) { c.Wording = true }, [2]int{0, 0}, [2]int{0, 0}, [2]int{40, 80}},
	} {
		pixels, state, words := count(c.change)
		for what, v := range map[string][3]int{"pictures": {pixels, c.pixels[0], c.pixels[1]}, "states": {state, c.state[0], c.state[1]}, "words": {words, c.words[0], c.words[1]}} {
			if v[0] < v[1] || v[0] > v[2] {
				t.Errorf("%s changes %d of 120 %s, expected %d..%d", c.name, v[0], what, v[1], v[2])
			}
		}
	}
}

// TestShift moves a view and leaves the rest.
func TestShift(t *testing.T) {
	const n = 4
	crop := make([]byte, n*n*3)
	for i := range n * n {
		crop[3*i] = byte(i)
	}
	shift(crop, n, model.View{X: 1, Y: 1, Width: 3, Height: 3}, 1, -1)
	want := []byte{0, 1, 2, 3, 4, 9, 9, 10, 8, 13, 13, 14, 12, 13, 13, 14}
	for i, v := range want {
		if crop[3*i] != v {
			t.Fatalf("pixel %d is %d, want %d", i, crop[3*i], v)
		}
	}
}

func TestFilesMustAgree(t *testing.T) {
	a := prepared(t, "a", true, 2, 3)
	b := filepath.Join(t.TempDir(), "b")
	spec := testSpec(t)
	spec.Manifest.Action.Chunk = 2
	w, err := Create(b, "b", spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSet([]string{a, b}, DefaultConfig()); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), "Action") {
		t.Errorf("files of different chunks: %v", err)
	}
	if _, err := OpenSet([]string{b}, DefaultConfig()); err == nil {
		t.Error("a file without samples is trained on")
	}
}

func TestPermute(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 10, 64, 65, 1000} {
		seen := make([]bool, n)
		fixed := 0
		for i := range n {
			j := permute(i, n, 42)
			if seen[j] {
				t.Fatalf("%d of %d comes twice", j, n)
			}
			seen[j] = true
			if i == j {
				fixed++
			}
		}
		if n >= 64 && fixed > int(n)/8 {
			t.Errorf("%d of %d stay where they were", fixed, n)
		}
	}
}

func TestBalanced(t *testing.T) {
	s := open(t, Config{Driving: 3, Balanced: true}, prepared(t, "a", true, 2, 4), prepared(t, "b", false, 6, 20))
	batch := make([]train.Example, 100)
	if err := s.Sample(1, 0, batch); err != nil {
		t.Fatal(err)
	}
	mobile := 0
	for _, e := range batch {
		if len(e.Labels) != 6 {
			mobile++
		}
	}
	if mobile != 50 {
		t.Errorf("%d of 100 examples are of one of two tasks", mobile)
	}
}
