package msgs

// Types of a ParameterValue (rcl_interfaces/msg/ParameterType).
const (
	ParameterNotSet       uint8 = 0
	ParameterBool         uint8 = 1
	ParameterInteger      uint8 = 2
	ParameterDouble       uint8 = 3
	ParameterString       uint8 = 4
	ParameterByteArray    uint8 = 5
	ParameterBoolArray    uint8 = 6
	ParameterIntegerArray uint8 = 7
	ParameterDoubleArray  uint8 = 8
	ParameterStringArray  uint8 = 9
)

// Levels of a Log.
const (
	LogDebug uint8 = 10
	LogInfo  uint8 = 20
	LogWarn  uint8 = 30
	LogError uint8 = 40
	LogFatal uint8 = 50
)

// DepthRecursive asks ListParameters for every level.
const DepthRecursive uint64 = 0

// ParameterValue is rcl_interfaces/msg/ParameterValue. A tagged union: Type says which field counts.
type ParameterValue struct {
	Type              uint8 // one of ParameterNotSet to ParameterStringArray
	BoolValue         bool
	IntegerValue      int64
	DoubleValue       float64
	StringValue       string
	ByteArrayValue    []uint8 `rosidl:"byte[]"`
	BoolArrayValue    []bool
	IntegerArrayValue []int64
	DoubleArrayValue  []float64
	StringArrayValue  []string
}

// TypeName implements Message.
func (*ParameterValue) TypeName() string { return "rcl_interfaces/msg/ParameterValue" }

// CDR implements Message.
func (m *ParameterValue) CDR(c *CDR) {
	c.U8(&m.Type)
	c.Bool(&m.BoolValue)
	c.I64(&m.IntegerValue)
	c.F64(&m.DoubleValue)
	c.String(&m.StringValue)
	c.Bytes(&m.ByteArrayValue)
	c.Bools(&m.BoolArrayValue)
	c.I64s(&m.IntegerArrayValue)
	c.F64s(&m.DoubleArrayValue)
	c.Strings(&m.StringArrayValue)
}

// Parameter is rcl_interfaces/msg/Parameter.
type Parameter struct {
	Name  string // full name: dots separate groups
	Value ParameterValue
}

// TypeName implements Message.
func (*Parameter) TypeName() string { return "rcl_interfaces/msg/Parameter" }

// CDR implements Message.
func (m *Parameter) CDR(c *CDR) {
	c.String(&m.Name)
	m.Value.CDR(c)
}

// FloatingPointRange is rcl_interfaces/msg/FloatingPointRange. Both bounds are allowed values.
type FloatingPointRange struct {
	FromValue float64
	ToValue   float64
	Step      float64 // 0: any value between the bounds
}

// TypeName implements Message.
func (*FloatingPointRange) TypeName() string { return "rcl_interfaces/msg/FloatingPointRange" }

// CDR implements Message.
func (m *FloatingPointRange) CDR(c *CDR) {
	c.F64(&m.FromValue)
	c.F64(&m.ToValue)
	c.F64(&m.Step)
}

// IntegerRange is rcl_interfaces/msg/IntegerRange. Both bounds are allowed values.
type IntegerRange struct {
	FromValue int64
	ToValue   int64
	Step      uint64 // 0: any value between the bounds
}

// TypeName implements Message.
func (*IntegerRange) TypeName() string { return "rcl_interfaces/msg/IntegerRange" }

// CDR implements Message.
func (m *IntegerRange) CDR(c *CDR) {
	c.I64(&m.FromValue)
	c.I64(&m.ToValue)
	c.U64(&m.Step)
}

// ParameterDescriptor is rcl_interfaces/msg/ParameterDescriptor.
type ParameterDescriptor struct {
	Name                  string
	Type                  uint8 // one of ParameterNotSet to ParameterStringArray
	Description           string
	AdditionalConstraints string               // in words, for people
	ReadOnly              bool                 // can't change after the node's start
	DynamicTyping         bool                 // may change its type
	FloatingPointRange    []FloatingPointRange `rosidl:"rcl_interfaces/FloatingPointRange[<=1]"` // none or one
	IntegerRange          []IntegerRange       `rosidl:"rcl_interfaces/IntegerRange[<=1]"`       // none or one
}

// TypeName implements Message.
func (*ParameterDescriptor) TypeName() string { return "rcl_interfaces/msg/ParameterDescriptor" }

// CDR implements Message.
func (m *ParameterDescriptor) CDR(c *CDR) {
	c.String(&m.Name)
	c.U8(&m.Type)
	c.String(&m.Description)
	c.String(&m.AdditionalConstraints)
	c.Bool(&m.ReadOnly)
	c.Bool(&m.DynamicTyping)
	Bounded(c, &m.FloatingPointRange, 1, Visit[FloatingPointRange])
	Bounded(c, &m.IntegerRange, 1, Visit[IntegerRange])
}

// SetParametersResult is rcl_interfaces/msg/SetParametersResult.
type SetParametersResult struct {
	Successful bool
	Reason     string // why not, when not
}

// TypeName implements Message.
func (*SetParametersResult) TypeName() string { return "rcl_interfaces/msg/SetParametersResult" }

// CDR implements Message.
func (m *SetParametersResult) CDR(c *CDR) {
	c.Bool(&m.Successful)
	c.String(&m.Reason)
}

// ListParametersResult is rcl_interfaces/msg/ListParametersResult.
type ListParametersResult struct {
	Names    []string
	Prefixes []string
}

// TypeName implements Message.
func (*ListParametersResult) TypeName() string { return "rcl_interfaces/msg/ListParametersResult" }

// CDR implements Message.
func (m *ListParametersResult) CDR(c *CDR) {
	c.Strings(&m.Names)
	c.Strings(&m.Prefixes)
}

// ParameterEvent is rcl_interfaces/msg/ParameterEvent. What changed of a node's parameters, on /parameter_events.
type ParameterEvent struct {
	Stamp             Time
	Node              string // fully qualified name
	NewParameters     []Parameter
	ChangedParameters []Parameter
	DeletedParameters []Parameter
}

// TypeName implements Message.
func (*ParameterEvent) TypeName() string { return "rcl_interfaces/msg/ParameterEvent" }

// CDR implements Message.
func (m *ParameterEvent) CDR(c *CDR) {
	m.Stamp.CDR(c)
	c.String(&m.Node)
	Seq(c, &m.NewParameters, Visit[Parameter])
	Seq(c, &m.ChangedParameters, Visit[Parameter])
	Seq(c, &m.DeletedParameters, Visit[Parameter])
}

// ParameterEventDescriptors is rcl_interfaces/msg/ParameterEventDescriptors.
type ParameterEventDescriptors struct {
	NewParameters     []ParameterDescriptor
	ChangedParameters []ParameterDescriptor
	DeletedParameters []ParameterDescriptor
}

// TypeName implements Message.
func (*ParameterEventDescriptors) TypeName() string {
	return "rcl_interfaces/msg/ParameterEventDescriptors"
}

// CDR implements Message.
func (m *ParameterEventDescriptors) CDR(c *CDR) {
	Seq(c, &m.NewParameters, Visit[ParameterDescriptor])
	Seq(c, &m.ChangedParameters, Visit[ParameterDescriptor])
	Seq(c, &m.DeletedParameters, Visit[ParameterDescriptor])
}

// Log is rcl_interfaces/msg/Log. One line of a node's log, on /rosout.
type Log struct {
	Stamp    Time
	Level    uint8  // LogDebug to LogFatal
	Name     string // of the logger
	Msg      string
	File     string
	Function string
	Line     uint32
}

// TypeName implements Message.
func (*Log) TypeName() string { return "rcl_interfaces/msg/Log" }

// CDR implements Message.
func (m *Log) CDR(c *CDR) {
	m.Stamp.CDR(c)
	c.U8(&m.Level)
	c.String(&m.Name)
	c.String(&m.Msg)
	c.String(&m.File)
	c.String(&m.Function)
	c.U32(&m.Line)
}

// GetParameters_Request is rcl_interfaces/srv/GetParameters_Request.
type GetParameters_Request struct {
	Names []string
}

// TypeName implements Message.
func (*GetParameters_Request) TypeName() string { return "rcl_interfaces/srv/GetParameters_Request" }

// CDR implements Message.
func (m *GetParameters_Request) CDR(c *CDR) {
	c.Strings(&m.Names)
}

// GetParameters_Response is rcl_interfaces/srv/GetParameters_Response.
type GetParameters_Response struct {
	Values []ParameterValue // in the order of the names asked for
}

// TypeName implements Message.
func (*GetParameters_Response) TypeName() string { return "rcl_interfaces/srv/GetParameters_Response" }

// CDR implements Message.
func (m *GetParameters_Response) CDR(c *CDR) {
	Seq(c, &m.Values, Visit[ParameterValue])
}

// SetParameters_Request is rcl_interfaces/srv/SetParameters_Request. Each parameter is set or refused by itself.
type SetParameters_Request struct {
	Parameters []Parameter
}

// TypeName implements Message.
func (*SetParameters_Request) TypeName() string { return "rcl_interfaces/srv/SetParameters_Request" }

// CDR implements Message.
func (m *SetParameters_Request) CDR(c *CDR) {
	Seq(c, &m.Parameters, Visit[Parameter])
}

// SetParameters_Response is rcl_interfaces/srv/SetParameters_Response.
type SetParameters_Response struct {
	Results []SetParametersResult // in the order of the request
}

// TypeName implements Message.
func (*SetParameters_Response) TypeName() string { return "rcl_interfaces/srv/SetParameters_Response" }

// CDR implements Message.
func (m *SetParameters_Response) CDR(c *CDR) {
	Seq(c, &m.Results, Visit[SetParametersResult])
}

// SetParametersAtomically_Request is rcl_interfaces/srv/SetParametersAtomically_Request. All parameters are set or none.
type SetParametersAtomically_Request struct {
	Parameters []Parameter
}

// TypeName implements Message.
func (*SetParametersAtomically_Request) TypeName() string {
	return "rcl_interfaces/srv/SetParametersAtomically_Request"
}

// CDR implements Message.
func (m *SetParametersAtomically_Request) CDR(c *CDR) {
	Seq(c, &m.Parameters, Visit[Parameter])
}

// SetParametersAtomically_Response is rcl_interfaces/srv/SetParametersAtomically_Response.
type SetParametersAtomically_Response struct {
	Result SetParametersResult
}

// TypeName implements Message.
func (*SetParametersAtomically_Response) TypeName() string {
	return "rcl_interfaces/srv/SetParametersAtomically_Response"
}

// CDR implements Message.
func (m *SetParametersAtomically_Response) CDR(c *CDR) {
	m.Result.CDR(c)
}

// ListParameters_Request is rcl_interfaces/srv/ListParameters_Request.
type ListParameters_Request struct {
	Prefixes []string // empty: every parameter
	Depth    uint64   // levels below a prefix, or DepthRecursive
}

// TypeName implements Message.
func (*ListParameters_Request) TypeName() string { return "rcl_interfaces/srv/ListParameters_Request" }

// CDR implements Message.
func (m *ListParameters_Request) CDR(c *CDR) {
	c.Strings(&m.Prefixes)
	c.U64(&m.Depth)
}

// ListParameters_Response is rcl_interfaces/srv/ListParameters_Response.
type ListParameters_Response struct {
	Result ListParametersResult
}

// TypeName implements Message.
func (*ListParameters_Response) TypeName() string {
	return "rcl_interfaces/srv/ListParameters_Response"
}

// CDR implements Message.
func (m *ListParameters_Response) CDR(c *CDR) {
	m.Result.CDR(c)
}

// DescribeParameters_Request is rcl_interfaces/srv/DescribeParameters_Request.
type DescribeParameters_Request struct {
	Names []string
}

// TypeName implements Message.
func (*DescribeParameters_Request) TypeName() string {
	return "rcl_interfaces/srv/DescribeParameters_Request"
}

// CDR implements Message.
func (m *DescribeParameters_Request) CDR(c *CDR) {
	c.Strings(&m.Names)
}

// DescribeParameters_Response is rcl_interfaces/srv/DescribeParameters_Response.
type DescribeParameters_Response struct {
	Descriptors []ParameterDescriptor // in the order of the names asked for
}

// TypeName implements Message.
func (*DescribeParameters_Response) TypeName() string {
	return "rcl_interfaces/srv/DescribeParameters_Response"
}

// CDR implements Message.
func (m *DescribeParameters_Response) CDR(c *CDR) {
	Seq(c, &m.Descriptors, Visit[ParameterDescriptor])
}

// GetParameterTypes_Request is rcl_interfaces/srv/GetParameterTypes_Request.
type GetParameterTypes_Request struct {
	Names []string
}

// TypeName implements Message.
func (*GetParameterTypes_Request) TypeName() string {
	return "rcl_interfaces/srv/GetParameterTypes_Request"
}

// CDR implements Message.
func (m *GetParameterTypes_Request) CDR(c *CDR) {
	c.Strings(&m.Names)
}

// GetParameterTypes_Response is rcl_interfaces/srv/GetParameterTypes_Response.
type GetParameterTypes_Response struct {
	Types []uint8 // ParameterNotSet to ParameterStringArray, in the order of the names asked for
}

// TypeName implements Message.
func (*GetParameterTypes_Response) TypeName() string {
	return "rcl_interfaces/srv/GetParameterTypes_Response"
}

// CDR implements Message.
func (m *GetParameterTypes_Response) CDR(c *CDR) {
	c.Bytes(&m.Types)
}
