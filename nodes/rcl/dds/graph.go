//go:build dds

package dds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cobot_vla/nodes/rcl"
)

// graph is who is there: the nodes of this process, which it is told of, and
// those of others, pieced together from DDS's discovery (what readers and
// writers are there) and ros_discovery_info (which node made them).
type graph struct {
	self guid // our participant

	mu       sync.Mutex
	nodes    []*endpoint // ours
	peers    map[guid]struct{}
	infos    map[guid][]nodeEntities // by participant
	entities map[guid]entity         // ours and others' readers and writers
}

// entity is one reader or writer.
type entity struct {
	participant guid
	topic       string // DDS's
	typeName    string // ROS 2's
	qos         rcl.QoS
	reader      bool
}

func newGraph(self guid) *graph {
	return &graph{self: self, peers: map[guid]struct{}{}, infos: map[guid][]nodeEntities{}, entities: map[guid]entity{}}
}

// info is what ros_discovery_info says of this process.
func (g *graph) info() *participantEntities {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &participantEntities{participant: g.self.gid()}
	for _, n := range g.nodes {
		p.nodes = append(p.nodes, g.ours(n))
	}
	return p
}

// ours is what one of our nodes made; g.mu is held.
func (g *graph) ours(n *endpoint) nodeEntities {
	info := nodeEntities{namespace: n.name.Namespace, name: n.name.Name}
	for _, id := range n.entities {
		if g.entities[id].reader {
			info.readers = append(info.readers, id.gid())
		} else {
			info.writers = append(info.writers, id.gid())
		}
	}
	return info
}

func (g *graph) join(n *endpoint) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nodes = append(g.nodes, n)
}

// leave takes a node of ours out with all that it made.
func (g *graph) leave(n *endpoint) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nodes = slices.DeleteFunc(g.nodes, func(x *endpoint) bool { return x == n })
	for _, id := range n.entities {
		delete(g.entities, id)
	}
	n.entities = nil
}

// made adds a reader or writer to a node of ours, and says when another
// participant's on that topic can't meet it.
func (g *graph) made(n *endpoint, id guid, e entity) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	e.participant = g.self
	g.entities[id] = e
	n.entities = append(n.entities, id)
	for _, theirs := range g.entities {
		if theirs.participant != g.self && theirs.topic == e.topic && theirs.typeName != e.typeName {
			return differ(theirs, e)
		}
	}
	return nil
}

// differ says that another program's entity and ours are of different types.
func differ(theirs, ours entity) error {
	return fmt.Errorf("%s: another program uses %s, this one %s: nothing will pass between them, remap one of them", ours.topic, theirs.typeName, ours.typeName)
}

func (g *graph) gone(n *endpoint, id guid) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.entities, id)
	n.entities = slices.DeleteFunc(n.entities, func(x guid) bool { return x == id })
}

// carries is the type that this process uses on a DDS topic; "" when it doesn't.
func (g *graph) carries(topic string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.entities {
		if e.participant == g.self && e.topic == topic {
			return e.typeName
		}
	}
	return ""
}

// server is the node of ours that serves a service.
func (g *graph) server(service string) (rcl.FullName, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.nodes {
		for _, id := range n.entities {
			if e := g.entities[id]; e.reader && e.topic == requestTopic(service) {
				return n.name, true
			}
		}
	}
	return rcl.FullName{}, false
}

// heard keeps what another participant says of its nodes.
func (g *graph) heard(p *participantEntities) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if id := p.participant.guid(); id != g.self {
		g.infos[id] = p.nodes
	}
}

func (g *graph) peer(id guid, alive bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case id == g.self:
	case alive:
		g.peers[id] = struct{}{}
	default:
		delete(g.peers, id)
		delete(g.infos, id)
		for k, e := range g.entities {
			if e.participant == id {
				delete(g.entities, k)
			}
		}
	}
}

// found adds another participant's reader or writer, and says what is wrong
// with it: it can't meet ours on the same topic when their types differ.
func (g *graph) found(id guid, e entity) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.participant == g.self || strings.HasPrefix(e.topic, "DCPS") {
		return nil
	}
	_, known := g.entities[id]
	g.entities[id] = e
	if known {
		return nil
	}
	for _, ours := range g.entities {
		if ours.participant == g.self && ours.topic == e.topic && ours.typeName != e.typeName {
			return differ(e, ours)
		}
	}
	return nil
}

// lost takes another participant's reader or writer out.
func (g *graph) lost(id guid) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e, ok := g.entities[id]; ok && e.participant != g.self {
		delete(g.entities, id)
	}
}

// noNode is what ROS 2's tools call the maker of what no node claims.
var noNode = rcl.FullName{Namespace: "/", Name: "_CREATED_BY_BARE_DDS_APP_"}

// snapshot is what is known now, sorted.
func (g *graph) snapshot() rcl.Graph {
	g.mu.Lock()
	defer g.mu.Unlock()
	var s rcl.Graph
	owner := map[guid]rcl.FullName{}
	count := func(nodes ...nodeEntities) {
		for _, n := range nodes {
			name := rcl.FullName{Namespace: n.namespace, Name: n.name}
			s.Nodes = append(s.Nodes, name)
			for _, x := range slices.Concat(n.readers, n.writers) {
				owner[x.guid()] = name
			}
		}
	}
	for _, n := range g.nodes {
		count(g.ours(n))
	}
	for id := range g.peers {
		count(g.infos[id]...)
	}
	topics := map[string]*rcl.TopicInfo{}
	for id, e := range g.entities {
		node, ok := owner[id]
		if !ok {
			node = noNode
		}
		if name, ok := rosTopic(e.topic); ok {
			t := topics[name]
			if t == nil {
				t = &rcl.TopicInfo{Name: name, Type: e.typeName}
				topics[name] = t
			}
			if ours := e.participant == g.self; ours { // of two types, ours counts
				t.Type = e.typeName
			}
			info := rcl.EndpointInfo{Node: node, QoS: e.qos}
			if e.reader {
				t.Subscribers = append(t.Subscribers, info)
			} else {
				t.Publishers = append(t.Publishers, info)
			}
		} else if name, ok := rosService(e.topic); ok && e.reader {
			s.Services = append(s.Services, rcl.ServiceInfo{Name: name, Type: strings.TrimSuffix(e.typeName, "_Request"), Node: node})
		}
	}
	for _, t := range topics {
		slices.SortFunc(t.Publishers, byNode)
		slices.SortFunc(t.Subscribers, byNode)
		s.Topics = append(s.Topics, *t)
	}
	slices.SortFunc(s.Nodes, byName)
	slices.SortFunc(s.Topics, func(a, b rcl.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Services, func(a, b rcl.ServiceInfo) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), byName(a.Node, b.Node))
	})
	return s
}

func byName(a, b rcl.FullName) int { return strings.Compare(a.String(), b.String()) }

func byNode(a, b rcl.EndpointInfo) int { return byName(a.Node, b.Node) }
