package teleop

import (
	"fmt"
	"math"
	"time"
)

// Phases of one follower.
const (
	phaseSilent    = "silent"    // no fresh pose of its leader
	phaseBlind     = "blind"     // nobody says where the follower stands
	phaseAway      = "away"      // align: wait, and the leader is too far
	phaseAligning  = "aligning"  // it approaches its leader slowly
	phaseFollowing = "following" // it copies its leader
	phaseIdle      = "idle"      // the arms are not ours
)

// follower is one arm that copies its leader.
type follower struct {
	cfg    Config
	side   string
	names  []string
	leader leader

	command   pose // what the arm node streams to it
	commandAt time.Time
	phase     string
	target    pose    // what we wish for
	distance  float64 // from the target, or the follower, to the leader [rad]
}

func newFollower(cfg Config, side string, names []string) *follower {
	return &follower{
		cfg: cfg, side: side, names: names, phase: phaseIdle,
		leader: leader{names: names, scale: cfg.GripperScale, skew: seconds(cfg.LeaderSkew), speed: cfg.LeaderSpeed},
	}
}

// stop ends copying: the next time it starts with an approach.
func (f *follower) stop() { f.phase = phaseIdle }

// jumped is a leader that is suddenly elsewhere.
func (f *follower) jumped() {
	if f.engaged() {
		f.phase = phaseSilent
	}
}

// engaged says whether the follower is commanded.
func (f *follower) engaged() bool { return f.phase == phaseAligning || f.phase == phaseFollowing }

// commandTimeout is how old a follower's set point may be; the arm node tells it 200 times a second.
const commandTimeout = 150 * time.Millisecond

// step decides what the follower does in the next dt seconds.
func (f *follower) step(now time.Time, dt float64) {
	switch {
	case !f.leader.known || now.Sub(f.leader.heard) > seconds(f.cfg.LeaderTimeout):
		f.phase = phaseSilent
		return
	case f.commandAt.IsZero() || now.Sub(f.commandAt) > commandTimeout:
		f.phase = phaseBlind
		return
	}
	to := f.leader.pose
	switch f.phase {
	case phaseFollowing:
		if f.command.farthest(to) > f.cfg.MaxLag {
			f.begin()
		}
	case phaseAligning:
	default:
		f.begin()
	}
	if f.phase != phaseFollowing {
		f.align(to, dt)
	}
	if f.phase == phaseFollowing {
		f.target, f.distance = to, f.command.farthest(to)
	}
}

// begin starts from where the follower is held.
func (f *follower) begin() { f.phase, f.target = phaseAligning, f.command }

// align moves the target towards the leader, or waits for the leader to come.
func (f *follower) align(to pose, dt float64) {
	f.distance = f.target.farthest(to)
	if f.distance <= f.cfg.AlignTolerance && f.command.farthest(f.target) <= f.cfg.AlignTolerance {
		f.phase = phaseFollowing
		return
	}
	if f.cfg.Align == "wait" {
		f.phase, f.target = phaseAway, f.command
		f.distance = f.command.farthest(to)
		if f.distance <= f.cfg.AlignTolerance {
			f.phase = phaseFollowing
		}
		return
	}
	if f.command.farthest(f.target) > heldBack { // a limit or an obstacle keeps it: go no further ahead
		return
	}
	way := f.cfg.AlignSpeed * dt
	for i := range axes - 1 {
		f.target[i] = toward(f.target[i], to[i], way)
	}
	f.target[axes-1] = toward(f.target[axes-1], to[axes-1], gripperSpeed*dt)
}

const (
	heldBack     = 0.1  // [rad] between target and follower
	gripperSpeed = 0.05 // of a gripper while its arm approaches [m/s]
)

func toward(x, goal, step float64) float64 { return math.Min(math.Max(goal, x-step), x+step) }

// wish is the pose to be reached k steps after the first one, for a chunk of that stamp.
func (f *follower) wish(stamp time.Time, k int) pose {
	if f.phase != phaseFollowing {
		return f.target
	}
	t := stamp.Add(time.Duration(k) * seconds(f.cfg.StepPeriod))
	if latest := f.leader.stamp.Add(seconds(f.cfg.LeaderTimeout)); t.After(latest) {
		t = latest
	}
	return f.leader.at(t)
}

// says explains the phase to a person.
func (f *follower) says(now time.Time) string {
	l := &f.leader
	switch f.phase {
	case phaseSilent:
		switch {
		case !l.known && l.why != "":
			return fmt.Sprintf("leader %s: %s", f.side, l.why)
		case !l.known:
			return fmt.Sprintf("leader %s: nothing on master/joint_%s: switch it on and move it", f.side, f.side)
		}
		return fmt.Sprintf("leader %s has been silent for %.2f s: arm %s holds", f.side, now.Sub(l.heard).Seconds(), f.side)
	case phaseBlind:
		return fmt.Sprintf("arm %s: no arms/command: start the arm node", f.side)
	case phaseAway:
		return fmt.Sprintf("arm %s is %.2f rad from its leader: bring the leader to it", f.side, f.distance)
	case phaseAligning:
		return fmt.Sprintf("arm %s approaches its leader, %.2f rad away", f.side, f.distance)
	}
	return fmt.Sprintf("arm %s: %s", f.side, f.phase)
}

// watch compares the arms of a hardware link, where nobody commands.
func (f *follower) watch(now time.Time) {
	fresh := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) <= seconds(f.cfg.LeaderTimeout) }
	switch {
	case !fresh(f.leader.heard):
		f.phase = phaseSilent // a leader says nothing while nobody moves it
	case !fresh(f.commandAt):
		f.phase = phaseBlind
	default:
		f.phase, f.distance = phaseFollowing, f.command.farthest(f.leader.pose)
	}
}
