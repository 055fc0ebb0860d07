package msgs

// TFMessage is tf2_msgs/msg/TFMessage.
type TFMessage struct {
	Transforms []TransformStamped
}

// TypeName implements Message.
func (*TFMessage) TypeName() string { return "tf2_msgs/msg/TFMessage" }

// CDR implements Message.
func (m *TFMessage) CDR(c *CDR) {
	Seq(c, &m.Transforms, Visit[TransformStamped])
}
