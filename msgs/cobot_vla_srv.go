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
