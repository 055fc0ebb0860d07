package expert

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Config is what the scripts take for granted of their tasks. The factory values
// fit the simulator's scenes; whoever changes a thing there changes them here.
type Config struct {
	// Task is the name of the task it does, see Tasks; empty: the one that ground truth names.
	Task string
	// GraspHeight above the bottle's frame, the centre of its underside [m]; default 0.09,
	// half of an 18 cm bottle. Higher gives the hand more room above the table, and grips nearer to the neck.
	GraspHeight float64
	// BottleDiameter where it is grasped [m]; default 0.056. Fingers that stand still at
	// about this width though told to close hold the bottle.
	BottleDiameter float64
	// BottleHeight [m]; default 0.18. The hand keeps clear of everything below it on the way.
	BottleHeight float64
	// TableHeight of the table's top above the floor [m]; default 0.70. Ground truth says the
	// real one; the statistics are made for this one ± TableSpread, default 0.02.
	TableHeight, TableSpread float64
	// TableDepth and TableWidth of the table's top along its frame's x and y [m]; default 0.70 and 1.40.
	TableDepth, TableWidth float64
	// Pitch of the fingers below the horizontal when they grasp [rad]; default 0.35. Level
	// fingers need the bottle 54 cm away, where every joint's error counts more.
	Pitch float64
	// Reach from the arm's first axis to the bottle that driving aims for [m]; default 0.48.
	// Nearer, half a bin moves the fingertips less; nearer than MinReach the wrist is at its limit.
	Reach float64
	// MinReach and MaxReach bound where a bottle is grasped from without driving again [m]; default 0.42 and 0.55.
	MinReach, MaxReach float64
	// MaxBearing bounds how far the bottle may lie to the side of the arm's forward axis [rad]; default 0.22.
	MaxBearing float64
	// SideTolerance is how far beside its aim driving may end, DriveTolerance how far short
	// of it [m]; default 0.045 and 0.03. Tighter means more small goals before the arm starts.
	SideTolerance, DriveTolerance float64
	// Backoff is how far before the bottle the fingers line up [m]; default 0.11.
	Backoff float64
	// Lift is how high the bottle is raised above the table [m]; default 0.15. The task asks for 0.10.
	Lift float64
	// TravelStep bounds a joint's way in one step on the way to the bottle [rad]; default
	// 0.07: 0.7 rad/s at 0.1 s. ApproachStep bounds the fingertips' way in one step near
	// it, and while lifting [m]; default 0.012.
	TravelStep, ApproachStep float64

	// BellHeight of the bell's button above its underside [m]; default 0.06.
	BellHeight float64
	// BasketSize are the basket's outer edges [m]; default 0.20, 0.22, 0.07.
	BasketSize [3]float64
	// CabinetDepth of the cabinet, and HandleOut, how far its handle stands before it [m]; default 0.22 and 0.065.
	CabinetDepth, HandleOut float64
}

// DefaultConfig fits the simulator's scenes.
func DefaultConfig() Config {
	return Config{
		GraspHeight: 0.09, BottleDiameter: 0.056, BottleHeight: 0.18,
		TableHeight: 0.70, TableSpread: 0.02, TableDepth: 0.70, TableWidth: 1.40,
		Pitch: 0.35, Reach: 0.48, MinReach: 0.42, MaxReach: 0.55, MaxBearing: 0.22,
		SideTolerance: 0.045, DriveTolerance: 0.03,
		Backoff: 0.11, Lift: 0.15, TravelStep: 0.07, ApproachStep: 0.012,
		BellHeight: 0.06, BasketSize: [3]float64{0.20, 0.22, 0.07}, CabinetDepth: 0.22, HandleOut: 0.065,
	}
}

// Validate checks the numbers.
func (c Config) Validate() error {
	var errs []error
	within := func(field string, v, lo, hi float64, unit string) {
		if !(v >= lo && v <= hi) {
			errs = append(errs, fmt.Errorf("expert: %s is %g %s; it must lie within %g..%g %s", field, v, unit, lo, hi, unit))
		}
	}
	within("GraspHeight", c.GraspHeight, 0.03, 0.5, "m")
	within("BottleDiameter", c.BottleDiameter, 0.01, 0.095, "m")
	within("BottleHeight", c.BottleHeight, c.GraspHeight, 0.6, "m")
	within("TableHeight", c.TableHeight, 0.1, 1.5, "m")
	within("TableSpread", c.TableSpread, 0, 0.2, "m")
	within("TableDepth", c.TableDepth, 0.05, 10, "m")
	within("TableWidth", c.TableWidth, 0.05, 10, "m")
	within("Pitch", c.Pitch, 0, math.Pi/4, "rad")
	within("MinReach", c.MinReach, 0.2, 0.8, "m")
	within("Reach", c.Reach, c.MinReach, c.MaxReach, "m")
	within("MaxReach", c.MaxReach, c.MinReach, 0.8, "m")
	within("MaxBearing", c.MaxBearing, 0.05, 1, "rad")
	within("SideTolerance", c.SideTolerance, 0.005, 0.2, "m")
	within("DriveTolerance", c.DriveTolerance, 0.005, 0.2, "m")
	within("Backoff", c.Backoff, 0.05, 0.3, "m")
	within("Lift", c.Lift, 0.02, 0.5, "m")
	within("TravelStep", c.TravelStep, 0.005, 0.3, "rad")
	within("ApproachStep", c.ApproachStep, 0.001, 0.05, "m")
	within("BellHeight", c.BellHeight, 0.02, 0.2, "m")
	for _, edge := range c.BasketSize {
		within("BasketSize", edge, 0.03, 0.5, "m")
	}
	within("CabinetDepth", c.CabinetDepth, 0.05, 0.5, "m")
	within("HandleOut", c.HandleOut, 0.01, 0.1, "m")
	if c.Task != "" && !slices.Contains(Tasks(), c.Task) {
		errs = append(errs, fmt.Errorf("expert: Task is %q; it knows %s", c.Task, strings.Join(Tasks(), ", ")))
	}
	return errors.Join(errs...)
}
