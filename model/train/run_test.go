package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train/course"
)

// toyRun is a run of a small model on the toy.
func toyRun(t testing.TB, side int) (Config, *Toy) {
	t.Helper()
	toy, err := NewToy(side)
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Out, c.Preset, c.Batch, c.Micro, c.Steps, c.Warmup, c.Held, c.LookEvery = t.TempDir(), PresetTiny, 16, 8, 40, 10, 8, 0
	c.Now = func() time.Time { return time.Time{} }
	return c, toy
}

// TestLearns: the toy is learned, from image and state, and the checkpoint is a policy.
func TestLearns(t *testing.T) {
	c, toy := toyRun(t, 168)
	var losses []float64
	c.Report = func(p course.Progress) { losses = append(losses, p.Loss) }
	r, err := Run(context.Background(), c, toy)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v; loss %v to %v", r.Held, losses[0], losses[len(losses)-1])
	if !(losses[len(losses)-1] < losses[0]-0.3) {
		t.Errorf("losses from %v to %v", losses[0], losses[len(losses)-1])
	}
	p, err := llavavla.Open(c.Out, llavavla.Config{CPU: cpu.Config{Precision: cpu.F32}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(c.Out, "curves.png")); err != nil {
		t.Error(err)
	}
}

func BenchmarkStep(b *testing.B) {
	for _, preset := range []string{PresetTiny, PresetSmall} {
		for _, precision := range []cpu.Precision{cpu.F32, cpu.BF16} {
			for _, micro := range []int{4, 8} {
				b.Run(fmt.Sprintf("%s/%s/micro %d", preset, precision, micro), func(b *testing.B) {
					c, toy := toyRun(b, 168)
					c.Preset, c.Precision, c.Batch, c.Micro = preset, precision, 16, micro
					r, err := open(c, toy)
					if err == nil {
						err = r.begin()
					}
					if err != nil {
						b.Fatal(err)
					}
					defer r.class.close()
					examples := make([]Example, c.Batch)
					if err := toy.Sample(1, 1, examples); err != nil {
						b.Fatal(err)
					}
					r.draw = func() ([]Example, error) { return examples, nil }
					var p course.Progress
					if err := r.course.Step(0, r, &p); err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					b.ResetTimer()
					for i := range b.N {
						if err := r.course.Step(i+1, r, &p); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(c.Batch*b.N)/b.Elapsed().Seconds(), "examples/s")
				})
			}
		}
	}
}
