package rcl

import "time"

// Reliability and Durability are ROS 2's quality-of-service policies.
type (
	Reliability uint8
	Durability  uint8
)

const (
	// Reliable delivers every message that the history still holds.
	Reliable Reliability = iota
	// BestEffort may lose messages.
	BestEffort
)

const (
	// Volatile: a late subscriber gets what is published from then on.
	Volatile Durability = iota
	// TransientLocal: a late subscriber also gets the last Depth messages.
	TransientLocal
)

// QoS is ROS 2's quality of service. History is always KEEP_LAST: a slow
// subscriber loses the oldest, and the loss is counted.
type QoS struct {
	// Reliability; default Reliable.
	Reliability Reliability
	// Durability; default Volatile.
	Durability Durability
	// Depth of the queue in messages; 0 means 10, ROS 2's default.
	Depth int
	// Deadline between two messages; a subscription counts each period without one. 0: none.
	Deadline time.Duration
}

// The profiles the suite uses.
var (
	// Default is ROS 2's default profile: reliable, volatile, depth 10.
	Default = QoS{Depth: 10}
	// SensorData is ROS 2's profile for fast sensor streams: best effort, depth 5.
	SensorData = QoS{Reliability: BestEffort, Depth: 5}
	// Newest keeps one message, reliable: for commands, where only the last counts.
	Newest = QoS{Depth: 1}
	// NewestSensor keeps one message and takes it from reliable and best-effort publishers alike.
	NewestSensor = QoS{Reliability: BestEffort, Depth: 1}
	// Latched keeps the last message for those who come late: /tf_static, /robot_description, /instruction.
	Latched = QoS{Durability: TransientLocal, Depth: 1}
)

// KeepLast is the depth, at least 1.
func (q QoS) KeepLast() int {
	if q.Depth <= 0 {
		return Default.Depth
	}
	return q.Depth
}

// Compatible says whether a subscription that requests want can hear a
// publisher that offers q, by DDS's request-versus-offer rules; otherwise policy
// names the one that does not fit.
func (q QoS) Compatible(want QoS) (ok bool, policy string) {
	switch {
	case want.Reliability == Reliable && q.Reliability == BestEffort:
		return false, "reliability"
	case want.Durability == TransientLocal && q.Durability == Volatile:
		return false, "durability"
	case want.Deadline > 0 && (q.Deadline == 0 || q.Deadline > want.Deadline):
		return false, "deadline"
	}
	return true, ""
}
