package rcl

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// params holds a node's declared parameters.
type params struct {
	mu       sync.Mutex
	declared map[string]*parameter
	order    []string
	changed  []func(name string)
}

// parameter is one declared parameter.
type parameter struct {
	name, desc, unit string
	value            Value
	min, max         *float64
	choices          []string
	dynamic          bool
	apply            func(Value) // stores the value in the bound field
}

func newParams() *params { return &params{declared: map[string]*parameter{}} }

// attach declares what every node has.
func (p *params) attach(n *Node) error {
	p.declare(&parameter{name: useSimTime, desc: "time comes from /clock", value: BoolValue(n.Simulated()), apply: func(Value) {}})
	return p.serve(n)
}

func (p *params) declare(q *parameter) {
	p.declared[q.name] = q
	p.order = append(p.order, q.name)
}

// Bind declares one parameter for each field of *cfg that has a `param:"name"`
// tag, with the field's value as default, and sets the fields from what command
// line, launch and parameter files say. Further tags: unit, desc, min, max,
// choice (comma separated), dynamic:"true" (may be set while running; others are
// read-only). Fields are bool, int, float64, string and slices of these.
//
// A value of the wrong type or out of range is an error; so is an override of a
// parameter that does not exist, which names the nearest one that does. A node
// calls it once, even with no fields: before it, overrides are not looked at.
func (n *Node) Bind(cfg any) error {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("rcl: Bind needs a pointer to a struct, not %T", cfg)
	}
	p := n.params
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.bindStruct(v.Elem()); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	var errs []error
	for _, o := range n.args.Params {
		if !matchNode(o.Node, n.name) {
			continue
		}
		if err := p.override(n, o); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w (%s)", n.name, err, o.Origin))
		}
	}
	return errors.Join(errs...)
}

func (p *params) override(n *Node, o ParamOverride) error {
	q := p.declared[o.Name]
	if q == nil {
		return fmt.Errorf("%w %q does not exist%s", ErrParameter, o.Name, p.nearest(o.Name))
	}
	value, err := q.check(o.Value)
	if err != nil {
		return err
	}
	if o.Name == useSimTime { // decided when the process was started
		if value.Bool != n.Simulated() {
			n.log.Warn().Str("origin", o.Origin).Msgf("use_sim_time is %v in this process, not %v", n.Simulated(), value.Bool)
		}
		return nil
	}
	q.value = value
	q.apply(value)
	return nil
}

// OnParameter calls fn on the node's thread after a dynamic parameter was set and its field updated.
func (n *Node) OnParameter(fn func(name string)) {
	n.params.mu.Lock()
	defer n.params.mu.Unlock()
	n.params.changed = append(n.params.changed, fn)
}

func (p *params) listeners() []func(string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.changed)
}

func (p *params) bindStruct(s reflect.Value) error {
	for i := range s.NumField() {
		f, field := s.Field(i), s.Type().Field(i)
		if field.Anonymous && f.Kind() == reflect.Struct {
			if err := p.bindStruct(f); err != nil {
				return err
			}
			continue
		}
		name := field.Tag.Get("param")
		if name == "" {
			continue
		}
		if p.declared[name] != nil {
			return fmt.Errorf("%w %q is declared twice", ErrParameter, name)
		}
		if !field.IsExported() {
			return fmt.Errorf("%w %q: field %s is not exported", ErrParameter, name, field.Name)
		}
		value, ok := fromField(f)
		if !ok {
			return fmt.Errorf("%w %q: a field of type %s can't be a parameter", ErrParameter, name, f.Type())
		}
		q := &parameter{
			name: name, desc: field.Tag.Get("desc"), unit: field.Tag.Get("unit"),
			dynamic: field.Tag.Get("dynamic") == "true", value: value,
			apply: func(v Value) { toField(f, v) },
		}
		for tag, bound := range map[string]**float64{"min": &q.min, "max": &q.max} {
			if t := field.Tag.Get(tag); t != "" {
				x, err := strconv.ParseFloat(t, 64)
				if err != nil {
					return fmt.Errorf("%w %q: bad %s tag %q", ErrParameter, name, tag, t)
				}
				*bound = &x
			}
		}
		if c := field.Tag.Get("choice"); c != "" {
			q.choices = strings.Split(c, ",")
		}
		if _, err := q.check(value); err != nil {
			return fmt.Errorf("default of %w", err)
		}
		p.declare(q)
	}
	return nil
}

// check says whether v may become q's value, and converts it to q's type where ROS 2 users expect it: 1 for 1.0, [] for any array.
func (q *parameter) check(v Value) (Value, error) {
	switch {
	case q.value.Kind == Double && v.Kind == Integer:
		v = FloatValue(float64(v.Int))
	case q.value.Kind == DoubleArray && v.Kind == IntegerArray:
		v = Value{Kind: DoubleArray, Floats: v.numbers()}
	case q.value.Kind >= ByteArray && v.Kind == StringArray && len(v.Strings) == 0:
		v = Value{Kind: q.value.Kind}
	}
	if v.Kind != q.value.Kind {
		return v, fmt.Errorf("%w %q has type %v: %s is of type %v", ErrParameter, q.name, q.value.Kind, v, v.Kind)
	}
	for _, x := range v.numbers() {
		if x != x || q.min != nil && x < *q.min || q.max != nil && x > *q.max {
			return v, fmt.Errorf("%w %q: %s is outside %s", ErrParameter, q.name, v, q.span())
		}
	}
	for _, s := range v.texts() {
		if len(q.choices) > 0 && !slices.Contains(q.choices, s) {
			return v, fmt.Errorf("%w %q: %s is none of %s", ErrParameter, q.name, v, strings.Join(q.choices, ", "))
		}
	}
	return v, nil
}

func (q *parameter) span() string {
	lo, hi := "-inf", "inf"
	if q.min != nil {
		lo = strconv.FormatFloat(*q.min, 'g', -1, 64)
	}
	if q.max != nil {
		hi = strconv.FormatFloat(*q.max, 'g', -1, 64)
	}
	return strings.TrimSpace(lo + ".." + hi + " " + q.unit)
}

func (p *params) nearest(name string) string {
	best, dist := "", 1<<30
	for _, n := range p.order {
		if d := editDistance(n, name); d < dist {
			best, dist = n, d
		}
	}
	if best == "" || dist > max(len(name), len(best))/2+1 {
		return "; `ros2 param list` shows those that do"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = min(prev, row[j], row[j+1]) + 1
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

func fromField(f reflect.Value) (Value, bool) {
	switch x := f.Interface().(type) {
	case bool:
		return BoolValue(x), true
	case int:
		return IntValue(int64(x)), true
	case float64:
		return FloatValue(x), true
	case string:
		return StringValue(x), true
	case []bool:
		return Value{Kind: BoolArray, Bools: slices.Clone(x)}, true
	case []int:
		is := make([]int64, len(x))
		for i, v := range x {
			is[i] = int64(v)
		}
		return Value{Kind: IntegerArray, Ints: is}, true
	case []float64:
		return Value{Kind: DoubleArray, Floats: slices.Clone(x)}, true
	case []string:
		return Value{Kind: StringArray, Strings: slices.Clone(x)}, true
	}
	return Value{}, false
}

func toField(f reflect.Value, v Value) {
	switch v.Kind {
	case Bool:
		f.SetBool(v.Bool)
	case Integer:
		f.SetInt(v.Int)
	case Double:
		f.SetFloat(v.Float)
	case String:
		f.SetString(v.Str)
	case BoolArray:
		f.Set(reflect.ValueOf(slices.Clone(v.Bools)))
	case IntegerArray:
		is := make([]int, len(v.Ints))
		for i, x := range v.Ints {
			is[i] = int(x)
		}
		f.Set(reflect.ValueOf(is))
	case DoubleArray:
		f.Set(reflect.ValueOf(slices.Clone(v.Floats)))
	case StringArray:
		f.Set(reflect.ValueOf(slices.Clone(v.Strings)))
	}
}
