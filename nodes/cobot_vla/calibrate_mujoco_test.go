//go:build mujoco

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"
)

// TestMujocoCalibrates: the simulated robot is not what its nodes believe, and from
// what they record of it the calibration commands find out what it is.
func TestMujocoCalibrates(t *testing.T) {
	root := t.TempDir()
	believed, truth := calibration.Default(), calibration.Default()
	// Wheels 4 % larger than believed, and 2 cm farther apart: together they make the angular scale.
	truth.Base.Track = 0.37
	angular := 1.04 * believed.Base.Track / truth.Base.Track
	truth.Base.LinearScale, truth.Base.AngularScale = 1.04, angular
	zeros := [6]float64{0.02, -0.03, 0.025, 0.04, -0.035, 0.05}
	for j, z := range zeros {
		truth.Arms[0].Joints[j].Zero = z
	}
	truth.Arms[1].Gripper.Stroke = 0.064
	text, err := calibration.Encode("The robot as it really is.", truth)
	if err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(root, "truth.yaml")
	write(t, real, text)

	// Small pictures, as nobody looks at them.
	params, err := os.ReadFile(filepath.Join("..", "..", "launch", "params", "sim.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	small := strings.NewReplacer("image_width: 320", "image_width: 64", "image_height: 240", "image_height: 48", "camera_rate_hz: 10.0", "camera_rate_hz: 4.0").Replace(string(params))
	sim := filepath.Join(root, "sim.yaml")
	write(t, sim, []byte(small))

	// A person brings the left arm to its marks: what they see is the truth, what the arm
	// reads is off by its zeros. The right gripper closes, opens and closes.
	marks := [6]float64{0, 0.6, -0.6, 0, 0.3, 0}
	reads := make([]string, 6)
	for j := range reads {
		reads[j] = fmt.Sprint(marks[j] - zeros[j])
	}
	script := filepath.Join(root, "marks.yaml")
	rest := "[0, 0.03, -0.03, 0, 0, 0, 0.0]"
	var frames strings.Builder
	for _, f := range []struct {
		at          float64
		left, right string
	}{
		{0, rest, rest},
		{2.5, "[" + strings.Join(reads, ", ") + ", 0.02]", "[0, 0.03, -0.03, 0, 0, 0, 0.07]"},
		{5, "[" + strings.Join(reads, ", ") + ", 0.02]", "[0, 0.03, -0.03, 0, 0, 0, 0.07]"},
		{7.5, rest, rest},
	} {
		fmt.Fprintf(&frames, "  - {at: %g, left: %s, right: %s}\n", f.at, f.left, f.right)
	}
	write(t, script, []byte("name: marks\nframes:\n"+frames.String()))

	args := map[string]string{"plant": "mujoco", "sim_calibration": real, "sim_params": sim, "seed": "0"}
	record := func(script string) string {
		args["script"] = script
		return demonstrations(t, filepath.Join(root, "of_"+filepath.Base(script)), 1, args)[0]
	}
	measured := func(command ...string) calibration.Robot {
		out := filepath.Join(t.TempDir(), "measured.yaml")
		t.Log(mustCommand(t, append(append([]string{"calibrate"}, command...), "--out", out)...))
		r, err := calibration.Load(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Measured) != 1 || !strings.Contains(command[0], strings.Fields(r.Measured[0].What)[0]) {
			t.Errorf("measured %+v", r.Measured)
		}
		return r
	}

	posed := record(script)
	found := measured("joints", posed, "--side", "left", "--marks=0,0.6,-0.6,0,0.3,0")
	for j, z := range zeros {
		if got := found.Arms[0].Joints[j].Zero; math.Abs(got-z) > 0.003 {
			t.Errorf("left joint %d: zero %.4f, want %.4f", j+1, got, z)
		}
	}
	found = measured("gripper", posed, "--side", "right")
	// The simulated stop gives way by a millimetre a finger under the motor's force.
	if got := found.Arms[1].Gripper.Stroke; math.Abs(got-0.064) > 0.003 {
		t.Errorf("right gripper: stroke %.4f, want 0.064", got)
	}
	found = measured("base", record("square"), "--truth")
	if b := found.Base; math.Abs(b.LinearScale-1.04) > 0.005 || math.Abs(b.AngularScale-angular) > 0.005 {
		t.Errorf("base: scales %.4f and %.4f, want 1.04 and %.4f", b.LinearScale, b.AngularScale, angular)
	}
}
