package msgs

// KeyValue is diagnostic_msgs/msg/KeyValue.
type KeyValue struct {
	Key   string
	Value string
}

// TypeName implements Message.
func (*KeyValue) TypeName() string { return "diagnostic_msgs/msg/KeyValue" }

// CDR implements Message.
func (m *KeyValue) CDR(c *CDR) {
	c.String(&m.Key)
	c.String(&m.Value)
}

// DiagnosticStatus is diagnostic_msgs/msg/DiagnosticStatus.
type DiagnosticStatus struct {
	Level      uint8 `rosidl:"byte"` // DiagOK to DiagStale
	Name       string
	Message    string
	HardwareID string
	Values     []KeyValue
}

// TypeName implements Message.
func (*DiagnosticStatus) TypeName() string { return "diagnostic_msgs/msg/DiagnosticStatus" }

// CDR implements Message.
func (m *DiagnosticStatus) CDR(c *CDR) {
	c.U8(&m.Level)
	c.String(&m.Name)
	c.String(&m.Message)
	c.String(&m.HardwareID)
	Seq(c, &m.Values, Visit[KeyValue])
}

// DiagnosticArray is diagnostic_msgs/msg/DiagnosticArray.
type DiagnosticArray struct {
	Header Header
	Status []DiagnosticStatus
}

// TypeName implements Message.
func (*DiagnosticArray) TypeName() string { return "diagnostic_msgs/msg/DiagnosticArray" }

// CDR implements Message.
func (m *DiagnosticArray) CDR(c *CDR) {
	m.Header.CDR(c)
	Seq(c, &m.Status, Visit[DiagnosticStatus])
}
