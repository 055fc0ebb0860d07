package measure

import (
	"errors"
	"math"
	"strings"
	"testing"

	"cobot_vla/calibration"

	"pgregory.net/rapid"
)

// square is a base driven round one, with a stop at every corner, and what its
// odometry says of it when its scales are wrong.
func square(linear, angular, side, noise float64, draw func() float64) ([]OdometrySample, []Stop) {
	var samples []OdometrySample
	var stops []Stop
	x, y, yaw, t := 3.0, -1.0, 0.7, 0.0
	step := func(forward, turn float64) {
		t += 0.02
		x, y, yaw = advance(x, y, yaw, forward, turn)
		samples = append(samples, OdometrySample{t, forward / linear, turn / angular})
	}
	stop := func() {
		for range 50 {
			step(0, 0)
		}
		stops = append(stops, Stop{Sample: len(samples) - 25, X: x + noise*draw(), Y: y + noise*draw()})
	}
	stop()
	for range 4 {
		for range 200 {
			step(side/200, 0)
		}
		stop()
		for range 150 {
			step(0, math.Pi/2/150)
		}
	}
	stop()
	return samples, stops
}

// The scales come back, whatever they are and wherever the square lies.
func TestBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		linear, angular := rapid.Float64Range(0.85, 1.15).Draw(t, "linear"), rapid.Float64Range(0.85, 1.15).Draw(t, "angular")
		side := rapid.Float64Range(0.5, 3).Draw(t, "side")
		samples, stops := square(linear, angular, side, 0, func() float64 { return 0 })
		r, err := Base(samples, stops)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.LinearScale-linear) > 1e-6 || math.Abs(r.AngularScale-angular) > 1e-6 || r.After > 1e-6 {
			t.Fatalf("%+v, want %g and %g", r, linear, angular)
		}
	})
}

// With places measured to a few millimetres the errors that it claims are about those that it makes.
func TestBaseErrors(t *testing.T) {
	k := 0
	r := []float64{0.3, -1.1, 0.8, 1.4, -0.6, 0.1, -1.5, 0.9, 0.5, -0.2}
	samples, stops := square(1.05, 0.96, 1, 0.003, func() float64 { k++; return r[k%len(r)] })
	got, err := Base(samples, stops)
	if err != nil {
		t.Fatal(err)
	}
	if e := math.Abs(got.LinearScale - 1.05); e > 5*got.LinearError+1e-4 || got.LinearError > 0.01 {
		t.Errorf("linear scale off by %.4f, claimed %.4f", e, got.LinearError)
	}
	if e := math.Abs(got.AngularScale - 0.96); e > 5*got.AngularError+1e-4 || got.AngularError > 0.01 {
		t.Errorf("angular scale off by %.4f, claimed %.4f", e, got.AngularError)
	}
	if got.Before < 3*got.After || got.After > 0.006 || len(got.Residuals) != len(stops) {
		t.Errorf("%+v", got)
	}
	if svg := SVG("base", "m", got.Residuals); strings.Count(svg, "stop ") != len(stops) {
		t.Error(svg)
	}
}

func TestBaseRefuses(t *testing.T) {
	samples, stops := square(1, 1, 1, 0, func() float64 { return 0 })
	straight := []OdometrySample{}
	for i := range 500 {
		straight = append(straight, OdometrySample{0.02 * float64(i), 0.01, 0})
	}
	for name, c := range map[string]struct {
		samples []OdometrySample
		stops   []Stop
	}{
		"two stops":   {samples, stops[:2]},
		"straight on": {straight, []Stop{{Sample: 0}, {Sample: 200, X: 2}, {Sample: 400, X: 4}}},
		"wrong unit":  {samples, centimetres(stops)},
	} {
		if r, err := Base(c.samples, c.stops); !errors.Is(err, ErrData) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

func centimetres(stops []Stop) []Stop {
	out := append([]Stop(nil), stops...)
	for i := range out {
		out[i].X, out[i].Y = 100*out[i].X, 100*out[i].Y
	}
	return out
}

func TestStandstills(t *testing.T) {
	samples, stops := square(1, 1, 1, 0, func() float64 { return 0 })
	got := Standstills(samples, 0.5)
	if len(got) != len(stops) {
		t.Fatalf("%d standstills, want %d", len(got), len(stops))
	}
	for i, s := range got {
		if math.Abs(float64(s-stops[i].Sample)) > 30 {
			t.Errorf("standstill %d at sample %d, want about %d", i, s, stops[i].Sample)
		}
	}
}

func TestZeros(t *testing.T) {
	arm := calibration.Default().Arms[0]
	arm.Joints[1].Zero = 0.01 // found before
	marks := [6]float64{0, 0.5, -0.5, 0, 0, 0}
	truth := [6]float64{0.02, -0.03, 0, 0.1, -0.1, 0.001}
	var own [6]Limits
	for j := range own {
		own[j] = Limits{-2.7, 3.2}
	}
	own[3] = Limits{-1.745, 1.745}
	var readings [][]float64
	for k := range 40 {
		r := make([]float64, 7)
		for j := range 6 {
			r[j] = marks[j] - truth[j] + arm.Joints[j].Zero + 0.0005*math.Sin(float64(k*(j+1)))
		}
		readings = append(readings, r)
	}
	got, err := Zeros(arm, readings, marks, own)
	if err != nil {
		t.Fatal(err)
	}
	for j := range 6 {
		if math.Abs(got.Zero[j]-truth[j]) > 2e-4 {
			t.Errorf("joint %d: %.4f, want %.4f", j+1, got.Zero[j], truth[j])
		}
	}
	warned := strings.Join(got.Warnings, "\n")
	if !strings.Contains(warned, "left_joint4") || !strings.Contains(warned, "narrow them") {
		t.Errorf("%q", warned)
	}
	readings[3][2] += 0.2
	if _, err := Zeros(arm, readings, marks, own); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "left_joint3 moved") {
		t.Error(err)
	}
	readings[3][2] -= 0.2
	if _, err := Zeros(arm, readings, [6]float64{1}, own); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "left_joint1 would need a zero") {
		t.Error(err)
	}
}

func TestStroke(t *testing.T) {
	g := calibration.Default().Arms[1].Gripper
	var widths []float64
	for k := range 100 {
		widths = append(widths, 0.033*(1-math.Cos(float64(k)/10)))
	}
	for _, c := range []struct {
		opened, own, want float64
		says              string
	}{
		{0, 0.07, 0.066, "70 mm, 66.0 mm was measured"},
		{0, 0.066, 0.066, ""},
		{0.065, 0.066, 0.065, ""},
		{0.05, 0.05, 0.05, "by calipers it is 50.0 mm"},
		{0, 0, 0.066, "did not say"},
	} {
		got, err := Stroke(g, widths, c.opened, c.own)
		if err != nil {
			t.Fatal(err)
		}
		says := strings.Join(got.Warnings, "; ")
		if math.Abs(got.Stroke-c.want) > 2e-4 || c.says == "" && says != "" || !strings.Contains(says, c.says) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if _, err := Stroke(g, widths[:30:30], 0, 0); err != nil {
		t.Error(err)
	}
	if _, err := Stroke(g, make([]float64, 100), 0, 0); !errors.Is(err, ErrData) {
		t.Error(err)
	}
}
