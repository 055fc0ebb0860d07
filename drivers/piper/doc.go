// Package piper drives an AgileX PiPER arm with its gripper over CAN (protocol V2).
//
// It holds two things. The codec turns the arm's frames into structs in SI units
// and back (feedback.go, command.go, settings.go, mit.go, enums.go); the
// firmware simulator in pipersim uses the other half of it. The driver, Arm, is a
// passive state machine that owns the arm's side of safety: it enables the arm
// without letting it jump or drop, streams the last set point, refuses NaN, keeps
// every set point inside the joint limits, assembles feedback into whole sets, and
// latches faults with a reason. The arm node calls it.
//
// An Arm owns no goroutine. Frames come in through the bus's Listen callback, time
// comes in through Tick, 200 times a second. Enable, Disable, EmergencyStop, Reset
// and ClearErrors only ask; Tick carries them out and State says how far it is:
//
//	arm, err := piper.New(bus, piper.DefaultConfig(calibrated, clock.Now))
//	if err != nil {
//		return err
//	}
//	defer arm.Close() // the arm keeps holding its last target
//	for now := range ticks { // every 5 ms
//		arm.Tick(now)
//		switch state := arm.State(now); state.Phase {
//		case piper.PhaseIdle:
//			_, err = arm.Enable()
//		case piper.PhaseReady:
//			err = arm.Command(plan.At(now), 0.035, 1.0)
//		case piper.PhaseFault:
//			log.Print(state.Faults[0].Reason)
//		}
//	}
//
// The protocol has no command watchdog: an arm without commands holds its last
// target for ever, and so does an arm whose driver was killed.
package piper
