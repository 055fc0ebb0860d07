package rcl

import (
	"fmt"

	"cobot_vla/msgs"
)

// Lifecycle is the state machine of a managed node, with ROS 2's states,
// transitions and services (~/change_state, ~/get_state, …). A node that moves a
// robot has one, and moves it only while Active.
//
//	unconfigured --configure--> inactive --activate--> active
//	             <--cleanup----          <--deactivate-
//	any of them  --shutdown--> finalized
//
// A transition whose function fails goes back to where it came from; its error
// is logged and is the answer's reason.
type Lifecycle struct {
	n      *Node
	does   Transitions
	state  uint8
	events *Publisher[msgs.TransitionEvent]
}

// Transitions are what a managed node does on its way between states; nil ones do nothing.
type Transitions struct {
	// Configure acquires what the node needs: buses, files. Nothing moves.
	Configure func() error
	// Activate starts to act on commands.
	Activate func() error
	// Deactivate stops acting on commands; what is held stays held.
	Deactivate func() error
	// Cleanup gives back what Configure acquired.
	Cleanup func() error
	// Shutdown ends the node's work for good.
	Shutdown func() error
}

type transition struct {
	id       uint8
	label    string
	from, to uint8
	run      func(Transitions) func() error
}

var lifecycleTransitions = []transition{
	{msgs.TransitionConfigure, "configure", msgs.StateUnconfigured, msgs.StateInactive, func(t Transitions) func() error { return t.Configure }},
	{msgs.TransitionCleanup, "cleanup", msgs.StateInactive, msgs.StateUnconfigured, func(t Transitions) func() error { return t.Cleanup }},
	{msgs.TransitionActivate, "activate", msgs.StateInactive, msgs.StateActive, func(t Transitions) func() error { return t.Activate }},
	{msgs.TransitionDeactivate, "deactivate", msgs.StateActive, msgs.StateInactive, func(t Transitions) func() error { return t.Deactivate }},
	{msgs.TransitionUnconfiguredShutdown, "shutdown", msgs.StateUnconfigured, msgs.StateFinalized, func(t Transitions) func() error { return t.Shutdown }},
	{msgs.TransitionInactiveShutdown, "shutdown", msgs.StateInactive, msgs.StateFinalized, func(t Transitions) func() error { return t.Shutdown }},
	{msgs.TransitionActiveShutdown, "shutdown", msgs.StateActive, msgs.StateFinalized, func(t Transitions) func() error { return t.Shutdown }},
}

func stateLabel(id uint8) string {
	switch id {
	case msgs.StateUnconfigured:
		return "unconfigured"
	case msgs.StateInactive:
		return "inactive"
	case msgs.StateActive:
		return "active"
	case msgs.StateFinalized:
		return "finalized"
	}
	return "unknown"
}

func stateMsg(id uint8) msgs.State { return msgs.State{ID: id, Label: stateLabel(id)} }

func (t transition) describe() msgs.TransitionDescription {
	return msgs.TransitionDescription{
		Transition: msgs.Transition{ID: t.id, Label: t.label},
		StartState: stateMsg(t.from), GoalState: stateMsg(t.to),
	}
}

// NewLifecycle makes n a managed node in the state unconfigured.
func NewLifecycle(n *Node, does Transitions) (*Lifecycle, error) {
	l := &Lifecycle{n: n, does: does, state: msgs.StateUnconfigured}
	var err error
	if l.events, err = Advertise[msgs.TransitionEvent](n, "~/transition_event", Default); err != nil {
		return nil, err
	}
	if err := Serve(n, "~/change_state", func(q *msgs.ChangeState_Request, r *msgs.ChangeState_Response) {
		r.Success = l.request(q.Transition) == nil
	}); err != nil {
		return nil, err
	}
	if err := Serve(n, "~/get_state", func(_ *msgs.GetState_Request, r *msgs.GetState_Response) {
		r.CurrentState = stateMsg(l.state)
	}); err != nil {
		return nil, err
	}
	if err := Serve(n, "~/get_available_states", func(_ *msgs.GetAvailableStates_Request, r *msgs.GetAvailableStates_Response) {
		for id := msgs.StateUnconfigured; id <= msgs.StateFinalized; id++ {
			r.AvailableStates = append(r.AvailableStates, stateMsg(id))
		}
	}); err != nil {
		return nil, err
	}
	graph := func(all bool) func(*msgs.GetAvailableTransitions_Request, *msgs.GetAvailableTransitions_Response) {
		return func(_ *msgs.GetAvailableTransitions_Request, r *msgs.GetAvailableTransitions_Response) {
			for _, t := range lifecycleTransitions {
				if all || t.from == l.state {
					r.AvailableTransitions = append(r.AvailableTransitions, t.describe())
				}
			}
		}
	}
	if err := Serve(n, "~/get_available_transitions", graph(false)); err != nil {
		return nil, err
	}
	if err := Serve(n, "~/get_transition_graph", graph(true)); err != nil {
		return nil, err
	}
	return l, nil
}

// Active says whether the node may act on commands.
func (l *Lifecycle) Active() bool { return l.state == msgs.StateActive }

// State is the state's label: unconfigured, inactive, active or finalized.
func (l *Lifecycle) State() string { return stateLabel(l.state) }

// Start configures and activates: what a launch file's autostart asks for.
func (l *Lifecycle) Start() error {
	if err := l.Change("configure"); err != nil {
		return err
	}
	return l.Change("activate")
}

// Change runs the transition of that label from the present state, on the node's thread.
func (l *Lifecycle) Change(label string) error { return l.request(msgs.Transition{Label: label}) }

func (l *Lifecycle) request(want msgs.Transition) error {
	for _, t := range lifecycleTransitions {
		if t.from != l.state || want.ID != 0 && want.ID != t.id || want.ID == 0 && want.Label != t.label {
			continue
		}
		if run := t.run(l.does); run != nil {
			if err := run(); err != nil {
				err = fmt.Errorf("%s: %w (stays %s)", t.label, err, stateLabel(l.state))
				l.n.log.Error().Err(err).Msg("lifecycle transition failed")
				return err
			}
		}
		l.state = t.to
		l.n.log.Info().Str("state", l.State()).Msg("lifecycle")
		d := t.describe()
		return l.events.Publish(&msgs.TransitionEvent{
			Timestamp:  uint64(max(0, l.n.Now().UnixNano())),
			Transition: d.Transition, StartState: d.StartState, GoalState: d.GoalState,
		})
	}
	return fmt.Errorf("no transition %q from state %s", cmpLabel(want), stateLabel(l.state))
}

func cmpLabel(t msgs.Transition) string {
	if t.ID != 0 {
		return fmt.Sprint(t.ID)
	}
	return t.Label
}
