package tracersim

import (
	"math"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/tracer"
)

// Periods of the frames (manual).
const (
	fastPeriod = 20 * time.Millisecond
	slowPeriod = 100 * time.Millisecond
)

// odometer is one wheel's counter.
type odometer struct {
	plant  float64 // the wheel's travel at the last look [m]
	metres float64 // what the counter says [m]
}

// measure lets the counters follow the wheels.
func (f *Firmware) measure() {
	state := f.base.State()
	for i, travel := range [2]float64{state.Left, state.Right} {
		w := &f.wheels[i]
		w.metres += (travel - w.plant) * f.faults.grip()
		w.plant = travel
	}
}

func (f *Firmware) reading(w odometer) int32 {
	mm := int32(int64(math.Floor(w.metres * 1e3)))
	if f.cfg.Odometer24 {
		mm &= 0xFFFFFF
	}
	return mm
}

// due lists the frames of this tick. A tick that comes late sends once, not twice.
func (f *Firmware) due(now time.Time) (out []can.Frame) {
	if !now.Before(f.next) {
		f.next = after(f.next, fastPeriod, now)
		f.count++
		out = f.fast()
	}
	if !now.Before(f.slow) {
		f.slow = after(f.slow, slowPeriod, now)
		out = append(out, f.slowFrames()...)
	}
	return f.faults.filter(out)
}

func after(due time.Time, period time.Duration, now time.Time) time.Time {
	for !due.After(now) {
		due = due.Add(period)
	}
	return due
}

func (f *Firmware) fast() []can.Frame {
	state := f.base.State()
	wheel := func(sign float64) float64 {
		return (state.Linear + sign*state.Angular*f.cfg.Track/2) / f.cfg.WheelRadius
	}
	light := f.light
	light.Count = f.count
	out := []can.Frame{
		f.system().Frame(),
		tracer.Velocity{Linear: state.Linear, Angular: state.Angular}.State(),
		light.State(),
		tracer.Motor{Speed: wheel(+1)}.Frame(),
		tracer.Motor{Left: true, Speed: wheel(-1)}.Frame(),
		tracer.Odometer{Left: f.reading(f.wheels[0]), Right: f.reading(f.wheels[1])}.Frame(),
	}
	if f.faults.on(RemoteControl) || f.faults.on(RemoteStandby) {
		out = append(out, tracer.Remote{A: tracer.SwitchUp, B: tracer.SwitchMiddle, C: tracer.SwitchUp, D: tracer.SwitchUp, Count: f.count}.Frame())
	}
	return out
}

func (f *Firmware) system() tracer.System {
	s := tracer.System{Vehicle: f.vehicle(), Mode: f.mode, Battery: f.cfg.BatteryVoltage, Count: f.count}
	manual := tracer.ManualRemoteLost
	sdk := tracer.SDKRemoteLost
	if f.faults.on(RemoteControl) || f.faults.on(RemoteStandby) {
		manual, sdk = 0, 0
	}
	if f.latched[Undervoltage] || f.faults.on(BatteryLow) {
		manual, sdk = manual|tracer.ManualBatteryLow, sdk|tracer.SDKBatteryLow
		s.Battery = 22.3
	}
	if f.latched[Undervoltage] {
		manual, sdk = manual|tracer.ManualUndervoltage, sdk|tracer.SDKUndervoltage
		s.Battery = 21.6
	}
	if f.latched[MotorDriver] {
		sdk |= tracer.SDKDriver // the manual has no bit for it
	}
	s.Faults = manual
	if f.cfg.SDKFaultLayout {
		s.Faults = sdk
	}
	switch {
	case f.faults.on(RemoteControl):
		s.Mode = tracer.ModeRemote
	case f.faults.on(RemoteStandby):
		s.Mode = tracer.ModeStandby
	}
	if f.faults.on(WrongEnum) {
		s.Vehicle, s.Mode, s.Faults = 0x5A, 0x3B, 0xF080
	}
	return s
}

func (f *Firmware) slowFrames() []can.Frame {
	s := f.system()
	var status tracer.DriverBits
	if f.latched[MotorDriver] {
		status = tracer.DriverLost
	}
	return []can.Frame{
		tracer.MotorDriver{}.Frame(),
		tracer.MotorDriver{Left: true, Status: status}.Frame(),
		tracer.Battery{Charge: 0.8, Health: 1, Voltage: s.Battery, Current: -1.5, Temperature: 25}.Frame(),
		tracer.BatteryAlarm{}.Frame(),
	}
}
