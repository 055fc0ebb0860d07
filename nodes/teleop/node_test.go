package teleop

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/input"
	"cobot_vla/msgs"
)

// TestFollowersCopyTheirLeaders: after a slow approach the arms do what the
// leaders do, one step later.
func TestFollowersCopyTheirLeaders(t *testing.T) {
	r := newRig(t, nil)
	r.leaders["left"].pose = pose{0.5, 0.8, -0.6, 0, 0.2, 0, 0.05}
	r.leaders["right"].names = []string{"joint0", "joint1", "joint2", "joint3", "joint4", "joint5", "joint6"} // AgileX's
	r.run(time.Second, nil)
	if len(r.chunks) > 0 || r.state() != stateIdle {
		t.Fatalf("%d chunks, state %s before anybody took over", len(r.chunks), r.state())
	}
	if ok, text := r.call("take_over"); !ok || text != "you lead the arms and base" {
		t.Errorf("%v: %s", ok, text)
	}
	r.until("aligning", time.Second, r.is(stateAligning))
	start := r.ctx.Now()
	r.until("following", 20*time.Second, r.is(stateFollowing))
	if took := r.ctx.Now().Sub(start).Seconds(); math.Abs(took-0.77/0.2) > 0.2 {
		t.Errorf("0.8 rad were approached in %.2f s, at 0.2 rad/s that takes 3.85 s", took)
	}
	if r.fastest > 0.2001*2 { // one more step is in the fake's bookkeeping
		t.Errorf("approached at %.2f rad/s", r.fastest)
	}
	n := len(r.chunks)
	worst, begin := 0.0, r.ctx.Now()
	r.run(4*time.Second, func() {
		s := r.ctx.Now().Sub(begin).Seconds()
		l := r.leaders["left"]
		l.pose[0] = 0.5 + 0.6*math.Sin(1.5*s)
		l.pose[6] = 0.05 - 0.02*math.Sin(s)
		worst = max(worst, math.Abs(r.pose[0]-l.pose[0]))
	})
	if rate := float64(len(r.chunks)-n) / 4; rate < 99 || rate > 101 {
		t.Errorf("%.1f chunks a second", rate)
	}
	if worst > 0.03 {
		t.Errorf("the arm was up to %.3f rad behind its leader", worst)
	}
	if last := r.chunks[len(r.chunks)-1]; last.StepsTotal != 3 || len(last.Names) != 14 || last.Period.Go() != 20*time.Millisecond {
		t.Errorf("chunk of %d steps, %d names, period %v", last.StepsTotal, len(last.Names), last.Period.Go())
	}
	if ok, _ := r.call("give_back"); !ok || r.state() != stateIdle || r.authority.Source != msgs.SourceNone {
		t.Errorf("state %s, authority %s after giving back", r.state(), r.authority.Source)
	}
	n = len(r.chunks)
	r.run(time.Second, nil)
	if len(r.chunks) != n {
		t.Error("chunks after giving back")
	}
	r.clean()
}

// TestStepsAheadContinueTheMotion: the steps after the first are where the leader
// will be, so that a late chunk is bridged.
func TestStepsAheadContinueTheMotion(t *testing.T) {
	r := newRig(t, nil)
	r.lead()
	begin := r.ctx.Now()
	r.run(time.Second, func() { r.leaders["left"].pose[0] = 0.4 * r.ctx.Now().Sub(begin).Seconds() })
	m := r.chunks[len(r.chunks)-1]
	for k := range 3 {
		got, want := m.Values[14*k], 0.4*(m.Header.Stamp.Go().Sub(begin).Seconds()+0.002+0.02*float64(k))
		if math.Abs(got-want) > 0.004 {
			t.Errorf("step %d at %.4f rad, want %.4f", k, got, want)
		}
	}
	r.clean()
}

func TestASilentLeaderLeavesItsFollowerHolding(t *testing.T) {
	for name, cause := range map[string]func(*leaderArm){
		"silent":  func(l *leaderArm) { l.silent = true },
		"repeats": func(l *leaderArm) { l.frozen = true },
		"broken":  func(l *leaderArm) { l.pose[2] = math.NaN() },
		"unnamed": func(l *leaderArm) { l.names = []string{"a", "b", "c", "d", "e", "f", "g"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.lead()
			cause(r.leaders["left"])
			at := r.ctx.Now()
			named := func() bool { return slices.Contains(r.chunks[len(r.chunks)-1].Names, "left_joint1") }
			r.until("left is left out", time.Second, func() bool { return !named() })
			if took := r.ctx.Now().Sub(at); took > 150*time.Millisecond || took < 100*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if r.state() != stateFollowing { // right goes on
				t.Errorf("state %s", r.state())
			}
			// Meanwhile somebody moves it; when it is back, the arm approaches it slowly.
			r.fastest = 0
			*r.leaders["left"] = leaderArm{names: r.names[:7], pose: pose{0.3}}
			r.until("approaching", 200*time.Millisecond, r.is(stateAligning))
			r.until("following", 5*time.Second, r.is(stateFollowing))
			if r.fastest > 0.5 {
				t.Errorf("it went back at %.2f rad/s", r.fastest)
			}
			r.leaders["left"].silent, r.leaders["right"].silent = true, true
			r.until("holding", time.Second, r.is(stateHolding))
			n := len(r.chunks)
			r.run(time.Second, nil)
			if len(r.chunks) != n {
				t.Error("chunks without a leader")
			}
			if r.authority.Source != msgs.SourceTeleop {
				t.Error("the authority was given up")
			}
			r.clean()
		})
	}
}

func TestAJumpingLeaderIsApproachedAnew(t *testing.T) {
	r := newRig(t, nil)
	r.lead()
	r.fastest = 0
	r.leaders["right"].pose[3] = 0.9
	r.until("aligning", 100*time.Millisecond, r.is(stateAligning))
	r.until("following", 10*time.Second, r.is(stateFollowing))
	if r.fastest > 0.5 || r.tele.sides[1].leader.jumps != 1 {
		t.Errorf("%d jumps, %.2f rad/s", r.tele.sides[1].leader.jumps, r.fastest)
	}
	r.clean()
}

// TestAnArmThatWasHeldBackDoesNotRushAfterItsLeader: an obstacle keeps it; when it is gone, the arm is far behind.
func TestAnArmThatWasHeldBackDoesNotRushAfterItsLeader(t *testing.T) {
	r := newRig(t, nil)
	r.lead()
	r.blocked = true
	begin := r.ctx.Now()
	r.run(2*time.Second, func() { r.leaders["left"].pose[0] = 0.5 * r.ctx.Now().Sub(begin).Seconds() })
	if r.state() != stateAligning {
		t.Errorf("state %s", r.state())
	}
	r.blocked, r.fastest = false, 0
	r.until("following", 10*time.Second, r.is(stateFollowing))
	if jump := 0.11 / 0.01; r.fastest > jump { // the target went ahead by 0.1 rad
		t.Errorf("%.2f rad/s", r.fastest)
	}
	r.clean()
}

func TestWaitingForTheLeaderToCome(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Align = "wait" })
	r.leaders["left"].pose[0] = 0.4
	r.run(100*time.Millisecond, nil)
	r.call("take_over")
	r.run(3*time.Second, nil)
	if r.pose[0] != 0 || r.tele.sides[0].phase != phaseAway {
		t.Errorf("the arm went to %.2f, phase %s", r.pose[0], r.tele.sides[0].phase)
	}
	begin := r.ctx.Now()
	r.until("copied", 5*time.Second, func() bool {
		r.leaders["left"].pose[0] = max(0.4-0.3*r.ctx.Now().Sub(begin).Seconds(), 0)
		return r.tele.sides[0].phase == phaseFollowing
	})
	r.clean()
}

func TestStampsOfAnotherClockAreReplaced(t *testing.T) {
	for _, skew := range []time.Duration{-3 * time.Second, time.Hour} {
		r := newRig(t, nil)
		r.leaders["left"].skew = skew
		r.lead()
		r.run(time.Second, nil)
		if l := r.tele.sides[0].leader; !l.skewed || l.refused > 0 {
			t.Errorf("%v: skewed %v, refused %d: %s", skew, l.skewed, l.refused, l.why)
		}
		r.clean()
	}
}

func TestAuthorityIsNeverTakenBackByItself(t *testing.T) {
	cases := map[string]struct {
		cause func(*rig)
		says  string
	}{
		"e-stop on the topic": {func(r *rig) { must(r.t, r.estop.Publish(&msgs.Bool{Data: true})) }, "e-stop"},
		"another source": {func(r *rig) {
			r.authority.Reason = "replay holds the arms"
			r.grant(msgs.SourceReplay, msgs.Arms)
		}, "replay"},
		"one part": {func(r *rig) { r.authority.Reason = "less"; r.grant(msgs.SourceTeleop, msgs.Base) }, "less"},
		"silence":  {func(r *rig) { r.mute = true }, "silent"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.lead()
			c.cause(r)
			n, at := len(r.chunks), r.ctx.Now()
			r.until("idle", 3*time.Second, r.is(stateIdle))
			if name == "silence" {
				for _, m := range r.chunks[n:] {
					if m.Header.Stamp.Go().Sub(at) > 310*time.Millisecond {
						t.Fatal("chunks without authority")
					}
				}
				r.mute = false
			}
			n = len(r.chunks)
			r.authority.Estop = false
			r.grant(msgs.SourceNone, 0)
			r.run(3*time.Second, nil)
			if len(r.chunks) > n+1 || r.state() != stateIdle || !strings.Contains(r.tele.session.reason, c.says) {
				t.Errorf("%d chunks, state %s: %s", len(r.chunks)-n, r.state(), r.tele.session.reason)
			}
		})
	}
}

func TestARefusalIsTold(t *testing.T) {
	r := newRig(t, nil)
	r.refuse = "arms and base at once are not allowed here"
	if ok, text := r.call("take_over"); ok || text != r.refuse {
		t.Errorf("%v: %s", ok, text)
	}
	r.refuse = ""
	r.authority.Estop = true
	r.tell()
	r.run(10*time.Millisecond, nil)
	if ok, text := r.call("take_over"); ok || !strings.Contains(text, "release_estop") {
		t.Errorf("%v: %s", ok, text)
	}
	if ok, text := r.call("give_back"); !ok || text != "nothing was taken" {
		t.Errorf("%v: %s", ok, text)
	}
}

// TestACorrectionIsMarked: who takes over from a policy at work corrects it, until he gives back.
func TestACorrectionIsMarked(t *testing.T) {
	cases := map[string]struct {
		before func(*rig)
		want   []bool
		from   string
	}{
		"nobody at work":       {func(*rig) {}, []bool{false}, ""},
		"a policy that holds":  {func(r *rig) { r.grant(msgs.SourcePolicy, msgs.Arms) }, []bool{false, true, false}, "policy"},
		"a policy that thinks": {func(r *rig) { r.policy = "inferring" }, []bool{false, true, false}, "policy"},
		"a policy that waits":  {func(r *rig) { r.policy = "waiting_for_instruction" }, []bool{false}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Keyboard = input.Auto })
			k := r.input.Plug(input.Keyboard, "keys")
			c.before(r)
			r.run(200*time.Millisecond, nil)
			k.Tap(input.KeyF9)
			r.until("following", 5*time.Second, r.is(stateFollowing))
			if r.tele.session.from != c.from || !k.Grabbed() {
				t.Errorf("from %q, grabbed %v", r.tele.session.from, k.Grabbed())
			}
			k.Tap(input.KeyF9)
			r.until("idle", time.Second, r.is(stateIdle))
			r.run(10*time.Millisecond, nil)
			if !slices.Equal(r.correct, c.want) {
				t.Errorf("teleop/correction said %v, want %v", r.correct, c.want)
			}
			if k.Grabbed() {
				t.Error("the keyboard is still grabbed")
			}
			r.clean()
		})
	}
}

// TestASuccessorTakesTheGrantAnew: drivers listen to one speaker a grant, so a
// grant of a node that died is given back first.
func TestASuccessorTakesTheGrantAnew(t *testing.T) {
	r := newRig(t, nil)
	r.grant(msgs.SourceTeleop, msgs.Arms|msgs.Base)
	r.run(100*time.Millisecond, nil)
	if r.state() != stateIdle {
		t.Fatalf("state %s", r.state())
	}
	if ok, text := r.call("take_over"); !ok {
		t.Error(text)
	}
	r.until("following", time.Second, r.is(stateFollowing))
	if len(r.asked) != 2 || r.asked[0].Parts != 0 || r.asked[1].Parts != 3 {
		t.Errorf("asked %+v", r.asked)
	}
	r.clean()
}

func TestItRestsBeforeItEnds(t *testing.T) {
	r := newRig(t, nil)
	r.lead()
	must(t, r.ctx.Shutdown(time.Second))
	if r.authority.Source != msgs.SourceNone {
		t.Errorf("%s holds the robot after the end", r.authority.Source)
	}
}

func TestHardwareLinkOnlyWatches(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Link = "hardware" })
	r.run(200*time.Millisecond, nil)
	if ok, text := r.call("take_over"); !ok || text != "you lead the base" {
		t.Errorf("%v: %s", ok, text)
	}
	r.run(2*time.Second, nil)
	if len(r.chunks) > 0 || r.state() != stateWatching || len(r.asked) != 1 || r.asked[0].Parts != msgs.Base {
		t.Errorf("%d chunks, state %s, asked %+v", len(r.chunks), r.state(), r.asked)
	}
	r.call("give_back")
	r2 := newRig(t, func(c *Config) { c.Link, c.Parts = "hardware", "arms" })
	if ok, text := r2.call("take_over"); !ok || r2.state() != stateWatching || len(r2.asked) != 0 {
		t.Errorf("%v: %s; state %s", ok, text, r2.state())
	}
	if ok, _ := r2.call("give_back"); !ok || r2.state() != stateIdle {
		t.Errorf("state %s", r2.state())
	}
}
