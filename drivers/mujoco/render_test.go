//go:build mujoco && cgo

package mujoco

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/mujoco/scene"

	"go.uber.org/goleak"
	"gonum.org/v1/gonum/spatial/r3"
)

// magenta is a colour that nothing else has.
var magenta = [3]float64{0.9, 0.05, 0.9}

func isMagenta(rgb []byte) bool {
	r, g, b := int(rgb[0]), int(rgb[1]), int(rgb[2])
	return r > 60 && r > 2*g && b > 2*g && r < 2*b && b < 2*r
}

// box is a rectangle of pixels, its edges at pixels' middles.
type box struct{ left, top, right, bottom float64 }

// found is the rectangle of magenta in a picture.
func found(f camera.Frame) (box, int) {
	b := box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	count := 0
	for y := range f.Height {
		for x := range f.Width {
			if isMagenta(f.Data[y*f.Step+3*x:]) {
				count++
				b.left, b.right = min(b.left, float64(x)), max(b.right, float64(x))
				b.top, b.bottom = min(b.top, float64(y)), max(b.bottom, float64(y))
			}
		}
	}
	return b, count
}

// expected is where a block's corners are by the camera's intrinsics and its calibrated place.
func expected(t *testing.T, h *hand, cam calibration.Camera, info camera.Info, block scene.Object) box {
	t.Helper()
	base, _ := h.w.Pose(scene.BaseLink)
	at := kinematics.FromQuaternion(base.Position, base.Orientation)
	if side, wrist := strings.CutSuffix(cam.Parent, "_link6"); wrist {
		calibrated, _ := h.robot.Arm(side)
		k, err := kinematics.NewArm(calibrated)
		if err != nil {
			t.Fatal(err)
		}
		at = at.Mul(k.Mount()).Mul(k.Links(h.w.Arm(side).State().Joints)[5])
	}
	eye := at.Mul(kinematics.FromPose(cam.Mount)).Inverse()
	pose, _ := h.w.Pose(block.Name)
	b := box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for i := range 8 {
		corner := [3]float64{block.Size[0] / 2, block.Size[1] / 2, block.Size[2]}
		if i&1 == 0 {
			corner[0] = -corner[0]
		}
		if i&2 == 0 {
			corner[1] = -corner[1]
		}
		if i&4 == 0 {
			corner[2] = 0
		}
		w := pose.Apply(corner)
		p := eye.Apply(r3.Vec{X: w[0], Y: w[1], Z: w[2]}) // x forward, y left, z up
		u, v := info.CX-info.FX*p.Y/p.X, info.CY-info.FY*p.Z/p.X
		b.left, b.right = min(b.left, u), max(b.right, u)
		b.top, b.bottom = min(b.top, v), max(b.bottom, v)
	}
	return b
}

// TestPicturesAgreeWithIntrinsics: a block is where the pinhole says, in a
// camera on the mast and one on a wrist, at several places and sizes, also with the optical axis off the middle.
func TestPicturesAgreeWithIntrinsics(t *testing.T) {
	task, _ := scene.ByName("fetch_bottle")
	robot := calibration.Default()
	robot.Cameras[0].CX, robot.Cameras[0].CY = 290, 260
	seen := map[string]int{}
	for _, c := range []struct {
		place scene.Pose
		size  Size
	}{
		{scene.Facing(1.50, 0.05, 0.70, 0.3), Size{640, 480}},
		{scene.Facing(1.75, -0.15, 0.70, 0.8), Size{334, 167}},
		{scene.At(1.62, 0.35, 0.70), Size{640, 480}},
		{scene.At(1.62, 0.35, 0.70), Size{320, 240}},
	} {
		place, size := c.place, c.size
		s := task.Sample(1, 0)
		block := scene.Object{Name: "target", Kind: scene.Block, Size: [3]float64{0.05, 0.05, 0.05}, Color: magenta, Pose: place}.Filled()
		s.Objects = []scene.Object{block}
		s.Robot = scene.Start{X: 0.75, Yaw: 0.05}
		h := newHand(t, s, func(c *Config) {
			c.Robot = robot
			c.Render.Sizes = map[string]Size{"front": size, "left": size}
		})
		h.drives["left"].Width = 0.07
		h.move("left", [6]float64{0.1, 1.2, -1.6, 0, 0.9, 0}, time.Second)
		h.wait(300 * time.Millisecond)
		for _, name := range []string{"front", "left"} {
			source, err := h.w.Camera(name)
			if err != nil {
				t.Fatal(err)
			}
			frame, err := source.Capture(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			info := source.Info()
			if frame.Width != size.Width || frame.Height != size.Height || info.Width != size.Width || info.Height != size.Height || frame.Encoding != "rgb8" || len(frame.Data) != 3*size.Width*size.Height {
				t.Fatalf("%s: frame of %dx%d %s with %d bytes, info says %dx%d; want %v", name, frame.Width, frame.Height, frame.Encoding, len(frame.Data), info.Width, info.Height, size)
			}
			if !frame.Stamp.Equal(h.w.Now()) {
				t.Errorf("%s: stamp %v, the world has %v", name, frame.Stamp, h.w.Now())
			}
			cam, _ := robot.Camera(name)
			want := expected(t, h, cam, info, block)
			if want.left < 1 || want.top < 1 || want.right > float64(size.Width)-2 || want.bottom > float64(size.Height)-2 {
				continue // not wholly in view
			}
			got, n := found(frame)
			if n == 0 {
				t.Errorf("%s %v at %v: no magenta; want it at %.1f", name, size, place.Position, want)
				continue
			}
			for _, d := range []float64{got.left - want.left, got.top - want.top, got.right - want.right, got.bottom - want.bottom} {
				if math.Abs(d) > 1.5 {
					t.Errorf("%s %v at %v: the block is at %.1f, by the intrinsics at %.1f", name, size, place.Position, got, want)
					break
				}
			}
			seen[name]++
			t.Logf("%s %v: %.1f, by the intrinsics %.1f", name, size, got, want)
		}
		h.w.Close()
	}
	for _, name := range []string{"front", "left"} {
		if seen[name] < 2 {
			t.Errorf("camera %s had the whole block in view %d times only: the test looks the wrong way", name, seen[name])
		}
	}
}

func TestSamePictureTwice(t *testing.T) {
	picture := func() []byte {
		h := newHand(t, bottleScene(t, 4), nil)
		h.move("left", [6]float64{0.1, 1.2, -1.3, 0, 0.5, 0}, 500*time.Millisecond)
		one, err := h.w.Render("left", 320, 240)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.w.Render("front", 100, 80); err != nil { // another picture in between changes nothing
			t.Fatal(err)
		}
		two, err := h.w.Render("left", 320, 240)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) {
			t.Error("two pictures of one state differ")
		}
		return one
	}
	one, two := picture(), picture()
	if !bytes.Equal(one, two) {
		t.Error("two worlds alike give different pictures")
	}
	if bytes.Count(one, one[:1]) == len(one) {
		t.Error("the picture has one colour")
	}
}

func TestCamerasRefuse(t *testing.T) {
	h := newHand(t, emptyScene(), nil)
	if _, err := h.w.Camera("rear"); err == nil || !strings.Contains(err.Error(), "front") {
		t.Errorf("an unknown camera gave %v, want an error that names the known", err)
	}
	if _, err := h.w.Render("front", 10000, 10); err == nil || !strings.Contains(err.Error(), "1280x960") {
		t.Errorf("too large a picture gave %v, want an error that names the bound", err)
	}
	source, err := h.w.Camera("front")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := source.Capture(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled capture gave %v", err)
	}
	h.w.Close()
	if _, err := source.Capture(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed world's camera gave %v", err)
	}
}

// TestRenderWhileStepping: pictures from one goroutine, steps from another, as nodes in real time do.
func TestRenderWhileStepping(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := newHand(t, bottleScene(t, 2), nil)
	source, err := h.w.Camera("front")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for range 5 {
			if _, err := source.Capture(context.Background()); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 200 {
		h.wait(tick)
		h.w.Truth()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.w.Close()
	h.w.Close() // twice is once
}
