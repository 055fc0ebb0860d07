package msgs

// Odometry is nav_msgs/msg/Odometry.
type Odometry struct {
	Header       Header
	ChildFrameID string
	Pose         PoseWithCovariance
	Twist        TwistWithCovariance
}

// TypeName implements Message.
func (*Odometry) TypeName() string { return "nav_msgs/msg/Odometry" }

// CDR implements Message.
func (m *Odometry) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.ChildFrameID)
	m.Pose.CDR(c)
	m.Twist.CDR(c)
}
