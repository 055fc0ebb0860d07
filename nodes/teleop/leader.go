package teleop

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cobot_vla/msgs"
)

// axes of one arm: six joints [rad] and the gripper's width [m].
const axes = 7

type pose [axes]float64

// farthest is the largest distance of the joints, not the gripper [rad].
func (p pose) farthest(q pose) float64 {
	worst := 0.0
	for i := range axes - 1 {
		worst = math.Max(worst, math.Abs(p[i]-q[i]))
	}
	return worst
}

// leader is what is known of one leader arm.
type leader struct {
	names []string // the follower's, in order
	scale float64  // of the gripper
	skew  time.Duration
	speed float64 // a faster one has jumped [rad/s]

	known    bool
	pose     pose
	velocity pose      // filtered [rad/s], [m/s]
	stamp    time.Time // of the pose, on this machine's clock
	heard    time.Time // when it arrived
	raw      time.Time // its stamp as it came

	repeated uint64 // messages whose stamp did not advance
	refused  uint64
	jumps    uint64
	why      string // the last refusal
	skewed   bool   // its stamps are not this machine's
}

// ordinal are names of joints that say their place but no side: those of AgileX's nodes.
var ordinal = [][]string{
	{"joint0", "joint1", "joint2", "joint3", "joint4", "joint5", "joint6"},
	{"joint1", "joint2", "joint3", "joint4", "joint5", "joint6", "joint7"},
	{"joint1", "joint2", "joint3", "joint4", "joint5", "joint6", "gripper"},
}

// take takes a leader's joint state; jumped says that it is too far from the one before.
func (l *leader) take(now time.Time, m *msgs.JointState) (jumped bool) {
	p, why := l.read(m)
	if why != "" {
		l.refused++
		l.why = why
		return false
	}
	raw := m.Header.Stamp.Go()
	if l.known && !m.Header.Stamp.IsZero() && !raw.After(l.raw) {
		l.repeated++ // a publisher that repeats an old pose is as good as silent
		return false
	}
	stamp := raw
	if off := now.Sub(raw); off > l.skew || off < -l.skew {
		stamp, l.skewed = now, true
	} else {
		l.skewed = false
	}
	was, dt := *l, stamp.Sub(l.stamp).Seconds()
	l.known, l.pose, l.stamp, l.heard, l.raw = true, p, stamp, now, raw
	if !was.known || dt <= 0 || dt > longestGap {
		l.velocity = pose{}
		return false
	}
	if was.pose.farthest(p) > l.speed*dt+jumpSlack {
		l.jumps++
		l.velocity = pose{}
		return true
	}
	share := dt / (dt + smoothing)
	for i := range l.velocity {
		l.velocity[i] += share * ((p[i]-was.pose[i])/dt - l.velocity[i])
	}
	return false
}

const (
	smoothing  = 0.03 // time constant of the velocity [s]
	longestGap = 0.05 // between two poses that give a velocity [s]
	jumpSlack  = 0.05 // what noise and a late message may add to a leader's step [rad]
)

// read finds the leader's joints by name, or by place where the names say only that.
func (l *leader) read(m *msgs.JointState) (p pose, why string) {
	if len(m.Position) != len(m.Name) && len(m.Name) != 0 {
		return p, fmt.Sprintf("%d names, %d positions", len(m.Name), len(m.Position))
	}
	switch {
	case len(m.Position) == axes && (len(m.Name) == 0 || slices.ContainsFunc(ordinal, func(o []string) bool { return slices.Equal(o, m.Name) })):
		copy(p[:], m.Position)
	default:
		for i, name := range l.names {
			at := slices.Index(m.Name, name)
			if at < 0 {
				return p, fmt.Sprintf("no position of %s among %v", name, m.Name)
			}
			p[i] = m.Position[at]
		}
	}
	for i, v := range p {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 2*math.Pi {
			return p, fmt.Sprintf("%s at %v rad is no pose", l.names[i], v)
		}
	}
	p[axes-1] *= l.scale
	return p, ""
}

// at is where the leader is at t, by its velocity.
func (l *leader) at(t time.Time) pose {
	dt := t.Sub(l.stamp).Seconds()
	p := l.pose
	for i := range p {
		p[i] += l.velocity[i] * dt
	}
	return p
}
