package expert

import (
	"fmt"
	"math"

	"cobot_vla/model"
	"cobot_vla/model/token"

	"gonum.org/v1/gonum/spatial/r3"
)

// travelReach is how far from its first axis an arm's fingertips may be while the
// base drives [m]: folded they are at 0.18.
const travelReach = 0.26

// finest is the least turn and way worth a navigation goal [rad, m]: a bin or so.
const finest = 0.01

// drive returns the next navigation goal, or nil when it is the arms' turn.
func (p *Policy) drive(w *world, mobile bool) (*model.Navigation, error) {
	for i := range p.arms {
		if p.holds(w, i) {
			return nil, nil
		}
	}
	if tilt := w.tilt(); tilt > 0.6 {
		return nil, fmt.Errorf("%w: it leans %.0f°; stand it up, the expert grasps upright bottles", ErrFallen, tilt*180/math.Pi)
	}
	i := p.worker(w)
	if p.reachable(w, i, p.stretched(w, i)) {
		return nil, nil
	}
	for k := range p.arms {
		if p.stretched(w, k) {
			return nil, nil // the arms fold before the base moves
		}
	}
	return p.driveTo(w.bottle().P, i, p.cfg.Reach, p.cfg.SideTolerance, mobile, "the bottle")
}

// driveTo is the next goal that brings a thing, now at b in base_link, to lie straight before arm i's first axis, reach ahead of it.
func (p *Policy) driveTo(b r3.Vec, i int, reach, beside float64, mobile bool, what string) (*model.Navigation, error) {
	if !mobile {
		return nil, fmt.Errorf("%w: %s is at (%.2f, %.2f) m from base_link and the task allows no driving; ask for a mobile task", ErrPlace, what, b.X, b.Y)
	}
	mount := p.arms[i].mount.P
	distance := math.Hypot(b.X, b.Y)
	if distance <= math.Abs(mount.Y)+0.05 {
		return nil, p.tooClose(b, what)
	}
	turn := wrap(math.Atan2(b.Y, b.X) - math.Asin(mount.Y/distance))
	ahead := b.X - mount.X - reach
	if facing := b.X > 0; !facing || math.Abs(b.Y-mount.Y) > beside {
		if math.Abs(turn) < finest {
			return nil, p.tooClose(b, what)
		}
		direction := token.TurnLeft
		if turn < 0 {
			direction = token.TurnRight
		}
		return p.navigate(direction, math.Abs(turn))
	}
	if ahead < finest {
		return nil, p.tooClose(b, what)
	}
	return p.navigate(token.Forward, ahead)
}

func (p *Policy) navigate(direction uint8, value float64) (*model.Navigation, error) {
	n, err := p.grammar.Drive(direction, value)
	if err != nil {
		return nil, fmt.Errorf("expert: %w", err)
	}
	return &n, nil
}

func (p *Policy) tooClose(b r3.Vec, what string) error {
	return fmt.Errorf("%w: %s is at (%.2f, %.2f) m from base_link, too near to drive towards; back the robot off by half a metre", ErrPlace, what, b.X, b.Y)
}

// worker is the arm that fetches: the one that has the bottle, else the one that
// is stretched out already, else the one on the bottle's side.
func (p *Policy) worker(w *world) int {
	left, right := p.stretched(w, 0), p.stretched(w, 1)
	switch {
	case p.holds(w, 0) || left && !right:
		return 0
	case p.holds(w, 1) || right && !left:
		return 1
	case w.bottle().P.Y >= 0:
		return 0
	}
	return 1
}

// stretched reports whether an arm reaches out too far to drive with.
func (p *Policy) stretched(w *world, i int) bool {
	tip := p.arms[i].arm.FK(w.arms[i].joints).P
	return math.Hypot(tip.X, tip.Y) > travelReach
}

// reachable reports whether arm i can fetch the bottle from here. An arm that is
// on its way is given more room than driving aims for, so that a nudge does not
// send the robot driving again.
func (p *Policy) reachable(w *world, i int, onItsWay bool) bool {
	at := p.grasp(w, i).P
	reach, bearing := math.Hypot(at.X, at.Y), math.Atan2(at.Y, at.X)
	if onItsWay {
		return reach >= p.cfg.MinReach && reach <= p.cfg.MaxReach && math.Abs(bearing) <= p.cfg.MaxBearing
	}
	return math.Abs(at.Y) <= p.cfg.SideTolerance+finest && at.X >= p.cfg.MinReach+finest && at.X <= p.cfg.Reach+p.cfg.DriveTolerance
}

func wrap(a float64) float64 { return a - 2*math.Pi*math.Round(a/(2*math.Pi)) }
