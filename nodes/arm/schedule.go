package arm

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cobot_vla/msgs"
)

// schedule is the wished-for motion: straight lines in joint space from one
// action step to the next. Step k of a chunk begins at its due time and is
// reached one period later: at stamp + k · period for async chunks, at arrival +
// k · period for sync ones. A new chunk starts from where the old one is now, so
// that borders have no jump; what is overdue in an async chunk is skipped.
type schedule struct {
	axes     []Axis
	source   string
	sequence uint64
	sync     bool
	period   time.Duration
	base     time.Time // step 0 is due
	points   []waypoint
	taken    int  // steps of the chunk that arrived
	known    bool // sequence is that of a chunk of source
	lastGoal []float64
}

type waypoint struct {
	at   time.Time
	pose []float64 // all axes
}

func newSchedule(axes []Axis) *schedule { return &schedule{axes: axes} }

// clear forgets the motion; sequence numbers of the source stay known.
func (s *schedule) clear() { s.points, s.lastGoal = nil, nil }

// reset forgets the motion and the source, as a new grant does.
func (s *schedule) reset() { s.clear(); s.known = false }

// add puts a chunk, or a further part of one, behind what the arms do now.
// current is the pose wished for now, or commanded when nothing is scheduled.
// A refusal changes nothing; its error names the thing, the value and the remedy.
func (s *schedule) add(now time.Time, m *msgs.ActionChunk, current []float64) error {
	steps, index, err := s.check(now, m)
	if err != nil {
		return err
	}
	first := int(m.FirstStep)
	more := s.known && m.Source == s.source && m.Sequence == s.sequence
	if !more {
		s.begin(now, m, current)
	}
	if s.sync { // a late part moves the rest of its chunk
		if late := now.Sub(s.due(first)); late > 0 {
			s.base = s.base.Add(late)
		}
	}
	if last := s.points[len(s.points)-1]; last.at.Before(now) { // the arms waited at the last step of the part before
		s.points = append(s.points, waypoint{now, last.pose})
	}
	width := len(index)
	for k := range steps {
		pose := slices.Clone(s.lastGoal)
		for j, axis := range index {
			v := m.Values[k*width+j]
			if m.Mode == msgs.Delta {
				v += s.lastGoal[axis]
			}
			pose[axis] = v
		}
		s.lastGoal = pose
		at := s.due(first + k).Add(s.period)
		if !at.After(now) {
			continue // overdue
		}
		s.points = append(s.points, waypoint{at, pose})
	}
	s.taken = first + steps
	return nil
}

func (s *schedule) due(k int) time.Time { return s.base.Add(time.Duration(k) * s.period) }

func (s *schedule) begin(now time.Time, m *msgs.ActionChunk, current []float64) {
	s.known, s.source, s.sequence = true, m.Source, m.Sequence
	s.sync = m.Schedule == msgs.Sync
	s.period, s.taken = m.Period.Go(), 0
	s.base = m.Header.Stamp.Go()
	if s.sync {
		s.base = now
	}
	s.lastGoal = slices.Clone(current)
	s.points = append(s.points[:0], waypoint{now, slices.Clone(current)})
}

// check refuses a chunk whole: names, shape, numbers, order, age.
func (s *schedule) check(now time.Time, m *msgs.ActionChunk) (steps int, index []int, err error) {
	chunk := fmt.Sprintf("chunk %d of %s", m.Sequence, m.Source)
	if len(m.Names) == 0 {
		return 0, nil, fmt.Errorf("%s names no joint", chunk)
	}
	for _, name := range m.Names {
		i := slices.IndexFunc(s.axes, func(a Axis) bool { return a.Name == name })
		if i < 0 {
			return 0, nil, fmt.Errorf("%s: joint %q is not this robot's: the manifest's names must be the calibration's", chunk, name)
		}
		if slices.Contains(index, i) {
			return 0, nil, fmt.Errorf("%s names joint %q twice", chunk, name)
		}
		index = append(index, i)
	}
	width := len(index)
	if len(m.Values) == 0 || len(m.Values)%width != 0 {
		return 0, nil, fmt.Errorf("%s has %d values, not a multiple of its %d names", chunk, len(m.Values), width)
	}
	steps = len(m.Values) / width
	for i, v := range m.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, nil, fmt.Errorf("%s: step %d of %s is %v: the whole chunk is refused", chunk, i/width, m.Names[i%width], v)
		}
	}
	if int(m.FirstStep)+steps > int(m.StepsTotal) || m.StepsTotal > maxSteps {
		return 0, nil, fmt.Errorf("%s: steps %d to %d of a chunk of %d (at most %d)", chunk, m.FirstStep, int(m.FirstStep)+steps-1, m.StepsTotal, maxSteps)
	}
	if p := m.Period.Go(); p < minPeriod || p > maxPeriod {
		return 0, nil, fmt.Errorf("%s: step period %v is outside %v..%v", chunk, p, minPeriod, maxPeriod)
	}
	if m.Mode > msgs.Delta || m.Schedule > msgs.Sync {
		return 0, nil, fmt.Errorf("%s: unknown mode %d or schedule %d", chunk, m.Mode, m.Schedule)
	}
	if m.Mode == msgs.Delta && m.Schedule == msgs.Async {
		return 0, nil, fmt.Errorf("%s is delta and async: overdue steps of a delta chunk can't be skipped; send it sync", chunk)
	}
	if s.known && m.Source == s.source {
		switch {
		case m.Sequence < s.sequence:
			return 0, nil, fmt.Errorf("%s comes after chunk %d: out of order", chunk, s.sequence)
		case m.Sequence == s.sequence && (int(m.FirstStep) != s.taken || s.lastGoal == nil):
			return 0, nil, fmt.Errorf("%s: part from step %d, but step %d is next", chunk, m.FirstStep, s.taken)
		}
	}
	if !s.known || m.Sequence != s.sequence || m.Source != s.source {
		if m.FirstStep != 0 {
			return 0, nil, fmt.Errorf("%s starts with step %d: its beginning was lost", chunk, m.FirstStep)
		}
		if age, limit := now.Sub(m.Header.Stamp.Go()), m.MaxAge.Go(); age > limit {
			return 0, nil, fmt.Errorf("%s: its observation is %.3f s old, more than %.3f s: the policy is too slow, or the clocks differ", chunk, age.Seconds(), limit.Seconds())
		} else if age < -maxSkew {
			return 0, nil, fmt.Errorf("%s: its observation is %.3f s in the future: the clocks differ", chunk, -age.Seconds())
		}
	}
	return steps, index, nil
}

const (
	maxSteps  = 1000
	minPeriod = 5 * time.Millisecond
	maxPeriod = 2 * time.Second
	maxSkew   = 50 * time.Millisecond
)

// at gives the pose and velocity wished for at now, and whether motion is still
// scheduled. Without a chunk it changes nothing.
func (s *schedule) at(now time.Time, pose, velocity []float64) (active bool) {
	if len(s.points) == 0 {
		return false
	}
	i := len(s.points) - 1
	for i > 0 && s.points[i].at.After(now) {
		i--
	}
	p := s.points[i]
	copy(pose, p.pose)
	clear(velocity)
	if i == len(s.points)-1 {
		return false
	}
	n := s.points[i+1]
	span := n.at.Sub(p.at).Seconds()
	frac := min(max(now.Sub(p.at).Seconds()/span, 0), 1)
	for k := range pose {
		velocity[k] = (n.pose[k] - p.pose[k]) / span
		pose[k] += frac * (n.pose[k] - p.pose[k])
	}
	return true
}

// first is the pose of the chunk's first step, nil without one.
func (s *schedule) first() []float64 {
	if len(s.points) < 2 {
		return nil
	}
	return s.points[1].pose
}

// restart plays what is left from pose at now: the first step is reached one period later.
func (s *schedule) restart(now time.Time, pose []float64) {
	if len(s.points) < 2 {
		return
	}
	shift := now.Add(s.period).Sub(s.points[1].at)
	for i := range s.points {
		s.points[i].at = s.points[i].at.Add(shift)
	}
	s.base = s.base.Add(shift)
	s.points[0] = waypoint{now, slices.Clone(pose)}
}
