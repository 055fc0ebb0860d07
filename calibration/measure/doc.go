// Package measure makes calibrations of what was measured: joint zeros and gripper
// strokes of an arm held at its marks, scales of odometry of a base that was driven
// from mark to mark, lens and mount of a camera that saw flat tags from many sides.
// It is arithmetic alone: the command line reads recorded
// episodes, calls it, and writes the calibration file with what was found, the
// residuals beside it.
//
// Every result says how well it explains its measurements, and refuses those that
// do not determine it: a base that only turned says nothing of its wheels' size.
package measure

import "errors"

// ErrData: the measurements do not determine what is asked for, or contradict each other.
var ErrData = errors.New("measure: not enough")

// Residual is what a result does not explain of one measurement.
type Residual struct {
	// What was measured, e.g. "stop 2".
	What string
	// X and Y are the residual, in the measurement's unit; Y is 0 for what has one dimension.
	X, Y float64
}
