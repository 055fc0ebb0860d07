package msgs

// Vector3 is geometry_msgs/msg/Vector3.
type Vector3 struct {
	X float64
	Y float64
	Z float64
}

// TypeName implements Message.
func (*Vector3) TypeName() string { return "geometry_msgs/msg/Vector3" }

// CDR implements Message.
func (m *Vector3) CDR(c *CDR) {
	c.F64(&m.X)
	c.F64(&m.Y)
	c.F64(&m.Z)
}

// Point is geometry_msgs/msg/Point.
type Point struct {
	X float64
	Y float64
	Z float64
}

// TypeName implements Message.
func (*Point) TypeName() string { return "geometry_msgs/msg/Point" }

// CDR implements Message.
func (m *Point) CDR(c *CDR) {
	c.F64(&m.X)
	c.F64(&m.Y)
	c.F64(&m.Z)
}

// Quaternion is geometry_msgs/msg/Quaternion.
type Quaternion struct {
	X float64
	Y float64
	Z float64
	W float64
}

// TypeName implements Message.
func (*Quaternion) TypeName() string { return "geometry_msgs/msg/Quaternion" }

// CDR implements Message.
func (m *Quaternion) CDR(c *CDR) {
	c.F64(&m.X)
	c.F64(&m.Y)
	c.F64(&m.Z)
	c.F64(&m.W)
}

// Pose is geometry_msgs/msg/Pose.
type Pose struct {
	Position    Point
	Orientation Quaternion
}

// TypeName implements Message.
func (*Pose) TypeName() string { return "geometry_msgs/msg/Pose" }

// CDR implements Message.
func (m *Pose) CDR(c *CDR) {
	m.Position.CDR(c)
	m.Orientation.CDR(c)
}

// PoseStamped is geometry_msgs/msg/PoseStamped.
type PoseStamped struct {
	Header Header
	Pose   Pose
}

// TypeName implements Message.
func (*PoseStamped) TypeName() string { return "geometry_msgs/msg/PoseStamped" }

// CDR implements Message.
func (m *PoseStamped) CDR(c *CDR) {
	m.Header.CDR(c)
	m.Pose.CDR(c)
}

// PoseWithCovariance is geometry_msgs/msg/PoseWithCovariance.
type PoseWithCovariance struct {
	Pose       Pose
	Covariance [36]float64
}

// TypeName implements Message.
func (*PoseWithCovariance) TypeName() string { return "geometry_msgs/msg/PoseWithCovariance" }

// CDR implements Message.
func (m *PoseWithCovariance) CDR(c *CDR) {
	m.Pose.CDR(c)
	Array(c, m.Covariance[:], (*CDR).F64)
}

// Twist is geometry_msgs/msg/Twist.
type Twist struct {
	Linear  Vector3 // [m/s]
	Angular Vector3 // [rad/s]
}

// TypeName implements Message.
func (*Twist) TypeName() string { return "geometry_msgs/msg/Twist" }

// CDR implements Message.
func (m *Twist) CDR(c *CDR) {
	m.Linear.CDR(c)
	m.Angular.CDR(c)
}

// TwistWithCovariance is geometry_msgs/msg/TwistWithCovariance.
type TwistWithCovariance struct {
	Twist      Twist
	Covariance [36]float64
}

// TypeName implements Message.
func (*TwistWithCovariance) TypeName() string { return "geometry_msgs/msg/TwistWithCovariance" }

// CDR implements Message.
func (m *TwistWithCovariance) CDR(c *CDR) {
	m.Twist.CDR(c)
	Array(c, m.Covariance[:], (*CDR).F64)
}

// Transform is geometry_msgs/msg/Transform.
type Transform struct {
	Translation Vector3
	Rotation    Quaternion
}

// TypeName implements Message.
func (*Transform) TypeName() string { return "geometry_msgs/msg/Transform" }

// CDR implements Message.
func (m *Transform) CDR(c *CDR) {
	m.Translation.CDR(c)
	m.Rotation.CDR(c)
}

// TransformStamped is geometry_msgs/msg/TransformStamped.
type TransformStamped struct {
	Header       Header
	ChildFrameID string
	Transform    Transform
}

// TypeName implements Message.
func (*TransformStamped) TypeName() string { return "geometry_msgs/msg/TransformStamped" }

// CDR implements Message.
func (m *TransformStamped) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.ChildFrameID)
	m.Transform.CDR(c)
}
