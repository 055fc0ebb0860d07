package msgs

// Header is std_msgs/msg/Header.
type Header struct {
	Stamp   Time
	FrameID string
}

// TypeName implements Message.
func (*Header) TypeName() string { return "std_msgs/msg/Header" }

// CDR implements Message.
func (m *Header) CDR(c *CDR) {
	m.Stamp.CDR(c)
	c.String(&m.FrameID)
}

// String is std_msgs/msg/String.
type String struct {
	Data string
}

// TypeName implements Message.
func (*String) TypeName() string { return "std_msgs/msg/String" }

// CDR implements Message.
func (m *String) CDR(c *CDR) {
	c.String(&m.Data)
}

// Bool is std_msgs/msg/Bool.
type Bool struct {
	Data bool
}

// TypeName implements Message.
func (*Bool) TypeName() string { return "std_msgs/msg/Bool" }

// CDR implements Message.
func (m *Bool) CDR(c *CDR) {
	c.Bool(&m.Data)
}
