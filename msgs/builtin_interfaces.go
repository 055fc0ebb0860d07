package msgs

// Time is builtin_interfaces/msg/Time. A ROS time stamp.
type Time struct {
	Sec     int32
	Nanosec uint32
}

// TypeName implements Message.
func (*Time) TypeName() string { return "builtin_interfaces/msg/Time" }

// CDR implements Message.
func (m *Time) CDR(c *CDR) {
	c.I32(&m.Sec)
	c.U32(&m.Nanosec)
}

// Duration is builtin_interfaces/msg/Duration.
type Duration struct {
	Sec     int32
	Nanosec uint32
}

// TypeName implements Message.
func (*Duration) TypeName() string { return "builtin_interfaces/msg/Duration" }

// CDR implements Message.
func (m *Duration) CDR(c *CDR) {
	c.I32(&m.Sec)
	c.U32(&m.Nanosec)
}
