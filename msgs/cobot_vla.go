package msgs

// View is cobot_vla/msg/View. One camera's place in the composite observation image.
type View struct {
	Name    string   // camera name, e.g. front
	X       uint32   // left edge of its rectangle in /observation/image [px]
	Y       uint32   // top edge [px]
	Width   uint32   // [px]
	Height  uint32   // [px]
	Stamp   Time     // capture time of the frame shown
	Age     Duration // header.stamp minus stamp
	Missing bool     // true when the rectangle is blank because no fresh frame exists
}

// TypeName implements Message.
func (*View) TypeName() string { return "cobot_vla/msg/View" }

// CDR implements Message.
func (m *View) CDR(c *CDR) {
	c.String(&m.Name)
	c.U32(&m.X)
	c.U32(&m.Y)
	c.U32(&m.Width)
	c.U32(&m.Height)
	m.Stamp.CDR(c)
	m.Age.CDR(c)
	c.Bool(&m.Missing)
}

// Views is cobot_vla/msg/Views. Published by camera_fusion beside every /observation/image, same stamp.
type Views struct {
	Header Header
	Layout string // stack, stack3, mosaic4 or tiles
	Views  []View
}

// TypeName implements Message.
func (*Views) TypeName() string { return "cobot_vla/msg/Views" }

// CDR implements Message.
func (m *Views) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.Layout)
	Seq(c, &m.Views, Visit[View])
}

// ProprioTokens is cobot_vla/msg/ProprioTokens. The robot's own state as the policy reads it: exactly the manifest's list, by name.
type ProprioTokens struct {
	Header            Header
	Names             []string
	Values            []float64 // SI units: rad, m, rad/s, m/s
	Bins              []uint16  // digit 1..256 of each value; token id = action_token_top - digit
	StatisticsVersion string    // hash of the statistics that binned the values
}

// TypeName implements Message.
func (*ProprioTokens) TypeName() string { return "cobot_vla/msg/ProprioTokens" }

// CDR implements Message.
func (m *ProprioTokens) CDR(c *CDR) {
	m.Header.CDR(c)
	c.Strings(&m.Names)
	c.F64s(&m.Values)
	c.U16s(&m.Bins)
	c.String(&m.StatisticsVersion)
}

// NavigationToken is cobot_vla/msg/NavigationToken. A navigation goal for the base: one direction token and one value token. stamp = the observation's.
type NavigationToken struct {
	Header         Header
	GoalID         uint64  // grows by one with every goal of a source
	Source         string  // policy, teleop, replay or external
	Direction      uint8   // FORWARD, TURN_LEFT, TURN_RIGHT or STOP
	Value          float64 // [m] for FORWARD, [rad] for the turns, 0 for STOP
	DirectionToken uint32
	ValueToken     uint32
	Inference      Duration // time from taking the observation to this message
}

// TypeName implements Message.
func (*NavigationToken) TypeName() string { return "cobot_vla/msg/NavigationToken" }

// CDR implements Message.
func (m *NavigationToken) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U64(&m.GoalID)
	c.String(&m.Source)
	c.U8(&m.Direction)
	c.F64(&m.Value)
	c.U32(&m.DirectionToken)
	c.U32(&m.ValueToken)
	m.Inference.CDR(c)
}

// ActionChunk is cobot_vla/msg/ActionChunk. Steps of joint targets for the arms. stamp = the observation's.
type ActionChunk struct {
	Header     Header
	Sequence   uint64    // one number a chunk; parts of one chunk share it
	Source     string    // policy, teleop, replay or external
	Names      []string  // the joints, in the order of values
	Mode       uint8     // ABSOLUTE or DELTA
	Schedule   uint8     // ASYNC or SYNC
	Period     Duration  // time between two steps
	MaxAge     Duration  // the chunk is refused whole when stamp is older than this on arrival
	FirstStep  uint32    // index in the chunk of this message's first step
	StepsTotal uint32    // steps in the whole chunk
	Values     []float64 // row-major, steps of this message x names, SI units
	Tokens     []uint32  // row-major like values; empty for a continuous policy
	Inference  Duration  // time from taking the observation to this message
}

// TypeName implements Message.
func (*ActionChunk) TypeName() string { return "cobot_vla/msg/ActionChunk" }

// CDR implements Message.
func (m *ActionChunk) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U64(&m.Sequence)
	c.String(&m.Source)
	c.Strings(&m.Names)
	c.U8(&m.Mode)
	c.U8(&m.Schedule)
	m.Period.CDR(c)
	m.MaxAge.CDR(c)
	c.U32(&m.FirstStep)
	c.U32(&m.StepsTotal)
	c.F64s(&m.Values)
	c.U32s(&m.Tokens)
	m.Inference.CDR(c)
}

// MotionStatus is cobot_vla/msg/MotionStatus. What became of a navigation goal.
type MotionStatus struct {
	Header    Header
	GoalID    uint64
	State     uint8   // ACCEPTED, RUNNING, DONE, ABORTED or REFUSED
	Remaining float64 // [m] or [rad]
	Reason    string  // why, when aborted or refused
}

// TypeName implements Message.
func (*MotionStatus) TypeName() string { return "cobot_vla/msg/MotionStatus" }

// CDR implements Message.
func (m *MotionStatus) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U64(&m.GoalID)
	c.U8(&m.State)
	c.F64(&m.Remaining)
	c.String(&m.Reason)
}

// Authority is cobot_vla/msg/Authority. Who may move what; published by the supervisor at 20 Hz.
type Authority struct {
	Header   Header
	Sequence uint64
	Source   string // none, policy, teleop, replay or external
	Parts    uint8  // bit set of ARMS and BASE
	Estop    bool   // latched; released only by the supervisor's service
	Reason   string
}

// TypeName implements Message.
func (*Authority) TypeName() string { return "cobot_vla/msg/Authority" }

// CDR implements Message.
func (m *Authority) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U64(&m.Sequence)
	c.String(&m.Source)
	c.U8(&m.Parts)
	c.Bool(&m.Estop)
	c.String(&m.Reason)
}

// PartStatus is cobot_vla/msg/PartStatus. What a driver does with its part of the robot; published at 20 Hz on /supervisor/parts.
type PartStatus struct {
	Header  Header
	Part    uint8  // ARMS or BASE
	State   string // lifecycle state: unconfigured, inactive, active, finalized
	Mode    string // e.g. holding, following, waiting_for_policy, moving, fault
	Stopped bool   // true when nothing of the part moves and nothing is commanded to
	Fault   bool   // latched until clear_fault
	Clamps  uint64 // commands changed by a limit since start
	Refused uint64 // commands refused whole since start
	Reason  string // names the thing, the value and the remedy when fault
}

// TypeName implements Message.
func (*PartStatus) TypeName() string { return "cobot_vla/msg/PartStatus" }

// CDR implements Message.
func (m *PartStatus) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U8(&m.Part)
	c.String(&m.State)
	c.String(&m.Mode)
	c.Bool(&m.Stopped)
	c.Bool(&m.Fault)
	c.U64(&m.Clamps)
	c.U64(&m.Refused)
	c.String(&m.Reason)
}

// Heartbeat is cobot_vla/msg/Heartbeat. A source of commands is alive; 20 Hz, apart from inference.
type Heartbeat struct {
	Header   Header
	Source   string // policy, teleop, replay or external
	Sequence uint64
	State    string // e.g. waiting_for_observation, inferring, acting, done
}

// TypeName implements Message.
func (*Heartbeat) TypeName() string { return "cobot_vla/msg/Heartbeat" }

// CDR implements Message.
func (m *Heartbeat) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.Source)
	c.U64(&m.Sequence)
	c.String(&m.State)
}

// TaskVerdict is cobot_vla/msg/TaskVerdict. The simulator's judgement of the task, published at 10 Hz.
type TaskVerdict struct {
	Header   Header
	Task     string
	Seed     uint64
	Success  bool    // latched
	Progress float64 // 0..1
	Reason   string
}

// TypeName implements Message.
func (*TaskVerdict) TypeName() string { return "cobot_vla/msg/TaskVerdict" }

// CDR implements Message.
func (m *TaskVerdict) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.Task)
	c.U64(&m.Seed)
	c.Bool(&m.Success)
	c.F64(&m.Progress)
	c.String(&m.Reason)
}

// StreamStatus is cobot_vla/msg/StreamStatus. One stream of the episode that is being recorded.
type StreamStatus struct {
	Topic    string
	Messages uint64  // written to the file
	Dropped  uint64  // lost at the recorder, whose queues were full
	Lost     uint64  // never arrived, by the publishers' sequence numbers
	Rate     float64 // since the last status [Hz]
	Latency  float64 // arrival minus stamp of the newest message [s]
	Dead     bool    // silent for longer than the recorder allows
}

// TypeName implements Message.
func (*StreamStatus) TypeName() string { return "cobot_vla/msg/StreamStatus" }

// CDR implements Message.
func (m *StreamStatus) CDR(c *CDR) {
	c.String(&m.Topic)
	c.U64(&m.Messages)
	c.U64(&m.Dropped)
	c.U64(&m.Lost)
	c.F64(&m.Rate)
	c.F64(&m.Latency)
	c.Bool(&m.Dead)
}

// RecorderStatus is cobot_vla/msg/RecorderStatus. What the recorder does; published at 4 Hz on /recorder/status, and kept in the episode with every flush.
type RecorderStatus struct {
	Header  Header
	State   string // idle, arming, recording or finishing
	Episode string // name of the current episode, or of the last, e.g. episode_000012
	Task    string
	Elapsed Duration // since the episode began
	Bytes   uint64   // of the file that are flushed
	Streams []StreamStatus
	Reason  string // what is wrong, or why the last start was refused
}

// TypeName implements Message.
func (*RecorderStatus) TypeName() string { return "cobot_vla/msg/RecorderStatus" }

// CDR implements Message.
func (m *RecorderStatus) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.State)
	c.String(&m.Episode)
	c.String(&m.Task)
	m.Elapsed.CDR(c)
	c.U64(&m.Bytes)
	Seq(c, &m.Streams, Visit[StreamStatus])
	c.String(&m.Reason)
}
