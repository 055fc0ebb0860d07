package dashboard

import "encoding/binary"

// The Foxglove WebSocket protocol, version 1 (github.com/foxglove/ws-protocol,
// docs/spec.md), as far as a server needs it that only shows: text messages are
// JSON with an `op`, binary ones start with an opcode; all integers are
// little-endian. The SDK's subprotocol is the same protocol under a newer name
// (github.com/foxglove/foxglove-sdk, rust/foxglove/src/websocket/handshake.rs).

// foxgloveSubprotocols are those we speak, the preferred one first.
var foxgloveSubprotocols = []string{"foxglove.sdk.v1", "foxglove.websocket.v1"}

const (
	opMessageData = 0x01
	opTime        = 0x02
)

type foxServerInfo struct {
	Op           string            `json:"op"` // serverInfo
	Name         string            `json:"name"`
	Capabilities []string          `json:"capabilities"`
	Encodings    []string          `json:"supportedEncodings"` // of what clients publish: none
	Metadata     map[string]string `json:"metadata"`
	Session      string            `json:"sessionId"`
}

type foxAdvertise struct {
	Op       string       `json:"op"` // advertise
	Channels []foxChannel `json:"channels"`
}

type foxChannel struct {
	ID             uint32 `json:"id"`
	Topic          string `json:"topic"`
	Encoding       string `json:"encoding"`   // cdr
	SchemaName     string `json:"schemaName"` // sensor_msgs/msg/Image
	Schema         string `json:"schema"`
	SchemaEncoding string `json:"schemaEncoding"` // ros2msg
}

type foxUnadvertise struct {
	Op       string   `json:"op"` // unadvertise
	Channels []uint32 `json:"channelIds"`
}

// Levels of a status.
const (
	foxWarning = 1
	foxError   = 2
)

type foxStatus struct {
	Op      string `json:"op"` // status
	Level   int    `json:"level"`
	Message string `json:"message"`
	ID      string `json:"id,omitempty"` // a later one of the same id replaces it
}

// foxRequest is what a client says; of it we know subscribe and unsubscribe.
type foxRequest struct {
	Op            string `json:"op"`
	Subscriptions []struct {
		ID        uint32 `json:"id"`
		ChannelID uint32 `json:"channelId"`
	} `json:"subscriptions"`
	SubscriptionIDs []uint32 `json:"subscriptionIds"`
}

// foxMessage is a message of a subscription: opcode, subscription, time of receipt [ns], CDR.
func foxMessage(subscription uint32, nanoseconds uint64, cdr []byte) []byte {
	b := make([]byte, 0, 13+len(cdr))
	b = append(b, opMessageData)
	b = binary.LittleEndian.AppendUint32(b, subscription)
	b = binary.LittleEndian.AppendUint64(b, nanoseconds)
	return append(b, cdr...)
}

// foxTime is the simulator's time [ns].
func foxTime(nanoseconds uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{opTime}, nanoseconds)
}
