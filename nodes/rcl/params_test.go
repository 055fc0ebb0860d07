package rcl_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"

	"github.com/google/go-cmp/cmp"
)

type common struct {
	Frame string `param:"frame_id" desc:"frame of the image"`
}

// everything has a parameter of each kind.
type everything struct {
	common
	Rate    float64   `param:"rate_hz" unit:"Hz" min:"1" max:"500" desc:"rate of the loop" dynamic:"true"`
	Count   int       `param:"count" min:"0" dynamic:"true"`
	Enabled bool      `param:"enabled" dynamic:"true"`
	Mode    string    `param:"mode" choice:"read,write" dynamic:"true"`
	Names   []string  `param:"lists.names" choice:"a,b,c"`
	Gains   []float64 `param:"lists.gains" max:"10" dynamic:"true"`
	Ids     []int     `param:"lists.ids.all"`
	Flags   []bool    `param:"lists.flags"`
	private int
}

func defaults() everything {
	return everything{common: common{"camera"}, Rate: 50, Count: 3, Mode: "read", Gains: []float64{1}, private: 7}
}

func set(name string, v rcl.Value) rcl.ParamOverride {
	return rcl.ParamOverride{Node: "/**", Name: name, Value: v, Origin: "test.yaml:1"}
}

func ints(v ...int64) rcl.Value { return rcl.Value{Kind: rcl.IntegerArray, Ints: v} }

func TestBind(t *testing.T) {
	w := lockstep(t)
	n := w.node("n",
		set("rate_hz", rcl.IntValue(20)), set("rate_hz", rcl.IntValue(30)), // the last wins; 30 is 30.0
		set("frame_id", rcl.StringValue("front")), set("enabled", rcl.BoolValue(true)), set("mode", rcl.StringValue("write")),
		set("lists.names", rcl.Value{Kind: rcl.StringArray, Strings: []string{"a", "c"}}),
		set("lists.gains", ints(2, 3)), set("lists.ids.all", ints(4)),
		set("lists.flags", rcl.Value{Kind: rcl.StringArray}), // [] is any empty array
		rcl.ParamOverride{Node: "other", Name: "unknown", Value: rcl.IntValue(1)},
	)
	cfg := defaults()
	if err := n.Bind(&cfg); err != nil {
		t.Fatal(err)
	}
	want := everything{
		common: common{"front"}, Rate: 30, Count: 3, Enabled: true, Mode: "write",
		Names: []string{"a", "c"}, Gains: []float64{2, 3}, Ids: []int{4}, private: 7,
	}
	if diff := cmp.Diff(want, cfg, cmp.AllowUnexported(everything{}, common{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestBindRefuses(t *testing.T) {
	for _, c := range []struct {
		o    rcl.ParamOverride
		want string
	}{
		{set("rate_hs", rcl.IntValue(1)), `node /n: rcl: parameter "rate_hs" does not exist; did you mean "rate_hz"? (test.yaml:1)`},
		{set("frame", rcl.IntValue(1)), `does not exist; did you mean "frame_id"?`},
		{set("lists.gain", rcl.IntValue(1)), `did you mean "lists.gains"?`},
		{set("qqqqqqqqqqqqqqqqqqqq", rcl.IntValue(1)), "`ros2 param list` shows those that do"},
		{set("rate_hz", rcl.StringValue("50")), `parameter "rate_hz" has type double: "50" is of type string`},
		{set("count", rcl.FloatValue(2)), `parameter "count" has type integer: 2.0 is of type double`},
		{set("rate_hz", rcl.FloatValue(0.5)), `parameter "rate_hz": 0.5 is outside 1..500 Hz`},
		{set("count", rcl.IntValue(-1)), `parameter "count": -1 is outside 0..inf`},
		{set("mode", rcl.StringValue("erase")), `parameter "mode": "erase" is none of read, write`},
		{set("lists.names", rcl.Value{Kind: rcl.StringArray, Strings: []string{"a", "x"}}), `["a", "x"] is none of a, b, c`},
		{set("lists.gains", ints(1, 11)), `[1.0, 11.0] is outside -inf..10`},
		{set("use_sim_time", rcl.IntValue(1)), `parameter "use_sim_time" has type bool: 1 is of type integer`},
	} {
		w := lockstep(t)
		cfg := defaults()
		wantError(t, w.node("n", c.o).Bind(&cfg), rcl.ErrParameter, c.want)
	}
	w := lockstep(t)
	cfg := defaults()
	err := w.node("n", set("rate_hs", rcl.IntValue(1)), set("count", rcl.IntValue(-1))).Bind(&cfg)
	wantError(t, err, rcl.ErrParameter, "rate_hs")
	wantError(t, err, rcl.ErrParameter, "count")
}

func TestBindsOnlyParameters(t *testing.T) {
	w := lockstep(t)
	n := w.node("n")
	for _, cfg := range []any{everything{}, new(int), nil} {
		if err := n.Bind(cfg); err == nil {
			t.Errorf("%T was bound", cfg)
		}
	}
	for want, cfg := range map[string]any{
		"type time.Duration can't be": &struct {
			D time.Duration `param:"d"`
		}{},
		`"x" is declared twice`: &struct {
			X int `param:"x"`
			Y int `param:"x"`
		}{},
		"field x is not exported": &struct {
			x int `param:"z"`
		}{},
		`bad min tag "low"`: &struct {
			X int `param:"u" min:"low"`
		}{},
		`default of rcl: parameter "v": 0 is outside 1..inf`: &struct {
			X int `param:"v" min:"1"`
		}{},
		`"use_sim_time" is declared twice`: &struct {
			X bool `param:"use_sim_time"`
		}{},
	} {
		wantError(t, n.Bind(cfg), rcl.ErrParameter, want)
	}
}

// bound is a node with everything bound, and another that asks it.
func bound(t *testing.T) (w *world, n, asker *rcl.Node, cfg *everything) {
	w = lockstep(t)
	n, asker = w.node("n"), w.node("asker")
	d := defaults()
	cfg = &d
	if err := n.Bind(cfg); err != nil {
		t.Fatal(err)
	}
	return w, n, asker, cfg
}

func TestGetParameters(t *testing.T) {
	w, _, asker, _ := bound(t)
	got := ask[msgs.GetParameters_Request, msgs.GetParameters_Response](w, asker, "/n/get_parameters", &msgs.GetParameters_Request{Names: []string{"rate_hz", "nothing", "use_sim_time", "lists.gains"}})
	want := []msgs.ParameterValue{
		{Type: msgs.ParameterDouble, DoubleValue: 50}, {},
		{Type: msgs.ParameterBool, BoolValue: true}, {Type: msgs.ParameterDoubleArray, DoubleArrayValue: []float64{1}},
	}
	if diff := cmp.Diff(want, got.Values); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	types := ask[msgs.GetParameterTypes_Request, msgs.GetParameterTypes_Response](w, asker, "/n/get_parameter_types", &msgs.GetParameterTypes_Request{Names: []string{"lists.names", "nothing", "count"}})
	if want := []uint8{msgs.ParameterStringArray, msgs.ParameterNotSet, msgs.ParameterInteger}; !reflect.DeepEqual(types.Types, want) {
		t.Errorf("types %v, want %v", types.Types, want)
	}
}

// The depths are those of rclcpp's NodeParameters::list_parameters.
func TestListParameters(t *testing.T) {
	w, _, asker, _ := bound(t)
	top := []string{"use_sim_time", "frame_id", "rate_hz", "count", "enabled", "mode"}
	lists := []string{"lists.names", "lists.gains", "lists.flags"}
	for _, c := range []struct {
		prefixes []string
		depth    uint64
		names    []string
		below    []string
	}{
		{nil, msgs.DepthRecursive, append(append([]string{}, top...), "lists.names", "lists.gains", "lists.ids.all", "lists.flags"), []string{"lists", "lists.ids"}},
		{nil, 1, top, nil},
		{nil, 2, append(append([]string{}, top...), lists...), []string{"lists"}},
		{[]string{"lists"}, msgs.DepthRecursive, []string{"lists.names", "lists.gains", "lists.ids.all", "lists.flags"}, []string{"lists", "lists.ids"}},
		{[]string{"lists"}, 1, lists, []string{"lists"}},
		{[]string{"lists.ids"}, 1, []string{"lists.ids.all"}, []string{"lists.ids"}},
		{[]string{"list"}, msgs.DepthRecursive, nil, nil},
		{[]string{"mode", "count"}, 1, []string{"count", "mode"}, nil},
	} {
		r := ask[msgs.ListParameters_Request, msgs.ListParameters_Response](w, asker, "/n/list_parameters", &msgs.ListParameters_Request{Prefixes: c.prefixes, Depth: c.depth}).Result
		if strings.Join(r.Names, " ") != strings.Join(c.names, " ") || strings.Join(r.Prefixes, " ") != strings.Join(c.below, " ") {
			t.Errorf("%q depth %d: %q below %q, want %q below %q", c.prefixes, c.depth, r.Names, r.Prefixes, c.names, c.below)
		}
	}
}

func TestDescribeParameters(t *testing.T) {
	w, _, asker, _ := bound(t)
	got := ask[msgs.DescribeParameters_Request, msgs.DescribeParameters_Response](w, asker, "/n/describe_parameters",
		&msgs.DescribeParameters_Request{Names: []string{"rate_hz", "count", "mode", "frame_id", "nothing"}}).Descriptors
	want := []msgs.ParameterDescriptor{
		{Name: "rate_hz", Type: msgs.ParameterDouble, Description: "rate of the loop [Hz]", FloatingPointRange: []msgs.FloatingPointRange{{FromValue: 1, ToValue: 500}}},
		{Name: "count", Type: msgs.ParameterInteger, IntegerRange: []msgs.IntegerRange{{FromValue: 0, ToValue: 1 << 53}}},
		{Name: "mode", Type: msgs.ParameterString, AdditionalConstraints: "one of read, write"},
		{Name: "frame_id", Type: msgs.ParameterString, Description: "frame of the image", ReadOnly: true},
		{Name: "nothing"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSetParameters(t *testing.T) {
	w, n, asker, cfg := bound(t)
	var changed []string
	n.OnParameter(func(name string) { changed = append(changed, name) })
	var events []*msgs.ParameterEvent
	must[*rcl.Subscription](t)(rcl.Subscribe(asker, "/parameter_events", rcl.Default, func(m *msgs.ParameterEvent, _ rcl.Info) { events = append(events, m) }))
	param := func(name string, v msgs.ParameterValue) msgs.Parameter { return msgs.Parameter{Name: name, Value: v} }
	rate := param("rate_hz", msgs.ParameterValue{Type: msgs.ParameterInteger, IntegerValue: 100})
	mode := param("mode", msgs.ParameterValue{Type: msgs.ParameterString, StringValue: "write"})
	frame := param("frame_id", msgs.ParameterValue{Type: msgs.ParameterString, StringValue: "x"})
	bad := param("count", msgs.ParameterValue{Type: msgs.ParameterInteger, IntegerValue: -5})
	none := param("rate_h", msgs.ParameterValue{Type: msgs.ParameterDouble})
	odd := param("rate_hz", msgs.ParameterValue{Type: 200})

	results := ask[msgs.SetParameters_Request, msgs.SetParameters_Response](w, asker, "/n/set_parameters",
		&msgs.SetParameters_Request{Parameters: []msgs.Parameter{rate, frame, bad, none, odd}}).Results
	for i, want := range []string{
		"", "is read-only while the node runs: set it in the launch or parameter file", "-5 is outside 0..inf",
		`does not exist; did you mean "rate_hz"?`, `"rate_hz" has type double: not set is of type kind 200`,
	} {
		if r := results[i]; r.Successful != (want == "") || !strings.Contains(r.Reason, want) {
			t.Errorf("parameter %d: %+v, want %q", i, r, want)
		}
	}
	if cfg.Rate != 100 || cfg.Count != 3 || cfg.Frame != "camera" {
		t.Errorf("fields %+v", *cfg)
	}

	atomically := func(p ...msgs.Parameter) msgs.SetParametersResult {
		return ask[msgs.SetParametersAtomically_Request, msgs.SetParametersAtomically_Response](w, asker, "/n/set_parameters_atomically",
			&msgs.SetParametersAtomically_Request{Parameters: p}).Result
	}
	if r := atomically(mode, bad); r.Successful || cfg.Mode != "read" {
		t.Errorf("%+v changed the mode to %s", r, cfg.Mode)
	}
	gains := param("lists.gains", msgs.ParameterValue{Type: msgs.ParameterDoubleArray, DoubleArrayValue: []float64{4, 5}})
	if r := atomically(mode, gains); !r.Successful || cfg.Mode != "write" || !reflect.DeepEqual(cfg.Gains, []float64{4, 5}) {
		t.Errorf("%+v, fields %+v", r, *cfg)
	}
	if want := []string{"rate_hz", "mode", "lists.gains"}; !reflect.DeepEqual(changed, want) {
		t.Errorf("OnParameter heard %q, want %q", changed, want)
	}
	w.run(time.Millisecond)
	if len(events) != 2 || events[0].Node != "/n" || len(events[1].ChangedParameters) != 2 {
		t.Fatalf("events %+v", events)
	}
	if diff := cmp.Diff([]msgs.Parameter{{Name: "rate_hz", Value: msgs.ParameterValue{Type: msgs.ParameterDouble, DoubleValue: 100}}}, events[0].ChangedParameters); diff != "" {
		t.Errorf("event, -want +got:\n%s", diff)
	}
}
