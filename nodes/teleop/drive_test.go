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

// last is the newest velocity on cmd_vel, and whether one came in the last 100 ms.
func (r *rig) last() (velocity, bool) {
	r.t.Helper()
	n := len(r.twists)
	r.run(100*time.Millisecond, nil)
	if len(r.twists) == n {
		return velocity{}, false
	}
	m := r.twists[len(r.twists)-1]
	return velocity{m.Linear.X, m.Angular.Z}, true
}

func (r *rig) wantDrive(what string, want velocity) {
	r.t.Helper()
	if v, ok := r.last(); !ok || math.Abs(v.linear-want.linear) > 1e-9 || math.Abs(v.angular-want.angular) > 1e-9 {
		r.t.Errorf("%s: drives at %v (%v), want %v", what, v, ok, want)
	}
}

func baseRig(t *testing.T) (r *rig, keys, pad *input.Fake) {
	r = newRig(t, func(c *Config) { c.Parts, c.Keyboard, c.Joystick = "base", input.Auto, "pad" })
	keys = r.input.Plug(input.Keyboard, "keys")
	pad = r.input.Plug(input.Joystick, "a pad")
	r.run(1500*time.Millisecond, nil)
	return r, keys, pad
}

// TestTheBaseMovesOnlyWhileAKeyIsHeld: and only when it was taken.
func TestTheBaseMovesOnlyWhileAKeyIsHeld(t *testing.T) {
	r, keys, _ := baseRig(t)
	w, d, shift := input.KeyW, code(t, "KEY_D"), code(t, "KEY_LEFTSHIFT")
	keys.Press(w, true)
	if v, ok := r.last(); ok {
		t.Fatalf("drives at %v without authority", v)
	}
	keys.Tap(input.KeyF9)
	if v, ok := r.last(); ok {
		t.Errorf("drives at %v by a key that was down before it took over", v)
	}
	if r.state() != stateDriving {
		t.Fatalf("state %s", r.state())
	}
	keys.Press(w, false)
	keys.Press(w, true)
	r.wantDrive("forward", velocity{0.3, 0})
	keys.Press(d, true)
	r.wantDrive("forward and right", velocity{0.3, -0.5})
	keys.Press(shift, true)
	r.wantDrive("slowly", velocity{0.09, -0.15})
	keys.Press(shift, false)
	keys.Press(w, false)
	r.wantDrive("right", velocity{0, -0.5})
	keys.Press(d, false)
	r.wantDrive("let go", velocity{})
	r.run(time.Second, nil)
	if v, ok := r.last(); ok {
		t.Errorf("still says %v: another program could not drive", v)
	}
	keys.Press(w, true)
	r.wantDrive("forward again", velocity{0.3, 0})
	keys.Unplug()
	r.wantDrive("unplugged", velocity{})
}

func TestTheGamepadsDeadMan(t *testing.T) {
	r, _, pad := baseRig(t)
	r.call("take_over")
	absY := input.AbsY
	pad.Move(absY, -1)
	if v, ok := r.last(); ok && v != (velocity{}) {
		t.Errorf("drives at %v without the dead-man button", v)
	}
	pad.Press(input.BtnTL, true)
	r.wantDrive("full ahead", velocity{0.3, 0})
	pad.Move(absY, -0.54)
	pad.Move(input.AbsRX, 1)
	r.wantDrive("half ahead, right", velocity{0.15, -0.5})
	pad.Move(absY, 0.05)
	pad.Move(input.AbsRX, -0.08)
	r.wantDrive("in the dead zone", velocity{})
	pad.Move(absY, 1)
	r.wantDrive("back", velocity{-0.3, 0})
	pad.Press(input.BtnTL, false)
	r.wantDrive("let go", velocity{})
	pad.Press(input.BtnTL, true)
	r.wantDrive("back again", velocity{-0.3, 0})
	pad.Unplug()
	r.wantDrive("unplugged", velocity{})
	if pad := r.input.Plug(input.Joystick, "another pad"); pad != nil {
		r.run(1500*time.Millisecond, nil)
		pad.Move(absY, -1)
		pad.Press(input.BtnTL, true)
		r.wantDrive("plugged in anew", velocity{0.3, 0})
	}
}

func TestVelocitiesFromElsewhere(t *testing.T) {
	r, keys, _ := baseRig(t)
	send := func(v, w float64) {
		must(t, r.cmd.Publish(&msgs.Twist{Linear: msgs.Vector3{X: v}, Angular: msgs.Vector3{Z: w}}))
	}
	send(0.2, 0.1)
	if v, ok := r.last(); ok {
		t.Errorf("drives at %v without authority", v)
	}
	r.call("take_over")
	send(math.NaN(), 0)
	send(0.2, math.Inf(1))
	if v, ok := r.last(); ok {
		t.Errorf("drives at %v, which is no velocity", v)
	}
	send(0.2, 0.1)
	r.wantDrive("from elsewhere", velocity{0.2, 0.1})
	keys.Press(input.KeyW, true)
	send(0.2, 0.1)
	r.wantDrive("who is here wins", velocity{0.3, 0})
	keys.Press(input.KeyW, false)
	send(-0.1, 0)
	r.wantDrive("from elsewhere again", velocity{-0.1, 0})
	r.run(160*time.Millisecond, nil)
	r.wantDrive("after 250 ms of silence", velocity{})
	send(0.2, 0)
	r.run(50*time.Millisecond, nil)
	n := len(r.twists)
	r.call("give_back")
	r.run(time.Second, nil)
	if v := r.twists[len(r.twists)-1]; v != (msgs.Twist{}) || len(r.twists) > n+2 {
		t.Errorf("%d velocities after giving back, the last %+v", len(r.twists)-n, v)
	}
}

func TestButtons(t *testing.T) {
	r, keys, pad := baseRig(t)
	pad.Tap(input.BtnStart)
	r.until("driving", time.Second, r.is(stateDriving))
	for _, name := range []string{"BTN_SOUTH", "BTN_WEST", "BTN_SOUTH", "BTN_SOUTH", "BTN_SELECT"} {
		pad.Tap(code(t, name))
		r.run(50*time.Millisecond, nil)
	}
	if want := []string{"start", "mark", "stop", "start", "discard"}; !slices.Equal(r.recorded, want) {
		t.Errorf("the recorder was asked for %v, want %v", r.recorded, want)
	}
	keys.Tap(input.KeyEsc)
	r.until("idle", time.Second, r.is(stateIdle))
	r.run(10*time.Millisecond, nil)
	if r.estops != 1 || !strings.Contains(r.tele.session.reason, "e-stop") {
		t.Errorf("%d e-stops: %s", r.estops, r.tele.session.reason)
	}
	pad.Tap(input.BtnStart)
	r.run(time.Second, nil)
	if r.state() != stateIdle {
		t.Errorf("took over in an e-stop")
	}
	pad.Tap(code(t, "BTN_EAST"))
	r.run(50*time.Millisecond, nil)
	if r.estops != 2 {
		t.Errorf("%d e-stops", r.estops)
	}
}

func code(t *testing.T, name string) input.Code {
	t.Helper()
	c, err := input.ParseCode(name)
	must(t, err)
	return c
}

func TestBindingsSayWhatIsWrong(t *testing.T) {
	for line, says := range map[string]string{
		"fly=KEY_W": "take_over, estop", "forward": "action=CODE", "forward=W": "kernel's names", "forward=ABS_X": "parameter axes",
	} {
		if _, err := parseKeys("keys", []string{line}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := parseKeys("keys", []string{"forward=KEY_W", "back=KEY_W"}); err == nil || !strings.Contains(err.Error(), "both forward and back") {
		t.Errorf("%v", err)
	}
	for _, line := range []string{"linear", "up=ABS_Y", "linear=KEY_W", "angular=--ABS_X"} {
		if _, err := parseAxes([]string{line}); err == nil {
			t.Errorf("%q is an axis", line)
		}
	}
	for _, lines := range [][]string{DefaultConfig().Keys, DefaultConfig().Buttons} {
		if _, err := parseKeys("keys", lines); err != nil {
			t.Error(err)
		}
	}
}
