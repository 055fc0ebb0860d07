package pipersim

import (
	"time"

	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/plant"
)

// elapse lets pending transitions happen.
func (f *Firmware) elapse() {
	if !f.teachEnds.IsZero() && !f.now.Before(f.teachEnds) {
		f.teachEnds = time.Time{}
		f.leaveCAN()
	}
	if f.faults.blipping(f.now) {
		f.switchOff()
		if f.faults.blipDropsMode(f.now) {
			f.leaveCAN()
		}
	}
	for j := range f.motors {
		m := &f.motors[j]
		if !m.onAt.IsZero() && !f.now.Before(m.onAt) {
			m.on, m.onAt = true, time.Time{}
		}
		m.latched |= f.faults.latches(j)
	}
	if f.faults.on(GripperError) {
		f.gripper.latched |= piper.GripperError
	}
	if g := &f.gripper; !g.onAt.IsZero() && !f.now.Before(g.onAt) {
		g.on, g.onAt = true, time.Time{}
	}
	if f.faults.on(EStop) && !f.stopped {
		f.stopped = true
		f.profile.stop()
	}
	if f.faults.on(Teach) && f.ctrl != piper.CtrlTeach {
		f.ctrl, f.teachEnds = piper.CtrlTeach, time.Time{}
		f.profile.stop()
	}
}

// powered says whether all six motors are on. An arm with one motor off falls.
func (f *Firmware) powered() bool {
	for _, m := range f.motors {
		if !m.on {
			return false
		}
	}
	return true
}

// drive advances the motion by dt and tells the servos.
func (f *Firmware) drive(dt float64) {
	if f.cfg.Role == piper.RoleLeader {
		// Weightless in a hand: it stays where it is left.
		f.arm.Drive(plant.ArmDrive{Power: plant.Holding, Joints: f.state.Joints})
		return
	}
	d := plant.ArmDrive{Power: plant.Off}
	switch {
	case !f.powered():
		f.profile.hold(f.reported())
	case f.stopped:
		d.Power = plant.Damped
		f.profile.hold(f.reported())
	default:
		d.Power = plant.Holding
		f.advance(dt)
	}
	d.Joints = f.faults.physical(f.profile.position)
	g := f.gripper
	d.GripperOn, d.Width, d.Torque = g.on && f.flash.teach.Stroke > 0, g.width, g.torque
	if g.torque == 0 {
		d.Width = f.state.Width // no torque, no motion
	}
	f.arm.Drive(d)
}

func (f *Firmware) advance(dt float64) {
	if f.ctrl != piper.CtrlCAN || f.move != piper.MoveJ {
		f.profile.stop()
		return
	}
	for j := range 6 {
		speed := f.speed * min(f.cfg.MaxSpeed, float64(f.flash.limits[j].Speed)/1000)
		if f.follow == piper.FollowMIT {
			f.profile.follow(j, dt, speed)
			continue
		}
		f.profile.advance(j, dt, speed, f.cfg.MaxAcceleration)
	}
}

// reported are the joints as the controller knows them: the encoders' angles, shifted
// when a reference is lost.
func (f *Firmware) reported() [6]float64 { return f.faults.shifted(f.state.Joints) }
