package msgs

// Acquire_Request is cobot_vla/srv/Acquire_Request. A source asks the supervisor for parts; parts 0 gives them back.
type Acquire_Request struct {
	Source string
	Parts  uint8
}

// TypeName implements Message.
func (*Acquire_Request) TypeName() string { return "cobot_vla/srv/Acquire_Request" }

// CDR implements Message.
func (m *Acquire_Request) CDR(c *CDR) {
	c.String(&m.Source)
	c.U8(&m.Parts)
}

// Acquire_Response is cobot_vla/srv/Acquire_Response.
type Acquire_Response struct {
	Granted bool
	Reason  string
}

// TypeName implements Message.
func (*Acquire_Response) TypeName() string { return "cobot_vla/srv/Acquire_Response" }

// CDR implements Message.
func (m *Acquire_Response) CDR(c *CDR) {
	c.Bool(&m.Granted)
	c.String(&m.Reason)
}

// StartEpisode_Request is cobot_vla/srv/StartEpisode_Request. Asks the recorder for an episode. Empty fields take the recorder's parameters; the task, the newest /instruction.
type StartEpisode_Request struct {
	Task         string
	OperatorName string
	Note         string
}

// TypeName implements Message.
func (*StartEpisode_Request) TypeName() string { return "cobot_vla/srv/StartEpisode_Request" }

// CDR implements Message.
func (m *StartEpisode_Request) CDR(c *CDR) {
	c.String(&m.Task)
	c.String(&m.OperatorName)
	c.String(&m.Note)
}

// StartEpisode_Response is cobot_vla/srv/StartEpisode_Response.
type StartEpisode_Response struct {
	Success bool
	Message string // why not: the stream that is missing, the clock that jumped, the disk that is full
	Path    string // of the episode's file
}

// TypeName implements Message.
func (*StartEpisode_Response) TypeName() string { return "cobot_vla/srv/StartEpisode_Response" }

// CDR implements Message.
func (m *StartEpisode_Response) CDR(c *CDR) {
	c.Bool(&m.Success)
	c.String(&m.Message)
	c.String(&m.Path)
}

// EndEpisode_Request is cobot_vla/srv/EndEpisode_Request. Ends the episode that is being recorded, or judges one that is finished.
type EndEpisode_Request struct {
	Path    string // of a finished episode; empty for the current one, or the last
	Verdict string // keep or discard
	Note    string // added to the operator's note
}

// TypeName implements Message.
func (*EndEpisode_Request) TypeName() string { return "cobot_vla/srv/EndEpisode_Request" }

// CDR implements Message.
func (m *EndEpisode_Request) CDR(c *CDR) {
	c.String(&m.Path)
	c.String(&m.Verdict)
	c.String(&m.Note)
}

// EndEpisode_Response is cobot_vla/srv/EndEpisode_Response.
type EndEpisode_Response struct {
	Success bool
	Message string
}

// TypeName implements Message.
func (*EndEpisode_Response) TypeName() string { return "cobot_vla/srv/EndEpisode_Response" }

// CDR implements Message.
func (m *EndEpisode_Response) CDR(c *CDR) {
	c.Bool(&m.Success)
	c.String(&m.Message)
}

// MarkEpisode_Request is cobot_vla/srv/MarkEpisode_Request. Marks a moment of the episode that is being recorded.
type MarkEpisode_Request struct {
	Label string
}

// TypeName implements Message.
func (*MarkEpisode_Request) TypeName() string { return "cobot_vla/srv/MarkEpisode_Request" }

// CDR implements Message.
func (m *MarkEpisode_Request) CDR(c *CDR) {
	c.String(&m.Label)
}

// MarkEpisode_Response is cobot_vla/srv/MarkEpisode_Response.
type MarkEpisode_Response struct {
	Success bool
	Message string
}

// TypeName implements Message.
func (*MarkEpisode_Response) TypeName() string { return "cobot_vla/srv/MarkEpisode_Response" }

// CDR implements Message.
func (m *MarkEpisode_Response) CDR(c *CDR) {
	c.Bool(&m.Success)
	c.String(&m.Message)
}

// GetTime_Request is cobot_vla/srv/GetTime_Request. Asks a machine for its time, to learn how far its clock is from one's own.
type GetTime_Request struct{}

// TypeName implements Message.
func (*GetTime_Request) TypeName() string { return "cobot_vla/srv/GetTime_Request" }

// CDR implements Message.
func (m *GetTime_Request) CDR(c *CDR) { c.Empty() }

// GetTime_Response is cobot_vla/srv/GetTime_Response.
type GetTime_Response struct {
	Received Time // when the request came
	Replied  Time // when the response left
}

// TypeName implements Message.
func (*GetTime_Response) TypeName() string { return "cobot_vla/srv/GetTime_Response" }

// CDR implements Message.
func (m *GetTime_Response) CDR(c *CDR) {
	m.Received.CDR(c)
	m.Replied.CDR(c)
}
