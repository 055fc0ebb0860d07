package rcl

import (
	"io"
	"time"

	"cobot_vla/msgs"
)

// Transport moves messages between nodes: topics, services and the graph.
// Names and types are ROS 2's, fully expanded. rcltest.Conformance is what any
// implementation must pass.
type Transport interface {
	// Node announces a node.
	Node(name FullName) (Endpoint, error)
	// Close leaves the graph; every Endpoint is closed with it.
	Close() error
}

// Endpoint is what a transport keeps for one node.
type Endpoint interface {
	// Advertise makes a publisher.
	Advertise(topic, typeName string, qos QoS) (Writer, error)
	// Subscribe calls deliver for every message, in the order of each publisher,
	// on any goroutine; deliver does not block. It must not be called after the
	// returned closer has returned. QoS depth is the subscription's own business:
	// deliver is where a message enters its queue.
	Subscribe(topic, typeName string, qos QoS, deliver func(Sample)) (io.Closer, error)
	// Serve answers calls of a service: handle is called on any goroutine, does
	// not block, and calls reply once, now or later, from any goroutine; what it
	// replies after that is dropped.
	Serve(service, typeName string, handle func(request []byte, reply func(response []byte))) (io.Closer, error)
	// Client calls a service.
	Client(service, typeName string) (Caller, error)
	// Graph is what is known of all nodes now.
	Graph() Graph
	// Close takes the node out of the graph with all it made; after it the other
	// methods return ErrClosed.
	Close() error
}

// Writer is the transport's side of a publisher.
type Writer interface {
	// Publish sends m, which nobody changes afterwards; ErrClosed after Close. Any goroutine.
	Publish(m msgs.Message) error
	// Matched is the number of subscriptions that hear it.
	Matched() int
	Close() error
}

// Caller is the transport's side of a service client.
type Caller interface {
	// Call sends a request in CDR; done is called at most once, on any goroutine,
	// with the answer, or with ErrNoService when nobody serves it. It does not block
	// and does not call the Caller. A call that waits when the caller is closed is
	// never answered; one made later is answered with ErrClosed.
	Call(request []byte, done func(response []byte, err error))
	// Ready says whether somebody serves it.
	Ready() bool
	Close() error
}

// Sample is one message on its way to a subscription: either a message of this
// process, shared and immutable, or CDR bytes, which the receiver may keep.
type Sample struct {
	Message msgs.Message
	CDR     []byte
	// Publisher identifies the publisher; Sequence grows by one with its messages, 0 when the transport has none.
	Publisher string
	Sequence  uint64
	// Lost is how many messages the transport knows to be lost before this one,
	// where it counts them otherwise than by Sequence.
	Lost uint64
	// Sent is when it was published, by the publisher's clock; zero when unknown.
	Sent time.Time
}

// Graph is a snapshot of who is there.
type Graph struct {
	Nodes    []FullName
	Topics   []TopicInfo
	Services []ServiceInfo
}

// TopicInfo is one topic.
type TopicInfo struct {
	Name        string
	Type        string
	Publishers  []EndpointInfo
	Subscribers []EndpointInfo
}

// EndpointInfo is one publisher or subscription.
type EndpointInfo struct {
	Node FullName
	QoS  QoS
}

// ServiceInfo is one service.
type ServiceInfo struct {
	Name string
	Type string
	Node FullName
}
