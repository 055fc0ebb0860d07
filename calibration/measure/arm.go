package measure

import (
	"fmt"
	"math"

	"cobot_vla/calibration"
)

// ArmResult is what Zeros finds of one arm.
type ArmResult struct {
	// Zero of each joint, for the calibration [rad].
	Zero [6]float64
	// Spread is the standard deviation of each joint's readings while it stood [rad].
	Spread [6]float64
	// Warnings of what does not fit together, e.g. limits that the arm itself would cut.
	Warnings []string
}

// Limits of a joint, or of nothing when both are 0.
type Limits struct{ Lower, Upper float64 }

// longestZero is what a calibration may hold: more means another pose, or a joint that lost its reference.
const longestZero = 0.2

// Zeros finds an arm's joint zeros from readings [rad] with the calibration's zeros
// in them, taken while the arm stood with its marks at the angles marks. own are
// the limits in the arm's firmware, which know no zeros.
func Zeros(arm calibration.Arm, readings [][]float64, marks [6]float64, own [6]Limits) (ArmResult, error) {
	const fewest = 20
	var out ArmResult
	if len(readings) < fewest {
		return out, fmt.Errorf("%w: arm %s: %d readings at rest; it needs %d", ErrData, arm.Side, len(readings), fewest)
	}
	for j := range 6 {
		name := arm.Joints[j].Name
		mean, square := 0.0, 0.0
		for _, r := range readings {
			mean += r[j] / float64(len(readings))
		}
		for _, r := range readings {
			square += (r[j] - mean) * (r[j] - mean) / float64(len(readings))
		}
		out.Spread[j] = math.Sqrt(square)
		if out.Spread[j] > 0.005 {
			return out, fmt.Errorf("%w: %s moved: its readings spread by %.4f rad: hold the arm still at its marks", ErrData, name, out.Spread[j])
		}
		out.Zero[j] = arm.Joints[j].Zero + marks[j] - mean
		if math.Abs(out.Zero[j]) > longestZero {
			return out, fmt.Errorf("%w: %s would need a zero of %+.3f rad, more than %.1f: is the arm at its marks? If it is, the joint lost its reference: reset the arm, which lets it drop, and measure anew",
				ErrData, name, out.Zero[j], longestZero)
		}
		if own[j] == (Limits{}) {
			out.Warnings = append(out.Warnings, name+": the arm did not say its own limits: they were not compared")
			continue
		}
		// The firmware bounds what it measures, without the zero.
		lower, upper := arm.Joints[j].Lower-out.Zero[j], arm.Joints[j].Upper-out.Zero[j]
		const step = 0.00175 // the firmware's limits come in tenths of a degree
		if lower < own[j].Lower-step || upper > own[j].Upper+step {
			out.Warnings = append(out.Warnings, fmt.Sprintf("%s: the calibration's limits %.3f..%.3f rad are %.3f..%.3f by the arm's own count, which stops at %.3f..%.3f: narrow them",
				name, arm.Joints[j].Lower, arm.Joints[j].Upper, lower, upper, own[j].Lower, own[j].Upper))
		}
	}
	return out, nil
}

// GripperResult is what Stroke finds.
type GripperResult struct {
	// Stroke is the widest opening [m].
	Stroke float64
	// Closed is the width that was read with closed fingers [m]; it should be 0.
	Closed   float64
	Warnings []string
}

// Stroke finds a gripper's stroke from its widths [m] while it opened and closed
// fully. opened is its opening by calipers, 0 when nobody measured it; own is the
// stroke in the arm's firmware, 0 when it did not say.
func Stroke(gripper calibration.Gripper, widths []float64, opened, own float64) (GripperResult, error) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, w := range widths {
		low, high = math.Min(low, w), math.Max(high, w)
	}
	out := GripperResult{Stroke: high, Closed: low}
	if len(widths) < 20 || high-low < 0.02 {
		return out, fmt.Errorf("%w: %s: %d widths between %.1f and %.1f mm: open and close it fully", ErrData, gripper.Name, len(widths), 1000*low, 1000*high)
	}
	warn := func(format string, args ...any) {
		out.Warnings = append(out.Warnings, gripper.Name+": "+fmt.Sprintf(format, args...))
	}
	if math.Abs(low) > 0.002 {
		warn("closed it reads %.1f mm: set its zero with closed fingers", 1000*low)
	}
	if opened > 0 {
		if off := high - opened; math.Abs(off) > 0.003 {
			warn("open it reads %.1f mm, by calipers it is %.1f mm: the arm's own stroke is wrong", 1000*high, 1000*opened)
		}
		out.Stroke = opened
	}
	switch {
	case own == 0:
		warn("the arm did not say its own stroke: it was not compared")
	case math.Abs(own-out.Stroke) > 0.003:
		warn("its stroke in the arm is %.0f mm, %.1f mm was measured", 1000*own, 1000*out.Stroke)
	}
	return out, nil
}
