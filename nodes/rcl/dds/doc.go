// Package dds is ROS 2's wire without ROS 2: an rcl.Transport over Eclipse
// Cyclone DDS, with the topic and type names, the quality of service, the
// service headers and the ros_discovery_info of rmw_cyclonedds_cpp in ROS 2
// Humble. Nodes run as separate processes on machines that have no ROS, and
// ROS 2 programs on the network see them as nodes of their own kind. The
// program makes one Transport a process and gives it to rcl.New.
//
// The build needs the tag dds, cgo and Debian's cyclonedds-dev (0.10).
//
// # On the wire
//
//	topic   /image_raw of sensor_msgs/msg/Image  rt/image_raw, sensor_msgs::msg::dds_::Image_
//	service /park of std_srvs/srv/Trigger        rq/parkRequest, std_srvs::srv::dds_::Trigger_Request_
//	                                             rr/parkReply, std_srvs::srv::dds_::Trigger_Response_
//
// One DDS participant stands for the process. It writes ros_discovery_info
// (rmw_dds_common/msg/ParticipantEntitiesInfo): which node made which reader
// and writer, by their GUIDs. A request and its response start with the
// client's identity and a sequence number, eight bytes each, after the CDR
// header. Sources: rmw_cyclonedds_cpp (branch humble) src/rmw_node.cpp,
// serdata.cpp, demangle.cpp; rmw_dds_common (humble) msg/*.msg. Later ROS 2
// releases shortened the GUIDs in ros_discovery_info from 24 to 16 bytes: topics
// and services work with them, node names don't.
//
// # Threads
//
// One goroutine waits for everything that Cyclone DDS received and delivers it;
// it takes a message out of Cyclone's hands within microseconds, so that what a
// slow subscription loses is lost, and counted, in its own queue. Publish
// encodes straight into the buffer that is sent, and returns when it is sent. A
// subscriber that stopped reading never holds a publisher up for longer than
// 100 ms.
package dds
