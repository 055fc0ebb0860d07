package seer

import (
	"math"
	"testing"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/weights"
)

// TestStudyIsPredict: sequences that are read side by side have the action features that each has by itself.
func TestStudyIsPredict(t *testing.T) {
	b, err := cpu.New(cpu.Config{Precision: cpu.F32, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c := Tiny(2)
	m, err := Build(b, c, weights.Synthetic{Seed: 3}, Options{Sequences: 3})
	if err != nil {
		t.Fatal(err)
	}
	random := func(n int, seed uint64) []float32 {
		v := make([]float32, n)
		weights.Uniform(v, seed, 1)
		return v
	}
	for _, steps := range []int{2, 1} {
		var lessons []*Lesson
		var want []float32
		for i := range uint64(3) {
			l := &Lesson{Text: random(c.Text, i)}
			for k := range uint64(steps) {
				var s continuous.State
				copy(s.Arm[:], random(6, 50*i+k))
				copy(s.Gripper[:], random(2, 70*i+k))
				l.Pixels, l.States = append(l.Pixels, random(2*3*c.Image*c.Image, 90*i+k)), append(l.States, s)
			}
			lessons = append(lessons, l)
			if err := m.Instruct(l.Text); err != nil {
				t.Fatal(err)
			}
			slots := make([]int, steps)
			for k := range steps {
				slots[k] = k
				if err := m.See(k, l.Pixels[k], l.States[k]); err != nil {
					t.Fatal(err)
				}
			}
			x, err := m.Predict(slots, true)
			if err != nil {
				t.Fatal(err)
			}
			features, err := m.Read(x)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, features...)
		}
		x, err := m.Study(lessons)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Read(x)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d numbers, expected %d", len(got), len(want))
		}
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > 1e-5 {
				t.Fatalf("%d steps: number %d is %g, by itself %g", steps, i, got[i], want[i])
			}
		}
	}
	if _, err := m.Study(make([]*Lesson, 4)); err == nil {
		t.Error("four sequences were taken, of three")
	}
}
