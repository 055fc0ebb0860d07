//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"math"
	"strconv"
	"time"

	"cobot_vla/nodes/rcl"
)

// readerHistory is the least number of messages that Cyclone DDS keeps of a
// topic until they are delivered, which takes microseconds. The depth asked for
// is the queue behind it, where what is lost is counted.
const readerHistory = 128

// serviceHistory is the number of requests or responses under way at once.
// ROS 2's is 10, and the eleventh of a burst is lost. Only readers and writers of
// one program know their history, so it does not keep others from matching.
const serviceHistory = 1000

// infinity is DDS_INFINITY.
const infinity = math.MaxInt64

// ddsQoS is QoS for a reader or writer as rmw_cyclonedds_cpp sets it
// (create_readwrite_qos in rmw_node.cpp), but for what maxBlocking and
// readerHistory say. The caller frees it with dds_delete_qos.
func ddsQoS(q rcl.QoS, history int) *C.dds_qos_t {
	d := C.dds_create_qos()
	C.dds_qset_writer_data_lifecycle(d, false)
	depth := C.int32_t(min(history, math.MaxInt32))
	C.dds_qset_history(d, C.DDS_HISTORY_KEEP_LAST, depth)
	if q.Reliability == rcl.Reliable {
		C.dds_qset_reliability(d, C.DDS_RELIABILITY_RELIABLE, C.dds_duration_t(maxBlocking))
	} else {
		C.dds_qset_reliability(d, C.DDS_RELIABILITY_BEST_EFFORT, 0)
	}
	if q.Durability == rcl.TransientLocal {
		C.dds_qset_durability(d, C.DDS_DURABILITY_TRANSIENT_LOCAL)
		C.dds_qset_durability_service(d, 0, C.DDS_HISTORY_KEEP_LAST, depth, C.DDS_LENGTH_UNLIMITED, C.DDS_LENGTH_UNLIMITED, C.DDS_LENGTH_UNLIMITED)
	} else {
		C.dds_qset_durability(d, C.DDS_DURABILITY_VOLATILE)
	}
	if q.Deadline > 0 {
		C.dds_qset_deadline(d, C.dds_duration_t(q.Deadline))
	}
	C.dds_qset_liveliness(d, C.DDS_LIVELINESS_AUTOMATIC, infinity)
	return d
}

// rosQoS is the reverse, for what others announce. KEEP_ALL, which rcl has not,
// is the greatest depth.
func rosQoS(d *C.dds_qos_t) rcl.QoS {
	q := rcl.QoS{Reliability: rcl.BestEffort, Depth: 1} // DDS's defaults for a reader
	if d == nil {
		return q
	}
	var history C.dds_history_kind_t
	var depth C.int32_t
	if C.dds_qget_history(d, &history, &depth) {
		q.Depth = int(depth)
		if history == C.DDS_HISTORY_KEEP_ALL {
			q.Depth = math.MaxInt32
		}
	}
	var reliability C.dds_reliability_kind_t
	var blocking C.dds_duration_t
	if C.dds_qget_reliability(d, &reliability, &blocking) && reliability == C.DDS_RELIABILITY_RELIABLE {
		q.Reliability = rcl.Reliable
	}
	var durability C.dds_durability_kind_t
	if C.dds_qget_durability(d, &durability) && durability != C.DDS_DURABILITY_VOLATILE {
		q.Durability = rcl.TransientLocal
	}
	var deadline C.dds_duration_t
	if C.dds_qget_deadline(d, &deadline) && deadline < infinity {
		q.Deadline = time.Duration(deadline)
	}
	return q
}

// policy names the policy of DDS that two ends disagree on.
func policy(id C.uint32_t) string {
	switch id {
	case C.DDS_RELIABILITY_QOS_POLICY_ID:
		return "reliability"
	case C.DDS_DURABILITY_QOS_POLICY_ID:
		return "durability"
	case C.DDS_DEADLINE_QOS_POLICY_ID:
		return "deadline"
	case C.DDS_LIVELINESS_QOS_POLICY_ID:
		return "liveliness"
	}
	return "policy " + strconv.Itoa(int(id))
}
