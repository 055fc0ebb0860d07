package msgs

// Clock is rosgraph_msgs/msg/Clock.
type Clock struct {
	Clock Time
}

// TypeName implements Message.
func (*Clock) TypeName() string { return "rosgraph_msgs/msg/Clock" }

// CDR implements Message.
func (m *Clock) CDR(c *CDR) {
	m.Clock.CDR(c)
}
