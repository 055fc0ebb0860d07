//go:build mujoco && cgo

package mujoco

import (
	"bytes"
	"testing"

	"cobot_vla/calibration"
)

// TestCullingChangesNoPixel compares pictures with and without what the camera can't see.
func TestCullingChangesNoPixel(t *testing.T) {
	var pictures [2][][]byte
	for i, all := range []bool{false, true} {
		w, err := New(DefaultConfig(calibration.Default(), bottleScene(t, 4)))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for range 3 {
			for _, name := range []string{"front", "left", "right", FilmCamera} {
				if err := w.view.start(w.engine.openView); err != nil {
					t.Fatal(err)
				}
				w.view.do(func() { w.engine.drawAll(all) })
				rgb, err := w.Render(name, 168, 126)
				if err != nil {
					t.Fatal(err)
				}
				pictures[i] = append(pictures[i], rgb)
			}
			if err := w.Step(150 * w.Timestep()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for k, rgb := range pictures[0] {
		if !bytes.Equal(rgb, pictures[1][k]) {
			t.Errorf("picture %d changes", k)
		}
	}
}
