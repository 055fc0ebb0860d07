package recorder

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"

	"gopkg.in/yaml.v3"
)

// census asks every node of the graph for its parameters, so that an episode
// tells with what it was recorded.
type census struct {
	n       *rcl.Node
	list    map[string]*rcl.Client[msgs.ListParameters_Request, msgs.ListParameters_Response]
	get     map[string]*rcl.Client[msgs.GetParameters_Request, msgs.GetParameters_Response]
	round   uint64 // answers of an earlier one don't count
	waiting map[string]bool
	found   map[string]map[string]msgs.ParameterValue // node, name
}

func newCensus(n *rcl.Node) *census {
	return &census{
		n:    n,
		list: map[string]*rcl.Client[msgs.ListParameters_Request, msgs.ListParameters_Response]{},
		get:  map[string]*rcl.Client[msgs.GetParameters_Request, msgs.GetParameters_Response]{},
	}
}

// start asks the nodes that are there and serve their parameters.
func (c *census) start() error {
	c.round++
	c.waiting, c.found = map[string]bool{}, map[string]map[string]msgs.ParameterValue{}
	round := c.round
	for _, name := range c.n.Graph().Nodes {
		node := name.String()
		if err := c.connect(node); err != nil {
			return err
		}
		if !c.list[node].Ready() || !c.get[node].Ready() {
			continue
		}
		c.waiting[node] = true
		c.list[node].Go(&msgs.ListParameters_Request{Depth: msgs.DepthRecursive}, func(r *msgs.ListParameters_Response, err error) {
			if err != nil || c.round != round {
				return
			}
			c.ask(node, r.Result.Names, round)
		})
	}
	return nil
}

func (c *census) connect(node string) (err error) {
	if c.list[node] == nil {
		c.list[node], err = rcl.NewClient[msgs.ListParameters_Request, msgs.ListParameters_Response](c.n, node+"/list_parameters")
	}
	if err == nil && c.get[node] == nil {
		c.get[node], err = rcl.NewClient[msgs.GetParameters_Request, msgs.GetParameters_Response](c.n, node+"/get_parameters")
	}
	if err != nil {
		return fmt.Errorf("recorder: parameters of %s: %w", node, err)
	}
	return nil
}

func (c *census) ask(node string, names []string, round uint64) {
	c.get[node].Go(&msgs.GetParameters_Request{Names: names}, func(r *msgs.GetParameters_Response, err error) {
		if err != nil || c.round != round || len(r.Values) != len(names) {
			return
		}
		values := map[string]msgs.ParameterValue{}
		for i, name := range names {
			values[name] = r.Values[i]
		}
		c.found[node] = values
		delete(c.waiting, node)
	})
}

// done says whether all that were asked have answered.
func (c *census) done() bool { return len(c.waiting) == 0 }

// yaml is what was found as a ROS 2 parameter file.
func (c *census) yaml() ([]byte, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for _, node := range slices.Sorted(maps.Keys(c.found)) {
		values := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(c.found[node])) {
			if v := valueYAML(c.found[node][name]); v != nil {
				values.Content = append(values.Content, text(name), v)
			}
		}
		body := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("ros__parameters"), values}}
		doc.Content = append(doc.Content, text(node), body)
	}
	var silent []string
	for node := range c.waiting {
		silent = append(silent, node)
	}
	slices.Sort(silent)
	if len(silent) > 0 {
		doc.HeadComment = "did not answer: " + strings.Join(silent, ", ")
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	out, err := yaml.Marshal(doc)
	if err != nil {
		return nil, errors.Join(errors.New("recorder: parameters"), err)
	}
	return out, nil
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func float(f float64) *yaml.Node {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".eIN") {
		s += ".0"
	}
	return scalar("!!float", s)
}

func list[T any](values []T, one func(T) *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		n.Content = append(n.Content, one(v))
	}
	return n
}

// valueYAML is a parameter's value; nil when it is not set.
func valueYAML(v msgs.ParameterValue) *yaml.Node {
	boolean := func(b bool) *yaml.Node { return scalar("!!bool", strconv.FormatBool(b)) }
	integer := func(i int64) *yaml.Node { return scalar("!!int", strconv.FormatInt(i, 10)) }
	switch v.Type {
	case msgs.ParameterBool:
		return boolean(v.BoolValue)
	case msgs.ParameterInteger:
		return integer(v.IntegerValue)
	case msgs.ParameterDouble:
		return float(v.DoubleValue)
	case msgs.ParameterString:
		return text(v.StringValue)
	case msgs.ParameterByteArray:
		return list(v.ByteArrayValue, func(b uint8) *yaml.Node { return integer(int64(b)) })
	case msgs.ParameterBoolArray:
		return list(v.BoolArrayValue, boolean)
	case msgs.ParameterIntegerArray:
		return list(v.IntegerArrayValue, integer)
	case msgs.ParameterDoubleArray:
		return list(v.DoubleArrayValue, float)
	case msgs.ParameterStringArray:
		return list(v.StringArrayValue, text)
	}
	return nil
}
