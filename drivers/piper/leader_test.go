package piper_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
)

// A leader and its follower share a bus; the driver only reads both.
func TestLeaderAndFollowerOnOneBus(t *testing.T) {
	for name, control := range map[string]piper.IDOffset{"plain identifiers": piper.NoOffset, "moved identifiers": piper.Offset20} {
		t.Run(name, func(t *testing.T) {
			feedback := piper.NoOffset
			if control != piper.NoOffset {
				feedback = piper.Offset10
			}
			r := newRig(t,
				driver(func(c *piper.Config) {
					c.Mode, c.ControlOffset, c.FeedbackOffset = piper.ModeRead, control, feedback
				}),
				sim(func(c *pipersim.Config) { c.Role, c.Control, c.Feedback = piper.RoleFollower, control, feedback }))
			script := func(elapsed time.Duration) ([6]float64, float64, bool) {
				s := min(max(0, elapsed.Seconds()-1)/4, 1) // starts after a second, takes four
				var q [6]float64
				for j := range q {
					q[j] = work[j] * s
				}
				return q, 0.05 * s, elapsed > time.Second
			}
			config := pipersim.DefaultConfig()
			config.Role, config.Control, config.Leader = piper.RoleLeader, control, script
			leader, err := pipersim.New(r.open(), nil, config)
			if err != nil {
				t.Fatal(err)
			}
			r.each = func() { leader.Tick(r.now) }

			r.run(500 * time.Millisecond)
			if l := r.arm.Leader(r.now); l.Heard || !strings.Contains(l.Detail, "silent until") {
				t.Errorf("before it is moved: %+v", l)
			}
			if fb := r.feedback(); !fb.Valid {
				t.Errorf("follower: %s", fb.Reason)
			}
			r.run(6 * time.Second)
			l := r.arm.Leader(r.now)
			if !l.Heard || l.Age > tick || moved(work, l.Joints) > 1e-4 || math.Abs(l.Width-0.05) > 1e-6 || l.Mode.Follow != piper.FollowMIT {
				t.Errorf("leader %+v", l)
			}
			if r.now.Sub(l.GripperStamp) > tick || r.now.Sub(l.ModeStamp) > tick {
				t.Errorf("stamps %v, %v at %v", l.GripperStamp, l.ModeStamp, r.now)
			}
			fb := r.feedback()
			if !fb.Valid || moved(work, fb.Joints) > 0.002 || math.Abs(fb.Gripper.Width-0.05) > 1e-3 {
				t.Errorf("follower valid %v (%s) at %v, gripper %+v", fb.Valid, fb.Reason, fb.Joints, fb.Gripper)
			}
			if len(r.sent) > 0 {
				t.Errorf("sent %v", r.sent[0])
			}
			if s := r.state(); s.Phase != piper.PhaseReading || s.Mode != piper.ModeRead {
				t.Errorf("state %v %v", s.Phase, s.Mode)
			}
			r.each = nil
			r.run(200 * time.Millisecond)
			if l := r.arm.Leader(r.now); l.Age < 190*time.Millisecond || !l.Heard {
				t.Errorf("age %v of a leader that is gone", l.Age)
			}
		})
	}
}

func TestReadModeRefusesToAct(t *testing.T) {
	r := newRig(t, driver(func(c *piper.Config) { c.Mode = piper.ModeRead }))
	r.run(time.Second)
	for _, ask := range []func() (string, error){r.arm.Enable, r.arm.Disable, r.arm.EmergencyStop, r.arm.Reset, r.arm.ClearErrors, r.arm.RestoreSettings} {
		if _, err := ask(); !errors.Is(err, piper.ErrReadOnly) {
			t.Errorf("%v", err)
		}
	}
	if err := r.arm.Command(work, 0, 1); !errors.Is(err, piper.ErrReadOnly) {
		t.Errorf("command: %v", err)
	}
	r.run(time.Second)
	if len(r.sent) > 0 {
		t.Errorf("sent %v", r.sent[0])
	}
}

func TestStuckLeaderIsReported(t *testing.T) {
	for _, mode := range []piper.Mode{piper.ModeRead, piper.ModeControl} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, driver(func(c *piper.Config) { c.Mode = mode }))
			r.inject(pipersim.Fault{Kind: pipersim.StuckLeader})
			r.run(time.Second)
			if l := r.arm.Leader(r.now); !l.Stuck || !strings.Contains(l.Detail, "0x3A") || !strings.Contains(l.Detail, "power") {
				t.Errorf("leader %+v", l)
			}
			if detail := r.state().Detail; !strings.Contains(detail, "stuck in the leader state") {
				t.Errorf("detail %q", detail)
			}
		})
	}
}

func TestALeaderArmIsNotDriven(t *testing.T) {
	r := newRig(t)
	// An arm whose linkage role is leader reports control mode 6.
	other := r.open()
	r.each = func() {
		if err := other.Send(piper.Status{Ctrl: piper.CtrlLeader}.Frame()); err != nil {
			t.Fatal(err)
		}
	}
	r.until(piper.PhaseIdle, 5*time.Second)
	r.inject(pipersim.Fault{Kind: pipersim.Stopped, IDs: []uint32{piper.IDStatus}})
	r.run(100 * time.Millisecond)
	if _, err := r.arm.Enable(); !errors.Is(err, piper.ErrRefused) || !strings.Contains(err.Error(), "linkage leader") {
		t.Errorf("enable: %v", err)
	}
}
