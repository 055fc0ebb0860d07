//go:build apriltag && cgo

package main

import (
	"image"
	"math"
	"path/filepath"
	"testing"

	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/apriltag"

	"gonum.org/v1/gonum/spatial/r3"
)

// TestAprilTagCalibratesCameras: pictures of a sheet of tags, drawn as the lens
// shows it, are all that the command needs beside the arm.
func TestAprilTagCalibratesCameras(t *testing.T) {
	d, err := apriltag.New("tag36h11")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := wristTruth()
	tags := make([]*image.Gray, c.target.Rows*c.target.Columns)
	for k := range tags {
		if tags[k], err = d.Picture(c.target.First + k); err != nil {
			t.Fatal(err)
		}
	}
	c.picture = func(seen kinematics.Transform, _ int) image.Image { return c.draw(tags, seen) }
	c.plan(t, 20)
	path := c.record(t)
	out := filepath.Join(t.TempDir(), "measured.yaml")
	t.Log("\n" + mustCommand(t, "calibrate", "cameras", path, "--camera", "left", "--size", "0.04", "--grid", "3x2", "--gap", "0.012", "--first", "5", "--out", out))
	c.check(t, out, 0.005, 0.002, 0.005)
	refused(t, "shows tag 300", "calibrate", "cameras", path, "--camera", "left", "--size", "0.04", "--first", "300", "--out", out)
}

// draw the sheet on grey ground, 9 rays a pixel.
func (c *cameraTruth) draw(tags []*image.Gray, seen kinematics.Transform) image.Image {
	out := image.NewGray(image.Rect(0, 0, c.lens.Width, c.lens.Height))
	back := seen.Inverse()
	pitch, cell := c.target.Size+c.target.Gap, c.target.Size/8
	shade := func(u, v float64) int {
		ray := back.Rotate(r3.Vec{X: (u - c.lens.CX) / c.lens.FX, Y: (v - c.lens.CY) / c.lens.FY, Z: 1})
		s := -back.P.Z / ray.Z
		x, y := back.P.X+s*ray.X, back.P.Y+s*ray.Y
		column, row := int(math.Round(x/pitch)), int(math.Round(y/pitch))
		if column < 0 || row < 0 || column >= c.target.Columns || row >= c.target.Rows {
			return 110
		}
		i, j := int(math.Floor((x-float64(column)*pitch)/cell+5)), int(math.Floor(5-(y-float64(row)*pitch)/cell))
		if i < 0 || j < 0 || i > 9 || j > 9 {
			return 230
		}
		return 30 + int(tags[row*c.target.Columns+column].GrayAt(i, j).Y)*200/255
	}
	for y := range c.lens.Height {
		for x := range c.lens.Width {
			sum := 0
			for k := range 9 {
				sum += shade(float64(x)+float64(k%3-1)/3, float64(y)+float64(k/3-1)/3)
			}
			out.Pix[out.PixOffset(x, y)] = byte(sum / 9)
		}
	}
	return out
}
