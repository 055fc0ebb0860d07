package arm

import (
	"fmt"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// side is one arm: its driver and what it publishes.
type side struct {
	name   string // left or right
	first  int    // index of its first axis
	cal    calibration.Arm
	torque float64
	arm    driver
	bus    can.Bus // nil in mode topics
	names  []string

	state    *rcl.Publisher[msgs.JointState]
	leader   *rcl.Publisher[msgs.JointState]
	last     time.Time // stamp of the set published last
	lastLead time.Time

	fb      piper.Feedback
	st      piper.State
	ready   bool // the driver takes commands; the limiter starts from its set point
	enabled bool // auto_enable has done its work
}

// open starts the driver; on CAN it acquires the bus. Nothing is sent before the first tick.
func (s *side) open(n *rcl.Node, cfg Config, buses can.Opener) error {
	if cfg.Mode == "topics" {
		arm, err := newTopicArm(n, cfg, s.cal, s.first/armAxes)
		if err != nil {
			return fmt.Errorf("arm %s: %w", s.name, err)
		}
		s.arm = arm
		return nil
	}
	bus, err := buses.Open(cfg.Bus + s.cal.Bus)
	if err != nil {
		return fmt.Errorf("arm %s: %w", s.name, err)
	}
	c := piper.DefaultConfig(s.cal, n.Now)
	c.DryRun = cfg.DryRun
	if cfg.Mode == "read" {
		c.Mode = piper.ModeRead
	}
	arm, err := piper.New(bus, c)
	if err != nil {
		_ = bus.Close()
		return err
	}
	s.arm, s.bus = arm, bus
	return nil
}

func (s *side) close() {
	if s.arm == nil {
		return
	}
	_ = s.arm.Close()
	if s.bus != nil {
		_ = s.bus.Close()
	}
	s.arm, s.bus, s.ready = nil, nil, false
}

// sense steps the driver and publishes what it measured.
func (s *side) sense(now time.Time) {
	s.arm.Tick(now)
	s.fb, s.st = s.arm.Feedback(now), s.arm.State(now)
	if s.fb.Valid && s.fb.Stamp.After(s.last) {
		s.last = s.fb.Stamp
		_ = s.state.Publish(&msgs.JointState{
			Header: msgs.Header{Stamp: msgs.Stamp(s.fb.Stamp), FrameID: s.name + "_base"},
			Name:   s.names, Position: append(s.fb.Joints[:], s.fb.Gripper.Width),
			Velocity: append(append([]float64(nil), s.fb.Velocities[:]...), 0),
			Effort:   append(append([]float64(nil), s.fb.Efforts[:]...), s.fb.Gripper.Torque),
		})
	}
	if s.leader == nil {
		return
	}
	if l := s.arm.Leader(now); l.Heard && l.Stamp.After(s.lastLead) {
		s.lastLead = l.Stamp
		_ = s.leader.Publish(&msgs.JointState{
			Header: msgs.Header{Stamp: msgs.Stamp(l.Stamp), FrameID: s.name + "_base"},
			Name:   s.names, Position: append(l.Joints[:], l.Width),
		})
	}
}

// moving says whether the arm itself still moves, by its encoders.
func (s *side) moving() bool {
	const still = 0.05 // [rad/s], above the noise of a held joint
	if s.arm == nil || !s.fb.Valid {
		return false
	}
	for _, v := range s.fb.Velocities {
		if v > still || v < -still {
			return true
		}
	}
	return false
}

// fault is every latched one, the first cause first, or "".
func (s *side) fault() string {
	reasons := make([]string, len(s.st.Faults))
	for i, f := range s.st.Faults {
		reasons[i] = f.Reason
	}
	return strings.Join(reasons, "; ")
}

// measured is the arm's pose as axes.
func (s *side) measured() []float64 { return append(s.fb.Joints[:], s.fb.Gripper.Width) }

// setPoint is what the driver streams now.
func (s *side) setPoint() []float64 { return append(s.st.Target[:], s.st.Width) }

func (s *side) diagnose(d *rcl.Status) {
	if s.arm == nil {
		d.OK("not configured")
		return
	}
	d.Add("phase", s.st.Phase)
	d.Add("firmware", s.st.Firmware)
	d.Add("clamped", s.st.Clamped)
	d.Add("refused", s.st.Refused)
	d.Add("bus", s.st.Link.Bus)
	hot := 0.0
	for _, m := range s.fb.Drives {
		hot = max(hot, m.MotorTemperature, m.DriverTemperature)
	}
	d.Add("hottest_c", hot)
	for j, l := range s.st.OwnLimits {
		d.Add(fmt.Sprintf("own_limits_joint%d_rad", j+1), fmt.Sprintf("%.4f..%.4f", l.Lower, l.Upper))
	}
	d.Add("own_stroke_m", fmt.Sprintf("%.4f", s.st.OwnStroke))
	if why := s.fault(); why != "" {
		d.Error("%s", why)
	}
	for _, w := range s.st.Warnings {
		d.Warn("%s", w)
	}
	if !s.fb.Valid {
		d.Warn("arm %s: %s", s.name, s.fb.Reason)
	}
	if s.st.Detail != "" {
		d.Warn("arm %s %v: %s", s.name, s.st.Phase, s.st.Detail)
	}
	d.OK("%v", s.st.Phase)
}
