package rcl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cobot_vla/msgs"
)

// serve offers the parameters as ROS 2 does, by the six services of
// rcl_interfaces, and announces changes on /parameter_events. A value is
// converted and checked as a launch file's would be.
func (p *params) serve(n *Node) error {
	events, err := Advertise[msgs.ParameterEvent](n, "/parameter_events", Default)
	if err != nil {
		return err
	}
	set := func(in []msgs.Parameter) error {
		done, err := p.set(in)
		for _, name := range done {
			for _, fn := range p.listeners() {
				fn(name)
			}
		}
		if len(done) > 0 {
			e := &msgs.ParameterEvent{Stamp: msgs.Stamp(n.Now()), Node: n.name.String()}
			for _, name := range done {
				v, _ := p.get(name)
				e.ChangedParameters = append(e.ChangedParameters, msgs.Parameter{Name: name, Value: toMsg(v)})
			}
			_ = events.Publish(e)
		}
		return err
	}
	return errors.Join(
		Serve(n, "~/get_parameters", func(q *msgs.GetParameters_Request, r *msgs.GetParameters_Response) {
			for _, name := range q.Names {
				v, _ := p.get(name)
				r.Values = append(r.Values, toMsg(v))
			}
		}),
		Serve(n, "~/get_parameter_types", func(q *msgs.GetParameterTypes_Request, r *msgs.GetParameterTypes_Response) {
			for _, name := range q.Names {
				v, _ := p.get(name)
				r.Types = append(r.Types, uint8(v.Kind))
			}
		}),
		Serve(n, "~/list_parameters", func(q *msgs.ListParameters_Request, r *msgs.ListParameters_Response) {
			r.Result = p.list(q.Prefixes, q.Depth)
		}),
		Serve(n, "~/describe_parameters", func(q *msgs.DescribeParameters_Request, r *msgs.DescribeParameters_Response) {
			for _, name := range q.Names {
				r.Descriptors = append(r.Descriptors, p.describe(name))
			}
		}),
		Serve(n, "~/set_parameters", func(q *msgs.SetParameters_Request, r *msgs.SetParameters_Response) {
			for _, one := range q.Parameters {
				r.Results = append(r.Results, result(set([]msgs.Parameter{one})))
			}
		}),
		Serve(n, "~/set_parameters_atomically", func(q *msgs.SetParametersAtomically_Request, r *msgs.SetParametersAtomically_Response) {
			r.Result = result(set(q.Parameters))
		}),
	)
}

func result(err error) msgs.SetParametersResult {
	if err != nil {
		return msgs.SetParametersResult{Reason: err.Error()}
	}
	return msgs.SetParametersResult{Successful: true}
}

func (p *params) get(name string) (Value, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.declared[name]
	if q == nil {
		return Value{}, false
	}
	return q.value, true
}

// set changes all of in, or none when one of them may not be.
func (p *params) set(in []msgs.Parameter) (done []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	values := make([]Value, len(in))
	for i, m := range in {
		q := p.declared[m.Name]
		if q == nil {
			return nil, fmt.Errorf("%w %q does not exist%s", ErrParameter, m.Name, p.nearest(m.Name))
		}
		if !q.dynamic {
			return nil, fmt.Errorf("%w %q is read-only while the node runs: set it in the launch or parameter file", ErrParameter, m.Name)
		}
		if values[i], err = q.check(fromMsg(m.Value)); err != nil {
			return nil, err
		}
	}
	for i, m := range in {
		q := p.declared[m.Name]
		q.value = values[i]
		q.apply(values[i])
		done = append(done, m.Name)
	}
	return done, nil
}

// list follows ROS 2: prefixes are whole dotted parts; depth counts levels below them.
func (p *params) list(prefixes []string, depth uint64) msgs.ListParametersResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r msgs.ListParametersResult
	take := func(name, below string) bool {
		return depth == msgs.DepthRecursive || uint64(strings.Count(below, ".")) < depth
	}
	for _, name := range p.order {
		ok := len(prefixes) == 0 && take(name, name)
		prefix := ""
		for _, x := range prefixes {
			below, has := strings.CutPrefix(name, x+".")
			if name == x || has && take(name, below) {
				ok = true
			}
		}
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			prefix = name[:i]
		}
		if !ok {
			continue
		}
		r.Names = append(r.Names, name)
		if prefix != "" && !slices.Contains(r.Prefixes, prefix) {
			r.Prefixes = append(r.Prefixes, prefix)
		}
	}
	return r
}

func (p *params) describe(name string) msgs.ParameterDescriptor {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := msgs.ParameterDescriptor{Name: name}
	q := p.declared[name]
	if q == nil {
		return d
	}
	d.Type, d.ReadOnly, d.Description = uint8(q.value.Kind), !q.dynamic, q.desc
	if q.unit != "" {
		d.Description = strings.TrimSpace(d.Description + " [" + q.unit + "]")
	}
	if len(q.choices) > 0 {
		d.AdditionalConstraints = "one of " + strings.Join(q.choices, ", ")
	}
	if q.min == nil && q.max == nil {
		return d
	}
	lo, hi := -1e308, 1e308
	if q.min != nil {
		lo = *q.min
	}
	if q.max != nil {
		hi = *q.max
	}
	switch q.value.Kind {
	case Double:
		d.FloatingPointRange = []msgs.FloatingPointRange{{FromValue: lo, ToValue: hi}}
	case Integer:
		d.IntegerRange = []msgs.IntegerRange{{FromValue: int64(max(lo, -1<<53)), ToValue: int64(min(hi, 1<<53))}}
	}
	return d
}

func toMsg(v Value) msgs.ParameterValue {
	return msgs.ParameterValue{
		Type: uint8(v.Kind), BoolValue: v.Bool, IntegerValue: v.Int, DoubleValue: v.Float, StringValue: v.Str,
		ByteArrayValue: v.Bytes, BoolArrayValue: v.Bools, IntegerArrayValue: v.Ints,
		DoubleArrayValue: v.Floats, StringArrayValue: v.Strings,
	}
}

func fromMsg(m msgs.ParameterValue) Value {
	v := Value{Kind: Kind(m.Type)}
	switch v.Kind {
	case Bool:
		v.Bool = m.BoolValue
	case Integer:
		v.Int = m.IntegerValue
	case Double:
		v.Float = m.DoubleValue
	case String:
		v.Str = m.StringValue
	case ByteArray:
		v.Bytes = m.ByteArrayValue
	case BoolArray:
		v.Bools = m.BoolArrayValue
	case IntegerArray:
		v.Ints = m.IntegerArrayValue
	case DoubleArray:
		v.Floats = m.DoubleArrayValue
	case StringArray:
		v.Strings = m.StringArrayValue
	}
	return v
}
