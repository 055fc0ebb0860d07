package msgs

import "slices"

// New returns an empty message of the named type, e.g. "sensor_msgs/msg/Image"
// or "std_srvs/srv/Trigger_Request", and whether this package has it. It is for
// tools that learn types at run time; nodes name theirs in Go.
func New(typeName string) (Message, bool) {
	for _, m := range all() {
		if m.TypeName() == typeName {
			return m, true
		}
	}
	return nil, false
}

// TypeNames lists every type of this package, sorted.
func TypeNames() []string {
	var names []string
	for _, m := range all() {
		names = append(names, m.TypeName())
	}
	slices.Sort(names)
	return names
}

// all is one empty message of every type.
func all() []Message {
	return []Message{
		new(Time),
		new(Duration),
		new(Header),
		new(String),
		new(Bool),
		new(Trigger_Request),
		new(Trigger_Response),
		new(SetBool_Request),
		new(SetBool_Response),
		new(Vector3),
		new(Point),
		new(Quaternion),
		new(Pose),
		new(PoseStamped),
		new(PoseWithCovariance),
		new(Twist),
		new(TwistWithCovariance),
		new(Transform),
		new(TransformStamped),
		new(Image),
		new(CompressedImage),
		new(RegionOfInterest),
		new(CameraInfo),
		new(JointState),
		new(Joy),
		new(Odometry),
		new(TFMessage),
		new(Clock),
		new(KeyValue),
		new(DiagnosticStatus),
		new(DiagnosticArray),
		new(ParameterValue),
		new(Parameter),
		new(FloatingPointRange),
		new(IntegerRange),
		new(ParameterDescriptor),
		new(SetParametersResult),
		new(ListParametersResult),
		new(ParameterEvent),
		new(ParameterEventDescriptors),
		new(Log),
		new(GetParameters_Request),
		new(GetParameters_Response),
		new(SetParameters_Request),
		new(SetParameters_Response),
		new(SetParametersAtomically_Request),
		new(SetParametersAtomically_Response),
		new(ListParameters_Request),
		new(ListParameters_Response),
		new(DescribeParameters_Request),
		new(DescribeParameters_Response),
		new(GetParameterTypes_Request),
		new(GetParameterTypes_Response),
		new(State),
		new(Transition),
		new(TransitionDescription),
		new(TransitionEvent),
		new(ChangeState_Request),
		new(ChangeState_Response),
		new(GetState_Request),
		new(GetState_Response),
		new(GetAvailableStates_Request),
		new(GetAvailableStates_Response),
		new(GetAvailableTransitions_Request),
		new(GetAvailableTransitions_Response),
		new(View),
		new(Views),
		new(ProprioTokens),
		new(NavigationToken),
		new(ActionChunk),
		new(MotionStatus),
		new(Authority),
		new(PartStatus),
		new(Heartbeat),
		new(TaskVerdict),
		new(StreamStatus),
		new(RecorderStatus),
		new(Acquire_Request),
		new(Acquire_Response),
		new(GetTime_Request),
		new(GetTime_Response),
		new(StartEpisode_Request),
		new(StartEpisode_Response),
		new(EndEpisode_Request),
		new(EndEpisode_Response),
		new(MarkEpisode_Request),
		new(MarkEpisode_Response),
	}
}
