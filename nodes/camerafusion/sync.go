package camerafusion

import (
	"time"

	"cobot_vla/msgs"
)

// frame is one image on its way: raw or jpeg is set.
type frame struct {
	stamp    time.Time
	received time.Time
	frameID  string
	raw      *msgs.Image
	jpeg     *msgs.CompressedImage
}

// keepFrames is enough to find the frame nearest to one that is a few periods late.
const keepFrames = 8

// track is the last frames of one camera, oldest first.
type track struct {
	frames  []frame
	period  time.Duration // between stamps, smoothed; 0 until two came
	repeats uint64        // frames whose stamp was not newer than the last one's
}

// jumpBack is how far a camera's clock must go back to be taken for a new one,
// of a restarted driver or simulator.
const jumpBack = time.Second

// add says whether the frame is a new one.
func (t *track) add(f frame) bool {
	if last, ok := t.newest(); ok {
		step := f.stamp.Sub(last.stamp)
		switch {
		case step < -jumpBack:
			t.frames, t.period = t.frames[:0], 0
		case step <= 0:
			t.repeats++
			return false
		case t.period == 0:
			t.period = step
		default:
			t.period += (step - t.period) / 8
		}
	}
	if len(t.frames) == keepFrames {
		copy(t.frames, t.frames[1:])
		t.frames = t.frames[:keepFrames-1]
	}
	t.frames = append(t.frames, f)
	return true
}

func (t *track) newest() (frame, bool) {
	if len(t.frames) == 0 {
		return frame{}, false
	}
	return t.frames[len(t.frames)-1], true
}

// nearest to a stamp, and how far it is from it.
func (t *track) nearest(stamp time.Time) (best frame, off time.Duration, ok bool) {
	for _, f := range t.frames {
		if d := f.stamp.Sub(stamp).Abs(); !ok || d <= off {
			best, off, ok = f, d, true
		}
	}
	return best, off, ok
}

// synchronizer makes sets of frames taken at about the same time: for each frame
// of the camera that drives, the nearest of the others, once no nearer one can
// come or the wait is over. The idea is message_filters' ApproximateTime; unlike
// it, a camera that is silent holds nobody up.
type synchronizer struct {
	slop, wait, maxAge time.Duration
	tracks             []track

	waits    bool      // a set is begun
	stamp    time.Time // of the driving frame
	driver   int       // the camera it is of
	deadline time.Time
	last     time.Time // stamp of the last set
}

// alive says that a camera was heard, with a new stamp, not longer than maxAge ago.
func (s *synchronizer) alive(i int, now time.Time) bool {
	f, ok := s.tracks[i].newest()
	return ok && now.Sub(f.received) <= s.maxAge
}

// drives is the first camera that is alive; -1 when none is.
func (s *synchronizer) drives(now time.Time) int {
	for i := range s.tracks {
		if s.alive(i, now) {
			return i
		}
	}
	return -1
}

// add takes a frame of camera i; one of the camera that drives begins a set. A set
// that still waits gives way to the newer one, which waits no longer for that.
func (s *synchronizer) add(now time.Time, i int, f frame) {
	if !s.tracks[i].add(f) || s.drives(now) != i {
		return
	}
	if s.last.Sub(f.stamp) > jumpBack {
		s.last = time.Time{}
	}
	if !f.stamp.After(s.last) {
		return
	}
	if !s.waits {
		s.deadline = now.Add(s.wait)
	}
	s.waits, s.stamp, s.driver = true, f.stamp, i
}

// ready says whether the set that was begun is as good as it gets.
func (s *synchronizer) ready(now time.Time) bool {
	if !s.waits {
		return false
	}
	if !now.Before(s.deadline) {
		return true
	}
	for i := range s.tracks {
		if !s.settled(i, now) {
			return false
		}
	}
	return true
}

// settled says that no better frame of camera i is on its way.
func (s *synchronizer) settled(i int, now time.Time) bool {
	if i == s.driver || !s.alive(i, now) {
		return true
	}
	t := &s.tracks[i]
	if _, off, _ := t.nearest(s.stamp); off <= s.slop {
		return true
	}
	newest, _ := t.newest()
	if !newest.stamp.Before(s.stamp) {
		return true
	}
	return t.period > 0 && newest.stamp.Add(t.period).Sub(s.stamp) > s.slop
}

// choose is the frame of camera i for the set; not ok when it has none that is fresh.
func (s *synchronizer) choose(i int, now time.Time) (f frame, ok bool) {
	f, off, ok := s.tracks[i].nearest(s.stamp)
	return f, ok && off <= s.maxAge && s.alive(i, now)
}

// done ends the set.
func (s *synchronizer) done() {
	s.waits, s.last = false, s.stamp
}
