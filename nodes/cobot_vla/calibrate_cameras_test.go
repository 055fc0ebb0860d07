package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/calibration/measure"
	"cobot_vla/drivers/apriltag"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"

	"gonum.org/v1/gonum/spatial/r3"
)

// cameraTruth is a robot as it really is, with a sheet of tags.
type cameraTruth struct {
	camera  string
	side    string // of the arm that moves
	wrist   bool   // the camera does, or else the sheet
	lens    measure.Lens
	mount   kinematics.Transform
	sheet   kinematics.Transform // in what carries it
	target  measure.Target
	depth   [2]float64
	places  []cameraPlace
	picture func(seen kinematics.Transform, k int) image.Image
}

// cameraPlace is where the arm stands, and the sheet in the optical frame.
type cameraPlace struct {
	joints [6]float64
	seen   kinematics.Transform
}

// wristTruth: the left wrist camera is not where the factory's calibration says, and its lens another.
func wristTruth() *cameraTruth {
	return &cameraTruth{
		camera: "left", side: "left", wrist: true,
		lens:   measure.Lens{Width: 640, Height: 480, FX: 462, FY: 460, CX: 312, CY: 247},
		mount:  kinematics.FromPose(calibration.Pose{XYZ: [3]float64{-0.061, 0.006, 0.027}, RPY: [3]float64{0.03, -1.17, 0.02}}),
		sheet:  kinematics.FromPose(calibration.Pose{XYZ: [3]float64{0.55, 0.22, 0.72}, RPY: [3]float64{0, 0, 0.3}}),
		target: measure.Target{Size: 0.04, Gap: 0.012, Rows: 2, Columns: 3, First: 5}, depth: [2]float64{0.18, 0.30},
	}
}

// mastTruth: the right hand holds the sheet before the front camera.
func mastTruth() *cameraTruth {
	return &cameraTruth{
		camera: "front", side: "right",
		lens:   measure.Lens{Width: 640, Height: 480, FX: 607, FY: 609, CX: 326, CY: 236},
		mount:  kinematics.FromPose(calibration.Pose{XYZ: [3]float64{0.12, 0.01, 1.33}, RPY: [3]float64{0.01, 0.80, -0.02}}),
		sheet:  kinematics.FromPose(calibration.Pose{XYZ: [3]float64{-0.05, -0.02, 0.13}, RPY: [3]float64{3.0, 0.1, 0}}),
		target: measure.Target{Size: 0.06, Gap: 0.015, Rows: 2, Columns: 2}, depth: [2]float64{0.45, 0.80},
	}
}

// plan draws places of the arm at which the camera sees the whole sheet.
func (c *cameraTruth) plan(t *testing.T, n int) {
	t.Helper()
	arm, _ := calibration.Default().Arm(c.side)
	k, err := kinematics.NewArm(arm)
	if err != nil {
		t.Fatal(err)
	}
	flangeArm := k.WithTCP(0)
	optical := c.mount.Mul(kinematics.Transform{X: r3.Vec{Y: -1}, Y: r3.Vec{Z: -1}, Z: r3.Vec{X: 1}})
	pitch := c.target.Size + c.target.Gap
	middle := r3.Vec{X: float64(c.target.Columns-1) * pitch / 2, Y: float64(c.target.Rows-1) * pitch / 2}
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(most float64) float64 { return most * (2*rng.Float64() - 1) }
	for range 2_000_000 {
		if len(c.places) == n {
			return
		}
		seen := kinematics.RPY(math.Pi, 0, 0).Mul(kinematics.RPY(draw(0.6), draw(0.6), draw(math.Pi)))
		depth := c.depth[0] + (c.depth[1]-c.depth[0])*rng.Float64()
		seen.P = r3.Sub(r3.Vec{X: draw(0.4) * depth, Y: draw(0.3) * depth, Z: depth}, seen.Rotate(middle))
		rig := optical.Mul(seen).Mul(c.sheet.Inverse()) // what carries the sheet, in what carries the camera
		if c.wrist {
			rig = rig.Inverse()
		}
		if c.corners(seen) == nil {
			continue
		}
		q, err := flangeArm.IK(k.Mount().Inverse().Mul(rig), calibration.Ready())
		if err == nil {
			c.places = append(c.places, cameraPlace{q, seen})
		}
	}
	t.Fatalf("only %d places found", len(c.places))
}

// corners of the tags where the lens shows them; nil when some lie outside the picture.
func (c *cameraTruth) corners(seen kinematics.Transform) (out []apriltag.Tag) {
	for k := range c.target.Rows * c.target.Columns {
		tag := apriltag.Tag{ID: c.target.First + k}
		on, _ := c.target.Corners(tag.ID)
		for i, p := range on {
			at, ok := c.lens.Project(seen.Apply(r3.Vec{X: p[0], Y: p[1]}))
			if !ok || at[0] < 15 || at[1] < 15 || at[0] > 625 || at[1] > 465 {
				return nil
			}
			tag.Corners[i] = at
		}
		out = append(out, tag)
	}
	return out
}

// record writes an episode in which the arm goes from place to place and stands at each.
func (c *cameraTruth) record(t *testing.T) string {
	t.Helper()
	text, err := fs.ReadFile(calibration.Files(), "cobot_magic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1_700_000_000, 0)
	w, err := episode.Create(t.TempDir(), episode.Info{Task: "calibrate", Robot: "cobot_magic", Started: start, Calibration: text}, episode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	robot := calibration.Default()
	arm, _ := robot.Arm(c.side)
	cam, _ := robot.Camera(c.camera)
	now := start
	say := func(topic string, m msgs.Message) {
		if err := errors.Join(w.Stream(topic, m.TypeName(), ""), w.Message(topic, now, m)); err != nil {
			t.Fatal(err)
		}
	}
	show := func(k int) {
		var b bytes.Buffer
		encoder := png.Encoder{CompressionLevel: png.BestSpeed}
		if err := encoder.Encode(&b, c.picture(c.places[k].seen, k)); err != nil {
			t.Fatal(err)
		}
		say(cam.Namespace+"/color/image_raw/compressed", &msgs.CompressedImage{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Format: "png", Data: b.Bytes()})
	}
	before := c.places[0].joints
	for k, p := range c.places {
		const steps, moving = 50, 25 // of 20 ms
		for i := range steps {
			now = now.Add(20 * time.Millisecond)
			m := &msgs.JointState{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: arm.Names()}
			f := min(1, float64(i)/moving)
			for j := range 6 {
				m.Position = append(m.Position, before[j]+f*(p.joints[j]-before[j]))
			}
			m.Position = append(m.Position, 0.05)
			say("/puppet/joint_"+c.side, m)
			if i == moving/2 && k > 0 || i == (steps+moving)/2 { // one on the way, which says something wrong
				show(k)
			}
		}
		before = p.joints
	}
	e, err := w.Finish(episode.Result{Verdict: episode.Keep, Ended: now, Reason: "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	return e.Path
}

// tell is a finder that knows: a picture's grey is the number of its place.
type tell struct {
	c   *cameraTruth
	rng *rand.Rand
}

func (f tell) Detect(m *image.Gray) ([]apriltag.Tag, error) {
	tags := f.c.corners(f.c.places[m.Pix[0]].seen)
	for i := range tags {
		for k := range tags[i].Corners {
			tags[i].Corners[k][0] += 0.15 * f.rng.NormFloat64()
			tags[i].Corners[k][1] += 0.15 * f.rng.NormFloat64()
		}
	}
	return tags, nil
}

func greyPicture(_ kinematics.Transform, k int) image.Image {
	m := image.NewGray(image.Rect(0, 0, 640, 480))
	for i := range m.Pix {
		m.Pix[i] = byte(k)
	}
	return m
}

// check holds a written calibration to the truth.
func (c *cameraTruth) check(t *testing.T, file string, focal, metres, radians float64) {
	t.Helper()
	robot, err := calibration.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := robot.Camera(c.camera)
	if math.Abs(got.FX/c.lens.FX-1) > focal || math.Abs(got.FY/c.lens.FY-1) > focal || math.Abs(got.CX-c.lens.CX) > 5 || math.Abs(got.CY-c.lens.CY) > 5 {
		t.Errorf("lens %+v, want %+v", got, c.lens)
	}
	if m, r := kinematics.FromPose(got.Mount).Distance(c.mount); m > metres || r > radians {
		t.Errorf("mount %+v is off by %.1f mm and %.4f rad", got.Mount, 1000*m, r)
	}
	if len(robot.Measured) != 1 || robot.Measured[0].What != "camera "+c.camera || !strings.Contains(robot.Measured[0].Residual, "px") {
		t.Errorf("measured %+v", robot.Measured)
	}
	svg, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + "_camera_" + c.camera + ".svg")
	if err != nil || bytes.Count(svg, []byte("<path")) < len(c.places) {
		t.Errorf("the residuals' picture: %v, %d bytes", err, len(svg))
	}
}

// flags of the command for a truth.
func (c *cameraTruth) flags(from, out string) *calibrateCamerasCmd {
	return &calibrateCamerasCmd{From: from, Camera: c.camera, Size: c.target.Size, Gap: c.target.Gap, First: c.target.First, Family: "tag36h11",
		Grid: fmt.Sprintf("%dx%d", c.target.Columns, c.target.Rows), Arm: c.side, Lens: "measure", Mount: "measure", Still: 0.02, intoFile: intoFile{Out: out}}
}

// TestCalibrateCameras: from an episode the command finds lens and mount of a wrist camera and of the one on the mast.
func TestCalibrateCameras(t *testing.T) {
	for _, c := range []*cameraTruth{wristTruth(), mastTruth()} {
		c.picture = greyPicture
		c.plan(t, 24)
		path := c.record(t)
		out := filepath.Join(t.TempDir(), "measured.yaml")
		var said bytes.Buffer
		a := &app{ctx: context.Background(), stdout: &said}
		find := tell{c, rand.New(rand.NewPCG(1, 2))}
		if err := c.flags(path, out).measure(a, find); err != nil {
			t.Fatalf("%s: %v\n%s", c.camera, err, &said)
		}
		t.Log("\n" + said.String())
		c.check(t, out, 0.01, 0.004, 0.01)

		// What can't be is refused, and nothing is written.
		for _, no := range []struct {
			says   string
			change func(*calibrateCamerasCmd)
		}{
			{"--gap 0", func(c *calibrateCamerasCmd) { c.Gap = 0 }},
			{"write columns and rows", func(c *calibrateCamerasCmd) { c.Grid = "3x" }},
			{"black square", func(c *calibrateCamerasCmd) { c.Size = math.NaN() }},
			{"leave nothing", func(c *calibrateCamerasCmd) { c.Lens, c.Mount = "keep", "keep" }},
			{"--robot is for pictures", func(c *calibrateCamerasCmd) { c.Robot = out }},
			{"shows tag 100", func(c *calibrateCamerasCmd) { c.First = 100 }},
			{"let it stand", func(c *calibrateCamerasCmd) { c.Still = -1 }},
		} {
			other := filepath.Join(t.TempDir(), "no.yaml")
			f := c.flags(path, other)
			no.change(f)
			if err := f.measure(a, find); err == nil || !strings.Contains(err.Error(), no.says) {
				t.Errorf("%v, want %q", err, no.says)
			}
			if _, err := os.Stat(other); err == nil {
				t.Errorf("%s: a file was written", no.says)
			}
		}
	}
}

// TestCalibrateCamerasOfPictures: a folder of pictures gives the lens and leaves the mount.
func TestCalibrateCamerasOfPictures(t *testing.T) {
	c := wristTruth()
	c.plan(t, 12)
	dir := t.TempDir()
	for k := range c.places {
		m := image.NewRGBA(image.Rect(0, 0, 640, 480))
		m.SetRGBA(0, 0, color.RGBA{byte(k), byte(k), byte(k), 255})
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, fmt.Sprintf("%02d.png", k)), b.Bytes())
	}
	out := filepath.Join(t.TempDir(), "measured.yaml")
	a := &app{ctx: context.Background(), stdout: new(bytes.Buffer)}
	find := tell{c, rand.New(rand.NewPCG(1, 2))}
	if err := c.flags(dir, out).measure(a, find); err != nil {
		t.Fatal(err)
	}
	factory, _ := calibration.Default().Camera("left")
	c.mount = kinematics.FromPose(factory.Mount)
	c.check(t, out, 0.01, 1e-6, 1e-6)
	f := c.flags(dir, out)
	f.Lens = "keep"
	if err := f.measure(a, find); err == nil || !strings.Contains(err.Error(), "say nothing about the mount") {
		t.Errorf("pictures for a mount: %v", err)
	}
	write(t, filepath.Join(dir, "99.png"), []byte("no picture"))
	if err := c.flags(dir, out).measure(a, find); err == nil || !strings.Contains(err.Error(), "99.png") {
		t.Errorf("a broken picture: %v", err)
	}
}
