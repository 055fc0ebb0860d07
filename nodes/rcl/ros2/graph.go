//go:build ros2

package ros2

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"cobot_vla/nodes/rcl"
)

// Graph implements rcl.Endpoint. A closed node knows nothing.
func (e *endpoint) Graph() rcl.Graph {
	e.asking.RLock()
	defer e.asking.RUnlock()
	var g rcl.Graph
	if e.gone() {
		return g
	}
	names, spaces, err := e.node.GetNodeNames()
	if err != nil {
		e.t.log.Warn().Err(err).Msg("the graph's nodes are not known")
		return g
	}
	for i, name := range names {
		n := rcl.FullName{Namespace: spaces[i], Name: name}
		g.Nodes = append(g.Nodes, n)
		services, err := e.node.GetServiceNamesAndTypesByNode(n.Name, n.Namespace)
		if err != nil {
			continue // it left meanwhile
		}
		for service, types := range services {
			g.Services = append(g.Services, rcl.ServiceInfo{Name: service, Type: first(types), Node: n})
		}
	}
	topics, err := e.node.GetTopicNamesAndTypes(true)
	if err != nil {
		e.t.log.Warn().Err(err).Msg("the graph's topics are not known")
	}
	for name, types := range topics {
		t := rcl.TopicInfo{Name: name, Type: first(types)}
		if ours := e.t.typeOf(name); ours != "" { // of two types, ours counts
			t.Type = ours
		}
		t.Publishers = e.ends(e.node.GetPublishersInfoByTopic(name, true))
		t.Subscribers = e.ends(e.node.GetSubscriptionsInfoByTopic(name, true))
		g.Topics = append(g.Topics, t)
	}
	slices.SortFunc(g.Nodes, byName)
	slices.SortFunc(g.Topics, func(a, b rcl.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Services, func(a, b rcl.ServiceInfo) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), byName(a.Node, b.Node))
	})
	return g
}

func (e *endpoint) gone() bool {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	return e.closed
}

// typeOf is the type that this process uses on a topic; "" when it doesn't.
func (t *Transport) typeOf(topic string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.carries[topic]; u != nil {
		return u.typeName
	}
	return ""
}

func (e *endpoint) ends(infos []rclgo.TopicEndpointInfo, err error) (ends []rcl.EndpointInfo) {
	if err != nil {
		e.t.log.Warn().Err(err).Msg("the graph's publishers and subscriptions are not known")
	}
	for _, x := range infos {
		ends = append(ends, rcl.EndpointInfo{
			Node: rcl.FullName{Namespace: x.NodeNamespace, Name: x.NodeName},
			QoS:  fromROS(x.QosProfile),
		})
	}
	slices.SortFunc(ends, func(a, b rcl.EndpointInfo) int { return byName(a.Node, b.Node) })
	return ends
}

func first(types []string) string {
	if len(types) == 0 {
		return ""
	}
	return types[0]
}

func byName(a, b rcl.FullName) int { return strings.Compare(a.String(), b.String()) }
