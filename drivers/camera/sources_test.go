package camera_test

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/camera/cameratest"
)

func TestPatternConformance(t *testing.T) {
	for _, encoding := range []string{"rgb8", "yuyv", "mono8", "jpeg"} {
		t.Run(encoding, func(t *testing.T) {
			cfg := camera.DefaultPatternConfig()
			cfg.Width, cfg.Height, cfg.Encoding = 128, 96, encoding
			cameratest.Conformance(t, func() (camera.Source, error) { return camera.NewPattern(cfg) })
		})
	}
}

func TestFilesConformance(t *testing.T) {
	dir := pictures(t, 5)
	for _, loop := range []bool{false, true} {
		cfg := camera.DefaultFilesConfig()
		cfg.Pattern, cfg.Loop = dir, loop
		cameratest.Conformance(t, func() (camera.Source, error) { return camera.OpenFiles(cfg) })
	}
}

// pictures writes n pictures, JPEG and PNG in turn, whose red says their number.
func pictures(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		m := image.NewNRGBA(image.Rect(0, 0, 16, 8))
		for j := range m.Pix {
			m.Pix[j] = 255
		}
		for y := range 8 {
			for x := range 16 {
				m.Set(x, y, color.NRGBA{R: uint8(40 * i), A: 255})
			}
		}
		writePicture(t, filepath.Join(dir, fmt.Sprintf("%03d%s", i, []string{".png", ".jpg"}[i%2])), m)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writePicture(t *testing.T, name string, m image.Image) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(name) == ".jpg" {
		err = jpeg.Encode(f, m, nil)
	} else {
		err = png.Encode(f, m)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestFilesPlayInOrderAndEnd(t *testing.T) {
	dir := pictures(t, 4)
	for _, loop := range []bool{false, true} {
		s, err := camera.OpenFiles(camera.FilesConfig{Name: "f", Pattern: filepath.Join(dir, "*"), Rate: 5, Loop: loop})
		if err != nil {
			t.Fatal(err)
		}
		if i := s.Info(); i.Width != 16 || i.Height != 8 || i.Rate != 5 || i.Paced {
			t.Errorf("%+v", i)
		}
		for n := range 6 {
			f, err := s.Capture(t.Context())
			if !loop && n >= 4 {
				if !errors.Is(err, camera.ErrEnd) {
					t.Errorf("frame %d: %v", n, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			rgb, err := camera.Decode(nil, f)
			if err != nil {
				t.Fatal(err)
			}
			if d := int(rgb.Data[0]) - 40*(n%4); d < -3 || d > 3 {
				t.Errorf("loop %v: frame %d has red %d", loop, n, rgb.Data[0])
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFilesRefuse(t *testing.T) {
	sizes := pictures(t, 2)
	writePicture(t, filepath.Join(sizes, "100.png"), image.NewGray(image.Rect(0, 0, 8, 8)))
	broken := t.TempDir()
	misnamed := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.png"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	writePicture(t, filepath.Join(misnamed, "a.png"), image.NewGray(image.Rect(0, 0, 8, 8)))
	if err := os.Rename(filepath.Join(misnamed, "a.png"), filepath.Join(misnamed, "a.jpg")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ pattern, want string }{
		{sizes, "100.png has 8x8 pixels"},
		{broken, "a.png: image: unknown format"},
		{misnamed, "is a png picture"},
		{t.TempDir(), "no *.jpg, *.jpeg or *.png"},
		{filepath.Join(broken, "[") + "*", "syntax error in pattern"},
	} {
		_, err := camera.OpenFiles(camera.FilesConfig{Name: "f", Pattern: c.pattern})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.pattern, err, c.want)
		}
	}
	if _, err := camera.OpenFiles(camera.FilesConfig{Pattern: sizes, Rate: -1}); err == nil {
		t.Error("a negative rate")
	}
}

func TestPatternCountsAndMoves(t *testing.T) {
	for _, encoding := range []string{"rgb8", "yuyv", "mono8", "jpeg"} {
		cfg := camera.DefaultPatternConfig()
		cfg.Width, cfg.Height, cfg.Encoding = 320, 240, encoding
		a, err := camera.NewPattern(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b, err := camera.NewPattern(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var last string
		for n := range uint32(40) {
			f, err := a.Capture(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := camera.PatternNumber(f); err != nil || got != n {
				t.Fatalf("%s: frame %d shows %d: %v", encoding, n, got, err)
			}
			g, err := b.Capture(t.Context())
			if err != nil || string(g.Data) != string(f.Data) {
				t.Fatalf("%s: frame %d differs from itself: %v", encoding, n, err)
			}
			if string(f.Data) == last {
				t.Fatalf("%s: frame %d did not move", encoding, n)
			}
			last = string(f.Data)
		}
	}
}

func TestPatternRefuses(t *testing.T) {
	for _, change := range []func(*camera.PatternConfig){
		func(c *camera.PatternConfig) { c.Width = 63 },
		func(c *camera.PatternConfig) { c.Width = 101 },
		func(c *camera.PatternConfig) { c.Height = 8 },
		func(c *camera.PatternConfig) { c.Width = 1 << 30 },
		func(c *camera.PatternConfig) { c.Rate = -1 },
		func(c *camera.PatternConfig) { c.Encoding = "h264" },
	} {
		cfg := camera.DefaultPatternConfig()
		change(&cfg)
		if _, err := camera.NewPattern(cfg); err == nil {
			t.Errorf("%+v", cfg)
		}
	}
	grey := camera.Frame{Width: 64, Height: 32, Step: 64, Encoding: "mono8", Data: make([]byte, 64*32)}
	for i := range grey.Data {
		grey.Data[i] = 128
	}
	if _, err := camera.PatternNumber(grey); !errors.Is(err, camera.ErrImage) {
		t.Error(err)
	}
}
