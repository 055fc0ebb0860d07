// Package proprioception is the node that tells the policy how the robot stands:
// exactly the values the policy's manifest lists, found by name, in SI units and
// as bins. A value that is missing or old is named, and nothing is published
// until it is there: a policy never sees a made-up joint.
package proprioception

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Names of values that are no joint's position. Odometry is read only as
// velocity: an odometry pose means nothing to another day's robot.
const (
	BaseLinear    = calibration.BaseLinear    // [m/s]
	BaseAngular   = calibration.BaseAngular   // [rad/s]
	CommandSuffix = calibration.CommandSuffix // left_gripper_command: the commanded position of left_gripper
)

// Config is the node's parameters.
type Config struct {
	// Policy, Checkpoint and Calibration name the policy whose manifest lists the
	// values; the same as the policy node's.
	Policy      string `param:"policy" desc:"kind of policy whose manifest lists the values"`
	Checkpoint  string `param:"checkpoint" desc:"folder or file of the policy; empty for a built-in one"`
	Calibration string `param:"calibration" desc:"the robot's calibration file; empty for the factory default"`
	// Rate of /observation/proprioception [Hz].
	Rate float64 `param:"rate_hz" unit:"Hz" min:"1" max:"500" desc:"rate of /observation/proprioception"`
	// MaxAge of any value [s]: with an older one nothing is published.
	MaxAge float64 `param:"max_age_s" unit:"s" min:"0.005" max:"5" desc:"a value older than this stops publishing"`
}

// DefaultConfig matches cameras of 30 Hz and arms of 200 Hz.
func DefaultConfig() Config { return Config{Policy: "expert", Rate: 50, MaxAge: 0.1} }

// Encoder is the policy's side: what it reads, and as which bins.
type Encoder interface {
	// Names of the values, in the manifest's order.
	Names() []string
	// Version of the statistics.
	Version() string
	// Bins of the values, digits 1..256; an error for a value that is no number.
	Bins(values []float64) ([]uint16, error)
}

// Open makes the encoder of the policy that the parameters name.
type Open func(kind, checkpoint, calibration string) (Encoder, error)

// Node is the proprioception node.
type Node struct {
	n     *rcl.Node
	cfg   Config
	enc   Encoder
	now   map[string]sample
	pub   *rcl.Publisher[msgs.ProprioTokens]
	waits string
}

type sample struct {
	value float64
	stamp time.Time
}

// New starts the node on n.
func New(n *rcl.Node, cfg Config, open Open) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	enc, err := open(cfg.Policy, cfg.Checkpoint, cfg.Calibration)
	if err != nil {
		return nil, fmt.Errorf("proprioception for policy %s: %w", cfg.Policy, err)
	}
	s := &Node{n: n, cfg: cfg, enc: enc, now: map[string]sample{}, waits: "joint states"}
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	s.pub, err = rcl.Advertise[msgs.ProprioTokens](n, "observation/proprioception", rcl.Default)
	keep(err)
	for _, topic := range []string{"puppet/joint_left", "puppet/joint_right"} {
		_, err = rcl.Subscribe(n, topic, rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) { s.joints(m, "") })
		keep(err)
	}
	_, err = rcl.Subscribe(n, "arms/command", rcl.NewestSensor, func(m *msgs.JointState, _ rcl.Info) { s.joints(m, CommandSuffix) })
	keep(err)
	_, err = rcl.Subscribe(n, "odom", rcl.NewestSensor, func(m *msgs.Odometry, _ rcl.Info) {
		stamp := m.Header.Stamp.Go()
		s.now[BaseLinear] = sample{m.Twist.Twist.Linear.X, stamp}
		s.now[BaseAngular] = sample{m.Twist.Twist.Angular.Z, stamp}
	})
	keep(err)
	_, err = n.Timer(time.Duration(float64(time.Second)/cfg.Rate), s.tick)
	keep(err)
	d, err := rcl.NewDiagnostics(n, "")
	keep(err)
	if err == nil {
		d.Task("proprioception", s.diagnose)
	}
	return s, errors.Join(errs...)
}

func (s *Node) joints(m *msgs.JointState, suffix string) {
	stamp := m.Header.Stamp.Go()
	for i, name := range m.Name {
		if i < len(m.Position) {
			s.now[name+suffix] = sample{m.Position[i], stamp}
		}
	}
}

// tick publishes the values, stamped with the oldest of them.
func (s *Node) tick(now time.Time) {
	names := s.enc.Names()
	values := make([]float64, len(names))
	oldest := now
	var missing []string
	for i, name := range names {
		v, ok := s.now[name]
		switch age := now.Sub(v.stamp); {
		case !ok:
			missing = append(missing, name+" (never heard)")
		case age > time.Duration(s.cfg.MaxAge*float64(time.Second)):
			missing = append(missing, fmt.Sprintf("%s (%.2f s old)", name, age.Seconds()))
		case v.stamp.Before(oldest):
			oldest = v.stamp
		}
		values[i] = v.value
	}
	s.waits = strings.Join(missing, ", ")
	if s.waits != "" {
		return
	}
	bins, err := s.enc.Bins(values)
	if err != nil {
		s.waits = err.Error()
		return
	}
	_ = s.pub.Publish(&msgs.ProprioTokens{
		Header: msgs.Header{Stamp: msgs.Stamp(oldest), FrameID: "base_link"},
		Names:  names, Values: values, Bins: bins, StatisticsVersion: s.enc.Version(),
	})
}

func (s *Node) diagnose(d *rcl.Status) {
	d.Add("statistics", s.enc.Version())
	if s.waits != "" {
		d.Warn("waiting for %s", s.waits)
		return
	}
	d.OK("%d values", len(s.enc.Names()))
}
