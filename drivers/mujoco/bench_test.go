//go:build mujoco && cgo

package mujoco

import (
	"fmt"
	"testing"
	"time"

	"cobot_vla/calibration"
)

// BenchmarkStep is one timestep of the whole scene: everything stands on the
// table, then one arm holds the bottle. Aim: 150 µs.
func BenchmarkStep(b *testing.B) {
	for _, clutter := range []int{0, 4} {
		h := newHand(b, bottleScene(b, clutter), nil)
		h.wait(tick)
		b.Run(fmt.Sprintf("standing/clutter=%d", clutter), func(b *testing.B) { step(b, h.w) })
		grasp(h)
		b.Run(fmt.Sprintf("holding/clutter=%d", clutter), func(b *testing.B) { step(b, h.w) })
	}
}

// step also reports the best of its stretches of 20 steps: a busy machine shows in the mean.
func step(b *testing.B, w *World) {
	best := time.Hour
	for k := 0; k < b.N; k += 20 {
		n := min(20, b.N-k)
		start := time.Now()
		if err := w.Step(time.Duration(n) * w.Timestep()); err != nil {
			b.Fatal(err)
		}
		if n == 20 {
			best = min(best, time.Since(start)/20)
		}
	}
	b.ReportMetric(float64(best.Nanoseconds())/1e3, "best-µs/step")
}

// BenchmarkRender is one picture of the front camera.
func BenchmarkRender(b *testing.B) {
	for _, samples := range []int{4, 0} {
		cfg := DefaultConfig(calibration.Default(), bottleScene(b, 4))
		cfg.Render.Samples = samples
		w, err := New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		for _, size := range []Size{{640, 480}, {320, 240}, {334, 167}} {
			b.Run(fmt.Sprintf("%dx%d/samples=%d", size.Width, size.Height, samples), func(b *testing.B) {
				best := time.Hour
				for range b.N {
					start := time.Now()
					if _, err := w.Render("front", size.Width, size.Height); err != nil {
						b.Fatal(err)
					}
					best = min(best, time.Since(start))
				}
				b.ReportMetric(best.Seconds()*1e3, "best-ms/picture")
			})
		}
	}
}
