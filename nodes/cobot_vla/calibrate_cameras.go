package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/calibration/measure"
	"cobot_vla/drivers/apriltag"
)

// calibrateCamerasCmd finds a camera's lens and where it is mounted.
type calibrateCamerasCmd struct {
	From   string `arg:"" help:"Episode in which the arm shows the camera the tags from a dozen sides and more, standing for a second at each: a wrist camera over a sheet that lies still, the front camera before a sheet that the hand holds. Or a folder of pictures (PNG, JPEG), which give the lens alone." type:"existingpath"`
	Camera string `help:"Which camera." enum:"front,left,right" required:""`

	Size   float64 `help:"Side of a tag's black square [m]." required:""`
	Family string  `help:"Family of the tags." enum:"tag36h11,tag25h9,tag16h5,tagStandard41h12" default:"tag36h11"`
	First  int     `help:"Number of the tag; of a grid, the one at its lower left."`
	Grid   string  `help:"Columns and rows of a grid of tags, numbered row by row from the lower left, e.g. 6x6." default:"1x1"`
	Gap    float64 `help:"Grid: distance between the black squares of neighbours [m]."`

	Arm   string  `help:"Front camera: the arm that holds the tags." enum:"left,right" default:"right"`
	Lens  string  `help:"Measure the lens, or keep the calibration's." enum:"measure,keep" default:"measure"`
	Mount string  `help:"Measure the mount, or keep the calibration's; pictures keep it." enum:"measure,keep" default:"measure"`
	Still float64 `help:"Speed of a joint up to which the arm stands [rad/s]." default:"0.02"`
	Robot string  `help:"Pictures: the calibration file to complete; default: the factory's." type:"existingfile"`
	intoFile
}

// Run implements the command.
func (c *calibrateCamerasCmd) Run(a *app) error {
	d, err := apriltag.New(c.Family)
	if err != nil {
		return err
	}
	defer d.Close()
	return c.measure(a, d)
}

// measure does it with any finder of tags.
func (c *calibrateCamerasCmd) measure(a *app, find tagFinder) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	if c.Lens == "keep" && c.Mount == "keep" {
		return errors.New("--lens keep and --mount keep leave nothing to measure")
	}
	shown, err := c.look(a, find, target)
	if err != nil {
		return err
	}
	robot := shown.robot
	cam := &robot.Cameras[slices.IndexFunc(robot.Cameras, func(k calibration.Camera) bool { return k.Name == c.Camera })]
	fmt.Fprintf(a.stdout, "%s: %d of %d pictures of %dx%d show the tags, %d of them differently\n", c.Camera, shown.found, shown.looked, shown.width, shown.height, len(shown.views))

	var said []string
	var residuals []measure.Residual
	lens, same := measure.LensOf(*cam, shown.width, shown.height)
	if c.Lens == "measure" {
		got, err := measure.Intrinsics(shown.width, shown.height, shown.views)
		if err != nil {
			return err
		}
		lens, residuals = got.Lens, got.Residuals
		d := lens.Distortion
		fmt.Fprintf(a.stdout, "fx %.2f ± %.2f  fy %.2f ± %.2f  cx %.2f ± %.2f  cy %.2f ± %.2f px\n",
			lens.FX, got.Focal[0], lens.FY, got.Focal[1], lens.CX, got.Centre[0], lens.CY, got.Centre[1])
		switch got.Terms {
		case 0:
			fmt.Fprintln(a.stdout, "radial distortion: too little to be seen in these views")
		case 1:
			fmt.Fprintf(a.stdout, "radial distortion: k1 %+.4f ± %.4f\n", d[0], got.Radial[0])
		default:
			fmt.Fprintf(a.stdout, "radial distortion: k1 %+.4f ± %.4f  k2 %+.4f ± %.4f\n", d[0], got.Radial[0], d[1], got.Radial[1])
		}
		fmt.Fprintf(a.stdout, "lens: %.3f px rms over %d points, views tilted by up to %.0f°\n", got.RMS, len(residuals), got.Tilt*180/math.Pi)
		said = append(said, fmt.Sprintf("lens %.2f px rms over %d views", got.RMS, len(shown.views)))
		storeLens(cam, lens)
	} else if !same {
		return fmt.Errorf("pictures of %dx%d: the calibration's lens is for %dx%d, another shape: measure the lens too", shown.width, shown.height, cam.Width, cam.Height)
	}
	if c.Mount == "measure" && !shown.armless {
		got, err := measure.HandEye(lens, shown.views)
		if err != nil {
			return err
		}
		was := cam.Mount
		cam.Mount, residuals = got.Mount.Pose(), got.Residuals
		fmt.Fprintf(a.stdout, "mount in %s: xyz %s m, rpy %s rad, ± %.2f mm ± %.3f° by the scatter of the corners alone\n", cam.Parent, numbers(cam.Mount.XYZ), numbers(cam.Mount.RPY), 1000*got.Position, got.Turn*180/math.Pi)
		fmt.Fprintf(a.stdout, "  was          xyz %s m, rpy %s rad\n", numbers(was.XYZ), numbers(was.RPY))
		fmt.Fprintf(a.stdout, "arm, mount and lens together: %.3f px rms\n", got.RMS)
		said = append(said, fmt.Sprintf("mount %.2f px rms", got.RMS))
	}
	return c.write(a, robot, calibration.Measurement{
		What: "camera " + c.Camera, From: []string{c.From}, Residual: strings.Join(said, "; "),
	}, labelWorst(residuals), "px")
}

// target reads what is on the sheet.
func (c *calibrateCamerasCmd) target() (measure.Target, error) {
	t := measure.Target{Size: c.Size, Gap: c.Gap, First: c.First}
	if n, err := fmt.Sscanf(c.Grid, "%dx%d", &t.Columns, &t.Rows); n != 2 || err != nil || c.Grid != fmt.Sprintf("%dx%d", t.Columns, t.Rows) || t.Columns < 1 || t.Rows < 1 || t.Columns*t.Rows > 10000 {
		return t, fmt.Errorf("--grid %q: write columns and rows, e.g. 6x6", c.Grid)
	}
	if !(c.Size >= 0.002 && c.Size <= 2) {
		return t, fmt.Errorf("--size %g m: a tag's black square is 0.002..2 m wide", c.Size)
	}
	if t.Columns*t.Rows > 1 && !(c.Gap > 0 && c.Gap <= 2) {
		return t, fmt.Errorf("--gap %g m: say how far apart the black squares of the grid are, above 0 and at most 2 m", c.Gap)
	}
	return t, nil
}

// storeLens writes a lens into the calibration, at its own picture's size where the shape is the same.
func storeLens(cam *calibration.Camera, l measure.Lens) {
	if s, ok := l.Scaled(cam.Width, cam.Height); ok {
		l = s
	}
	cam.Width, cam.Height = l.Width, l.Height
	cam.FX, cam.FY, cam.CX, cam.CY = l.FX, l.FY, l.CX, l.CY
	cam.Distortion = l.Distortion
}

// labelWorst leaves the name at the largest residual alone: hundreds can't be read.
func labelWorst(all []measure.Residual) []measure.Residual {
	out := slices.Clone(all)
	worst, most := 0, -1.0
	for i, r := range out {
		if d := math.Hypot(r.X, r.Y); d > most {
			worst, most = i, d
		}
		out[i].What = ""
	}
	if len(out) > 0 {
		out[worst].What = all[worst].What
	}
	return out
}

func numbers(v [3]float64) string { return fmt.Sprintf("[%.4f, %.4f, %.4f]", v[0], v[1], v[2]) }
