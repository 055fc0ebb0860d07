package arm

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cobot_vla/drivers/piper"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// serve offers what an operator asks for. Each answer says what the arms do:
// a PiPER that is disabled drops, one in its own emergency stop sinks.
func (a *Node) serve() error {
	return errors.Join(
		a.service("~/enable", 15*time.Second, a.enable),
		a.service("~/disable", 5*time.Second, func() (string, func() (bool, string, bool), error) {
			return a.ask(driver.Disable, piper.PhaseDisabling)
		}),
		a.service("~/emergency_stop", 5*time.Second, func() (string, func() (bool, string, bool), error) {
			return a.ask(driver.EmergencyStop, piper.PhaseStopping)
		}),
		a.service("~/reset", 5*time.Second, func() (string, func() (bool, string, bool), error) {
			return a.ask(driver.Reset, piper.PhaseResetting)
		}),
		a.service("~/restore_settings", 15*time.Second, func() (string, func() (bool, string, bool), error) {
			return a.ask(driver.RestoreSettings, piper.PhaseRestoring)
		}),
		a.service("~/park", 60*time.Second, a.park),
		a.service("~/clear_fault", 2*time.Second, a.clearFault),
	)
}

// service starts work and answers when done says it is over, or limit has passed.
func (a *Node) service(name string, limit time.Duration, start func() (string, func() (bool, string, bool), error)) error {
	return rcl.ServeLater(a.n, name, func(_ *msgs.Trigger_Request, reply func(*msgs.Trigger_Response)) {
		if a.timer == nil {
			reply(&msgs.Trigger_Response{Message: "the node is " + a.life.State() + ": configure it"})
			return
		}
		text, done, err := start()
		switch {
		case err != nil:
			a.n.Log().Warn().Str("service", name).Msg(err.Error())
			reply(&msgs.Trigger_Response{Message: err.Error()})
		case done == nil:
			reply(&msgs.Trigger_Response{Success: true, Message: text})
		default:
			a.n.Log().Info().Str("service", name).Msg(text)
			a.waiters = append(a.waiters, &waiter{done: done, until: a.n.Now().Add(limit), reply: reply})
		}
	})
}

// answer replies to the calls whose work is over.
func (a *Node) answer(now time.Time) {
	left := a.waiters[:0]
	for _, w := range a.waiters {
		ok, text, over := w.done()
		switch {
		case over:
			w.reply(&msgs.Trigger_Response{Success: ok, Message: text})
		case now.After(w.until):
			w.reply(&msgs.Trigger_Response{Message: "not done in time: " + text})
		default:
			left = append(left, w)
		}
	}
	a.waiters = left
}

func (a *Node) enable() (string, func() (bool, string, bool), error) {
	if a.authority.Estop {
		return "", nil, fmt.Errorf("arm: the e-stop is engaged: release it first (/supervisor/release_estop)")
	}
	text, err := a.each(driver.Enable)
	return text, func() (bool, string, bool) {
		if why := a.faulted(); why != "" {
			return false, why, true
		}
		return a.allReady(), a.phases(), a.allReady()
	}, err
}

// ask has both drivers do something that lasts while they are in phase.
func (a *Node) ask(do func(driver) (string, error), phase piper.Phase) (string, func() (bool, string, bool), error) {
	a.stopFor("an operator's request")
	text, err := a.each(do)
	return text, func() (bool, string, bool) {
		for _, s := range a.sides {
			if s.st.Phase == phase {
				return false, a.phases(), false
			}
		}
		return true, text, true
	}, err
}

func (a *Node) each(do func(driver) (string, error)) (string, error) {
	var texts []string
	var errs []error
	for _, s := range a.sides {
		text, err := do(s.arm)
		if err == nil {
			texts = append(texts, text)
		}
		errs = append(errs, err)
	}
	return strings.Join(texts, "; "), errors.Join(errs...)
}

func (a *Node) phases() string {
	var out []string
	for _, s := range a.sides {
		text := fmt.Sprintf("arm %s: %v", s.name, s.st.Phase)
		if s.st.Detail != "" {
			text += ", " + s.st.Detail
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// park moves both arms slowly to the pose from which a disable lets them drop least.
func (a *Node) park() (string, func() (bool, string, bool), error) {
	switch {
	case !a.life.Active():
		return "", nil, fmt.Errorf("arm: the node is %s: activate it", a.life.State())
	case a.authority.Estop:
		return "", nil, fmt.Errorf("arm: the e-stop is engaged: release it first (/supervisor/release_estop)")
	case !a.allReady():
		return "", nil, fmt.Errorf("arm: %s: enable the arms first", a.phases())
	case a.authority.Parts&msgs.Arms != 0:
		return "", nil, fmt.Errorf("arm: %s holds the arms: take them from it first", a.authority.Source)
	}
	a.parking = true
	return "both arms move to their park pose", func() (bool, string, bool) {
		switch {
		case !a.parking:
			return false, "parking was interrupted: " + a.reason, true
		case a.blocked != "" && a.lim.Still():
			a.parking = false
			return false, "parking is blocked: " + a.blocked, true
		case a.lim.Still() && farthest(a.lim.Pose(), a.clampedPark()) < 1e-3:
			a.parking = false
			return true, "parked", true
		}
		return false, "moving", false
	}, nil
}

func (a *Node) clampedPark() []float64 {
	pose := a.parkPose()
	for i, x := range a.axes {
		pose[i] = min(max(pose[i], x.Lower), x.Upper)
	}
	return pose
}

// clearFault has the arms clear the errors of their joints, then forgets what is latched here if no cause is left.
func (a *Node) clearFault() (string, func() (bool, string, bool), error) {
	if a.faulted() == "" {
		a.refusal = ""
		return "there is no fault", nil, nil
	}
	text, err := a.each(driver.ClearErrors)
	asked := a.n.Now()
	const settle = 300 * time.Millisecond // the arm clears, and its status frames say so
	return text, func() (bool, string, bool) {
		now := a.n.Now()
		if now.Sub(asked) < settle {
			return false, text, false
		}
		var errs []error
		for _, s := range a.sides {
			errs = append(errs, s.arm.ClearFault(now))
			s.ready = false // the driver may have made the measured pose its set point: start from there
		}
		if err := errors.Join(errs...); err != nil {
			return false, err.Error(), true
		}
		a.refusal = ""
		return true, "no fault is left; acquire the arms again to move", true
	}, err
}
