package tracer

import (
	"errors"
	"fmt"
	"math"
	"time"

	"cobot_vla/calibration"
)

// Config of a Driver. DefaultConfig fills everything that has a default.
type Config struct {
	// Now is the clock that stamps frames on arrival, the one that Tick's time is
	// read from. Required.
	Now func() time.Time
	// DryRun computes everything and sends nothing. The base then stays in the mode it
	// is in, and Ready means that commands would act if they were sent.
	DryRun bool

	// MaxLinear [m/s] and MaxAngular [rad/s] are the last limit on what is sent; the
	// node's own, which ramps towards them, are not above. From calibration.
	MaxLinear  float64
	MaxAngular float64
	// CommandTimeout is the age at which a velocity nobody renews becomes zero, at once. Default
	// 250 ms, half of what the base itself waits.
	CommandTimeout time.Duration
	// ListenTime is how long the bus is only listened to before the first frame is
	// sent. Default 200 ms, in which an arm sends hundreds.
	ListenTime time.Duration
	// ModeEvery is the time between requests for CAN control while the base is in standby. Default 100 ms.
	ModeEvery time.Duration
	// StaleAfter is the age at which the system state, the velocity or the odometer is a
	// fault. Default 100 ms, five frames.
	StaleAfter time.Duration
	// SendFailing is how long the bus may refuse every frame before that is a fault. Default 100 ms.
	SendFailing time.Duration
	// ClearGrace is how long after ClearFault the base may still report what was
	// cleared. Default 500 ms.
	ClearGrace time.Duration
	// BatteryWarn is the voltage below which State warns [V]. Default 22.5, the manual's; at 22 the base stops itself.
	BatteryWarn float64
	// Odometry turns counters into a pose.
	Odometry OdometryConfig
}

// DefaultConfig returns the defaults for a robot's base and a clock.
func DefaultConfig(base calibration.Base, now func() time.Time) Config {
	return Config{
		Now:            now,
		MaxLinear:      base.MaxLinear,
		MaxAngular:     base.MaxAngular,
		CommandTimeout: 250 * time.Millisecond,
		ListenTime:     200 * time.Millisecond,
		ModeEvery:      100 * time.Millisecond,
		StaleAfter:     100 * time.Millisecond,
		SendFailing:    100 * time.Millisecond,
		ClearGrace:     500 * time.Millisecond,
		BatteryWarn:    22.5,
		Odometry:       DefaultOdometryConfig(base),
	}
}

// The fastest a Tracer is (manual: 2.3 m/s without load), and turning on the spot at that.
const (
	fastestLinear  = 2.3
	fastestAngular = 2 * fastestLinear / 0.35
)

func (c Config) validate() error {
	var errs []error
	if c.Now == nil {
		errs = append(errs, errors.New("tracer: no clock: set Config.Now"))
	}
	between := func(name string, v, most float64, unit string) {
		if !(v > 0 && v <= most) {
			errs = append(errs, fmt.Errorf("tracer: %s %g %s; want more than 0, at most %.3g", name, v, unit, most))
		}
	}
	between("largest linear velocity", c.MaxLinear, fastestLinear, "m/s")
	between("largest angular velocity", c.MaxAngular, fastestAngular, "rad/s")
	between("command timeout", c.CommandTimeout.Seconds(), 0.5, "s")
	between("listening time", c.ListenTime.Seconds(), 10, "s")
	between("mode request period", c.ModeEvery.Seconds(), 10, "s")
	between("stale age", c.StaleAfter.Seconds(), 1, "s")
	between("failing sends", c.SendFailing.Seconds(), 10, "s")
	between("grace after a clear", c.ClearGrace.Seconds(), 10, "s")
	if math.IsNaN(c.BatteryWarn) {
		errs = append(errs, errors.New("tracer: battery warning voltage is not a number"))
	}
	return errors.Join(append(errs, c.Odometry.validate())...)
}
