package policy

import (
	"errors"
	"fmt"
	"time"

	"cobot_vla/model"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Topics of a Demonstrator. The messages about one observation have its stamp,
// and so does the picture on /observation/image that belongs to them.
const (
	DemonstratedState        = "/demonstration/proprioception"
	DemonstratedNavigation   = "/demonstration/navigation"
	DemonstratedManipulation = "/demonstration/manipulation"
)

// Demonstrator is a node that says what its policy would do about every
// observation, and does nothing: the labels of demonstrations. Whoever moves the
// robot meanwhile, the same policy, a perturbed one or a learner, the label is
// what this one holds to be right where the robot has got to. It is asked while
// the base drives too: what is left of the way is the label there.
type Demonstrator struct {
	n   *rcl.Node
	cfg Config
	p   model.Policy
	obs observer

	instruction string
	last        time.Time // stamp of the newest observation that was labelled
	labels      uint64
	refusals    uint64
	failure     string
	waits       string // for what, before an observation can be labelled

	state *rcl.Publisher[msgs.ProprioTokens]
	nav   *rcl.Publisher[msgs.NavigationToken]
	manip *rcl.Publisher[msgs.ActionChunk]
}

// NewDemonstrator starts the node on n with a policy of its own, made as the policy node makes one.
// Nothing is labelled before there is an instruction.
func NewDemonstrator(n *rcl.Node, cfg Config, open Open) (*Demonstrator, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	p, version, err := open(cfg.Policy, cfg.Checkpoint, cfg.Calibration, cfg.Compute)
	if err != nil {
		return nil, fmt.Errorf("demonstrator %s: %w", cfg.Policy, err)
	}
	n.Keep(p)
	d := &Demonstrator{
		n: n, cfg: cfg, p: p, instruction: cfg.Instruction,
		obs: observer{manifest: p.Manifest(), version: version, maxSkew: seconds(cfg.MaxSkew)},
	}
	if p.Manifest().NeedsGroundTruth {
		// It reads the numbers. A learner that moves the robot has its own statistics, and bins by them; and a composite of its own.
		d.obs.version, d.obs.manifest.Layout = "", ""
	}
	return d, d.connect()
}

func (d *Demonstrator) connect() error {
	n := d.n
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	d.state, err = rcl.Advertise[msgs.ProprioTokens](n, DemonstratedState, rcl.Default)
	keep(err)
	d.nav, err = rcl.Advertise[msgs.NavigationToken](n, DemonstratedNavigation, rcl.Default)
	keep(err)
	d.manip, err = rcl.Advertise[msgs.ActionChunk](n, DemonstratedManipulation, rcl.Default)
	keep(err)
	_, err = rcl.Subscribe(n, "instruction", rcl.Latched, func(m *msgs.String, _ rcl.Info) {
		if d.instruction != m.Data {
			d.p.Reset()
		}
		d.instruction = m.Data
	})
	keep(err)
	_, err = rcl.Subscribe(n, "observation/image", rcl.NewestSensor, func(m *msgs.Image, _ rcl.Info) { d.obs.image = m; d.look() })
	keep(err)
	_, err = rcl.Subscribe(n, "observation/views", rcl.NewestSensor, func(m *msgs.Views, _ rcl.Info) { d.obs.views = m; d.look() })
	keep(err)
	_, err = rcl.Subscribe(n, "observation/proprioception", rcl.SensorData, func(m *msgs.ProprioTokens, _ rcl.Info) { d.obs.addProprio(m); d.look() })
	keep(err)
	if d.p.Manifest().NeedsGroundTruth {
		_, err = rcl.Subscribe(n, "sim/ground_truth", rcl.NewestSensor, func(m *msgs.TFMessage, _ rcl.Info) { d.obs.addTruth(m) })
		keep(err)
	}
	diagnostics, err := rcl.NewDiagnostics(n, "")
	keep(err)
	if err == nil {
		diagnostics.Task("demonstrator", d.diagnose)
	}
	return errors.Join(errs...)
}

// look labels the newest observation when it is one that was not labelled yet.
func (d *Demonstrator) look() {
	if d.instruction == "" {
		return
	}
	var obs model.Observation
	if obs, d.waits = d.obs.take(d.n.Now(), d.last.Add(time.Nanosecond)); d.waits != "" {
		return
	}
	d.last = obs.Stamp
	obs.Instruction, obs.Mobile = d.instruction, d.cfg.Mobile && d.p.Manifest().Navigation != nil
	action, err := d.p.Act(d.n.Context(), obs, nil)
	if err != nil {
		d.refusals++
		d.failure = err.Error()
		return
	}
	d.labels++
	d.failure = ""
	d.publish(obs, action)
}

// publish says the label: the state first, the decision last.
func (d *Demonstrator) publish(obs model.Observation, a model.Action) {
	m := d.p.Manifest()
	h := msgs.Header{Stamp: msgs.Stamp(obs.Stamp)}
	_ = d.state.Publish(&msgs.ProprioTokens{Header: h, Names: m.Proprioception, Values: obs.State, Bins: obs.Bins, StatisticsVersion: d.obs.binnedBy})
	if nav := a.Navigation; nav != nil {
		_ = d.nav.Publish(&msgs.NavigationToken{
			Header: h, GoalID: d.labels, Source: sourceIdentity, Direction: nav.Direction, Value: nav.Value,
			DirectionToken: nav.DirectionToken, ValueToken: nav.ValueToken,
		})
		return
	}
	c := &msgs.ActionChunk{
		Header: h, Sequence: d.labels, Source: sourceIdentity, Names: m.Action.Names,
		Period: msgs.Span(seconds(m.Action.Period)), StepsTotal: uint32(len(a.Steps)),
	}
	if m.Action.Mode == "delta" {
		c.Mode = msgs.Delta
	}
	for k, step := range a.Steps {
		c.Values = append(c.Values, step...)
		if k < len(a.Tokens) {
			c.Tokens = append(c.Tokens, a.Tokens[k]...)
		}
	}
	_ = d.manip.Publish(c)
}

func (d *Demonstrator) diagnose(s *rcl.Status) {
	s.Add("labels", d.labels)
	s.Add("refusals", d.refusals)
	if d.failure != "" {
		s.Warn("%s", d.failure)
		return
	}
	s.OK("%d observations labelled", d.labels)
}

// Labels and Refusals count the observations that were labelled, and those its policy had no answer to.
func (d *Demonstrator) Labels() uint64   { return d.labels }
func (d *Demonstrator) Refusals() uint64 { return d.refusals }

// Trouble is what its policy said last when it had no answer, or else what the next label waits for; "" for none.
func (d *Demonstrator) Trouble() string {
	if d.failure != "" || d.waits == "" {
		return d.failure
	}
	return "it waits for " + d.waits
}
