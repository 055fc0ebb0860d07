// Package msgs holds the suite's ROS 2 messages: the .msg and .srv files of our
// own types (msg/, srv/; rosidl generates from them), Go structs for these and
// for the standard types in use, and one CDR codec for all of them.
//
// A message type has one method, CDR, that walks its fields in declaration
// order; encoding, decoding and sizing are the same walk in three modes, so a
// field can't be written in one order and read in another. A published message
// is immutable for everybody: in process it travels as a pointer. Nodes name the
// types they use; transports and the recorder see the Message interface, and ask
// New and Definition where a type is known by its name alone.
package msgs

import (
	"math"
	"time"
)

// Message is what a topic carries, and half of what a service does.
type Message interface {
	// TypeName is the ROS 2 interface name, e.g. "sensor_msgs/msg/Image".
	TypeName() string
	// CDR visits every field in declaration order.
	CDR(c *CDR)
}

// Ptr is the constraint of generic code over message types: *T is a Message.
type Ptr[T any] interface {
	*T
	Message
}

// Stamp converts a time to builtin_interfaces/Time. Times before 1970, and after
// January 2038 (the wire has 31 bits of seconds), become zero.
func Stamp(t time.Time) Time {
	s := t.Unix()
	if s < 0 || s > math.MaxInt32 {
		return Time{}
	}
	return Time{Sec: int32(s), Nanosec: uint32(t.Nanosecond())}
}

// Go converts a stamp to Go's time; the zero stamp becomes time.Unix(0, 0).
func (t Time) Go() time.Time { return time.Unix(int64(t.Sec), int64(t.Nanosec)) }

// IsZero reports whether the stamp was never set (ROS 2's "no time").
func (t Time) IsZero() bool { return t == Time{} }

// Span converts a duration to builtin_interfaces/Duration (floor seconds, as ROS
// 2 does). One beyond 68 years, which the wire can't carry, becomes the longest.
func Span(d time.Duration) Duration {
	sec := d / time.Second
	rest := d % time.Second
	if rest < 0 {
		sec--
		rest += time.Second
	}
	switch {
	case sec > math.MaxInt32:
		return Duration{Sec: math.MaxInt32, Nanosec: 999_999_999}
	case sec < math.MinInt32:
		return Duration{Sec: math.MinInt32}
	}
	return Duration{Sec: int32(sec), Nanosec: uint32(rest)}
}

// Go converts to Go's duration.
func (d Duration) Go() time.Duration {
	return time.Duration(d.Sec)*time.Second + time.Duration(d.Nanosec)
}
