// Package rcltest holds what any rcl.Transport must do: Conformance, which every
// transport's test runs, and Loopback, which makes a transport carry bytes, as
// one between processes does, so that the codec's path is tested without one.
package rcltest

import (
	"io"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Loopback carries every message of inner as CDR bytes.
func Loopback(inner rcl.Transport) rcl.Transport { return loopback{inner} }

type loopback struct{ rcl.Transport }

func (l loopback) Node(name rcl.FullName) (rcl.Endpoint, error) {
	e, err := l.Transport.Node(name)
	if err != nil {
		return nil, err
	}
	return loopbackEndpoint{e}, nil
}

type loopbackEndpoint struct{ rcl.Endpoint }

func (e loopbackEndpoint) Subscribe(topic, typeName string, qos rcl.QoS, deliver func(rcl.Sample)) (io.Closer, error) {
	return e.Endpoint.Subscribe(topic, typeName, qos, func(s rcl.Sample) {
		s.CDR, s.Message = msgs.Marshal(s.Message), nil
		deliver(s)
	})
}
