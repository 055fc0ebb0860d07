package msgs

// Trigger_Request is std_srvs/srv/Trigger_Request.
type Trigger_Request struct{}

// TypeName implements Message.
func (*Trigger_Request) TypeName() string { return "std_srvs/srv/Trigger_Request" }

// CDR implements Message.
func (*Trigger_Request) CDR(c *CDR) { c.Empty() }

// Trigger_Response is std_srvs/srv/Trigger_Response.
type Trigger_Response struct {
	Success bool
	Message string
}

// TypeName implements Message.
func (*Trigger_Response) TypeName() string { return "std_srvs/srv/Trigger_Response" }

// CDR implements Message.
func (m *Trigger_Response) CDR(c *CDR) {
	c.Bool(&m.Success)
	c.String(&m.Message)
}

// SetBool_Request is std_srvs/srv/SetBool_Request.
type SetBool_Request struct {
	Data bool
}

// TypeName implements Message.
func (*SetBool_Request) TypeName() string { return "std_srvs/srv/SetBool_Request" }

// CDR implements Message.
func (m *SetBool_Request) CDR(c *CDR) {
	c.Bool(&m.Data)
}

// SetBool_Response is std_srvs/srv/SetBool_Response.
type SetBool_Response struct {
	Success bool
	Message string
}

// TypeName implements Message.
func (*SetBool_Response) TypeName() string { return "std_srvs/srv/SetBool_Response" }

// CDR implements Message.
func (m *SetBool_Response) CDR(c *CDR) {
	c.Bool(&m.Success)
	c.String(&m.Message)
}
