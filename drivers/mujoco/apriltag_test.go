//go:build mujoco && apriltag && cgo

package mujoco

import (
	"context"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/calibration/measure"
	"cobot_vla/drivers/apriltag"
	"cobot_vla/drivers/mujoco/scene"

	"gonum.org/v1/gonum/spatial/r3"
)

// tagObjects lays a tag on the table: bars of one height, black and white beside each other, so that no edge has a side that shows.
func tagObjects(m *image.Gray, x, y, z, height, cell float64) (all []scene.Object) {
	n := m.Rect.Max.X
	const margin = 1 // cells of white more than the tag's own
	white := func(i, row int) bool { return !(image.Point{i, row}).In(m.Rect) || m.GrayAt(i, row).Y > 127 }
	for row := -margin; row < n+margin; row++ {
		for from := -margin; from < n+margin; {
			to := from
			for to < n+margin && white(to, row) == white(from, row) {
				to++
			}
			color := [3]float64{0.02, 0.02, 0.02}
			if white(from, row) {
				color = [3]float64{0.75, 0.75, 0.75}
			}
			middle := float64(from+to-n) / 2
			bar := scene.Object{Name: fmt.Sprintf("bar_%d_%d", row+margin, from+margin), Kind: scene.Block, Size: [3]float64{float64(to-from)*cell - 2e-4, cell - 2e-4, height}, Mass: 0.05, Color: color,
				Pose: scene.At(x+middle*cell, y+(float64(n)/2-float64(row)-0.5)*cell, z)}
			all = append(all, bar.Filled())
			from = to
		}
	}
	return all
}

// TestAprilTagFindsTheWristCamera: a tag lies on the simulated table, the arm
// looks at it from a dozen sides, and from the pictures and the joints alone come
// lens and mount of the wrist camera, which is not where the factory puts it.
func TestAprilTagFindsTheWristCamera(t *testing.T) {
	d, err := apriltag.New("tag36h11")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	picture, err := d.Picture(3)
	if err != nil {
		t.Fatal(err)
	}
	const cell, height, tableTop = 0.008, 0.01, 0.70
	target := measure.Target{Size: 8 * cell, Rows: 1, Columns: 1, First: 3}

	robot := calibration.Default()
	cam := &robot.Cameras[1]
	cam.FX, cam.FY, cam.CX, cam.CY = 470, 470, 312, 250
	cam.Mount = calibration.Pose{XYZ: [3]float64{-0.062, 0.008, 0.025}, RPY: [3]float64{0.03, -1.16, 0.02}}
	task, _ := scene.ByName("fetch_bottle")
	s := task.Sample(1, 0)
	s.Robot = scene.Start{X: 0.75}
	s.Objects = tagObjects(picture, 1.47, 0.28, tableTop, height, cell)
	h := newHand(t, s, func(c *Config) {
		c.Robot = robot
		c.Render.Sizes = map[string]Size{"left": {640, 480}}
	})
	source, err := h.w.Camera("left")
	if err != nil {
		t.Fatal(err)
	}
	k, err := kinematics.NewArm(robot.Arms[0])
	if err != nil {
		t.Fatal(err)
	}
	k = k.WithTCP(0)
	mount := kinematics.FromPose(cam.Mount)
	optical := mount.Mul(kinematics.Transform{X: r3.Vec{Y: -1}, Y: r3.Vec{Z: -1}, Z: r3.Vec{X: 1}})
	tag := kinematics.Translation(0.72, 0.28, tableTop+height)
	h.wait(200 * time.Millisecond)

	rng := rand.New(rand.NewPCG(1, 1))
	draw := func(most float64) float64 { return most * (2*rng.Float64() - 1) }
	var views []measure.View
	places := 0
	for range 200000 {
		if places == 16 {
			break
		}
		seen := kinematics.RPY(math.Pi, 0, 0).Mul(kinematics.RPY(draw(0.5), draw(0.5), draw(math.Pi)))
		depth := 0.18 + 0.14*rng.Float64()
		seen.P = r3.Vec{X: draw(0.45) * depth, Y: (draw(0.12) - 0.25) * depth, Z: depth} // the hand hides the lower half
		q, err := k.IK(k.Mount().Inverse().Mul(tag).Mul(seen.Inverse()).Mul(optical.Inverse()), calibration.Ready())
		if err != nil {
			continue
		}
		places++
		h.move("left", q, 500*time.Millisecond)
		h.wait(200 * time.Millisecond)
		f, err := source.Capture(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		grey := image.NewGray(image.Rect(0, 0, f.Width, f.Height))
		for i := range grey.Pix {
			grey.Pix[i] = f.Data[3*i+1]
		}
		tags, err := d.Detect(grey)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range tags {
			corners, ok := target.Corners(found.ID)
			if !ok {
				t.Errorf("tag %d is not there", found.ID)
				continue
			}
			flange := k.Mount().Mul(k.Links(h.w.Arm("left").State().Joints)[5])
			v := measure.View{What: fmt.Sprint("place ", places), Rig: flange.Inverse()}
			for i := range corners {
				v.Seen = append(v.Seen, measure.Seen{Target: corners[i], Pixel: found.Corners[i]})
			}
			views = append(views, v)
		}
	}
	t.Logf("%d of %d pictures show the tag", len(views), places)
	lens, err := measure.Intrinsics(640, 480, views)
	if err != nil {
		t.Fatal(err)
	}
	l := lens.Lens
	t.Logf("%+v ± %.1f, %.2f px rms", l, lens.Focal, lens.RMS)
	if math.Abs(l.FX-470) > 12 || math.Abs(l.FY-470) > 12 || math.Abs(l.CX-312) > 8 || math.Abs(l.CY-250) > 8 {
		t.Errorf("lens %+v, want 470, 470, 312, 250", l)
	}
	hand, err := measure.HandEye(l, views)
	if err != nil {
		t.Fatal(err)
	}
	m, r := hand.Mount.Distance(mount)
	t.Logf("mount off by %.2f mm and %.3f rad, %.2f px rms", 1000*m, r, hand.RMS)
	if m > 0.004 || r > 0.01 {
		t.Errorf("mount %+v, want %+v: off by %.1f mm and %.3f rad", hand.Mount.Pose(), cam.Mount, 1000*m, r)
	}
}
