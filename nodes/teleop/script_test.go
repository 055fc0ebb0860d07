package teleop

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// scriptRig has no leaders but the script.
func scriptRig(t *testing.T, change func(*Config)) *rig {
	r := newRig(t, func(c *Config) {
		c.Script = "wave"
		if change != nil {
			change(c)
		}
	})
	for _, l := range r.leaders {
		l.silent = true
	}
	return r
}

// TestAWholeSessionIsScripted: take over, align, record, play, give back; and once more, otherwise.
func TestAWholeSessionIsScripted(t *testing.T) {
	r := scriptRig(t, func(c *Config) { c.Sessions, c.Seed, c.Record = 2, 7, true })
	highest, driven := []float64{0}, 0.0
	last := r.ctx.Now()
	r.until("both sessions are over", 60*time.Second, func() bool {
		done, over, failed := r.tele.Sessions()
		if failed != "" {
			t.Fatal(failed)
		}
		if done == len(highest) && done < 2 {
			highest = append(highest, 0)
		}
		highest[len(highest)-1] = max(highest[len(highest)-1], r.pose[1])
		if n := len(r.twists); n > 0 && r.ctx.Now().After(last) {
			driven += math.Abs(r.twists[n-1].Linear.X) * r.ctx.Now().Sub(last).Seconds()
		}
		last = r.ctx.Now()
		return over && done == 2
	})
	if want := []string{"start", "stop", "start", "stop"}; !slices.Equal(r.recorded, want) {
		t.Errorf("recorder: %v, want %v", r.recorded, want)
	}
	if len(highest) != 2 || highest[0] < 0.7 || highest[1] < 0.7 || highest[0] == highest[1] {
		t.Errorf("the arm rose to %v", highest)
	}
	if driven < 0.3 || driven > 0.7 {
		t.Errorf("the base drove %.2f m", driven)
	}
	if len(r.asked) != 4 || r.authority.Source != msgs.SourceNone {
		t.Errorf("asked %+v, %s holds", r.asked, r.authority.Source)
	}
	if v := r.twists[len(r.twists)-1]; v != (msgs.Twist{}) {
		t.Errorf("the last velocity is %+v", v)
	}
	r.clean()
}

func TestSessionsAreTheSameTwice(t *testing.T) {
	var runs [2][]msgs.ActionChunk
	for i := range runs {
		r := scriptRig(t, func(c *Config) { c.Seed = 3 })
		r.until("the session is over", 40*time.Second, func() bool { _, over, _ := r.tele.Sessions(); return over })
		runs[i] = r.chunks
		r.clean()
	}
	same := len(runs[0]) == len(runs[1]) && len(runs[0]) > 500
	for k := range min(len(runs[0]), len(runs[1])) {
		same = same && slices.Equal(runs[0][k].Values, runs[1][k].Values) && runs[0][k].Header == runs[1][k].Header
	}
	if !same {
		t.Errorf("%d and %d chunks differ", len(runs[0]), len(runs[1]))
	}
}

func TestAnEstopEndsTheScript(t *testing.T) {
	r := scriptRig(t, func(c *Config) { c.Sessions, c.Record = 3, true })
	r.until("playing", 20*time.Second, func() bool { return r.tele.play.act == plays })
	must(t, r.estop.Publish(&msgs.Bool{Data: true}))
	r.run(3*time.Second, nil)
	if _, over, failed := r.tele.Sessions(); !over || !strings.Contains(failed, "e-stop") {
		t.Errorf("over %v, failed %q", over, failed)
	}
	if want := []string{"start", "stop"}; !slices.Equal(r.recorded, want) {
		t.Errorf("recorder: %v", r.recorded)
	}
}

func TestScriptsRunInSimulationOnly(t *testing.T) {
	ctx := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	defer ctx.Shutdown(time.Second)
	n, err := ctx.Node("teleop", rcl.Args{})
	must(t, err)
	cfg := DefaultConfig()
	cfg.Script = "wave"
	if _, err := New(n, cfg, nil); err == nil || !strings.Contains(err.Error(), "simulation only") {
		t.Errorf("%v", err)
	}
}

// TestScriptsStayInTheRobotsLimits: those that ship, and all their variations.
func TestScriptsStayInTheRobotsLimits(t *testing.T) {
	lower, upper := calibration.Default().ActionLimits()
	for _, name := range scriptNames() {
		s, err := LoadScript(name)
		must(t, err)
		if s.Name != name {
			t.Errorf("script %s calls itself %s", name, s.Name)
		}
		rapid.Check(t, func(t *rapid.T) {
			v := s
			if seed := rapid.Uint64().Draw(t, "seed"); seed != 0 {
				v = s.Vary(seed)
			}
			at := time.Duration(rapid.Int64Range(-1, int64(v.Length())+1).Draw(t, "at"))
			m := v.at(at)
			for i := range 14 {
				if q := m.arms[i/axes][i%axes]; q < lower[i] || q > upper[i] {
					t.Errorf("%s at %v: axis %d at %v", name, at, i, q)
				}
			}
			const dt = time.Millisecond
			if step := v.at(at + dt).arms[0].farthest(m.arms[0]); step > 1.5*dt.Seconds() {
				t.Errorf("%s at %v moves at %.2f rad/s", name, at, step/dt.Seconds())
			}
		})
	}
}

func TestScriptsThatAreWrong(t *testing.T) {
	for text, says := range map[string]string{
		"name: x":                                           "0 frames",
		"frames: [{at: 0}, {at: 0}]":                        "comes not after",
		"frames: [{at: 1}, {at: 2}]":                        "not 0",
		"frames: [{at: 0}, {at: .nan}]":                     "comes not after",
		"frames: [{at: 0}, {at: 5000}]":                     "later than",
		"frames: [{at: 0, left: [9,0,0,0,0,0,0]}, {at: 1}]": "no pose",
		"frames: [{at: 0, linear: .inf}, {at: 1}]":          "no velocity",
		"frames: [{at: 0, up: 1}, {at: 1}]":                 "field up not found",
	} {
		if _, err := ParseScript([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := LoadScript("no such"); err == nil || !strings.Contains(err.Error(), "reach, square, wave") {
		t.Errorf("%v", err)
	}
}

func FuzzParseScript(f *testing.F) {
	for _, name := range scriptNames() {
		text, _ := scripts.ReadFile("scripts/" + name + ".yaml")
		f.Add(text, int64(time.Second))
	}
	f.Add([]byte("frames: [{at: 0}, {at: 1e-300}]"), int64(0))
	f.Fuzz(func(t *testing.T, text []byte, at int64) {
		s, err := ParseScript(text)
		if err != nil {
			return
		}
		for _, p := range s.at(time.Duration(at)).arms {
			for _, q := range p {
				if !finite(q) || math.Abs(q) > 7 {
					t.Fatalf("at %v: %v", time.Duration(at), q)
				}
			}
		}
	})
}
