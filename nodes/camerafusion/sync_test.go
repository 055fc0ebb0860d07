package camerafusion

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"cobot_vla/msgs"

	"pgregory.net/rapid"
)

var epoch = time.Unix(1000, 0)

func ms(k int) time.Time { return epoch.Add(time.Duration(k) * time.Millisecond) }

// arrival is a frame of a camera: when it was taken, and when it came [ms].
type arrival struct{ camera, stamp, at int }

// replay feeds arrivals to a synchronizer of slop 15, wait 30 and age 250 ms and
// returns its sets: "at: stamp of driver | off of each camera", x for missing.
func replay(cameras int, arrivals []arrival) (sets []string) {
	s := synchronizer{slop: 15e6, wait: 30e6, maxAge: 250e6, tracks: make([]track, cameras)}
	finish := func(now time.Time) {
		if !s.ready(now) {
			return
		}
		line := fmt.Sprintf("%d: %d of %d |", now.Sub(epoch).Milliseconds(), s.stamp.Sub(epoch).Milliseconds(), s.driver)
		for i := range s.tracks {
			if f, ok := s.choose(i, now); ok {
				line += fmt.Sprintf(" %d", f.stamp.Sub(s.stamp).Milliseconds())
			} else {
				line += " x"
			}
		}
		sets = append(sets, line)
		s.done()
	}
	for _, a := range arrivals {
		if s.waits && s.deadline.Before(ms(a.at)) {
			finish(s.deadline)
		}
		s.add(ms(a.at), a.camera, frame{stamp: ms(a.stamp), received: ms(a.at), raw: &msgs.Image{}})
		finish(ms(a.at))
	}
	if s.waits {
		finish(s.deadline)
	}
	return sets
}

func TestSets(t *testing.T) {
	for _, c := range []struct {
		name     string
		cameras  int
		arrivals []arrival
		want     []string
	}{
		{"in step, the one that drives comes first", 3, []arrival{
			{0, 0, 5}, {1, 0, 6}, {2, 0, 8}, {0, 100, 105}, {1, 100, 106}, {2, 100, 108},
			// The first set waits for nobody: it was not known that the others are there.
		}, []string{"5: 0 of 0 | 0 x x", "108: 100 of 0 | 0 0 0"}},
		{"in step, it comes last", 2, []arrival{{1, 0, 5}, {0, 0, 6}, {1, 100, 105}, {0, 100, 106}}, []string{
			"5: 0 of 1 | x 0", // as long as nobody heard of camera 0, camera 1 drives
			"106: 100 of 0 | 0 0",
		}},
		{"out of phase: the nearest is already there, or worth the wait", 2, []arrival{
			{1, -40, 1}, {0, -33, 2}, {1, -7, 3}, {0, 0, 10}, {1, 26, 30}, {0, 33, 43}, {1, 59, 63}, {0, 66, 76},
		}, []string{"1: -40 of 1 | x 0", "2: -33 of 0 | 0 -7", "10: 0 of 0 | 0 -7", "43: 33 of 0 | 0 -7", "76: 66 of 0 | 0 -7"}},
		{"a lost frame: the set waits, then takes the one before", 2, []arrival{
			{1, 0, 1}, {0, 0, 2}, {1, 100, 101}, {0, 100, 102}, {0, 200, 202}, {1, 300, 301}, {0, 300, 302},
		}, []string{"1: 0 of 1 | x 0", "102: 100 of 0 | 0 0", "232: 200 of 0 | 0 -100", "302: 300 of 0 | 0 0"}},
		{"a slow camera is not waited for", 2, []arrival{
			{1, 0, 1}, {0, 5, 6}, {1, 200, 201}, {0, 205, 206}, {0, 238, 239}, {0, 271, 272},
		}, []string{"1: 0 of 1 | x 0", "6: 5 of 0 | 0 -5", "206: 205 of 0 | 0 -5", "239: 238 of 0 | 0 -38", "272: 271 of 0 | 0 -71"}},
		{"a dead camera is missing and holds nobody up", 2, []arrival{
			{1, 0, 1}, {0, 0, 2}, {0, 100, 101}, {0, 200, 201}, {0, 300, 301}, {0, 400, 401},
		}, []string{"1: 0 of 1 | x 0", "131: 100 of 0 | 0 -100", "231: 200 of 0 | 0 -200", "301: 300 of 0 | 0 x", "401: 400 of 0 | 0 x"}},
		{"the next one drives when the first is dead, and the first when it is back", 2, []arrival{
			{0, 0, 1}, {1, 10, 11}, {1, 110, 111}, {1, 210, 211}, {1, 310, 311}, {1, 410, 411}, {0, 500, 501}, {1, 510, 511},
		}, []string{"1: 0 of 0 | 0 x", "311: 310 of 1 | x 0", "411: 410 of 1 | x 0", "511: 500 of 0 | 0 10"}},
		{"a frozen camera repeats its stamp: it is dead", 2, []arrival{
			{1, 0, 1}, {0, 0, 2}, {1, 0, 101}, {0, 100, 102}, {1, 0, 201}, {0, 200, 202}, {1, 0, 301}, {0, 300, 302},
		}, []string{"1: 0 of 1 | x 0", "132: 100 of 0 | 0 -100", "232: 200 of 0 | 0 -200", "302: 300 of 0 | 0 x"}},
		{"clocks apart: it is heard, and its stamps are too far", 2, []arrival{
			{1, 5000, 1}, {0, 0, 2}, {1, 5100, 101}, {0, 100, 102},
		}, []string{"1: 5000 of 1 | x 0", "2: 0 of 0 | 0 x", "102: 100 of 0 | 0 x"}},
		{"the simulator starts again", 1, []arrival{{0, 5000, 1}, {0, 5100, 101}, {0, 100, 201}, {0, 200, 301}}, []string{
			"1: 5000 of 0 | 0", "101: 5100 of 0 | 0", "201: 100 of 0 | 0", "301: 200 of 0 | 0",
		}},
		{"a newer one takes the place of a set that waits, no longer", 2, []arrival{
			{1, 0, 1}, {0, 0, 2}, {1, 20, 21}, {0, 20, 22}, {0, 40, 42}, {0, 60, 62}, {0, 80, 82},
		}, []string{"1: 0 of 1 | x 0", "22: 20 of 0 | 0 0", "72: 60 of 0 | 0 -40", "112: 80 of 0 | 0 -60"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := replay(c.cameras, c.arrivals); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestSetsOfAnyCameras: whatever comes, sets go forward in time, hold no view
// that is too old, wait no longer than allowed, and miss no nearer frame.
func TestSetsOfAnyCameras(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cameras := rapid.IntRange(1, 4).Draw(t, "cameras")
		s := synchronizer{slop: 15e6, wait: 30e6, maxAge: 250e6, tracks: make([]track, cameras)}
		var all []arrival
		for i := range cameras {
			period, phase := rapid.IntRange(5, 150).Draw(t, "period"), rapid.IntRange(0, 100).Draw(t, "phase")
			for k := range 40 {
				if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
					continue
				}
				stamp := phase + k*period + rapid.IntRange(-2, 2).Draw(t, "jitter")
				all = append(all, arrival{i, stamp, stamp + rapid.IntRange(0, 60).Draw(t, "delay")})
			}
		}
		slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
		var began, last time.Time
		sets := 0
		finish := func(now time.Time) {
			if !s.ready(now) {
				return
			}
			sets++
			if !s.stamp.After(last) {
				t.Fatalf("a set of %v after one of %v", s.stamp, last)
			}
			last = s.stamp
			if now.Sub(began) > s.wait {
				t.Fatalf("a set waited %v", now.Sub(began))
			}
			shown := 0
			for i := range s.tracks {
				f, ok := s.choose(i, now)
				if !ok {
					continue
				}
				shown++
				off := f.stamp.Sub(s.stamp).Abs()
				if off > s.maxAge {
					t.Fatalf("camera %d is shown %v off", i, off)
				}
				for _, g := range s.tracks[i].frames {
					if g.stamp.Sub(s.stamp).Abs() < off {
						t.Fatalf("camera %d has a nearer frame", i)
					}
				}
			}
			if f, ok := s.choose(s.driver, now); shown == 0 || ok && !f.stamp.Equal(s.stamp) {
				t.Fatalf("%d views, the driving one at %v of %v", shown, f.stamp, s.stamp)
			}
			s.done()
		}
		for _, a := range all {
			if s.waits && s.deadline.Before(ms(a.at)) {
				finish(s.deadline)
			}
			before := s.waits
			s.add(ms(a.at), a.camera, frame{stamp: ms(a.stamp), received: ms(a.at)})
			if s.waits && !before {
				began = ms(a.at)
			}
			finish(ms(a.at))
		}
		if sets == 0 {
			t.Fatal("no set at all")
		}
	})
}
