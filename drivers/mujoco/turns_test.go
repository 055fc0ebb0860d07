//go:build mujoco && cgo

package mujoco

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"cobot_vla/calibration"
)

// TestRenderersTakeTurns holds the lock as a renderer does that draws: another waits for it, and then draws
// what it draws alone. Several that open, draw and close at once all get that picture.
func TestRenderersTakeTurns(t *testing.T) {
	cfg := DefaultConfig(calibration.Default(), bottleScene(t, 0))
	cfg.Render.MaxWidth, cfg.Render.MaxHeight = 64, 48
	open := func() *World {
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
	picture := func(w *World) []byte {
		rgb, err := w.Render("front", 64, 48)
		if err != nil {
			t.Error(err)
		}
		return rgb
	}
	first := open()
	want := picture(first)

	if !first.engine.(*native).alone() {
		drawing.Lock()
		done := make(chan []byte, 1)
		go func() { done <- picture(first) }()
		select {
		case rgb := <-done:
			t.Error("it draws while another does")
			done <- rgb
		case <-time.After(200 * time.Millisecond):
		}
		drawing.Unlock()
		if !bytes.Equal(<-done, want) {
			t.Error("another picture after the wait")
		}
	}

	var all sync.WaitGroup
	for range 4 {
		w := open()
		all.Go(func() {
			if !bytes.Equal(picture(w), want) {
				t.Error("another picture beside others")
			}
			w.Close()
		})
	}
	all.Wait()
}
