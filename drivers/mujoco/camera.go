package mujoco

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"cobot_vla/drivers/camera"
)

// FilmCamera is the camera that stands in the room and sees the whole robot and the table.
const FilmCamera = "film"

// viewer is the OS thread that OpenGL's context belongs to. It starts with the
// first picture and lives until stop.
type viewer struct {
	mu    sync.Mutex // one picture at a time
	jobs  chan func()
	ended chan struct{}
	over  bool
}

// do runs f on the viewer's thread and waits for it.
func (v *viewer) do(f func()) {
	done := make(chan struct{})
	v.jobs <- func() { defer close(done); f() }
	<-done
}

// start begins the thread when it isn't there; open runs on it first.
func (v *viewer) start(open func() error) error {
	if v.over {
		return ErrClosed
	}
	if v.jobs != nil {
		return nil
	}
	v.jobs, v.ended = make(chan func()), make(chan struct{})
	go func(jobs chan func(), ended chan struct{}) {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer close(ended)
		for job := range jobs {
			job()
		}
	}(v.jobs, v.ended)
	var err error
	v.do(func() { err = open() })
	if err != nil {
		close(v.jobs)
		<-v.ended
		v.jobs = nil
	}
	return err
}

// stop ends the thread; last runs on it before.
func (v *viewer) stop(last func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	if v.jobs == nil {
		return
	}
	v.do(last)
	close(v.jobs)
	<-v.ended
	v.jobs = nil
}

// Render makes a picture of what a camera (front, left, right or film) sees
// now: RGB, 3 bytes a pixel, top row first. Its vertical field of view is the
// camera's calibrated one, its pixels are square.
func (w *World) Render(name string, width, height int) ([]byte, error) {
	rgb, _, err := w.render(name, width, height)
	return rgb, err
}

func (w *World) render(name string, width, height int) ([]byte, time.Duration, error) {
	l, err := w.lens(name, width, height)
	if err != nil {
		return nil, 0, err
	}
	limit := w.cfg.Render
	twice := name == FilmCamera && 2*width <= limit.MaxWidth && 2*height <= limit.MaxHeight
	if twice {
		l = l.scaled(2)
	}
	shadows := limit.Shadows == AllShadows || limit.Shadows == FilmShadows && name == FilmCamera
	w.view.mu.Lock()
	defer w.view.mu.Unlock()
	if err := w.view.start(w.engine.openView); err != nil {
		return nil, 0, err
	}
	w.mu.Lock()
	id, taken := w.engine.index(cameraKind, name), w.time()
	w.view.do(func() { w.engine.capture(id, l, shadows) })
	w.mu.Unlock()
	rgb := make([]byte, l.width*l.height*3)
	w.view.do(func() { err = w.engine.draw(l.width, l.height, rgb) })
	if err != nil {
		return nil, 0, err
	}
	if twice {
		rgb = halved(rgb, width, height)
	}
	return rgb, taken, nil
}

// halved averages each 2x2 pixels of a picture of twice width and height.
func halved(rgb []byte, width, height int) []byte {
	out := make([]byte, width*height*3)
	row := 2 * width * 3
	for y := range height {
		for x := range width {
			for c := range 3 {
				i := 2*y*row + 6*x + c
				sum := int(rgb[i]) + int(rgb[i+3]) + int(rgb[i+row]) + int(rgb[i+row+3])
				out[(y*width+x)*3+c] = byte((sum + 2) / 4)
			}
		}
	}
	return out
}

// lens is a camera's intrinsics at a size.
func (w *World) lens(name string, width, height int) (lens, error) {
	limit := w.cfg.Render
	if width < 1 || height < 1 || width > limit.MaxWidth || height > limit.MaxHeight {
		return lens{}, fmt.Errorf("mujoco: a picture of %dx%d: must be within %dx%d (Render.MaxWidth, MaxHeight)", width, height, limit.MaxWidth, limit.MaxHeight)
	}
	full, err := w.calibrated(name)
	if err != nil {
		return lens{}, err
	}
	// The vertical field of view stays; pixels stay square; what is wider shows more at the sides.
	l := full.scaled(float64(height) / float64(full.height))
	l.cx += (float64(width) - float64(l.width)) / 2
	l.width, l.height = width, height
	return l, nil
}

// scaled is the same lens with more pixels, or fewer.
func (l lens) scaled(by float64) lens {
	middle := (float64(l.width) - 1) / 2
	scaled := lens{width: int(math.Round(float64(l.width) * by)), height: int(math.Round(float64(l.height) * by)), f: l.f * by}
	scaled.cx = (float64(scaled.width)-1)/2 + (l.cx-middle)*by
	scaled.cy = (l.cy+0.5)*by - 0.5
	return scaled
}

// calibrated is a camera's lens at its calibrated size.
func (w *World) calibrated(name string) (lens, error) {
	names := FilmCamera
	for _, c := range w.cfg.Robot.Cameras {
		if c.Name == name {
			return lens{width: c.Width, height: c.Height, f: c.FY, cx: c.CX, cy: c.CY}, nil
		}
		names += ", " + c.Name
	}
	if name != FilmCamera {
		return lens{}, fmt.Errorf("mujoco: no camera %q: use one of %s", name, names)
	}
	return filmLens(w.cfg.Scene.Film.FovY), nil
}

// filmLens is the film camera's, at 640x480.
func filmLens(fovY float64) lens {
	const width, height = 640, 480
	return lens{width: width, height: height, f: height / 2 / math.Tan(fovY/2), cx: (width - 1) / 2.0, cy: (height - 1) / 2.0}
}

// Camera returns a camera as the camera node knows them. Its pictures have the
// size of Config.Render.Sizes, else the calibrated one. It is not paced: a
// capture is what the world looks like now. Lens distortion is not simulated, and fx is fy.
func (w *World) Camera(name string) (camera.Source, error) {
	full, err := w.calibrated(name)
	if err != nil {
		return nil, err
	}
	size := Size{full.width, full.height}
	if s, ok := w.cfg.Render.Sizes[name]; ok {
		size = s
	}
	l, err := w.lens(name, size.Width, size.Height)
	if err != nil {
		return nil, err
	}
	return &source{w: w, name: name, lens: l}, nil
}

// source is one simulated camera.
type source struct {
	w    *World
	name string
	lens lens
}

// Info is the camera's name, size and intrinsics.
func (s *source) Info() camera.Info {
	return camera.Info{
		Name: s.name, Width: s.lens.width, Height: s.lens.height,
		FX: s.lens.f, FY: s.lens.f, CX: s.lens.cx, CY: s.lens.cy,
	}
}

// Capture renders what the camera sees now.
func (s *source) Capture(ctx context.Context) (camera.Frame, error) {
	if err := ctx.Err(); err != nil {
		return camera.Frame{}, err
	}
	rgb, at, err := s.w.render(s.name, s.lens.width, s.lens.height)
	if err != nil {
		return camera.Frame{}, err
	}
	return camera.Frame{
		Stamp: s.w.cfg.Epoch.Add(at), Width: s.lens.width, Height: s.lens.height,
		Step: 3 * s.lens.width, Encoding: "rgb8", Data: rgb,
	}, nil
}

// Close does nothing: the world owns the renderer.
func (s *source) Close() error { return nil }
