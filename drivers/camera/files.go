package camera

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // for their headers
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// FilesConfig describes a source that plays pictures.
type FilesConfig struct {
	// Name of the camera; default files.
	Name string
	// Pattern is a folder, whose *.jpg, *.jpeg and *.png are played, or a glob.
	// The order is that of the names, byte by byte: number them with leading zeros.
	Pattern string
	// Rate that Info names [Hz]; default 10. Capture itself never waits.
	Rate float64
	// Loop starts again after the last picture; without it Capture ends with ErrEnd.
	Loop bool
}

// DefaultFilesConfig plays at 10 Hz, once.
func DefaultFilesConfig() FilesConfig { return FilesConfig{Name: "files", Rate: 10} }

// Files plays pictures of one size, as they are: encoding jpeg or png.
type Files struct {
	info  Info
	names []string
	loop  bool

	mu     sync.Mutex
	next   int
	closed bool
}

// OpenFiles finds the pictures and checks that they are of one size.
func OpenFiles(cfg FilesConfig) (*Files, error) {
	names, err := picturesOf(cfg.Pattern)
	if err != nil {
		return nil, err
	}
	if cfg.Rate < 0 {
		return nil, fmt.Errorf("%w: pictures at %v Hz", ErrMode, cfg.Rate)
	}
	f := &Files{info: Info{Name: cfg.Name, Rate: cfg.Rate}, names: names, loop: cfg.Loop}
	for _, name := range names {
		w, h, err := pictureSize(name)
		if err != nil {
			return nil, err
		}
		if f.info.Width == 0 {
			f.info.Width, f.info.Height = w, h
		}
		if w != f.info.Width || h != f.info.Height {
			return nil, fmt.Errorf("%w: %s has %dx%d pixels, %s has %dx%d: a camera's pictures are of one size", ErrImage, name, w, h, names[0], f.info.Width, f.info.Height)
		}
	}
	return f, nil
}

func picturesOf(pattern string) ([]string, error) {
	if info, err := os.Stat(pattern); err == nil && info.IsDir() {
		pattern = filepath.Join(globEscape(pattern), "*")
	}
	all, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("camera: pictures %q: %w", pattern, err)
	}
	names := slices.DeleteFunc(all, func(name string) bool { return pictureEncoding(name) == "" })
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no *.jpg, *.jpeg or *.png at %q", ErrNoDevice, pattern)
	}
	slices.Sort(names)
	return names, nil
}

func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func pictureEncoding(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg":
		return "jpeg"
	case ".png":
		return "png"
	}
	return ""
}

func pictureSize(name string) (width, height int, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, err
	}
	c, kind, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("%w: %s: %w", ErrImage, name, err)
	case kind != pictureEncoding(name):
		return 0, 0, fmt.Errorf("%w: %s is a %s picture: name it so", ErrImage, name, kind)
	}
	return c.Width, c.Height, nil
}

// Info implements Source.
func (f *Files) Info() Info { return f.info }

// Capture implements Source: the next picture, at once.
func (f *Files) Capture(ctx context.Context) (Frame, error) {
	if err := ctx.Err(); err != nil {
		return Frame{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return Frame{}, ErrClosed
	case f.next == len(f.names) && !f.loop:
		return Frame{}, fmt.Errorf("%w: all %d pictures were played", ErrEnd, len(f.names))
	}
	name := f.names[f.next%len(f.names)]
	data, err := os.ReadFile(name)
	if err != nil {
		return Frame{}, err
	}
	f.next = f.next%len(f.names) + 1
	return Frame{Width: f.info.Width, Height: f.info.Height, Encoding: pictureEncoding(name), Data: data}, nil
}

// Close implements Source.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}
