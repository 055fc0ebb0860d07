package rcl_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

type managed struct {
	*world
	life  *rcl.Lifecycle
	n     *rcl.Node
	asker *rcl.Node
	fails map[string]bool
	did   []string
	heard []string
}

func newManaged(t *testing.T) *managed {
	m := &managed{world: lockstep(t), fails: map[string]bool{}}
	m.n, m.asker = m.node("arm"), m.node("asker")
	step := func(name string) func() error {
		return func() error {
			m.did = append(m.did, name)
			if m.fails[name] {
				return errors.New("bus is silent")
			}
			return nil
		}
	}
	m.life = must[*rcl.Lifecycle](t)(rcl.NewLifecycle(m.n, rcl.Transitions{
		Configure: step("configure"), Activate: step("activate"), Deactivate: step("deactivate"), Cleanup: step("cleanup"), Shutdown: step("shutdown"),
	}))
	must[*rcl.Subscription](t)(rcl.Subscribe(m.asker, "/arm/transition_event", rcl.Default, func(e *msgs.TransitionEvent, _ rcl.Info) {
		m.heard = append(m.heard, fmt.Sprintf("%d %s: %s-%s", e.Transition.ID, e.Transition.Label, e.StartState.Label, e.GoalState.Label))
	}))
	return m
}

func (m *managed) change(id uint8, label string) bool {
	m.t.Helper()
	return ask[msgs.ChangeState_Request, msgs.ChangeState_Response](m.world, m.asker, "/arm/change_state",
		&msgs.ChangeState_Request{Transition: msgs.Transition{ID: id, Label: label}}).Success
}

func (m *managed) state() string {
	m.t.Helper()
	s := ask[msgs.GetState_Request, msgs.GetState_Response](m.world, m.asker, "/arm/get_state", &msgs.GetState_Request{}).CurrentState
	if s.Label != m.life.State() || m.life.Active() != (s.ID == msgs.StateActive) {
		m.t.Errorf("the service says %v, the node %s", s, m.life.State())
	}
	return s.Label
}

func TestLifecycle(t *testing.T) {
	m := newManaged(t)
	for _, c := range []struct {
		id    uint8
		label string
		fails string
		ok    bool
		want  string
	}{
		{0, "activate", "", false, "unconfigured"},
		{0, "fly", "", false, "unconfigured"},
		{0, "", "", false, "unconfigured"},
		{0, "configure", "configure", false, "unconfigured"},
		{msgs.TransitionConfigure, "", "", true, "inactive"},
		{msgs.TransitionConfigure, "", "", false, "inactive"},
		{0, "activate", "activate", false, "inactive"},
		{0, "cleanup", "cleanup", false, "inactive"},
		{0, "cleanup", "", true, "unconfigured"},
		{msgs.TransitionConfigure, "", "", true, "inactive"},
		{msgs.TransitionCleanup, "activate", "", true, "active"}, // the label goes first
		{0, "deactivate", "deactivate", false, "active"},
		{msgs.TransitionDeactivate, "", "", true, "inactive"},
		{msgs.TransitionActiveShutdown, "", "", false, "inactive"}, // it is not active
		{msgs.TransitionActivate, "", "", true, "active"},
		{0, "shutdown", "shutdown", false, "finalized"}, // it ends all the same
		{0, "configure", "", false, "finalized"},
	} {
		clear(m.fails)
		m.fails[c.fails] = true
		if ok := m.change(c.id, c.label); ok != c.ok {
			t.Errorf("%+v: success %v", c, ok)
		}
		if got := m.state(); got != c.want {
			t.Fatalf("%+v: state %s", c, got)
		}
	}
	want := "configure configure activate cleanup cleanup configure activate deactivate deactivate activate shutdown"
	if got := strings.Join(m.did, " "); got != want {
		t.Errorf("ran %s, want %s", got, want)
	}
}

func TestLifecycleStart(t *testing.T) {
	m := newManaged(t)
	m.fails["activate"] = true
	if err := m.life.Start(); err == nil || err.Error() != "activate: bus is silent (now inactive)" {
		t.Error(err)
	}
	if got := m.life.State(); got != "inactive" {
		t.Errorf("state %s", got)
	}
	err := m.life.Change("fly")
	if err == nil || err.Error() != `no transition "fly" from state inactive` {
		t.Error(err)
	}
}

// The numbers and labels are those of rcl_lifecycle's default_state_machine.c.
func TestLifecycleEvents(t *testing.T) {
	m := newManaged(t)
	m.change(0, "configure")
	m.fails["activate"] = true
	m.change(0, "activate")
	m.change(0, "shutdown")
	m.run(time.Millisecond)
	want := []string{
		"1 configure: unconfigured-configuring", "10 transition_success: configuring-inactive",
		"3 activate: inactive-activating", "31 transition_failure: activating-inactive",
		"6 shutdown: inactive-shuttingdown", "50 transition_success: shuttingdown-finalized",
	}
	if !reflect.DeepEqual(m.heard, want) {
		t.Errorf("heard %q, want %q", m.heard, want)
	}
}

func TestLifecycleDescribesItself(t *testing.T) {
	m := newManaged(t)
	states := ask[msgs.GetAvailableStates_Request, msgs.GetAvailableStates_Response](m.world, m.asker, "/arm/get_available_states", &msgs.GetAvailableStates_Request{}).AvailableStates
	if len(states) != 11 || states[3] != (msgs.State{ID: msgs.StateActive, Label: "active"}) || states[10] != (msgs.State{ID: msgs.StateErrorProcessing, Label: "errorprocessing"}) {
		t.Errorf("states %v", states)
	}
	available := func(service string) (all []string) {
		for _, d := range ask[msgs.GetAvailableTransitions_Request, msgs.GetAvailableTransitions_Response](m.world, m.asker, service, &msgs.GetAvailableTransitions_Request{}).AvailableTransitions {
			all = append(all, fmt.Sprintf("%s: %s-%s", d.Transition.Label, d.StartState.Label, d.GoalState.Label))
		}
		return all
	}
	if got, want := available("/arm/get_available_transitions"), []string{"configure: unconfigured-configuring", "shutdown: unconfigured-shuttingdown"}; !reflect.DeepEqual(got, want) {
		t.Errorf("transitions %q, want %q", got, want)
	}
	m.change(0, "configure")
	if got, want := available("/arm/get_available_transitions"), []string{"cleanup: inactive-cleaningup", "activate: inactive-activating", "shutdown: inactive-shuttingdown"}; !reflect.DeepEqual(got, want) {
		t.Errorf("transitions %q, want %q", got, want)
	}
	if got := available("/arm/get_transition_graph"); len(got) != 21 || got[1] != "transition_success: configuring-inactive" || got[2] != "transition_failure: configuring-unconfigured" {
		t.Errorf("graph %q", got)
	}
}
