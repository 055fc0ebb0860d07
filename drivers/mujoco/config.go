package mujoco

import (
	"errors"
	"fmt"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco/scene"
)

// ErrNotBuilt is returned by New in a program built without the simulator.
var ErrNotBuilt = errors.New("built without MuJoCo: rebuild with -tags mujoco (make demo does)")

// ErrClosed is returned by a World after Close.
var ErrClosed = errors.New("mujoco: the world is closed")

// Config is a World's manual.
type Config struct {
	// Robot is built as calibrated: mounts, joint ranges and zeros, the base's
	// track and scales, cameras. Required.
	Robot calibration.Robot
	// Scene is where it stands. Required: see scene.Tasks for samplers.
	Scene scene.Scene
	// Start is where the arms' joints start [rad], by side. Default: calibration.Ready
	// with open grippers when the scene is Ready; else as they rest without power,
	// parked with joints 2 and 3 on their stops, which is where a world leaves them as
	// long as nobody drives them.
	Start map[string][6]float64
	// Seed of the nuisances of Variation. The scene brings its own.
	Seed uint64
	// Variation spreads what a real room does not hold constant: masses of objects
	// and friction of pads, tops and objects are multiplied by a factor within
	// 1 ± Variation, drawn with Seed. Default 0: every run has the nominal values. At most 0.5.
	Variation float64
	// Timestep of the physics. Default 2 ms. Finger contacts get soft above 2 ms
	// and nothing gets better below 1 ms; allowed are 0.5 to 4 ms.
	Timestep time.Duration
	// Epoch is the world's time at its start, to which stamps of frames refer. Default: 1970.
	Epoch time.Time
	// Render is how pictures are made.
	Render Render
}

// Render is how pictures are made.
type Render struct {
	// Sizes of the cameras' frames by name (front, left, right, film); a
	// camera without one has its calibrated size, film 640x480. A smaller
	// picture is cheaper almost in proportion; its intrinsics keep the
	// calibrated vertical field of view.
	Sizes map[string]Size
	// MaxWidth and MaxHeight bound what Render may be asked for [px]. Default
	// 1280x960; memory, and a little time, grow with it.
	MaxWidth, MaxHeight int
	// Samples a pixel for smooth edges: 0, 2, 4 or 8. Default 0; 4 doubles the
	// time of a software renderer. The film camera needs none: its pictures are
	// drawn at twice their size and averaged, where MaxWidth and MaxHeight allow it.
	Samples int
	// Shadows of the lamp. Default NoShadows: they double the time of a software
	// renderer. FilmShadows are what a film should have.
	Shadows Shadows
}

// Shadows says which pictures have the lamp's shadows.
type Shadows uint8

// Shadows in no picture, in the film camera's, or in all.
const (
	NoShadows Shadows = iota
	FilmShadows
	AllShadows
)

// Size of a picture [px].
type Size struct{ Width, Height int }

// DefaultConfig returns a Config of a robot in a scene.
func DefaultConfig(robot calibration.Robot, s scene.Scene) Config {
	return Config{Robot: robot, Scene: s}
}

// filled puts defaults where the Config is silent, and refuses what can't be built.
func (c Config) filled() (Config, error) {
	if c.Timestep == 0 {
		c.Timestep = 2 * time.Millisecond
	}
	if c.Timestep < 500*time.Microsecond || c.Timestep > 4*time.Millisecond {
		return c, fmt.Errorf("mujoco: timestep %v: must be 0.5 to 4 ms", c.Timestep)
	}
	if c.Variation < 0 || c.Variation > 0.5 {
		return c, fmt.Errorf("mujoco: variation %g: must be 0 to 0.5", c.Variation)
	}
	if c.Epoch.IsZero() {
		c.Epoch = time.Unix(0, 0).UTC()
	}
	if c.Render.MaxWidth == 0 {
		c.Render.MaxWidth = 1280
	}
	if c.Render.MaxHeight == 0 {
		c.Render.MaxHeight = 960
	}
	if c.Render.MaxWidth < 16 || c.Render.MaxHeight < 16 || c.Render.MaxWidth > 4096 || c.Render.MaxHeight > 4096 {
		return c, fmt.Errorf("mujoco: pictures of up to %dx%d: must be 16 to 4096", c.Render.MaxWidth, c.Render.MaxHeight)
	}
	switch c.Render.Samples {
	case 0, 2, 4, 8:
	default:
		return c, fmt.Errorf("mujoco: %d samples a pixel: must be 0, 2, 4 or 8", c.Render.Samples)
	}
	if film := c.Scene.Film; film.FovY <= 0 || film.FovY > 3 || film.Eye == film.Target {
		return c, fmt.Errorf("mujoco: film camera at %v looks at %v with a field of view of %g rad: give two different points and 0 to 3 rad", film.Eye, film.Target, film.FovY)
	}
	if err := c.Scene.Validate(); err != nil {
		return c, err
	}
	if err := checkRobot(c.Robot); err != nil {
		return c, err
	}
	for side := range c.Start {
		if _, ok := c.Robot.Arm(side); !ok {
			return c, fmt.Errorf("mujoco: start of arm %q: the robot has no such arm", side)
		}
	}
	for name, size := range c.Render.Sizes {
		if _, ok := c.Robot.Camera(name); !ok && name != FilmCamera {
			return c, fmt.Errorf("mujoco: size of camera %q: the robot has no such camera", name)
		}
		if size.Width < 1 || size.Height < 1 || size.Width > c.Render.MaxWidth || size.Height > c.Render.MaxHeight {
			return c, fmt.Errorf("mujoco: camera %s at %dx%d: must be within %dx%d (Render.MaxWidth, MaxHeight)", name, size.Width, size.Height, c.Render.MaxWidth, c.Render.MaxHeight)
		}
	}
	return c, nil
}

// start is where an arm's joints start.
func (c Config) start(a calibration.Arm) [6]float64 {
	if q, given := c.Start[a.Side]; given {
		return q
	}
	if c.Scene.Ready {
		return calibration.Ready()
	}
	q := a.Park
	q[1], q[2] = a.Joints[1].Lower-limitSlack, a.Joints[2].Upper+limitSlack
	return q
}

// checkRobot refuses a calibration that the scene can't be built from.
func checkRobot(r calibration.Robot) error {
	if len(r.Arms) == 0 {
		return fmt.Errorf("mujoco: robot %q has no arms: give its calibration", r.Name)
	}
	for _, arm := range r.Arms {
		if arm.Side != "left" && arm.Side != "right" {
			return fmt.Errorf("mujoco: arm side %q: must be left or right", arm.Side)
		}
		if len(arm.Joints) != 6 {
			return fmt.Errorf("mujoco: arm %s has %d joints: a PiPER has 6", arm.Side, len(arm.Joints))
		}
		for _, j := range arm.Joints {
			if j.Lower >= j.Upper {
				return fmt.Errorf("mujoco: joint %s: lower %g is not below upper %g rad", j.Name, j.Lower, j.Upper)
			}
		}
		if arm.Gripper.Stroke <= 0 || arm.Gripper.Stroke > 0.1 {
			return fmt.Errorf("mujoco: gripper %s: stroke %g m: must be above 0 and at most 0.1", arm.Gripper.Name, arm.Gripper.Stroke)
		}
		if tcp := arm.Gripper.TCP; tcp != 0 && (tcp < 0.10 || tcp > FingerReach-0.002) {
			return fmt.Errorf("mujoco: gripper %s: tcp %g m: the pads lie between 0.10 and %g m before the flange", arm.Gripper.Name, tcp, FingerReach-0.002)
		}
	}
	if len(r.Arms) == 2 && r.Arms[0].Side == r.Arms[1].Side {
		return fmt.Errorf("mujoco: both arms are %s: one is left, one is right", r.Arms[0].Side)
	}
	if len(r.Arms) > 2 {
		return fmt.Errorf("mujoco: %d arms: at most a left and a right one", len(r.Arms))
	}
	if r.Base.Track <= 0.1 || r.Base.Track > 0.5 {
		return fmt.Errorf("mujoco: base track %g m: must be above 0.1 and at most the chassis' 0.5", r.Base.Track)
	}
	for _, cam := range r.Cameras {
		if cam.Width <= 0 || cam.Height <= 0 || cam.FX <= 0 || cam.FY <= 0 {
			return fmt.Errorf("mujoco: camera %s: size %dx%d with fx %g, fy %g: all must be above 0", cam.Name, cam.Width, cam.Height, cam.FX, cam.FY)
		}
	}
	return nil
}
