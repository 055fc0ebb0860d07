package rcl

import (
	"testing"

	"cobot_vla/msgs"
)

// TestValuesOnTheWire: every kind of value comes back from a message as it went in.
func TestValuesOnTheWire(t *testing.T) {
	for _, v := range []Value{
		{}, BoolValue(true), IntValue(-3), FloatValue(1.5), StringValue("x"),
		{Kind: ByteArray, Bytes: []byte{1, 255}}, {Kind: BoolArray, Bools: []bool{true, false}},
		{Kind: IntegerArray, Ints: []int64{1, -2}}, {Kind: DoubleArray, Floats: []float64{0.5}}, {Kind: StringArray, Strings: []string{"a", ""}},
	} {
		m := toMsg(v)
		back := new(msgs.ParameterValue)
		if err := msgs.ReadCDR(msgs.Marshal(&m), back); err != nil {
			t.Fatal(err)
		}
		if got := fromMsg(*back); !got.Equal(v) {
			t.Errorf("%v %s came back as %v %s", v.Kind, v, got.Kind, got)
		}
	}
	if got := fromMsg(msgs.ParameterValue{Type: 200, StringValue: "x"}); got.Kind.String() != "kind 200" || got.String() != "not set" {
		t.Errorf("an unknown type is %v %s", got.Kind, got)
	}
	if got := (Value{Kind: ByteArray, Bytes: []byte{1, 2}}).String(); got != "[1 2]" {
		t.Errorf("bytes are %s", got)
	}
}
