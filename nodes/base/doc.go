// Package base is the node that drives the Tracer base. It takes navigation
// goals (forward so many metres, turn so many radians, stop) and /cmd_vel from
// whoever holds the authority over the base, and streams velocity to the CAN driver at 50 Hz.
//
// A goal is a profile closed on odometry: the speed never exceeds its limit, what
// the acceleration limit allows, or what can be braked in the distance left. Every
// way out of a goal, done, aborted, authority lost, e-stop, goes through the same
// ramp to zero, and zero goes on being sent: silence is what the base's own
// 500 ms watchdog is for.
package base
