package llavavla

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/ref"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// whim chooses windows at random.
type whim struct{ rng *rand.Rand }

func (w whim) Choose(left int) int { return 1 + w.rng.IntN(left) }
func (whim) Observe(int, int, int) {}

// widest looks at all it may.
type widest struct{ passes *int }

func (w widest) Choose(left int) int           { return left }
func (w widest) Observe(rows, matched, of int) { *w.passes++ }

func syntheticTiny(t testing.TB, b nn.Backend, seed uint64, o Options) *Model {
	t.Helper()
	config, err := Preset("tiny")
	if err != nil {
		t.Fatal(err)
	}
	// Larger weights than usual: the answers vary.
	m, err := Build(b, config, weights.Synthetic{Seed: seed, Scale: 2}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func squarePlan(t testing.TB, m *Model) *vision.Plan {
	t.Helper()
	rules := Rules(m.config)
	rules.AspectRatio = "square"
	plan, err := vision.NewPlan(rules, vision.Size{Width: rules.Crop, Height: rules.Crop})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// prompt prefills something random and gives a copy of the last hidden state.
func randomPrompt(t testing.TB, m *Model, rng *rand.Rand) nn.Buf {
	t.Helper()
	plan := squarePlan(t, m)
	pixels := make([]float32, 3*plan.Crop*plan.Crop)
	weights.Uniform(pixels, rng.Uint64(), 1)
	image, err := m.Encode(pixels, plan)
	if err != nil {
		t.Fatal(err)
	}
	words := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(rng.IntN(1000))
		}
		return ids
	}
	last, err := m.Prefill(Prompt{Before: words(rng.IntN(6)), After: words(1 + rng.IntN(12))}, image)
	if err != nil {
		t.Fatal(err)
	}
	kept := m.b.Buf(1, last.Cols)
	m.b.Linear(kept, last, nil, nn.Op{})
	return kept
}

// TestParallelIsGreedy: over random models, prompts, guesses, windows and
// penalties, parallel decoding says what one token at a time says.
func TestParallelIsGreedy(t *testing.T) {
	ctx := context.Background()
	values, err := nn.NewSet(nn.IDRange{From: 700, To: 956})
	if err != nil {
		t.Fatal(err)
	}
	directions, err := nn.IDs(3, 501, 77, 999)
	if err != nil {
		t.Fatal(err)
	}
	for _, open := range []struct {
		name string
		b    func() nn.Backend
	}{
		{"ref", func() nn.Backend { return ref.New() }},
		{"f32", func() nn.Backend { return openCPU(t, cpu.Config{Precision: cpu.F32}) }},
		{"bf16", func() nn.Backend { return openCPU(t, cpu.Config{Precision: cpu.BF16}) }},
		{"w8a16", func() nn.Backend { return openCPU(t, cpu.Config{Precision: cpu.W8A16}) }},
		{"int8", func() nn.Backend { return openCPU(t, cpu.Config{Precision: cpu.INT8}) }},
		{"int8 in go", func() nn.Backend { return openCPU(t, cpu.Config{Precision: cpu.INT8, Kernels: "go"}) }},
	} {
		t.Run(open.name, func(t *testing.T) {
			models := 6
			if open.name == "ref" || open.name == "int8 in go" {
				models = 1
			}
			saved, total := 0, 0
			for seed := range uint64(models) {
				rng := rand.New(rand.NewPCG(seed, 3))
				b := open.b()
				m := syntheticTiny(t, b, seed, Options{Positions: 160, Window: 80})
				for range 3 {
					hidden := randomPrompt(t, m, rng)
					at := m.language.Len()
					length := 30 + rng.IntN(50)
					grammar := func(answer []int32) *nn.Set {
						switch {
						case len(answer) == 0:
							return directions
						case len(answer) >= length:
							return nil
						}
						return values
					}
					penalty := []float32{1, 1.1, 1.5}[rng.IntN(3)]
					d := Decoding{Grammar: grammar, Penalty: penalty}
					want, err := m.Greedy(ctx, nil, hidden, d)
					if err != nil {
						t.Fatal(err)
					}
					guesses := map[string][]int32{"none": nil, "right": want, "wrong ids": {-5, 3, 1 << 30}}
					half := slices.Clone(want)
					for i := range half {
						if rng.IntN(4) == 0 {
							half[i] = int32(700 + rng.IntN(256))
						}
					}
					guesses["half right"] = half
					for name, guess := range guesses {
						for _, c := range []Chooser{whim{rng}, widest{new(int)}} {
							m.language.Seek(at)
							var emitted []int32
							d.Emit = func(i int, id int32) {
								if i != len(emitted) {
									t.Errorf("token %d emitted at place %d", i, len(emitted))
								}
								emitted = append(emitted, id)
							}
							got, err := m.Parallel(ctx, nil, hidden, d, guess, c)
							if err != nil {
								t.Fatal(err)
							}
							if !slices.Equal(got, want) || !slices.Equal(emitted, want) {
								t.Fatalf("seed %d, guess %s, penalty %g:\n%v, emitted\n%v, expected\n%v", seed, name, penalty, got, emitted, want)
							}
							if w, ok := c.(widest); ok {
								total += length
								saved += length - *w.passes
								if name == "right" && *w.passes > 2 {
									t.Errorf("right guesses took %d passes", *w.passes)
								}
							}
						}
					}
				}
				b.Close()
			}
			t.Logf("%d of %d passes saved", saved, total)
		})
	}
}

func TestCostsChoose(t *testing.T) {
	// A pass over many tokens costs as much as one: look at all, unless guesses are worth nothing.
	flat := &Costs{Pass: slices.Repeat([]float64{10}, 41), Right: 0.5}
	if k := flat.Choose(40); k != 40 {
		t.Errorf("with free rows it looks at %d of 40", k)
	}
	steep := &Costs{Pass: make([]float64, 41), Right: 0.5}
	for k := range steep.Pass {
		steep.Pass[k] = float64(k)
	}
	if k := steep.Choose(40); k != 1 {
		t.Errorf("where rows cost as much as passes it looks at %d", k)
	}
	mixed := &Costs{Pass: make([]float64, 41), Right: 0.9}
	for k := range mixed.Pass {
		mixed.Pass[k] = 8 + 0.2*float64(k)
	}
	sure := mixed.Choose(40)
	for range 100 {
		mixed.Observe(9, 0, 8)
	}
	unsure := mixed.Choose(40)
	if sure < 8 || unsure > 2 {
		t.Errorf("it looks at %d when guesses are right and at %d when they are wrong", sure, unsure)
	}
	for range 20 {
		mixed.Observe(9, 8, 8)
	}
	if again := mixed.Choose(40); again < 8 {
		t.Errorf("it looks at %d after guesses were right again", again)
	}
	// Passes over several places turn out to take a hundred times what was measured: one at a time, until they don't.
	at := time.Unix(0, 0)
	mixed.Now = func() time.Time { return at }
	for range 60 {
		k := mixed.Choose(40)
		factor := 1.0
		if k > 1 {
			factor = 100
		}
		at = at.Add(time.Duration(factor * mixed.Pass[k] * 1e9))
		mixed.Observe(k, 0, 0)
	}
	if k := mixed.Choose(40); k != 1 {
		t.Errorf("it looks at %d where passes over several places are slow", k)
	}
	for range 1000 {
		at = at.Add(time.Duration(mixed.Pass[1] * 1e9))
		mixed.Observe(1, 0, 0)
		mixed.Choose(1)
	}
	if k := mixed.Choose(40); k < 8 {
		t.Errorf("it still looks at %d long after", k)
	}
	if k := mixed.Choose(3); k > 3 {
		t.Errorf("it looks at %d of 3", k)
	}
}

func ExampleFixed() {
	set, _ := nn.IDs(1, 2)
	g := Fixed(2, set)
	fmt.Println(g(nil) == set, g([]int32{1, 2}) == nil)
	// Output: true true
}
