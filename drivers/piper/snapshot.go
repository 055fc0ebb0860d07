package piper

import "time"

// Feedback is what the arm measures, at one moment.
type Feedback struct {
	// Valid says that feedback is whole, fresh and measured; Reason says what it lacks otherwise.
	// Values are then the last that were heard, or zero. They are never clamped: a
	// resting arm lies outside its limits.
	Valid  bool
	Reason string

	// Stamp is when the first frame of the joint set arrived; Age is its age.
	Stamp time.Time
	Age   time.Duration
	// Joints with calibration zeros [rad].
	Joints [6]float64

	// MotorStamp is when the oldest of the six motors' frames arrived.
	MotorStamp time.Time
	Velocities [6]float64 // [rad/s]
	Efforts    [6]float64 // from motor currents [N·m]

	Gripper Gripper
	Drives  [6]Drive

	// Flange is the arm's own forward kinematics in its base frame; FlangeStamp is zero until heard.
	Flange      Pose
	FlangeStamp time.Time

	// Status is the arm's verdict, and StatusStamp when it arrived.
	Status      Status
	StatusStamp time.Time
}

// Gripper as measured.
type Gripper struct {
	// Measured says that Width is one: a gripper that is off reports 0, and some report an angle.
	Measured bool
	Width    float64 // [m]
	Torque   float64 // [N·m]
	Bits     GripperBits
	Stamp    time.Time
}

// Drive is one motor's driver.
type Drive struct {
	Voltage           float64 // [V]
	Current           float64 // drawn from the bus [A]
	DriverTemperature float64 // [°C]
	MotorTemperature  float64 // [°C]
	Bits              DriverBits
	Stamp             time.Time
}

// Feedback returns what the arm measured last.
func (a *Arm) Feedback(now time.Time) Feedback {
	a.mu.Lock()
	defer a.mu.Unlock()
	reason := a.missing(now)
	fb := Feedback{
		Valid:       reason == "",
		Reason:      reason,
		Stamp:       a.in.joints.at,
		Age:         now.Sub(a.in.joints.at),
		FlangeStamp: a.in.pose.at,
		Status:      a.in.status.value,
		StatusStamp: a.in.status.at,
	}
	if a.in.joints.sets > 0 {
		fb.Joints = a.measured()
	}
	p := a.in.pose.values
	fb.Flange = Pose{[3]float64(p[:3]), [3]float64(p[3:])}
	version := a.probe.firmware.Version()
	for j, high := range a.in.high {
		if j == 0 || high.at.Before(fb.MotorStamp) {
			fb.MotorStamp = high.at
		}
		fb.Velocities[j] = high.value.Velocity
		fb.Efforts[j] = Effort(j, high.value.Current, version)
		low := a.in.low[j]
		fb.Drives[j] = Drive{low.value.Voltage, low.value.Current, low.value.DriverTemperature, low.value.MotorTemperature, low.value.Bits, low.at}
	}
	if a.cfg.Gripper {
		g := a.in.gripper
		fb.Gripper = Gripper{Torque: g.value.Torque, Bits: g.value.Bits, Stamp: g.at}
		if g.value.Kind == GripperWidth {
			fb.Gripper.Width = g.value.Value
			fb.Gripper.Measured = g.value.Bits&GripperEnabled != 0
		}
	}
	return fb
}

// Leader is a leader arm as it is read from the command identifiers of a shared bus.
// A leader is silent until it is moved.
type Leader struct {
	// Heard says that a whole joint set has arrived; Age is the age of the last.
	Heard bool
	Stamp time.Time
	Age   time.Duration
	// Joints as the leader sends them [rad].
	Joints [6]float64
	// Width [m] and Torque [N·m] of its gripper, and when they arrived.
	Width        float64
	Torque       float64
	GripperStamp time.Time
	// Mode that it commands, usually MOVE J with FollowMIT, and when it arrived.
	Mode      ModeCommand
	ModeStamp time.Time
	// Stuck says that an arm answers at 0x3A1..0x3A8: it is caught in the leader state and
	// needs to be made a follower and its power to be cycled. Detail says so in words.
	Stuck  bool
	Detail string
}

// Leader returns the leader arm as it was heard last.
func (a *Arm) Leader(now time.Time) Leader {
	a.mu.Lock()
	defer a.mu.Unlock()
	set := a.in.leaderJoints
	l := Leader{
		Heard:        set.sets > 0,
		Stamp:        set.at,
		Joints:       set.values,
		Width:        a.in.leaderGripper.value.Width,
		Torque:       a.in.leaderGripper.value.Torque,
		GripperStamp: a.in.leaderGripper.at,
		Mode:         a.in.leaderMode.value,
		ModeStamp:    a.in.leaderMode.at,
	}
	stuck := a.in.stuck
	switch {
	case !stuck.at.IsZero() && now.Sub(stuck.at) < a.cfg.ForeignWindow:
		l.Stuck = true
		l.Detail = a.says("bus %s: an arm answers as 0x%03X: it is stuck in the leader state; make it a follower (0x470 FC) and cycle its power", a.busName, stuck.value.ID)
	case !l.Heard:
		l.Detail = a.says("bus %s: no leader yet; leaders are silent until they are moved", a.busName)
	}
	if l.Heard {
		l.Age = now.Sub(l.Stamp)
	}
	return l
}
