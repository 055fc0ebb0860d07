package llavavla

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/nn/cuda/emulator"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// modules of the emulator are translated once.
var modules emulator.Modules

func openCUDA(t testing.TB, precision cuda.Precision) (*cuda.Backend, *emulator.Device) {
	t.Helper()
	d := emulator.New(emulator.Config{Modules: &modules})
	b, err := cuda.New(d, cuda.Config{Precision: precision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, d
}

// TestGoldenCUDA: the original's outputs, from the kernels that ship, on the emulated device.
func TestGoldenCUDA(t *testing.T) {
	for _, c := range []struct{ model, layout string }{{"tiny", "hf"}, {"odd", "lmms"}} {
		t.Run(c.model, func(t *testing.T) {
			b, _ := openCUDA(t, cuda.F32)
			testGolden(t, b, filepath.Join(goldenDir, c.model), c.layout, 0)
		})
	}
	// In bf16 the same words, by scores that are nearly the same.
	t.Run("odd bf16", func(t *testing.T) {
		b, _ := openCUDA(t, cuda.BF16)
		dir := filepath.Join(goldenDir, "odd")
		files, err := checkpoint.Open(filepath.Join(dir, "lmms"))
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		reports, err := CompareGolden(context.Background(), b, files, filepath.Join(dir, "golden.safetensors"), files.Config.Language.VocabRows)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reports {
			for _, ids := range r.Greedy {
				if ids.Equal != ids.Total {
					t.Errorf("%s: %d of %d ids of %s are equal", r.Case, ids.Equal, ids.Total, ids.List)
				}
			}
			for _, d := range r.Diffs {
				if !(d.Cosine > 0.999) {
					t.Errorf("%s: cosine %.6f", d.Tensor, d.Cosine)
				}
			}
		}
	})
}

// TestCUDADecodesByItself: one recorded step says the whole answer, the same as token by
// token on the host, with one upload and one wait for an action, and at most 5 kernels a layer.
func TestCUDADecodesByItself(t *testing.T) {
	ctx := context.Background()
	narrow, err := nn.IDs(3, 700, 701, 702)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := nn.NewSet(nn.IDRange{From: 720, To: 976})
	if err != nil {
		t.Fatal(err)
	}
	grammar := func(answer []int32) *nn.Set {
		switch {
		case len(answer) == 0:
			return narrow
		case len(answer) < 12:
			return wide
		}
		return nil
	}
	for _, precision := range cuda.Precisions() {
		t.Run(string(precision), func(t *testing.T) {
			b, device := openCUDA(t, precision)
			m := syntheticTiny(t, b, 1, Options{Positions: 120})
			plan := squarePlan(t, m)
			pixels := make([]float32, 3*plan.Crop*plan.Crop)
			prompt := Prompt{Before: []int32{1, 2, 3}, After: []int32{4, 5, 6, 7}}
			for round := range 3 {
				weights.Uniform(pixels, uint64(round), 1)
				d := Decoding{Grammar: grammar, Penalty: 1.1}
				var heard []int32
				d.Emit = func(i int, id int32) {
					if i != len(heard) {
						t.Errorf("token %d after %d", i, len(heard))
					}
					heard = append(heard, id)
				}
				uploads, waits, downloads, replays := device.Uploads, device.Waits, device.Downloads, device.Replays
				got := act(t, m, plan, pixels, prompt, func(hidden nn.Buf) ([]int32, error) { return m.Greedy(ctx, nil, hidden, d) })
				if round > 0 { // the first makes what lasts
					if n := device.Uploads - uploads; n != 1 {
						t.Errorf("%d uploads, expected the picture alone", n)
					}
					if n := device.Waits - waits + device.Downloads - downloads; n != 1 {
						t.Errorf("%d blocking synchronisations, expected 1", n)
					}
				}
				if n := device.Replays - replays; n != 11 {
					t.Errorf("%d replays for 11 tokens", n)
				}
				// observe makes greedy ask for each token.
				d.Emit = nil
				want := act(t, m, plan, pixels, prompt, func(hidden nn.Buf) ([]int32, error) {
					return m.greedy(ctx, nil, hidden, d, func(nn.Buf) {})
				})
				if !slices.Equal(got, want) || !slices.Equal(heard, want) {
					t.Errorf("round %d: the recorded step says %v (heard %v), token by token it is %v", round, got, heard, want)
				}
			}
			nodes, layers := m.steps[1.1].step.Nodes(), m.config.Language.Layers
			if limit := 5*layers + 4; precision != cuda.F32 && nodes > limit {
				t.Errorf("a step has %d kernels, at most %d are allowed for %d layers", nodes, limit, layers)
			}
			t.Logf("%d kernels a step, %d layers", nodes, layers)
		})
	}
}

func act(t *testing.T, m *Model, plan *vision.Plan, pixels []float32, prompt Prompt, decode func(nn.Buf) ([]int32, error)) []int32 {
	t.Helper()
	image, err := m.Encode(pixels, plan)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := m.Prefill(prompt, image)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := decode(hidden)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestCUDAStopsEarly: what has not begun when the context ends does not happen, and the next answer is whole.
func TestCUDAStopsEarly(t *testing.T) {
	d := emulator.New(emulator.Config{Modules: &modules, Lazy: true})
	b, err := cuda.New(d, cuda.Config{Precision: cuda.BF16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	m := syntheticTiny(t, b, 1, Options{Positions: 120})
	plan := squarePlan(t, m)
	pixels := make([]float32, 3*plan.Crop*plan.Crop)
	prompt := Prompt{Before: []int32{1, 2, 3}, After: []int32{4, 5, 6, 7}}
	set, err := nn.NewSet(nn.IDRange{From: 720, To: 976})
	if err != nil {
		t.Fatal(err)
	}
	said := Decoding{Grammar: Fixed(9, set)}
	greedy := func(ctx context.Context, d Decoding) func(nn.Buf) ([]int32, error) {
		return func(hidden nn.Buf) ([]int32, error) {
			ids, err := m.Greedy(ctx, nil, hidden, d)
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			return ids, err
		}
	}
	want := act(t, m, plan, pixels, prompt, greedy(context.Background(), said))
	end := m.language.Len()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := said
	stopped.Emit = func(i int, _ int32) {
		if i == 2 {
			cancel()
		}
	}
	got := act(t, m, plan, pixels, prompt, greedy(ctx, stopped))
	if !slices.Equal(got, want[:3]) {
		t.Errorf("until the context ended it says %v of %v", got, want)
	}
	// The step under way when the host's word comes is done; those behind it are not.
	if at := m.language.Len(); at != end-9+1+3 {
		t.Errorf("%d positions when it was stopped behind token 3 of 9, %d at the end", at, end)
	}
	if again := act(t, m, plan, pixels, prompt, greedy(context.Background(), said)); !slices.Equal(again, want) {
		t.Errorf("after a stop it says %v, before it said %v", again, want)
	}
}

// TestCUDAMemory counts what the 0.5B model takes on a device, on one that only counts.
func TestCUDAMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it packs half a billion weights")
	}
	config, err := Preset("llava-onevision-0.5b")
	if err != nil {
		t.Fatal(err)
	}
	d := emulator.New(emulator.Config{Count: true})
	b, err := cuda.New(d, cuda.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Build(b, config, blank{}, Options{Positions: 8192})
	if err != nil {
		t.Fatal(err)
	}
	plan := squarePlan(t, m)
	set, err := nn.NewSet(nn.IDRange{From: 151387, To: 151643})
	if err != nil {
		t.Fatal(err)
	}
	pixels := make([]float32, plan.Encoded*3*plan.Crop*plan.Crop)
	image, err := m.Encode(pixels, plan)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := m.Prefill(Prompt{Before: make([]int32, 60), After: make([]int32, 1425-729+60)}, image)
	if err != nil {
		t.Fatal(err)
	}
	// The device says nothing, so the tokens can't be heard; what they need is made when they are enqueued.
	m.b.Put(m.answer, nil)
	m.b.Pick(m.answer, m.answer, m.Scores(hidden, set), set, 1.1)
	step := m.step(b, set, 1.1)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	memory := b.Memory()
	t.Logf("%.3f GB: weights %.3f, keys and values %.3f, activations %.3f, workspace %.3f, rest %.3f; %d kernels a step",
		float64(d.Peak)/1e9, float64(memory.Weights)/1e9, float64(memory.Caches)/1e9, float64(memory.Activations)/1e9,
		float64(memory.Workspace)/1e9, float64(memory.Rest)/1e9, step.Nodes())
	if d.Peak > 1.5e9 {
		t.Errorf("the 0.5B model takes %d bytes of the device, more than 1.5 GB", d.Peak)
	}
	if memory.Total() != d.Used() {
		t.Errorf("the backend counts %d bytes, the device %d", memory.Total(), d.Used())
	}
	if n := step.Nodes(); n > 5*config.Language.Layers+4 {
		t.Errorf("a step has %d kernels for %d layers", n, config.Language.Layers)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// blank is weights of which only the shapes matter.
type blank struct{ weights.Synthetic }

func (blank) Matrix(_ string, out, in int) (nn.Matrix, error) {
	return nn.Matrix{Out: out, In: in, Read: func([]float32, int) {}}, nil
}

// TestCUDABesideCPU: lower precisions say nearly what the processor's say.
func TestCUDABesideCPU(t *testing.T) {
	ctx := context.Background()
	set, err := nn.NewSet(nn.IDRange{From: 720, To: 976})
	if err != nil {
		t.Fatal(err)
	}
	run := func(b nn.Backend) []int32 {
		m := syntheticTiny(t, b, 1, Options{Positions: 120})
		plan := squarePlan(t, m)
		pixels := make([]float32, 3*plan.Crop*plan.Crop)
		weights.Uniform(pixels, 5, 1)
		return act(t, m, plan, pixels, Prompt{Before: []int32{1, 2, 3}, After: []int32{4, 5, 6, 7}}, func(hidden nn.Buf) ([]int32, error) {
			return m.Greedy(ctx, nil, hidden, Decoding{Grammar: Fixed(14, set)})
		})
	}
	want := run(openCPU(t, cpu.Config{Precision: cpu.F32}))
	b, _ := openCUDA(t, cuda.F32)
	if got := run(b); !slices.Equal(got, want) {
		t.Errorf("f32 says %v, the processor %v", got, want)
	}
	for _, precision := range []cuda.Precision{cuda.BF16, cuda.W8A16} {
		b, _ := openCUDA(t, precision)
		got, same := run(b), 0
		for same < len(want) && got[same] == want[same] {
			same++
		}
		t.Logf("%s agrees with f32 on the first %d of %d tokens of random weights", precision, same, len(want))
		if same == 0 {
			t.Errorf("%s says %v, f32 %v", precision, got, want)
		}
	}
}
