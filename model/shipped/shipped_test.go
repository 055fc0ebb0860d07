package shipped

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/seer"
	"cobot_vla/model/vitavla"
)

// TestFolder: a checkpoint is laid out once, and mended when it was damaged.
func TestFolder(t *testing.T) {
	cache := t.TempDir()
	dir, err := Folder("llavavla", cache)
	if err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(dir, "model.safetensors")
	before, err := os.Stat(weights)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Folder("llavavla", cache); err != nil || again != dir {
		t.Error(again, err)
	}
	if after, err := os.Stat(weights); err != nil || !os.SameFile(before, after) {
		t.Error("written again, though it was whole", err)
	}
	if err := os.Truncate(weights, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder("llavavla", cache); err != nil {
		t.Fatal(err)
	}
	if mended, err := os.Stat(weights); err != nil || mended.Size() != before.Size() {
		t.Error("not mended", err)
	}

	left, err := filepath.Glob(filepath.Join(dir, "*.part"))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// TestRuns: every checkpoint is one that the robot can run.
func TestRuns(t *testing.T) {
	for kind, open := range map[string]func(dir string) (io.Closer, error){
		"llavavla": func(dir string) (io.Closer, error) { return llavavla.Open(dir, llavavla.DefaultConfig()) },
		"seer":     func(dir string) (io.Closer, error) { return seer.Open(dir, continuous.DefaultConfig()) },
		"vitavla":  func(dir string) (io.Closer, error) { return vitavla.Open(dir, continuous.DefaultConfig()) },
	} {
		t.Run(kind, func(t *testing.T) {
			dir, err := Folder(kind, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "manifest.yaml")
			m, err := checkpoint.ReadManifest(path)
			if err != nil {
				t.Fatal(err)
			}
			stats, err := m.LoadStatistics(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(checkpoint.CheckRobot(m, calibration.Default()), checkpoint.CheckStatistics(m, stats, calibration.Default())); err != nil {
				t.Error(err)
			}
			if m.Kind != kind || m.Name != Name(kind) || (m.Navigation != nil) != (kind == "llavavla") {
				t.Errorf("manifest %+v", m)
			}
			p, err := open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFolderAtOnce: several nodes of a launch ask at the same time.
func TestFolderAtOnce(t *testing.T) {
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := Folder("llavavla", cache)
			if err == nil {
				_, err = os.Stat(filepath.Join(dir, "config.json"))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNone(t *testing.T) {
	if _, err := Folder("expert", t.TempDir()); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Folder("llavavla", filepath.Join(os.DevNull, "x")); err == nil {
		t.Error("a cache that is no folder was accepted")
	}
}
