package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// videoCodecName is how LeRobot calls what film writes.
const videoCodecName = "h264"

// film encodes pictures through ffmpeg: H.264, which every decoder has, with a
// key picture every other one, so that a training can read any.
type film struct {
	ctx     context.Context
	program string
	path    string
	fps     int

	run   *exec.Cmd // since the first picture
	in    io.WriteCloser
	said  bytes.Buffer
	ended bool
}

func newFilm(ctx context.Context, ffmpeg, path string, fps int) (*film, error) {
	program, err := exec.LookPath(ffmpeg)
	if err != nil {
		return nil, fmt.Errorf("%w: video needs %s: install it, or keep the pictures in the parquet files: %w", ErrConfig, ffmpeg, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return &film{ctx: ctx, program: program, path: path, fps: fps}, nil
}

func (f *film) start(picture []byte) (err error) {
	codec, rate := "mjpeg", fmt.Sprint(f.fps)
	if bytes.HasPrefix(picture, []byte("\x89PNG")) {
		codec = "png"
	}
	f.run = exec.CommandContext(f.ctx, f.program, "-hide_banner", "-loglevel", "error", "-y",
		"-f", "image2pipe", "-framerate", rate, "-c:v", codec, "-i", "-", "-an", "-c:v", "libx264", "-pix_fmt", "yuv420p",
		"-g", "2", "-crf", "20", "-r", rate, "-f", "mp4", f.path+".part")
	f.run.Stderr = &f.said
	if f.in, err = f.run.StdinPipe(); err != nil {
		return err
	}
	return f.run.Start()
}

func (f *film) add(picture []byte) error {
	if f.run == nil {
		if err := f.start(picture); err != nil {
			return err
		}
	}
	if _, err := f.in.Write(picture); err != nil {
		return errors.Join(err, f.finish())
	}
	return nil
}

// finish waits for the film.
func (f *film) finish() error {
	if f.ended || f.run == nil {
		return nil
	}
	f.ended = true
	if err := errors.Join(f.in.Close(), f.run.Wait()); err != nil {
		return fmt.Errorf("export: %s: ffmpeg: %w: %s", f.path, err, strings.TrimSpace(f.said.String()))
	}
	return nil
}

// size is about how many bytes there are so far: the encoder keeps some back.
func (f *film) size() int64 {
	info, err := os.Stat(f.path + ".part")
	if err != nil {
		return 0
	}
	return info.Size()
}

// keep gives the film its name.
func (f *film) keep() error { return os.Rename(f.path+".part", f.path) }

func (f *film) abandon() {
	if f.run != nil && !f.ended {
		f.ended = true
		_ = f.in.Close()
		_ = f.run.Process.Kill()
		_ = f.run.Wait()
	}
	_ = os.Remove(f.path + ".part")
}
