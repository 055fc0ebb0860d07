// Package robotdescription is the node that tells ROS what the robot is and how
// it stands: /robot_description and /tf_static from its calibration,
// /joint_states of all arms together, and the arms' frames on /tf. It is what
// robot_state_publisher and joint_state_publisher do elsewhere, and does not
// run beside them.
package robotdescription

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Config is the node's parameters.
type Config struct {
	// Calibration is the robot's file; "" is the factory default.
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// URDF to publish instead of the one made from the calibration: the text itself.
	// Frames still come from the calibration.
	URDF string `param:"robot_description" desc:"URDF text; empty makes it from the calibration"`
	// Rate of /joint_states and /tf [Hz].
	Rate float64 `param:"rate_hz" unit:"Hz" min:"1" max:"500" desc:"rate of /joint_states and /tf"`
	// MaxAge of an arm's state [s]: an arm that is silent for longer is left out,
	// because where it stands is not known.
	MaxAge float64 `param:"max_age_s" unit:"s" min:"0.01" max:"10" desc:"an arm silent for longer is left out"`
	// PublishTF says whether the arms' frames go out on /tf.
	PublishTF bool `param:"publish_tf" desc:"publish the arms' frames on /tf"`
}

// DefaultConfig suits RViz and planners.
func DefaultConfig() Config { return Config{Rate: 50, MaxAge: 0.5, PublishTF: true} }

// Node is the robot_description node.
type Node struct {
	n     *rcl.Node
	cfg   Config
	robot calibration.Robot
	arms  []*arm

	states *rcl.Publisher[msgs.JointState]
	tf     *rcl.Publisher[msgs.TFMessage]
}

// arm is what was last heard of one arm.
type arm struct {
	side     string
	tree     []kinematics.Joint // its own
	state    *msgs.JointState
	stamp    time.Time
	received time.Time
	told     time.Time // stamp of its frames last published
}

// New starts the node on n.
func New(n *rcl.Node, cfg Config) (*Node, error) {
	s := &Node{n: n, cfg: cfg, robot: calibration.Default()}
	if err := n.Bind(&s.cfg); err != nil {
		return nil, err
	}
	if s.cfg.Calibration != "" {
		var err error
		if s.robot, err = calibration.Load(s.cfg.Calibration); err != nil {
			return nil, err
		}
	}
	urdf := s.cfg.URDF
	if urdf == "" {
		var err error
		if urdf, err = kinematics.URDF(s.robot); err != nil {
			return nil, err
		}
	}
	return s, s.connect(urdf, kinematics.Tree(s.robot))
}

func (s *Node) connect(urdf string, tree []kinematics.Joint) error {
	n := s.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	description, err := rcl.Advertise[msgs.String](n, "/robot_description", rcl.Latched)
	keep(err)
	static, err := rcl.Advertise[msgs.TFMessage](n, "/tf_static", rcl.Latched)
	keep(err)
	s.states, err = rcl.Advertise[msgs.JointState](n, "/joint_states", rcl.Default)
	keep(err)
	s.tf, err = rcl.Advertise[msgs.TFMessage](n, "/tf", rcl.QoS{Depth: 100}) // tf2's
	keep(err)
	for _, a := range s.robot.Arms {
		arm := &arm{side: a.Side, tree: jointsOf(a, tree)}
		s.arms = append(s.arms, arm)
		_, err = rcl.Subscribe(n, "/puppet/joint_"+a.Side, rcl.NewestSensor, func(m *msgs.JointState, info rcl.Info) {
			arm.state, arm.received, arm.stamp = m, info.Received, info.Received
			if !m.Header.Stamp.IsZero() {
				arm.stamp = m.Header.Stamp.Go()
			}
		})
		keep(err)
	}
	_, err = n.Timer(time.Duration(float64(time.Second)/s.cfg.Rate), s.tick)
	keep(err)
	d, err := rcl.NewDiagnostics(n, s.robot.Name)
	keep(err)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.Task("description", s.diagnose)
	return errors.Join(
		description.Publish(&msgs.String{Data: urdf}),
		static.Publish(transforms(n.Now(), kinematics.StaticFrames(tree))),
	)
}

// jointsOf are the joints of the tree that an arm's own joints and gripper move.
func jointsOf(a calibration.Arm, tree []kinematics.Joint) []kinematics.Joint {
	own := map[string]bool{}
	for _, name := range a.Names() {
		own[name] = true
	}
	var joints []kinematics.Joint
	for _, j := range tree {
		if j.Kind != kinematics.Fixed && own[cmp.Or(j.Mimic, j.Name)] {
			joints = append(joints, j)
		}
	}
	return joints
}

// fresh says whether the arm was heard lately.
func (s *Node) fresh(a *arm, now time.Time) bool {
	return a.state != nil && now.Sub(a.received) <= time.Duration(s.cfg.MaxAge*float64(time.Second))
}

func (s *Node) tick(now time.Time) {
	all := &msgs.JointState{}
	var oldest time.Time
	tf := &msgs.TFMessage{}
	for _, a := range s.arms {
		if !s.fresh(a, now) {
			continue
		}
		if oldest.IsZero() || a.stamp.Before(oldest) {
			oldest = a.stamp
		}
		merge(all, a.state)
		if s.cfg.PublishTF && a.stamp != a.told { // tf2 warns of a stamp that repeats
			a.told = a.stamp
			tf.Transforms = append(tf.Transforms, transforms(a.stamp, kinematics.MovingFrames(a.tree, positions(a.state))).Transforms...)
		}
	}
	if len(all.Name) > 0 {
		all.Header.Stamp = msgs.Stamp(oldest)
		_ = s.states.Publish(all)
	}
	if len(tf.Transforms) > 0 {
		_ = s.tf.Publish(tf)
	}
}

// merge appends one arm's joints whose position is known. Velocities and efforts
// are there for all joints or for none, as JointState wants it.
func merge(all, one *msgs.JointState) {
	first := len(all.Name) == 0
	velocities := len(one.Velocity) == len(one.Name) && (first || len(all.Velocity) > 0)
	efforts := len(one.Effort) == len(one.Name) && (first || len(all.Effort) > 0)
	if !velocities {
		all.Velocity = nil
	}
	if !efforts {
		all.Effort = nil
	}
	for i, name := range one.Name {
		if i >= len(one.Position) || !finite(one.Position[i]) {
			continue
		}
		all.Name = append(all.Name, name)
		all.Position = append(all.Position, one.Position[i])
		if velocities {
			all.Velocity = append(all.Velocity, one.Velocity[i])
		}
		if efforts {
			all.Effort = append(all.Effort, one.Effort[i])
		}
	}
}

// positions finds a joint of a state by its name.
func positions(m *msgs.JointState) func(string) (float64, bool) {
	return func(name string) (float64, bool) {
		for i, n := range m.Name {
			if n == name && i < len(m.Position) {
				return m.Position[i], finite(m.Position[i])
			}
		}
		return 0, false
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// transforms are frames as tf2 carries them.
func transforms(stamp time.Time, frames []kinematics.Frame) *msgs.TFMessage {
	m := &msgs.TFMessage{Transforms: make([]msgs.TransformStamped, len(frames))}
	for i, f := range frames {
		q := f.Quaternion()
		m.Transforms[i] = msgs.TransformStamped{
			Header: msgs.Header{Stamp: msgs.Stamp(stamp), FrameID: f.Parent}, ChildFrameID: f.Child,
			Transform: msgs.Transform{
				Translation: msgs.Vector3{X: f.P.X, Y: f.P.Y, Z: f.P.Z},
				Rotation:    msgs.Quaternion{X: q[0], Y: q[1], Z: q[2], W: q[3]},
			},
		}
	}
	return m
}

func (s *Node) diagnose(d *rcl.Status) {
	now := s.n.Now()
	d.Add("robot", s.robot.Name)
	var missing []string
	for _, a := range s.arms {
		switch {
		case a.state == nil:
			missing = append(missing, fmt.Sprintf("arm %s (never heard on /puppet/joint_%s)", a.side, a.side))
		case !s.fresh(a, now):
			missing = append(missing, fmt.Sprintf("arm %s (silent for %.2f s)", a.side, now.Sub(a.received).Seconds()))
		}
	}
	if len(missing) > 0 {
		d.Warn("left out: %s", strings.Join(missing, ", "))
		return
	}
	d.OK("%d arms", len(s.arms))
}
