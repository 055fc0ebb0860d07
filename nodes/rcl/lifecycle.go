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
// A transition whose function fails goes back to where it came from, except
// shutdown, which ends all the same; its error is logged. All of a transition
// happens in one callback, so that ROS 2's states on the way (configuring, …)
// are seen only in ~/transition_event.
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

// transition is one way from a state to another; its success and failure follow
// ROS 2's numbers (rcl_lifecycle's default_state_machine.c).
type transition struct {
	id         uint8
	label      string
	from, via  uint8
	to, failed uint8 // the state after it, and when its function failed
	succeeds   uint8 // id of its success; the failure's is one more
	run        func(Transitions) func() error
}

var lifecycleTransitions = []transition{
	{
		msgs.TransitionConfigure, "configure", msgs.StateUnconfigured, msgs.StateConfiguring,
		msgs.StateInactive, msgs.StateUnconfigured, msgs.TransitionOnConfigureSuccess,
		func(t Transitions) func() error { return t.Configure },
	},
	{
		msgs.TransitionCleanup, "cleanup", msgs.StateInactive, msgs.StateCleaningUp,
		msgs.StateUnconfigured, msgs.StateInactive, msgs.TransitionOnCleanupSuccess,
		func(t Transitions) func() error { return t.Cleanup },
	},
	{
		msgs.TransitionActivate, "activate", msgs.StateInactive, msgs.StateActivating,
		msgs.StateActive, msgs.StateInactive, msgs.TransitionOnActivateSuccess,
		func(t Transitions) func() error { return t.Activate },
	},
	{
		msgs.TransitionDeactivate, "deactivate", msgs.StateActive, msgs.StateDeactivating,
		msgs.StateInactive, msgs.StateActive, msgs.TransitionOnDeactivateSuccess,
		func(t Transitions) func() error { return t.Deactivate },
	},
	shutdownFrom(msgs.StateUnconfigured, msgs.TransitionUnconfiguredShutdown),
	shutdownFrom(msgs.StateInactive, msgs.TransitionInactiveShutdown),
	shutdownFrom(msgs.StateActive, msgs.TransitionActiveShutdown),
}

func shutdownFrom(state, id uint8) transition {
	return transition{
		id, "shutdown", state, msgs.StateShuttingDown,
		msgs.StateFinalized, msgs.StateFinalized, msgs.TransitionOnShutdownSuccess,
		func(t Transitions) func() error { return t.Shutdown },
	}
}

// lifecycleStates are ROS 2's states and their labels.
var lifecycleStates = []msgs.State{
	{ID: msgs.StateUnknown, Label: "unknown"},
	{ID: msgs.StateUnconfigured, Label: "unconfigured"},
	{ID: msgs.StateInactive, Label: "inactive"},
	{ID: msgs.StateActive, Label: "active"},
	{ID: msgs.StateFinalized, Label: "finalized"},
	{ID: msgs.StateConfiguring, Label: "configuring"},
	{ID: msgs.StateCleaningUp, Label: "cleaningup"},
	{ID: msgs.StateShuttingDown, Label: "shuttingdown"},
	{ID: msgs.StateActivating, Label: "activating"},
	{ID: msgs.StateDeactivating, Label: "deactivating"},
	{ID: msgs.StateErrorProcessing, Label: "errorprocessing"},
}

func stateMsg(id uint8) msgs.State {
	for _, s := range lifecycleStates {
		if s.ID == id {
			return s
		}
	}
	return lifecycleStates[0]
}

// begin, succeed and fail are the steps of a transition as ROS 2 describes them.
func (t transition) begin() msgs.TransitionDescription { return describe(t.id, t.label, t.from, t.via) }
func (t transition) succeed() msgs.TransitionDescription {
	return describe(t.succeeds, "transition_success", t.via, t.to)
}
func (t transition) fail() msgs.TransitionDescription {
	return describe(t.succeeds+1, "transition_failure", t.via, t.failed)
}

func describe(id uint8, label string, from, to uint8) msgs.TransitionDescription {
	return msgs.TransitionDescription{
		Transition: msgs.Transition{ID: id, Label: label}, StartState: stateMsg(from), GoalState: stateMsg(to),
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
		r.AvailableStates = lifecycleStates
	}); err != nil {
		return nil, err
	}
	if err := Serve(n, "~/get_available_transitions", func(_ *msgs.GetAvailableTransitions_Request, r *msgs.GetAvailableTransitions_Response) {
		for _, t := range lifecycleTransitions {
			if t.from == l.state {
				r.AvailableTransitions = append(r.AvailableTransitions, t.begin())
			}
		}
	}); err != nil {
		return nil, err
	}
	if err := Serve(n, "~/get_transition_graph", func(_ *msgs.GetAvailableTransitions_Request, r *msgs.GetAvailableTransitions_Response) {
		for _, t := range lifecycleTransitions {
			r.AvailableTransitions = append(r.AvailableTransitions, t.begin(), t.succeed(), t.fail())
		}
	}); err != nil {
		return nil, err
	}
	return l, nil
}

// Active says whether the node may act on commands.
func (l *Lifecycle) Active() bool { return l.state == msgs.StateActive }

// State is the state's label: unconfigured, inactive, active or finalized.
func (l *Lifecycle) State() string { return stateMsg(l.state).Label }

// Start configures and activates: what a launch file's autostart asks for.
func (l *Lifecycle) Start() error {
	if err := l.Change("configure"); err != nil {
		return err
	}
	return l.Change("activate")
}

// Change runs the transition of that label from the present state, on the node's thread.
func (l *Lifecycle) Change(label string) error { return l.request(msgs.Transition{Label: label}) }

// request runs the transition that want names by its label, or by its id when it has none, as ROS 2 does.
func (l *Lifecycle) request(want msgs.Transition) error {
	for _, t := range lifecycleTransitions {
		if t.from == l.state && (want.Label == t.label || want.Label == "" && want.ID == t.id) {
			return l.run(t)
		}
	}
	name := want.Label
	if name == "" {
		name = fmt.Sprint(want.ID)
	}
	return fmt.Errorf("no transition %q from state %s", name, l.State())
}

func (l *Lifecycle) run(t transition) error {
	l.announce(t.begin())
	var err error
	if run := t.run(l.does); run != nil {
		err = run()
	}
	if err != nil {
		l.state = t.failed
		err = fmt.Errorf("%s: %w (now %s)", t.label, err, l.State())
		l.n.log.Error().Err(err).Msg("lifecycle transition failed")
		l.announce(t.fail())
		return err
	}
	l.state = t.to
	l.n.log.Info().Str("state", l.State()).Msg("lifecycle")
	l.announce(t.succeed())
	return nil
}

// announce publishes one step; that nobody can hear it stops no transition.
func (l *Lifecycle) announce(d msgs.TransitionDescription) {
	_ = l.events.Publish(&msgs.TransitionEvent{
		Timestamp:  uint64(max(0, l.n.Now().UnixNano())),
		Transition: d.Transition, StartState: d.StartState, GoalState: d.GoalState,
	})
}
