// Package tracer drives an AgileX Tracer differential base over CAN (protocol V2,
// 500 kbit/s).
//
// It holds three things. The codec turns the base's frames into structs in SI units
// and back (feedback.go, command.go, enums.go); the firmware simulator in tracersim
// uses the other half of it. Odometry turns wheel counters into a pose. Driver is a
// passive state machine that owns the base's side of safety: it speaks only after it
// has recognised a base, streams velocity 50 times a second, zero included, refuses
// NaN, holds every command to a last hard limit, and latches faults with a reason.
// Ramps, goals and authority belong to the base node, which calls it.
//
// A Driver owns no goroutine. Frames come in through the bus's Listen callback, time
// comes in through Tick:
//
//	base, err := tracer.New(bus, tracer.DefaultConfig(calibrated, clock.Now))
//	if err != nil {
//		return err
//	}
//	defer base.Close() // one last zero
//	for now := range ticks { // every 20 ms
//		if state := base.State(now); state.Ready {
//			err = base.SetVelocity(plan.At(now))
//		} else {
//			plan.Stop() // and start from zero when it is ready again
//			log.Print(state.Reason)
//		}
//		base.Tick(now)
//	}
//
// Never put the base on an arm's bus: 0x151 and 0x251..0x266 mean different things
// to a PiPER, and 0x422, next to the base's 0x421, silences its bus. A Driver that
// hears an arm sends nothing, for good.
package tracer
