package expert

import (
	"fmt"
	"math"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/spatial/r3"
	"gonum.org/v1/gonum/stat"
)

// How the ranges are made from the poses of the task.
const (
	margin    = 0.02 // beyond the widest pose [rad]
	narrowest = 0.10 // half of the range of a joint that hardly moves [rad]
	inside    = 0.01 // the robot's limits stay this far outside [rad]
	quietest  = 0.02 // least standard deviation of a joint [rad]
)

// Statistics makes the statistics for a robot: the poses of all tasks, over all places
// of their things, give every joint its range. Narrow ranges
// make fine bins. statistics.yaml is its output for the factory robot:
//
//	go generate ./model/expert
func Statistics(robot calibration.Robot, cfg Config) (calibration.Statistics, error) {
	var s calibration.Statistics
	m, err := manifest()
	if err != nil {
		return s, err
	}
	poses, err := workspace(robot, cfg)
	if err != nil {
		return s, err
	}
	s.StateNames, s.ActionNames = m.Proprioception, m.Action.Names
	for i, a := range robot.Arms {
		for k, j := range a.Joints {
			var v []float64
			for _, pose := range poses[i] {
				v = append(v, pose[k])
			}
			low, high := floats.Min(v)-margin, floats.Max(v)+margin
			if middle := (low + high) / 2; high-low < 2*narrowest {
				low, high = middle-narrowest, middle+narrowest
			}
			// Millirads: the file is the same whatever the last bits of the arithmetic.
			s.ActMin = append(s.ActMin, math.Floor(1e3*max(low, j.Lower+inside))/1e3)
			s.ActMax = append(s.ActMax, math.Ceil(1e3*min(high, j.Upper-inside))/1e3)
			mean, dev := stat.MeanStdDev(v, nil)
			s.Mean, s.Std = append(s.Mean, milli(mean)), append(s.Std, max(milli(dev), quietest))
		}
		stroke := a.Gripper.Stroke
		s.ActMin, s.ActMax = append(s.ActMin, 0), append(s.ActMax, stroke)
		s.Mean, s.Std = append(s.Mean, stroke/2), append(s.Std, stroke/4)
	}
	for _, a := range robot.Arms { // commanded widths
		s.Mean, s.Std = append(s.Mean, a.Gripper.Stroke/2), append(s.Std, a.Gripper.Stroke/4)
	}
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("expert: %w", err)
	}
	return s, nil
}

func milli(x float64) float64 { return math.Round(1e3*x)/1e3 + 0 } // + 0: never -0

// workspace lists the joint angles that the tasks take each arm through.
func workspace(robot calibration.Robot, cfg Config) (poses [2][][6]float64, err error) {
	if err := cfg.Validate(); err != nil {
		return poses, err
	}
	if len(robot.Arms) != 2 {
		return poses, fmt.Errorf("expert: robot %s has %d arms; two are needed", robot.Name, len(robot.Arms))
	}
	p := &Policy{cfg: cfg}
	for i, a := range robot.Arms {
		arm, err := kinematics.NewArm(a)
		if err != nil {
			return poses, err
		}
		p.arms[i] = side{name: a.Side, arm: arm, mount: arm.Mount(), inverse: arm.Mount().Inverse(), park: a.Park, stroke: a.Gripper.Stroke}
		poses[i] = append(poses[i], a.Park)
		for _, s := range scripts() {
			of, err := s.poses(p, i)
			if err != nil {
				return poses, fmt.Errorf("%s: %w", s.name, err)
			}
			poses[i] = append(poses[i], of...)
		}
	}
	return poses, nil
}

// bottlePoses are at rest, on the way, lined up, around the bottle, lifted.
func (p *Policy) bottlePoses(i int) ([][6]float64, error) {
	park := p.arms[i].park
	poses := [][6]float64{p.raisedPose(i, p.cfg.MaxBearing), p.raisedPose(i, -p.cfg.MaxBearing)}
	places, err := p.places(i)
	if err != nil {
		return nil, err
	}
	for _, near := range places {
		poses = append(poses, near...)
		for n := 1; n < 8; n++ { // on the way from park to lined up
			var q [6]float64
			for k := range q {
				q[k] = park[k] + (near[0][k]-park[k])*float64(n)/8
			}
			poses = append(poses, q)
		}
	}
	return poses, nil
}

// places solves arm i's poses near the bottle for a grid of its places: for each
// lined up, half way, around it, and lifted.
func (p *Policy) places(i int) (all [][][6]float64, err error) {
	const grid = 6
	arm, seed := p.arms[i].arm, p.arms[i].park
	floor := p.arms[i].inverse.P.Z // base_link's floor in the arm's base frame
	for h := range 3 {
		table := floor + p.cfg.TableHeight + p.cfg.TableSpread*float64(h-1)
		for n := range grid + 1 {
			reach := p.cfg.MinReach + (p.cfg.MaxReach-p.cfg.MinReach)*float64(n)/grid
			for b := range grid + 1 {
				sin, cos := math.Sincos(p.cfg.MaxBearing * (2*float64(b)/grid - 1))
				grasp := p.facing(r3.Vec{X: reach * cos, Y: reach * sin, Z: table + p.cfg.GraspHeight})
				lifted := p.facing(r3.Vec{X: p.cfg.Reach, Z: table + p.cfg.GraspHeight + p.cfg.Lift})
				var near [][6]float64
				for _, t := range []kinematics.Transform{short(grasp, p.cfg.Backoff), short(grasp, p.cfg.Backoff/2), grasp, blend(grasp, lifted, 0.5), lifted} {
					q, err := arm.IK(t, seed)
					if err != nil {
						return nil, fmt.Errorf("expert: the %s arm does not reach all places that Config allows: %w", p.arms[i].name, err)
					}
					near = append(near, q)
				}
				all = append(all, near)
			}
		}
	}
	return all, nil
}

// covered reports an error when the policy's tokens can't say what this robot
// and configuration need: the statistics were made for other ones.
func (p *Policy) covered(robot calibration.Robot) error {
	need, err := Statistics(robot, p.cfg)
	if err != nil {
		return err
	}
	for i, name := range need.ActionNames {
		if need.ActMin[i]+margin < p.stats.ActMin[i]-1e-9 || need.ActMax[i]-margin > p.stats.ActMax[i]+1e-9 {
			return fmt.Errorf("expert: %s needs %.3f..%.3f for this robot, its statistics %s span %.3f..%.3f; make them for it with go run ./model/expert/genstatistics",
				name, need.ActMin[i], need.ActMax[i], p.stats.Version(), p.stats.ActMin[i], p.stats.ActMax[i])
		}
	}
	return nil
}

// HalfBinError is the farthest, in millimetres, that rounding every joint by half
// a bin, all in the worst direction, moves the grasp centre of either arm, over the
// poses of all tasks. It also says where.
func HalfBinError(robot calibration.Robot, cfg Config) (millimetres float64, at [6]float64, err error) {
	m, s, err := Files()
	if err != nil {
		return 0, at, err
	}
	p, err := build(robot, cfg, m, s)
	if err != nil {
		return 0, at, err
	}
	poses, err := workspace(robot, cfg)
	if err != nil {
		return 0, at, err
	}
	half := p.grammar.Tokenizer().HalfBin()
	for i, arm := range p.arms {
		for _, q := range poses[i] {
			j := arm.arm.Jacobian(q)
			for signs := range 1 << 6 {
				var d r3.Vec
				for k := range 6 {
					index := arm.action[k]
					step := half * (s.ActMax[index] - s.ActMin[index]) / 2
					if signs>>k&1 == 1 {
						step = -step
					}
					d = r3.Add(d, r3.Scale(step, r3.Vec{X: j[0][k], Y: j[1][k], Z: j[2][k]}))
				}
				if mm := 1e3 * r3.Norm(d); mm > millimetres {
					millimetres, at = mm, q
				}
			}
		}
	}
	return millimetres, at, nil
}
