//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"math"
	"strconv"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/nodes/rcl"
)

// readerHistory is the least number of messages that the middleware keeps of a
// topic until they are taken, which takes microseconds. The depth asked for is
// the queue behind it, where what is lost is counted.
const readerHistory = 128

// serviceHistory is the number of requests or responses under way at once.
// ROS 2's is 10, and the eleventh of a burst is lost. Only ends of one program
// know their history, so it does not keep others from matching.
const serviceHistory = 1000

// rosQoS is QoS for ROS 2, field by field.
func rosQoS(q rcl.QoS, history int) rclgo.QosProfile {
	p := rclgo.QosProfile{
		History:                 rclgo.HistoryKeepLast,
		Depth:                   history,
		Reliability:             rclgo.ReliabilityReliable,
		Durability:              rclgo.DurabilityVolatile,
		Deadline:                rclgo.DeadlineDefault, // none
		Lifespan:                rclgo.LifespanDefault, // none
		Liveliness:              rclgo.LivelinessSystemDefault,
		LivelinessLeaseDuration: rclgo.LivelinessLeaseDurationDefault, // the participant's
	}
	if q.Reliability == rcl.BestEffort {
		p.Reliability = rclgo.ReliabilityBestEffort
	}
	if q.Durability == rcl.TransientLocal {
		p.Durability = rclgo.DurabilityTransientLocal
	}
	if q.Deadline > 0 {
		p.Deadline = q.Deadline
	}
	return p
}

// fromROS is the reverse, for what others announce. KEEP_ALL, which rcl has not,
// is the greatest depth.
func fromROS(p rclgo.QosProfile) rcl.QoS {
	q := rcl.QoS{Depth: p.Depth}
	if p.History == rclgo.HistoryKeepAll {
		q.Depth = math.MaxInt32
	}
	if p.Reliability == rclgo.ReliabilityBestEffort {
		q.Reliability = rcl.BestEffort
	}
	if p.Durability == rclgo.DurabilityTransientLocal {
		q.Durability = rcl.TransientLocal
	}
	if p.Deadline > 0 && p.Deadline < rclgo.DurationInfinite {
		q.Deadline = p.Deadline
	}
	return q
}

// policy names the policy that two ends disagree on.
func policy(kind C.int) string {
	switch kind {
	case C.RMW_QOS_POLICY_RELIABILITY:
		return "reliability"
	case C.RMW_QOS_POLICY_DURABILITY:
		return "durability"
	case C.RMW_QOS_POLICY_DEADLINE:
		return "deadline"
	case C.RMW_QOS_POLICY_LIVELINESS:
		return "liveliness"
	}
	return "policy " + strconv.Itoa(int(kind))
}
