package supervisor

import (
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Config is the node's parameters.
type Config struct {
	// Rate of /supervisor/authority [Hz]. Drivers hold after 300 ms without it.
	Rate float64 `param:"rate_hz" unit:"Hz" min:"10" max:"200" desc:"rate of /supervisor/authority"`
	// Priority of the sources, highest first: one may take parts from those after it.
	Priority []string `param:"priority" desc:"sources, highest first; one may take parts from those after it"`
	// AllowBoth lets one source hold arms and base at once, as teleoperation does.
	AllowBoth bool `param:"allow_both" desc:"one source may hold arms and base at once"`
	// HandoverTimeout bounds the wait for the old part to stop [s].
	HandoverTimeout float64 `param:"handover_timeout_s" unit:"s" min:"0.1" max:"30" desc:"longest wait for a part to stop"`
	// HeartbeatTimeout takes the parts from a source whose heartbeat is older [s]. The drivers' own watchdogs are shorter.
	HeartbeatTimeout float64 `param:"heartbeat_timeout_s" unit:"s" min:"0.1" max:"10" desc:"a source silent for longer loses its parts"`
	// PartTimeout: a driver silent for longer is not believed to stand still [s].
	PartTimeout float64 `param:"part_timeout_s" unit:"s" min:"0.1" max:"10" desc:"a driver silent for longer is not believed"`
	// EstopQuiet: /estop must not have said true for so long before a release [s].
	EstopQuiet float64 `param:"estop_quiet_s" unit:"s" min:"0" max:"10" desc:"quiet time of /estop before a release"`
}

// DefaultConfig is safe on a robot.
func DefaultConfig() Config {
	return Config{
		Rate:             20,
		Priority:         []string{msgs.SourceTeleop, msgs.SourceReplay, msgs.SourceExternal, msgs.SourcePolicy},
		HandoverTimeout:  5,
		HeartbeatTimeout: 0.5,
		PartTimeout:      0.3,
		EstopQuiet:       0.5,
	}
}

// Node is the supervisor.
type Node struct {
	n   *rcl.Node
	a   *authority
	pub *rcl.Publisher[msgs.Authority]
	seq uint64
}

// New starts the supervisor on n.
func New(n *rcl.Node, cfg Config) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	s := &Node{n: n, a: newAuthority(cfg)}
	var err error
	if s.pub, err = rcl.Advertise[msgs.Authority](n, "supervisor/authority", rcl.Newest); err != nil {
		return nil, err
	}
	if _, err = rcl.Subscribe(n, "estop", rcl.Default, func(m *msgs.Bool, i rcl.Info) {
		was := s.a.estop
		s.a.estopMessage(n.Now(), i.Publisher, m.Data)
		if m.Data && !was {
			n.Log().Warn().Msg("e-stop engaged")
		}
		s.publish()
	}); err != nil {
		return nil, err
	}
	if _, err = rcl.Subscribe(n, "supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) {
		s.change(func() { s.a.report(n.Now(), *m) })
	}); err != nil {
		return nil, err
	}
	if _, err = rcl.Subscribe(n, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, _ rcl.Info) {
		s.a.beat(n.Now(), m.Source)
	}); err != nil {
		return nil, err
	}
	if err = rcl.ServeLater(n, "supervisor/acquire", func(q *msgs.Acquire_Request, reply func(*msgs.Acquire_Response)) {
		s.change(func() {
			s.a.acquire(n.Now(), q.Source, q.Parts, func(granted bool, reason string) {
				n.Log().Info().Str("source", q.Source).Str("parts", partNames(q.Parts)).Bool("granted", granted).Msg(reason)
				reply(&msgs.Acquire_Response{Granted: granted, Reason: reason})
			})
		})
	}); err != nil {
		return nil, err
	}
	if err = rcl.Serve(n, "supervisor/release_estop", func(_ *msgs.Trigger_Request, r *msgs.Trigger_Response) {
		r.Success, r.Message = s.a.releaseEstop(n.Now())
		n.Log().Info().Bool("released", r.Success).Msg(r.Message)
		s.publish()
	}); err != nil {
		return nil, err
	}
	// By which nodes on other machines learn how far their clock is from the robot's.
	if err = rcl.Serve(n, "supervisor/get_time", func(_ *msgs.GetTime_Request, r *msgs.GetTime_Response) {
		r.Received = msgs.Stamp(n.Now())
		r.Replied = r.Received
	}); err != nil {
		return nil, err
	}
	if _, err = n.Timer(time.Duration(float64(time.Second)/cfg.Rate), func(now time.Time) {
		s.a.tick(now)
		s.publish()
	}); err != nil {
		return nil, err
	}
	diag, err := rcl.NewDiagnostics(n, "")
	if err != nil {
		return nil, err
	}
	diag.Task("authority", s.diagnose)
	return s, nil
}

// change runs fn and publishes at once when it changed who may move what.
func (s *Node) change(fn func()) {
	source, held, estop := s.a.source, s.a.held, s.a.estop
	fn()
	if source != s.a.source || held != s.a.held || estop != s.a.estop {
		s.publish()
	}
}

func (s *Node) publish() {
	s.seq++
	_ = s.pub.Publish(&msgs.Authority{
		Header:   msgs.Header{Stamp: msgs.Stamp(s.n.Now())},
		Sequence: s.seq, Source: s.a.source, Parts: s.a.held, Estop: s.a.estop, Reason: s.a.reason,
	})
}

func (s *Node) diagnose(d *rcl.Status) {
	d.Add("source", s.a.source)
	d.Add("parts", partNames(s.a.held))
	switch {
	case s.a.estop:
		d.Error("e-stop engaged: %s", s.a.reason)
	case s.a.pending != nil:
		d.OK("handing over: %s", s.a.reason)
	default:
		d.OK("%s", s.a.reason)
	}
}
