package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"cobot_vla/model/vision"
)

// size of a feature's pictures: its shape is height, width, channels, or, in older
// sets, channels first, as its names say.
func (f feature) size() (vision.Size, error) {
	if len(f.Shape) != 3 {
		return vision.Size{}, fmt.Errorf("%w: pictures of the shape %v", ErrSource, f.Shape)
	}
	var names []string
	_ = json.Unmarshal(f.Names, &names)
	s := vision.Size{Width: f.Shape[1], Height: f.Shape[0]}
	if slices.Index(names, "channels") == 0 || slices.Index(names, "channel") == 0 || len(names) != 3 && f.Shape[0] == 3 {
		s = vision.Size{Width: f.Shape[2], Height: f.Shape[1]}
	}
	if s.Width < 1 || s.Height < 1 || s.Width > 1<<13 || s.Height > 1<<13 {
		return s, fmt.Errorf("%w: pictures of %s", ErrSource, s)
	}
	return s, nil
}

// film reads a part of a video's pictures, through ffmpeg.
type film struct {
	path string
	run  *exec.Cmd
	out  io.ReadCloser
	said bytes.Buffer
	size vision.Size
}

func openFilm(ctx context.Context, ffmpeg, path string, from, fps float64, frames int, size vision.Size) (*film, error) {
	program, err := exec.LookPath(ffmpeg)
	if err != nil {
		return nil, fmt.Errorf("%w: the set's pictures are videos, and reading them needs %s: install it: %w", ErrConfig, ffmpeg, err)
	}
	f := &film{path: path, size: size}
	// Half a frame early, so that rounding never skips one.
	args := []string{"-hide_banner", "-loglevel", "error"}
	if from > 0 {
		args = append(args, "-ss", fmt.Sprintf("%.6f", max(0, from-0.5/fps)))
	}
	args = append(args, "-i", path, "-frames:v", fmt.Sprint(frames), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	f.run = exec.CommandContext(ctx, program, args...)
	f.run.Stderr = &f.said
	if f.out, err = f.run.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if err := f.run.Start(); err != nil {
		return nil, fmt.Errorf("import: %s: %w", program, err)
	}
	return f, nil
}

func (f *film) next() (vision.Image, error) {
	m := vision.NewImage(f.size.Width, f.size.Height)
	if _, err := io.ReadFull(f.out, m.Pix); err != nil {
		_ = f.run.Wait() // then all is said
		f.run = nil
		return m, fmt.Errorf("%w: %s has fewer pictures than the set says: %w: %s", ErrSource, f.path, err, strings.TrimSpace(f.said.String()))
	}
	return m, nil
}

func (f *film) close() {
	if f.run == nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(f.out, 1)) // it is at its end, or it is stopped
	if err := f.run.Process.Kill(); errors.Is(err, exec.ErrNotFound) {
		return
	}
	_ = f.run.Wait()
}
