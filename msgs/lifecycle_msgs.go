package msgs

// Primary states of a managed node, then the states it is in while a
// transition's callback runs (lifecycle_msgs/msg/State).
const (
	StateUnknown      uint8 = 0
	StateUnconfigured uint8 = 1
	StateInactive     uint8 = 2
	StateActive       uint8 = 3
	StateFinalized    uint8 = 4

	StateConfiguring     uint8 = 10
	StateCleaningUp      uint8 = 11
	StateShuttingDown    uint8 = 12
	StateActivating      uint8 = 13
	StateDeactivating    uint8 = 14
	StateErrorProcessing uint8 = 15
)

// Transitions that can be asked for (lifecycle_msgs/msg/Transition).
const (
	TransitionCreate               uint8 = 0
	TransitionConfigure            uint8 = 1
	TransitionCleanup              uint8 = 2
	TransitionActivate             uint8 = 3
	TransitionDeactivate           uint8 = 4
	TransitionUnconfiguredShutdown uint8 = 5
	TransitionInactiveShutdown     uint8 = 6
	TransitionActiveShutdown       uint8 = 7
	TransitionDestroy              uint8 = 8
)

// Transitions that follow from what a callback returned.
const (
	TransitionOnConfigureSuccess uint8 = 10
	TransitionOnConfigureFailure uint8 = 11
	TransitionOnConfigureError   uint8 = 12

	TransitionOnCleanupSuccess uint8 = 20
	TransitionOnCleanupFailure uint8 = 21
	TransitionOnCleanupError   uint8 = 22

	TransitionOnActivateSuccess uint8 = 30
	TransitionOnActivateFailure uint8 = 31
	TransitionOnActivateError   uint8 = 32

	TransitionOnDeactivateSuccess uint8 = 40
	TransitionOnDeactivateFailure uint8 = 41
	TransitionOnDeactivateError   uint8 = 42

	TransitionOnShutdownSuccess uint8 = 50
	TransitionOnShutdownFailure uint8 = 51
	TransitionOnShutdownError   uint8 = 52

	TransitionOnErrorSuccess uint8 = 60
	TransitionOnErrorFailure uint8 = 61
	TransitionOnErrorError   uint8 = 62

	TransitionCallbackSuccess uint8 = 97
	TransitionCallbackFailure uint8 = 98
	TransitionCallbackError   uint8 = 99
)

// State is lifecycle_msgs/msg/State. A state of a managed node.
type State struct {
	ID    uint8 // StateUnknown to StateErrorProcessing
	Label string
}

// TypeName implements Message.
func (*State) TypeName() string { return "lifecycle_msgs/msg/State" }

// CDR implements Message.
func (m *State) CDR(c *CDR) {
	c.U8(&m.ID)
	c.String(&m.Label)
}

// Transition is lifecycle_msgs/msg/Transition.
type Transition struct {
	ID    uint8  // TransitionCreate to TransitionCallbackError
	Label string // chooses the transition when ID is 0
}

// TypeName implements Message.
func (*Transition) TypeName() string { return "lifecycle_msgs/msg/Transition" }

// CDR implements Message.
func (m *Transition) CDR(c *CDR) {
	c.U8(&m.ID)
	c.String(&m.Label)
}

// TransitionDescription is lifecycle_msgs/msg/TransitionDescription.
type TransitionDescription struct {
	Transition Transition
	StartState State
	GoalState  State
}

// TypeName implements Message.
func (*TransitionDescription) TypeName() string { return "lifecycle_msgs/msg/TransitionDescription" }

// CDR implements Message.
func (m *TransitionDescription) CDR(c *CDR) {
	m.Transition.CDR(c)
	m.StartState.CDR(c)
	m.GoalState.CDR(c)
}

// TransitionEvent is lifecycle_msgs/msg/TransitionEvent. A managed node changed its state, on ~/transition_event.
type TransitionEvent struct {
	Timestamp  uint64 // steady clock [ns]
	Transition Transition
	StartState State
	GoalState  State
}

// TypeName implements Message.
func (*TransitionEvent) TypeName() string { return "lifecycle_msgs/msg/TransitionEvent" }

// CDR implements Message.
func (m *TransitionEvent) CDR(c *CDR) {
	c.U64(&m.Timestamp)
	m.Transition.CDR(c)
	m.StartState.CDR(c)
	m.GoalState.CDR(c)
}

// ChangeState_Request is lifecycle_msgs/srv/ChangeState_Request.
type ChangeState_Request struct {
	Transition Transition
}

// TypeName implements Message.
func (*ChangeState_Request) TypeName() string { return "lifecycle_msgs/srv/ChangeState_Request" }

// CDR implements Message.
func (m *ChangeState_Request) CDR(c *CDR) {
	m.Transition.CDR(c)
}

// ChangeState_Response is lifecycle_msgs/srv/ChangeState_Response.
type ChangeState_Response struct {
	Success bool
}

// TypeName implements Message.
func (*ChangeState_Response) TypeName() string { return "lifecycle_msgs/srv/ChangeState_Response" }

// CDR implements Message.
func (m *ChangeState_Response) CDR(c *CDR) {
	c.Bool(&m.Success)
}

// GetState_Request is lifecycle_msgs/srv/GetState_Request.
type GetState_Request struct{}

// TypeName implements Message.
func (*GetState_Request) TypeName() string { return "lifecycle_msgs/srv/GetState_Request" }

// CDR implements Message.
func (*GetState_Request) CDR(c *CDR) { c.Empty() }

// GetState_Response is lifecycle_msgs/srv/GetState_Response.
type GetState_Response struct {
	CurrentState State
}

// TypeName implements Message.
func (*GetState_Response) TypeName() string { return "lifecycle_msgs/srv/GetState_Response" }

// CDR implements Message.
func (m *GetState_Response) CDR(c *CDR) {
	m.CurrentState.CDR(c)
}

// GetAvailableStates_Request is lifecycle_msgs/srv/GetAvailableStates_Request.
type GetAvailableStates_Request struct{}

// TypeName implements Message.
func (*GetAvailableStates_Request) TypeName() string {
	return "lifecycle_msgs/srv/GetAvailableStates_Request"
}

// CDR implements Message.
func (*GetAvailableStates_Request) CDR(c *CDR) { c.Empty() }

// GetAvailableStates_Response is lifecycle_msgs/srv/GetAvailableStates_Response.
type GetAvailableStates_Response struct {
	AvailableStates []State
}

// TypeName implements Message.
func (*GetAvailableStates_Response) TypeName() string {
	return "lifecycle_msgs/srv/GetAvailableStates_Response"
}

// CDR implements Message.
func (m *GetAvailableStates_Response) CDR(c *CDR) {
	Seq(c, &m.AvailableStates, Visit[State])
}

// GetAvailableTransitions_Request is lifecycle_msgs/srv/GetAvailableTransitions_Request.
type GetAvailableTransitions_Request struct{}

// TypeName implements Message.
func (*GetAvailableTransitions_Request) TypeName() string {
	return "lifecycle_msgs/srv/GetAvailableTransitions_Request"
}

// CDR implements Message.
func (*GetAvailableTransitions_Request) CDR(c *CDR) { c.Empty() }

// GetAvailableTransitions_Response is lifecycle_msgs/srv/GetAvailableTransitions_Response.
type GetAvailableTransitions_Response struct {
	AvailableTransitions []TransitionDescription // those possible now
}

// TypeName implements Message.
func (*GetAvailableTransitions_Response) TypeName() string {
	return "lifecycle_msgs/srv/GetAvailableTransitions_Response"
}

// CDR implements Message.
func (m *GetAvailableTransitions_Response) CDR(c *CDR) {
	Seq(c, &m.AvailableTransitions, Visit[TransitionDescription])
}
