// Package ros2 is an rcl.Transport over ROS 2 itself (Humble), through its C
// client library as github.com/tiiuae/rclgo binds it: whatever middleware
// RMW_IMPLEMENTATION names moves the messages. The program makes one Transport a
// process and gives it to rcl.New.
//
// The build needs the tag ros2, cgo and the headers of a sourced ROS 2;
// `colcon build` finds them. The interface packages are looked for at run time.
//
// # Messages
//
// Nothing is generated. A topic carries serialized messages: msgs encodes into a
// buffer that is kept for the next message, and rcl takes its bytes. The type
// supports of the messages are loaded by name from the interface packages'
// libraries. For services rcl has no serialized calls, so one type support
// written by hand stands for all: rosidl's introspection says how large a
// request or response is in memory and how it begins and ends, and rmw converts
// it from and to CDR.
//
// # Threads
//
// One goroutine waits for everything that arrives and delivers it. It learns of
// a new subscription or client by a guard condition, so that they may be made at
// any time, and takes each message out of rcl's hands at once: what a slow
// subscription loses is lost, and counted, in its own queue. A take that yields
// nothing is no error: rcl_wait also wakes when a publisher leaves.
//
// # What rclgo lacks
//
// rclgo makes contexts, nodes and their parts, and reads the graph. Waiting for
// parts that are made later, the identity of a publisher, events of the quality
// of service, readiness of a service and calls in order are not in it; for these
// bridge.c calls rcl with the handles that rclgo keeps (handles.go).
package ros2
