package scene

import (
	"strings"
	"testing"
	"time"
)

// fake is a world that a test writes.
type fake struct {
	now      time.Duration
	poses    map[string]Pose
	joints   map[string]float64
	contacts map[string][]string
}

func (f *fake) Time() time.Duration               { return f.now }
func (f *fake) Pose(name string) (Pose, bool)     { p, ok := f.poses[name]; return p, ok }
func (f *fake) Joint(name string) (float64, bool) { q, ok := f.joints[name]; return q, ok }
func (f *fake) Contacts(name string) []string     { return f.contacts[name] }

// bottleWorld has the bottle at a height above its start, touched by some things.
func bottleWorld(s Scene, lift float64, touching ...string) *fake {
	bottle, _ := s.Object("bottle")
	pose := bottle.Pose
	pose.Position[2] += lift
	return &fake{
		poses:    map[string]Pose{"bottle": pose, GripperTip("left"): pose, GripperTip("right"): At(0, 0, 1)},
		contacts: map[string][]string{"bottle": touching},
	}
}

// run updates a judge every 50 ms for a while and returns its last verdict.
func run(j Judge, f *fake, d time.Duration) Verdict {
	v := j.Update(f)
	for end := f.now + d; f.now < end; {
		f.now += 50 * time.Millisecond
		v = j.Update(f)
	}
	return v
}

const f1, f2 = "left_finger1", "left_finger2"

func TestFetchBottle(t *testing.T) {
	task := fetchBottle()
	s := task.Sample(4, 1)
	for _, c := range []struct {
		name     string
		world    *fake
		d        time.Duration
		success  bool
		over     bool
		progress float64 // least
		reason   string
	}{
		{"held for 1 s", bottleWorld(s, 0.101, f1, f2), time.Second, true, true, 1, "held by the left gripper"},
		{"by the right gripper", bottleWorld(s, 0.2, "right_finger1", "right_finger2"), time.Second, true, true, 1, "right"},
		{"not long enough", bottleWorld(s, 0.101, f1, f2), 950 * time.Millisecond, false, false, 0.9, "holding"},
		{"not high enough", bottleWorld(s, 0.099, f1, f2), 5 * time.Second, false, false, 0.6, "9.9 of 10 cm"},
		{"touches the table too", bottleWorld(s, 0.15, f1, f2, "table"), 5 * time.Second, false, false, 0.6, "touches more"},
		{"one finger", bottleWorld(s, 0.15, f1), 5 * time.Second, false, false, 0, "no gripper holds"},
		{"a finger of each arm", bottleWorld(s, 0.15, f1, "right_finger1"), 5 * time.Second, false, false, 0, "no gripper holds"},
		{"in the air by itself", bottleWorld(s, 0.15), 5 * time.Second, false, false, 0, "no gripper holds"},
		{"with the hand's palm", bottleWorld(s, 0.15, f1, f2, "left_link6"), 5 * time.Second, false, false, 0.6, "touches more"},
		{"fell", bottleWorld(s, -0.7, "floor"), 100 * time.Millisecond, false, true, 0, "fell"},
		{"not there", &fake{}, 0, false, true, 0, "no bottle"},
		{"out of time", bottleWorld(s, 0, "table"), 121 * time.Second, false, true, 0, "120 s are over"},
	} {
		v := run(task.Judge(s), c.world, c.d)
		if v.Success != c.success || v.Over != c.over || v.Progress < c.progress || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %+v; want success %t, over %t, progress >= %g, reason with %q", c.name, v, c.success, c.over, c.progress, c.reason)
		}
		if !v.Success && v.Progress >= 1 {
			t.Errorf("%s: progress is %g without success", c.name, v.Progress)
		}
	}
}

func TestHoldStartsAnew(t *testing.T) {
	task := fetchBottle()
	s := task.Sample(4, 1)

	t.Run("after a break", func(t *testing.T) {
		j, w := task.Judge(s), bottleWorld(s, 0.12, f1, f2)
		run(j, w, 900*time.Millisecond)
		w.contacts["bottle"] = []string{f1}
		run(j, w, 50*time.Millisecond)
		w.contacts["bottle"] = []string{f1, f2}
		if v := run(j, w, 950*time.Millisecond); v.Success {
			t.Errorf("0.90 s and 0.95 s make 1 s: %+v", v)
		}
		if v := run(j, w, 100*time.Millisecond); !v.Success {
			t.Errorf("after 1 s without a break: %+v", v)
		}
	})
	t.Run("after a gap between updates", func(t *testing.T) {
		j, w := task.Judge(s), bottleWorld(s, 0.12, f1, f2)
		j.Update(w)
		w.now = 2 * time.Second
		if v := j.Update(w); v.Success {
			t.Errorf("nobody looked for 2 s: %+v", v)
		}
	})
	t.Run("success is latched", func(t *testing.T) {
		j, w := task.Judge(s), bottleWorld(s, 0.12, f1, f2)
		run(j, w, time.Second)
		w.contacts["bottle"] = nil
		if v := run(j, w, 300*time.Second); !v.Success || v.Progress != 1 {
			t.Errorf("success was lost: %+v", v)
		}
	})
}

func TestProgressGrowsOnTheWay(t *testing.T) {
	task := fetchBottle()
	s := task.Sample(4, 1)
	j, w := task.Judge(s), bottleWorld(s, 0, "table")
	last := -1.0
	for _, stage := range []func(){
		func() { w.poses[GripperTip("left")] = At(0.3, 0, 1) },
		func() { w.poses[GripperTip("left")] = At(1.0, 0, 1) },
		func() { w.poses[GripperTip("left")] = w.poses["bottle"] },
		func() { w.contacts["bottle"] = []string{f1, f2, "table"} },
		func() {
			w.contacts["bottle"] = []string{f1, f2}
			p := w.poses["bottle"]
			p.Position[2] += 0.05
			w.poses["bottle"] = p
		},
	} {
		stage()
		w.now += 100 * time.Millisecond
		v := j.Update(w)
		if v.Progress <= last {
			t.Errorf("progress went from %g to %g (%s)", last, v.Progress, v.Reason)
		}
		last = v.Progress
	}
}

func TestDrawers(t *testing.T) {
	for _, c := range []struct {
		task    Task
		at      float64
		success bool
	}{
		{openDrawer(), 0, false}, {openDrawer(), 0.09, false}, {openDrawer(), 0.11, true},
		{closeDrawer(), 0.09, false}, {closeDrawer(), 0.02, false}, {closeDrawer(), 0.005, true},
	} {
		w := &fake{joints: map[string]float64{"cabinet_drawer": c.at}, poses: map[string]Pose{"cabinet_handle": At(1, 0, 1)}}
		if v := run(c.task.Judge(c.task.Sample(1, 1)), w, time.Second); v.Success != c.success {
			t.Errorf("%s with %g m: %+v", c.task.Name, c.at, v)
		}
	}
	if v := openDrawer().Judge(Scene{}).Update(&fake{}); !v.Over || v.Success {
		t.Errorf("without a drawer: %+v", v)
	}
}

func TestBell(t *testing.T) {
	for _, c := range []struct {
		depth   float64
		touch   string
		success bool
	}{{0.005, "right_finger2", true}, {0.005, "block", false}, {0.002, "right_finger2", false}} {
		w := &fake{joints: map[string]float64{"bell_button": c.depth}, contacts: map[string][]string{"bell_button": {c.touch}}, poses: map[string]Pose{"bell_button": At(1, 0, 1)}}
		if v := run(clickBell().Judge(Scene{}), w, 200*time.Millisecond); v.Success != c.success {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

func TestBasket(t *testing.T) {
	task := pickBlock()
	s := task.Sample(1, 1)
	basket, _ := s.Object("basket")
	at := func(x, z float64) Pose {
		return At(basket.Pose.Position[0]+x, basket.Pose.Position[1], basket.Pose.Position[2]+z)
	}
	for _, c := range []struct {
		name    string
		block   Pose
		touch   []string
		success bool
	}{
		{"in it", at(0, 0.008), []string{"basket"}, true},
		{"still held", at(0, 0.008), []string{"basket", f1, f2}, false},
		{"above it", at(0, 0.15), nil, false},
		{"beside it", at(0.2, 0), []string{"table"}, false},
	} {
		w := &fake{poses: map[string]Pose{"block": c.block, "basket": basket.Pose}, contacts: map[string][]string{"block": c.touch}}
		if v := run(task.Judge(s), w, time.Second); v.Success != c.success {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestRobotParts(t *testing.T) {
	for _, name := range []string{BaseLink, "left_wheel", Link("left", 0), Link("right", 6), Finger("right", 2)} {
		if !RobotPart(name) {
			t.Errorf("%s is no part of the robot", name)
		}
	}
	for _, name := range []string{"floor", "table", "bottle", "left_link7", GripperTip("left")} {
		if RobotPart(name) {
			t.Errorf("%s is a part of the robot", name)
		}
	}
}

func TestPot(t *testing.T) {
	task := liftPot()
	s := task.Sample(1, 1)
	pot, _ := s.Object("pot")
	both := []string{f1, f2, "right_finger1", "right_finger2"}
	for _, c := range []struct {
		name    string
		up      float64
		tilt    float64
		touch   []string
		success bool
	}{
		{"held by both", 0.061, 0, both, true},
		{"not high enough", 0.058, 0, both, false},
		{"by one arm", 0.1, 0, both[:2], false},
		{"one finger of one arm", 0.1, 0, both[:3], false},
		{"askew", 0.1, 25 * degree, both, false},
		{"one side on the table", 0.061, 0, append([]string{"table"}, both...), false},
		{"standing", 0, 0, []string{"table"}, false},
	} {
		pose := pot.Pose
		pose.Position[2] += c.up
		pose.Orientation = turned(pose.Orientation, c.tilt)
		w := &fake{poses: map[string]Pose{"pot": pose}, contacts: map[string][]string{"pot": c.touch}}
		if v := run(task.Judge(s), w, time.Second); v.Success != c.success {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestStacks(t *testing.T) {
	for _, task := range []Task{stackBlocks(), stackCups(), stackBowls()} {
		s := task.Sample(1, 1)
		upper, lower := s.Objects[0], s.Objects[1]
		rest := map[string]float64{"stack_blocks": 0.05, "stack_cups": 0.01, "stack_bowls": 0.01}[task.Name]
		for _, c := range []struct {
			name         string
			beside, up   float64
			tilt, fallen float64
			touch        []string
			success      bool
		}{
			{"on it", 0.005, rest, 0, 0, []string{lower.Name}, true},
			{"still held", 0.005, rest, 0, 0, []string{lower.Name, f1, f2}, false},
			{"one finger still at it", 0.005, rest, 0, 0, []string{lower.Name, f2}, false},
			{"over it, in the air", 0.005, rest + 0.06, 0, 0, nil, false},
			{"beside it", 0.1, 0, 0, 0, []string{"table"}, false},
			{"leans on it", 0.06, rest, 40 * degree, 0, []string{lower.Name, "table"}, false},
			{"askew on it", 0.005, rest, 20 * degree, 0, []string{lower.Name}, false},
			{"on it, which has fallen", 0.005, rest, 0, 90 * degree, []string{lower.Name}, false},
		} {
			top, bottom := lower.Pose, lower.Pose
			top.Position[0] += c.beside
			top.Position[2] += c.up
			top.Orientation = turned(top.Orientation, c.tilt)
			bottom.Orientation = turned(bottom.Orientation, c.fallen)
			w := &fake{poses: map[string]Pose{upper.Name: top, lower.Name: bottom}, contacts: map[string][]string{upper.Name: c.touch}}
			if v := run(task.Judge(s), w, time.Second); v.Success != c.success {
				t.Errorf("%s, %s: %+v", task.Name, c.name, v)
			}
		}
	}
}

func TestUpright(t *testing.T) {
	task := restoreBottle()
	s := task.Sample(1, 1)
	if tilt := s.Objects[0].Pose.Tilt(); tilt < 89*degree || tilt > 91*degree {
		t.Fatalf("the bottle starts with a tilt of %.1f°", tilt/degree)
	}
	for _, c := range []struct {
		name    string
		tilt    float64
		up      float64
		touch   []string
		d       time.Duration
		success bool
	}{
		{"stands", 0, 0, []string{"table"}, time.Second, true},
		{"not for long", 0, 0, []string{"table"}, 900 * time.Millisecond, false},
		{"leans", 10 * degree, 0, []string{"table"}, 2 * time.Second, false},
		{"upright in the hand", 0, 0, []string{"table", f1, f2}, 2 * time.Second, false},
		{"upright in the air", 0, 0.05, nil, 2 * time.Second, false},
		{"lies", 90 * degree, 0.028, []string{"table"}, 2 * time.Second, false},
	} {
		pose := At(1.5, 0.2, s.Tables[0].Height+c.up)
		pose.Orientation = turned(pose.Orientation, c.tilt)
		w := &fake{poses: map[string]Pose{"bottle": pose}, contacts: map[string][]string{"bottle": c.touch}}
		if v := run(task.Judge(s), w, c.d); v.Success != c.success {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

// Two bottles: one in the basket is not enough.
func TestPacking(t *testing.T) {
	task := packBottles()
	s := task.Sample(1, 1)
	basket, _ := s.Object("basket")
	in := At(basket.Pose.Position[0], basket.Pose.Position[1], basket.Pose.Position[2]+0.01)
	out := s.Objects[1].Pose
	for _, c := range []struct {
		name    string
		other   Pose
		touch   []string
		success bool
	}{
		{"both", in, []string{"basket"}, true},
		{"one lies on the other", in, []string{"left_bottle"}, true},
		{"one is missing", out, []string{"table"}, false},
		{"one is still held", in, []string{"basket", "right_finger1"}, false},
	} {
		w := &fake{
			poses:    map[string]Pose{"left_bottle": in, "right_bottle": c.other, "basket": basket.Pose},
			contacts: map[string][]string{"left_bottle": {"basket"}, "right_bottle": c.touch},
		}
		if v := run(task.Judge(s), w, time.Second); v.Success != c.success {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}
