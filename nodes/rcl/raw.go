package rcl

import (
	"fmt"

	"cobot_vla/msgs"
)

// Tools that learn a topic's type at run time (a recorder, a player, a bridge)
// use the functions here; nodes name their types in Go: Subscribe, Advertise.

// SubscribeRaw calls cb on the node's thread for each message as it came: as the
// publisher's own message or as CDR bytes, both shared and immutable. The bytes
// are not looked at: whether they are a message of the type is for cb to find out.
func SubscribeRaw(n *Node, topic, typeName string, qos QoS, cb func(Sample, Info)) (*Subscription, error) {
	return subscribe(n, topic, typeName, qos, func(s Sample, info Info) error {
		cb(s, info)
		return nil
	})
}

// RawPublisher sends messages of a type known by its name.
type RawPublisher struct {
	topic, typeName string
	n               *Node
	writer          Writer
}

// AdvertiseRaw makes a publisher of messages of the named type.
func AdvertiseRaw(n *Node, topic, typeName string, qos QoS) (*RawPublisher, error) {
	full, w, err := advertise(n, topic, typeName, qos)
	if err != nil {
		return nil, err
	}
	return &RawPublisher{topic: full, typeName: typeName, n: n, writer: w}, nil
}

// Publish sends m; nobody changes it any more.
func (p *RawPublisher) Publish(m msgs.Message) error {
	if got := m.TypeName(); got != p.typeName {
		return fmt.Errorf("rcl: topic %s carries %s, not %s", p.topic, p.typeName, got)
	}
	return p.writer.Publish(m)
}

// Topic is the resolved name.
func (p *RawPublisher) Topic() string { return p.topic }

// Matched is the number of subscriptions that hear it.
func (p *RawPublisher) Matched() int { return p.writer.Matched() }

// Close ends the publisher.
func (p *RawPublisher) Close() error {
	p.n.drop(p.writer)
	return p.writer.Close()
}

// ResolveTopic is the full name of a topic, expanded and remapped: what the graph calls it.
func (n *Node) ResolveTopic(name string) (string, error) { return n.resolve(name, TopicName) }
