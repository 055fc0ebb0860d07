//go:build dds

package dds

import "strings"

// The names that rmw_cyclonedds_cpp gives to ROS 2's on the wire (its
// namespace_prefix.hpp, demangle.cpp and serdata.cpp).

const (
	topicPrefix   = "rt"
	requestPrefix = "rq"
	replyPrefix   = "rr"
	requestSuffix = "Request"
	replySuffix   = "Reply"
)

func ddsTopic(topic string) string       { return topicPrefix + topic }
func requestTopic(service string) string { return requestPrefix + service + requestSuffix }
func replyTopic(service string) string   { return replyPrefix + service + replySuffix }

// ddsType turns sensor_msgs/msg/Image into sensor_msgs::msg::dds_::Image_.
func ddsType(rosType string) string {
	i := strings.LastIndexByte(rosType, '/')
	return strings.ReplaceAll(rosType[:i+1], "/", "::") + "dds_::" + rosType[i+1:] + "_"
}

// rosType is the reverse of ddsType; a type that is not ROS 2's stays as it is.
func rosType(ddsType string) string {
	namespace, name, ok := strings.Cut(ddsType, "dds_::")
	if !ok || !strings.HasSuffix(name, "_") {
		return ddsType
	}
	return strings.ReplaceAll(namespace, "::", "/") + strings.TrimSuffix(name, "_")
}

// rosTopic is the ROS 2 topic of a DDS topic.
func rosTopic(ddsTopic string) (string, bool) {
	return cutName(ddsTopic, topicPrefix, "")
}

// rosService is the service whose requests a DDS topic carries.
func rosService(ddsTopic string) (string, bool) {
	return cutName(ddsTopic, requestPrefix, requestSuffix)
}

func cutName(s, prefix, suffix string) (string, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok || !strings.HasPrefix(s, "/") {
		return "", false
	}
	return strings.CutSuffix(s, suffix)
}

// keyValue finds a key in text of the form "key=value;key=value;".
func keyValue(text, key string) (string, bool) {
	for pair := range strings.SplitSeq(text, ";") {
		if k, v, ok := strings.Cut(pair, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}
