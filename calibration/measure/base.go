package measure

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// OdometrySample is a base's raw motion since the sample before, by its odometry.
type OdometrySample struct {
	Time    float64 // [s]
	Forward float64 // [m]
	Turn    float64 // [rad], left positive
}

// Stop is a moment at which the base stood still and its true place is known.
type Stop struct {
	// Sample is the index of the last sample before it.
	Sample int
	// X, Y [m] and, with HasYaw, Yaw [rad] are its true place, in any frame.
	X, Y, Yaw float64
	HasYaw    bool
}

// BaseResult is what Base finds.
type BaseResult struct {
	// LinearScale and AngularScale multiply what the odometry said to get the truth.
	LinearScale, AngularScale float64
	// Before and After are the root mean square distances of the stops from where the
	// odometry had them, with the scales as they were and as found [m].
	Before, After float64
	// Residuals of the stops [m].
	Residuals []Residual
	// LinearError and AngularError are standard errors of the scales.
	LinearError, AngularError float64
}

// Base finds the scales of a base's odometry from stops at known places: with them
// the way by odometry, laid on the true places as well as can be, goes through the
// stops. At least three stops, the base must have driven and turned between them:
// the corners of a square.
func Base(samples []OdometrySample, stops []Stop) (BaseResult, error) {
	if len(stops) < 3 {
		return BaseResult{}, fmt.Errorf("%w: the base stood still at %d known places; it needs at least 3", ErrData, len(stops))
	}
	way, turned := 0.0, 0.0
	for i, s := range samples {
		if i > stops[0].Sample && i <= stops[len(stops)-1].Sample {
			way, turned = way+math.Abs(s.Forward), turned+math.Abs(s.Turn)
		}
	}
	if way < 0.5 || turned < 1 {
		return BaseResult{}, fmt.Errorf("%w: the base drove %.2f m and turned %.2f rad between the first and the last stop: it takes at least 0.5 m and 1 rad", ErrData, way, turned)
	}
	// Unknown: both scales, and where the way lies among the true places.
	x := []float64{1, 1, stops[0].X, stops[0].Y, startYaw(samples, stops)}
	before := rms(baseResiduals(samples, stops, alignedTo(samples, stops, x)))
	var jacobian *mat.Dense
	for range 30 {
		r := baseResiduals(samples, stops, x)
		jacobian = numericJacobian(x, len(r), func(x []float64) []float64 { return baseResiduals(samples, stops, x) })
		step, err := leastSquares(jacobian, r)
		if err != nil {
			return BaseResult{}, fmt.Errorf("%w: the stops do not determine the scales: %w", ErrData, err)
		}
		size := 0.0
		for i := range x {
			x[i] -= step[i]
			size = max(size, math.Abs(step[i]))
		}
		if size < 1e-12 {
			break
		}
	}
	r := baseResiduals(samples, stops, x)
	out := BaseResult{LinearScale: x[0], AngularScale: x[1], Before: before, After: rms(r)}
	at := 0
	for i, s := range stops {
		out.Residuals = append(out.Residuals, Residual{fmt.Sprintf("stop %d", i+1), r[at], r[at+1]})
		if at += 2; s.HasYaw {
			at++
		}
	}
	out.LinearError, out.AngularError = standardErrors(jacobian, r)
	if !(x[0] > 0.5 && x[0] < 2 && x[1] > 0.5 && x[1] < 2) {
		return out, fmt.Errorf("%w: scales of %.3f and %.3f: are the places in the order of the stops, in metres?", ErrData, x[0], x[1])
	}
	return out, nil
}

// alignedTo is x with the scales as they were, laid on the places as well as can be.
func alignedTo(samples []OdometrySample, stops []Stop, x []float64) []float64 {
	best := append([]float64(nil), x...)
	for range 20 {
		r := baseResiduals(samples, stops, best)
		j := numericJacobian(best[2:], len(r), func(p []float64) []float64 {
			return baseResiduals(samples, stops, append([]float64{1, 1}, p...))
		})
		step, err := leastSquares(j, r)
		if err != nil {
			return best
		}
		for i, s := range step {
			best[2+i] -= s
		}
	}
	return best
}

// startYaw is about the heading at the first stop, in the frame of the true places.
func startYaw(samples []OdometrySample, stops []Stop) float64 {
	if stops[0].HasYaw {
		return stops[0].Yaw
	}
	x, y, yaw := 0.0, 0.0, 0.0
	for i := stops[0].Sample + 1; i < len(samples); i++ {
		x, y, yaw = advance(x, y, yaw, samples[i].Forward, samples[i].Turn)
		for _, s := range stops[1:] {
			if s.Sample == i && math.Hypot(x, y) > 0.2 {
				return math.Atan2(s.Y-stops[0].Y, s.X-stops[0].X) - math.Atan2(y, x)
			}
		}
	}
	return 0
}

func advance(x, y, yaw, forward, turn float64) (float64, float64, float64) {
	mid := yaw + turn/2
	return x + forward*math.Cos(mid), y + forward*math.Sin(mid), yaw + turn
}

// baseResiduals of parameters: linear and angular scale, and the first stop's x, y, yaw.
func baseResiduals(samples []OdometrySample, stops []Stop, p []float64) []float64 {
	var r []float64
	x, y, yaw := p[2], p[3], p[4]
	next := 0
	note := func(i int) {
		for next < len(stops) && stops[next].Sample == i {
			s := stops[next]
			r = append(r, x-s.X, y-s.Y)
			if s.HasYaw { // half a metre of lever, so that a heading weighs like a place
				r = append(r, 0.5*math.Remainder(yaw-s.Yaw, 2*math.Pi))
			}
			next++
		}
	}
	note(stops[0].Sample)
	for i := stops[0].Sample + 1; i < len(samples) && next < len(stops); i++ {
		x, y, yaw = advance(x, y, yaw, p[0]*samples[i].Forward, p[1]*samples[i].Turn)
		note(i)
	}
	return r
}

// Standstills are the moments at which a base stood still for at least so long [s]:
// the sample in the middle of each.
func Standstills(samples []OdometrySample, atLeast float64) []int {
	const still, turning = 0.005, 0.01 // [m/s], [rad/s]
	var out []int
	from := -1
	end := func(to int) {
		if from >= 0 && samples[to].Time-samples[from].Time >= atLeast {
			out = append(out, (from+to)/2)
		}
		from = -1
	}
	for i := 1; i < len(samples); i++ {
		dt := samples[i].Time - samples[i-1].Time
		if dt > 0 && math.Abs(samples[i].Forward)/dt < still && math.Abs(samples[i].Turn)/dt < turning {
			if from < 0 {
				from = i
			}
			continue
		}
		end(i - 1)
	}
	end(len(samples) - 1)
	return out
}
