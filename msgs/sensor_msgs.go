package msgs

// Image is sensor_msgs/msg/Image.
type Image struct {
	Header      Header
	Height      uint32
	Width       uint32
	Encoding    string
	IsBigendian uint8
	Step        uint32 // bytes per row
	Data        []uint8
}

// TypeName implements Message.
func (*Image) TypeName() string { return "sensor_msgs/msg/Image" }

// CDR implements Message.
func (m *Image) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U32(&m.Height)
	c.U32(&m.Width)
	c.String(&m.Encoding)
	c.U8(&m.IsBigendian)
	c.U32(&m.Step)
	c.Bytes(&m.Data)
}

// CompressedImage is sensor_msgs/msg/CompressedImage.
type CompressedImage struct {
	Header Header
	Format string
	Data   []uint8
}

// TypeName implements Message.
func (*CompressedImage) TypeName() string { return "sensor_msgs/msg/CompressedImage" }

// CDR implements Message.
func (m *CompressedImage) CDR(c *CDR) {
	m.Header.CDR(c)
	c.String(&m.Format)
	c.Bytes(&m.Data)
}

// RegionOfInterest is sensor_msgs/msg/RegionOfInterest.
type RegionOfInterest struct {
	XOffset   uint32
	YOffset   uint32
	Height    uint32
	Width     uint32
	DoRectify bool
}

// TypeName implements Message.
func (*RegionOfInterest) TypeName() string { return "sensor_msgs/msg/RegionOfInterest" }

// CDR implements Message.
func (m *RegionOfInterest) CDR(c *CDR) {
	c.U32(&m.XOffset)
	c.U32(&m.YOffset)
	c.U32(&m.Height)
	c.U32(&m.Width)
	c.Bool(&m.DoRectify)
}

// CameraInfo is sensor_msgs/msg/CameraInfo.
type CameraInfo struct {
	Header          Header
	Height          uint32
	Width           uint32
	DistortionModel string
	D               []float64
	K               [9]float64
	R               [9]float64
	P               [12]float64
	BinningX        uint32
	BinningY        uint32
	Roi             RegionOfInterest
}

// TypeName implements Message.
func (*CameraInfo) TypeName() string { return "sensor_msgs/msg/CameraInfo" }

// CDR implements Message.
func (m *CameraInfo) CDR(c *CDR) {
	m.Header.CDR(c)
	c.U32(&m.Height)
	c.U32(&m.Width)
	c.String(&m.DistortionModel)
	c.F64s(&m.D)
	Array(c, m.K[:], (*CDR).F64)
	Array(c, m.R[:], (*CDR).F64)
	Array(c, m.P[:], (*CDR).F64)
	c.U32(&m.BinningX)
	c.U32(&m.BinningY)
	m.Roi.CDR(c)
}

// JointState is sensor_msgs/msg/JointState.
type JointState struct {
	Header   Header
	Name     []string
	Position []float64 // [rad], a gripper's opening width [m]
	Velocity []float64 // [rad/s], [m/s]
	Effort   []float64 // [N·m], a gripper's force [N]
}

// TypeName implements Message.
func (*JointState) TypeName() string { return "sensor_msgs/msg/JointState" }

// CDR implements Message.
func (m *JointState) CDR(c *CDR) {
	m.Header.CDR(c)
	c.Strings(&m.Name)
	c.F64s(&m.Position)
	c.F64s(&m.Velocity)
	c.F64s(&m.Effort)
}

// Joy is sensor_msgs/msg/Joy.
type Joy struct {
	Header  Header
	Axes    []float32
	Buttons []int32
}

// TypeName implements Message.
func (*Joy) TypeName() string { return "sensor_msgs/msg/Joy" }

// CDR implements Message.
func (m *Joy) CDR(c *CDR) {
	m.Header.CDR(c)
	Seq(c, &m.Axes, (*CDR).F32)
	Seq(c, &m.Buttons, (*CDR).I32)
}
