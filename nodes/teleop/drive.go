package teleop

import (
	"math"
	"time"

	"cobot_vla/drivers/input"
)

// velocity of the base [m/s], [rad/s].
type velocity struct{ linear, angular float64 }

// drive is how a person drives the base.
type drive struct {
	cfg     *Config
	held    map[string]int // actions of keys that are down, by device-independent name: how many keys
	pad     bindings
	deadman bool // the gamepad's dead-man button
	stick   velocity
	slow    int

	remote   velocity
	remoteAt time.Time
}

func newDrive(cfg *Config, pad bindings) *drive {
	return &drive{cfg: cfg, held: map[string]int{}, pad: pad}
}

// key takes a keyboard's or gamepad's key that does something while it is held.
func (d *drive) key(action string, down bool) {
	change := -1
	if down {
		change = 1
	}
	switch action {
	case doDeadman:
		d.deadman = down
	case doSlow:
		d.slow = max(d.slow+change, 0)
	case doForward, doBack, doLeft, doRight:
		d.held[action] = max(d.held[action]+change, 0)
	}
}

// axis takes a gamepad's axis, with its dead zone taken out.
func (d *drive) axis(c input.Code, v float64) {
	a, ok := d.pad.axes[c]
	if !ok {
		return
	}
	zone := d.cfg.DeadZone
	switch {
	case math.Abs(v) <= zone:
		v = 0
	default:
		v = math.Copysign((math.Abs(v)-zone)/(1-zone), v)
	}
	if a.angular {
		d.stick.angular = a.sign * v
	} else {
		d.stick.linear = a.sign * v
	}
}

// lostKeyboard and lostPad let go of everything a device held.
func (d *drive) lostKeyboard() { d.held, d.slow = map[string]int{}, 0 }
func (d *drive) lostPad()      { d.deadman, d.stick, d.slow = false, velocity{}, 0 }

// want is the velocity to drive at, and by what; "" when nobody drives. A key
// wins over the gamepad, and what is here wins over what comes from elsewhere.
func (d *drive) want(now time.Time) (velocity, string) {
	v := velocity{
		float64(sign(d.held[doForward]) - sign(d.held[doBack])),
		float64(sign(d.held[doLeft]) - sign(d.held[doRight])),
	}
	by := "keyboard"
	if d.held[doForward]+d.held[doBack]+d.held[doLeft]+d.held[doRight] == 0 {
		v, by = d.stick, "joystick"
		if !d.deadman {
			if d.remoteAt.IsZero() || now.Sub(d.remoteAt) > seconds(d.cfg.CmdTimeout) {
				return velocity{}, ""
			}
			return d.remote, "teleop/cmd_vel"
		}
	}
	factor := 1.0
	if d.slow > 0 {
		factor = d.cfg.SlowFactor
	}
	return velocity{v.linear * d.cfg.LinearSpeed * factor, v.angular * d.cfg.AngularSpeed * factor}, by
}

func sign(n int) int { return min(n, 1) }

// letGo forgets what is held: after a change of who leads, keys must be pressed anew.
func (d *drive) letGo() {
	d.lostKeyboard()
	d.lostPad()
	d.remoteAt = time.Time{}
}
