package tracer

import (
	"math"

	"cobot_vla/drivers/can"
)

// System is the system state, 0x211, 20 ms.
type System struct {
	Vehicle VehicleState
	Mode    ControlMode
	Battery float64 // [V]
	Faults  FaultBits
	Count   uint8 // grows by one with every frame
}

// DecodeSystem reads 0x211.
func DecodeSystem(f can.Frame) (System, error) {
	if err := check(f, 6, IDSystem); err != nil {
		return System{}, err
	}
	return System{
		Vehicle: VehicleState(f.Data[0]),
		Mode:    ControlMode(f.Data[1]),
		Battery: float64(getU16(f, 2)) * deci,
		Faults:  FaultBits(getU16(f, 4)),
		Count:   f.Data[7],
	}, nil
}

// Frame encodes the system state.
func (s System) Frame() can.Frame {
	f := frame(IDSystem, byte(s.Vehicle), byte(s.Mode))
	putU16(&f, 2, ticksU16(s.Battery, deci))
	putU16(&f, 4, uint16(s.Faults))
	f.Data[7] = s.Count
	return f
}

// Velocity of the base's body [m/s], [rad/s].
type Velocity struct{ Linear, Angular float64 }

// DecodeVelocity reads a motion command, 0x111, or the motion state, 0x221, 20 ms:
// 0.001 m/s and 0.001 rad/s. A Tracer leaves the lateral and steering fields 0.
func DecodeVelocity(f can.Frame) (Velocity, error) {
	if err := check(f, 4, IDMotionCommand, IDMotion); err != nil {
		return Velocity{}, err
	}
	return Velocity{float64(getI16(f, 0)) * milli, float64(getI16(f, 2)) * milli}, nil
}

// State encodes the motion state.
func (v Velocity) State() can.Frame {
	f := frame(IDMotion)
	putI16(&f, 0, ticks16(v.Linear, milli))
	putI16(&f, 2, ticks16(v.Angular, milli))
	return f
}

// Odometer is the way each wheel has made, 0x311, 20 ms, in millimetres as sent: the
// counters wrap, and some firmware forgets the sign beyond 24 bits (see Odometry).
type Odometer struct{ Left, Right int32 }

// DecodeOdometer reads 0x311.
func DecodeOdometer(f can.Frame) (Odometer, error) {
	if err := check(f, 8, IDOdometer); err != nil {
		return Odometer{}, err
	}
	return Odometer{getI32(f, 0), getI32(f, 4)}, nil
}

// Frame encodes the odometer.
func (o Odometer) Frame() can.Frame {
	f := frame(IDOdometer)
	putI32(&f, 0, o.Left)
	putI32(&f, 4, o.Right)
	return f
}

// Motor is one motor's speed, 0x251 (right) and 0x252 (left), 20 ms. Tracers send
// the speed alone.
type Motor struct {
	Left    bool
	Speed   float64 // [rad/s]
	Current float64 // [A]
	Pulses  int32
}

const rpm = 2 * math.Pi / 60 // [rad/s]

// DecodeMotor reads 0x251 or 0x252.
func DecodeMotor(f can.Frame) (Motor, error) {
	if err := check(f, 2, IDMotorRight, IDMotorLeft); err != nil {
		return Motor{}, err
	}
	return Motor{f.ID == IDMotorLeft, float64(getI16(f, 0)) * rpm, float64(getI16(f, 2)) * deci, getI32(f, 4)}, nil
}

// Frame encodes the motor's speed.
func (m Motor) Frame() can.Frame {
	f := frame(side(m.Left, IDMotorLeft, IDMotorRight))
	putI16(&f, 0, ticks16(m.Speed, rpm))
	putI16(&f, 2, ticks16(m.Current, deci))
	putI32(&f, 4, m.Pulses)
	return f
}

// MotorDriver is one motor driver's health, 0x261 (right) and 0x262 (left), 100 ms.
// Tracers send the status alone; a sensor that a base lacks reads -40 °C.
type MotorDriver struct {
	Left             bool
	Voltage          float64 // [V]
	Temperature      float64 // [°C]
	MotorTemperature float64 // [°C]
	Status           DriverBits
}

// DecodeMotorDriver reads 0x261 or 0x262.
func DecodeMotorDriver(f can.Frame) (MotorDriver, error) {
	if err := check(f, 6, IDDriverRight, IDDriverLeft); err != nil {
		return MotorDriver{}, err
	}
	return MotorDriver{f.ID == IDDriverLeft, float64(getU16(f, 0)) * deci, float64(getI16(f, 2)),
		float64(int8(f.Data[4])), DriverBits(f.Data[5])}, nil
}

// Frame encodes the driver's health.
func (m MotorDriver) Frame() can.Frame {
	f := frame(side(m.Left, IDDriverLeft, IDDriverRight))
	putU16(&f, 0, ticksU16(m.Voltage, deci))
	putI16(&f, 2, ticks16(m.Temperature, 1))
	f.Data[4] = byte(ticks(m.MotorTemperature, 1, math.MinInt8, math.MaxInt8))
	f.Data[5] = byte(m.Status)
	return f
}

func side(left bool, ifLeft, ifRight uint32) uint32 {
	if left {
		return ifLeft
	}
	return ifRight
}

// Remote is the RC transmitter, 0x241. Sticks are -100..100.
type Remote struct {
	A, B, C, D                   Switch
	RightX, RightY, LeftY, LeftX int8
	Knob                         int8
	Count                        uint8
}

// DecodeRemote reads 0x241.
func DecodeRemote(f can.Frame) (Remote, error) {
	if err := check(f, 6, IDRemote); err != nil {
		return Remote{}, err
	}
	d := f.Data
	return Remote{
		A: Switch(d[0] & 3), B: Switch(d[0] >> 2 & 3), C: Switch(d[0] >> 4 & 3), D: Switch(d[0] >> 6),
		RightX: int8(d[1]), RightY: int8(d[2]), LeftY: int8(d[3]), LeftX: int8(d[4]), Knob: int8(d[5]), Count: d[7],
	}, nil
}

// Frame encodes the transmitter.
func (r Remote) Frame() can.Frame {
	return frame(IDRemote, byte(r.A&3|r.B&3<<2|r.C&3<<4|r.D&3<<6),
		byte(r.RightX), byte(r.RightY), byte(r.LeftY), byte(r.LeftX), byte(r.Knob), 0, r.Count)
}

// Controls says that the transmitter is on and claims the base: its switch B, which
// hands over to CAN when up, is not.
func (r Remote) Controls() bool { return r.B != SwitchNone && r.B != SwitchUp }

// Light is what a lamp does, 0x121 (command) and 0x231 (state, 20 ms).
type Light struct {
	// Enabled says that the lamps obey CAN; else the base does as it likes.
	Enabled     bool
	Front, Rear LightMode
	// Brightness in LightCustom, 0..1.
	FrontBrightness, RearBrightness float64
	Count                           uint8
}

// DecodeLight reads 0x121 or 0x231.
func DecodeLight(f can.Frame) (Light, error) {
	if err := check(f, 5, IDLightCommand, IDLight); err != nil {
		return Light{}, err
	}
	d := f.Data
	return Light{d[0] != 0, LightMode(d[1]), LightMode(d[3]), float64(d[2]) / 100, float64(d[4]) / 100, d[7]}, nil
}

// State encodes the lamps' state, Command what they shall do.
func (l Light) State() can.Frame   { return l.frame(IDLight) }
func (l Light) Command() can.Frame { return l.frame(IDLightCommand) }

func (l Light) frame(id uint32) can.Frame {
	f := frame(id, 0, byte(l.Front), byte(ticks(l.FrontBrightness, 0.01, 0, 255)),
		byte(l.Rear), byte(ticks(l.RearBrightness, 0.01, 0, 255)), 0, 0, l.Count)
	if l.Enabled {
		f.Data[0] = 1
	}
	return f
}

// Battery is what the battery says of itself, 0x361.
type Battery struct {
	Charge      float64 // 0..1
	Health      float64 // 0..1
	Voltage     float64 // [V]
	Current     float64 // [A]
	Temperature float64 // [°C]
}

// DecodeBattery reads 0x361.
func DecodeBattery(f can.Frame) (Battery, error) {
	if err := check(f, 8, IDBattery); err != nil {
		return Battery{}, err
	}
	return Battery{float64(f.Data[0]) / 100, float64(f.Data[1]) / 100,
		float64(getI16(f, 2)) * deci, float64(getI16(f, 4)) * deci, float64(getI16(f, 6)) * deci}, nil
}

// Frame encodes the battery.
func (b Battery) Frame() can.Frame {
	f := frame(IDBattery, byte(ticks(b.Charge, 0.01, 0, 255)), byte(ticks(b.Health, 0.01, 0, 255)))
	putI16(&f, 2, ticks16(b.Voltage, deci))
	putI16(&f, 4, ticks16(b.Current, deci))
	putI16(&f, 6, ticks16(b.Temperature, deci))
	return f
}

// BatteryAlarm are the battery's alarm and warning bytes, 0x362; their bits are not documented.
type BatteryAlarm struct{ Alarm, Warning [2]byte }

// DecodeBatteryAlarm reads 0x362.
func DecodeBatteryAlarm(f can.Frame) (BatteryAlarm, error) {
	if err := check(f, 4, IDBatteryAlarm); err != nil {
		return BatteryAlarm{}, err
	}
	return BatteryAlarm{[2]byte(f.Data[0:2]), [2]byte(f.Data[2:4])}, nil
}

// Frame encodes the battery's alarms.
func (b BatteryAlarm) Frame() can.Frame {
	return frame(IDBatteryAlarm, b.Alarm[0], b.Alarm[1], b.Warning[0], b.Warning[1])
}
