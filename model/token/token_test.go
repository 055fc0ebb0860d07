package token

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"

	"pgregory.net/rapid"
)

const qwen2 = 151643

func tokenizer(t testing.TB, bins int, edges string) *Tokenizer {
	t.Helper()
	tok, err := New(Config{Top: qwen2, Bins: bins, Edges: edges})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// The table was made by the released Python code.
func TestGoldenTable(t *testing.T) {
	data, err := os.ReadFile("testdata/action_tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Values   []float64 `json:"values"`
		Digitize []uint16  `json:"digitize"`
		IDs      []uint32  `json:"ids"`
		Decoded  []float64 `json:"decoded"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Values) < 10 {
		t.Fatalf("%d values", len(golden.Values))
	}
	tok := tokenizer(t, 256, Uniform)
	for i, v := range golden.Values {
		if d := tok.Digit(v); d != golden.Digitize[i] {
			t.Errorf("digit of %g is %d, want %d", v, d, golden.Digitize[i])
		}
		id := tok.Encode(v)
		if id != golden.IDs[i] {
			t.Errorf("id of %g is %d, want %d", v, id, golden.IDs[i])
		}
		if x := tok.Decode(id); x != golden.Decoded[i] {
			t.Errorf("%g decodes to %v, want %v to the last bit", v, x, golden.Decoded[i])
		}
	}
}

func TestEveryIDDecodes(t *testing.T) {
	tok := tokenizer(t, 256, Uniform)
	low, high := -0.996078431372549, 0.996078431372549
	for _, tt := range []struct {
		id   uint32
		want float64
	}{{151642, low}, {151387, high}, {151388, high}, {151643, low}, {math.MaxUint32, low}, {0, high}, {151386, high}} {
		if got := tok.Decode(tt.id); math.Abs(got-tt.want) > 1e-15 {
			t.Errorf("%d decodes to %v, want %v", tt.id, got, tt.want)
		}
	}
}

// numpy.digitize counts the edges at or below; edges themselves belong to the bin above.
func TestDigitIsNumpysOnEveryEdge(t *testing.T) {
	for _, tok := range []*Tokenizer{tokenizer(t, 256, Uniform), tokenizer(t, 1024, Uniform), tokenizer(t, 2, Uniform), tokenizer(t, 256, Norm)} {
		if tok.edges[0] != -1 || tok.edges[tok.Bins()-1] != 1 || !slices.IsSorted(tok.edges) {
			t.Fatalf("%d edges from %g to %g", tok.Bins(), tok.edges[0], tok.edges[tok.Bins()-1])
		}
		for i, e := range tok.edges {
			if d := tok.Digit(e); int(d) != i+1 {
				t.Errorf("%d bins: edge %d has digit %d", tok.Bins(), i, d)
			}
			if below := math.Nextafter(e, -2); i > 0 && int(tok.Digit(below)) != i {
				t.Errorf("%d bins: just below edge %d has digit %d", tok.Bins(), i, tok.Digit(below))
			}
		}
	}
}

func TestNormEdges(t *testing.T) {
	tok := tokenizer(t, 256, Norm)
	inner := 0
	for _, e := range tok.edges {
		if e >= -0.1 && e < 0.1 {
			inner++
		}
	}
	if inner != 62 {
		t.Errorf("%d edges in -0.1..0.1, want 62", inner)
	}
	if d := tok.Digit(0); d != 15+40+42+31+1 {
		t.Errorf("digit of 0 is %d", d)
	}
	if h := tok.HalfBin(); math.Abs(h-0.5/14/2) > 1e-12 {
		t.Errorf("half bin %g", h)
	}
}

// A number and what its token decodes to are at most half a bin apart.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := rapid.SampledFrom([]string{Uniform, Norm}).Draw(t, "edges")
		tok, err := New(Config{Top: qwen2, Edges: edges})
		if err != nil {
			t.Fatal(err)
		}
		x := rapid.Float64Range(-1, 1).Draw(t, "x")
		if back := tok.Decode(tok.Encode(x)); math.Abs(back-x) > tok.HalfBin()+1e-12 {
			t.Fatalf("%g came back as %g", x, back)
		}
		id := tok.Encode(x)
		if again := tok.Encode(tok.Decode(id)); again != id && x < 1 {
			t.Fatalf("id %d says %g, which is id %d", id, tok.Decode(id), again)
		}
		if !tok.Is(id) {
			t.Fatalf("id %d is no action token", id)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{{Top: 100}, {Top: qwen2, Bins: 1}, {Top: qwen2, Bins: -1}, {Top: qwen2, Bins: 70000}, {Top: qwen2, Bins: 1024, Edges: Norm}, {Top: qwen2, Edges: "log"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}

func stats() calibration.Statistics {
	return calibration.Statistics{
		StateNames: []string{"joint", "width"}, Mean: []float64{0.5, 0.03}, Std: []float64{0.4, 0.02},
		ActionNames: []string{"joint", "width"}, ActMin: []float64{-1, 0}, ActMax: []float64{2, 0.07},
	}
}

func TestState(t *testing.T) {
	tok := tokenizer(t, 256, Uniform)
	digits, err := tok.State(stats(), []float64{0.5, 0.03 + 3*(0.02+1e-5)})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(digits, []uint16{128, 255}) && !slices.Equal(digits, []uint16{128, 256}) {
		t.Errorf("digits %v", digits)
	}
	if ids := tok.IDs(digits); ids[0] != qwen2-128 {
		t.Errorf("ids %v", ids)
	}
	if _, err := tok.State(stats(), []float64{0.5, math.NaN()}); !errors.Is(err, ErrNotANumber) || !strings.Contains(err.Error(), "state width is NaN") {
		t.Errorf("error %v", err)
	}
	if _, err := tok.State(stats(), []float64{0.5}); err == nil {
		t.Error("one value for two dimensions accepted")
	}
}

func TestStepAndValues(t *testing.T) {
	tok := tokenizer(t, 256, Uniform)
	s := stats()
	ids, err := tok.Step(s, []float64{0.7, 0.07})
	if err != nil {
		t.Fatal(err)
	}
	values, err := tok.Values(s, ids)
	if err != nil {
		t.Fatal(err)
	}
	half := tok.HalfBin() / 2
	if math.Abs(values[0]-0.7) > half*3 || math.Abs(values[1]-0.07) > half*0.07*1.0001 || values[1] > 0.07 {
		t.Errorf("values %v", values)
	}
	if _, err := tok.Step(s, []float64{math.Inf(1), 0}); !errors.Is(err, ErrNotANumber) {
		t.Errorf("error %v", err)
	}
	if _, err := tok.Step(s, []float64{0}); err == nil {
		t.Error("one value for two dimensions accepted")
	}
	if _, err := tok.Values(s, ids[:1]); err == nil {
		t.Error("one token for two dimensions accepted")
	}
}

func grammar(t testing.TB) *Grammar { return grammarIn(t, "") }

func grammarIn(t testing.TB, tokens string) *Grammar {
	t.Helper()
	m := checkpoint.Manifest{Name: "test", ActionTokenTop: qwen2, ActionBins: 256, ActionEdges: Uniform}
	m.Action.Names, m.Action.Chunk = []string{"joint", "width"}, 3
	m.Navigation = &checkpoint.NavigationSpec{MaxForward: 2, MaxTurn: 3, Tokens: tokens, DirectionTokens: [4]uint32{10, 11, 12, 13}}
	g, err := NewGrammar(m, stats())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestDirectionsAreTheMessages(t *testing.T) {
	// FORWARD, TURN_LEFT, TURN_RIGHT, STOP of cobot_vla/msg/NavigationToken.
	if [4]uint8{Forward, TurnLeft, TurnRight, Stop} != [4]uint8{0, 1, 2, 3} {
		t.Fatal("the message numbers the directions differently")
	}
}

func TestNext(t *testing.T) {
	g := grammar(t)
	action := uint32(qwen2 - 100)
	repeat := func(first []uint32, n int) []uint32 {
		for range n {
			first = append(first, action)
		}
		return first
	}
	tests := []struct {
		name   string
		prefix []uint32
		mobile bool
		want   int // how many ids are allowed
	}{
		{"first of a mobile task", nil, true, 4},
		{"value of forward", []uint32{10}, true, 256},
		{"end of forward", []uint32{10, action}, true, 0},
		{"steps after stop", []uint32{13}, true, 256},
		{"last step after stop", repeat([]uint32{13}, 5), true, 256},
		{"end after stop", repeat([]uint32{13}, 6), true, 0},
		{"first of a task on the spot", nil, false, 256},
		{"last of a task on the spot", repeat(nil, 5), false, 256},
		{"end of a task on the spot", repeat(nil, 6), false, 0},
	}
	for _, tt := range tests {
		if got := g.Next(tt.prefix, tt.mobile); len(got) != tt.want {
			t.Errorf("%s: %d ids allowed, want %d", tt.name, len(got), tt.want)
		}
	}
	if g.Length(13, true) != 7 || g.Length(11, true) != 2 || g.Length(0, false) != 6 {
		t.Error("lengths")
	}
}

// Whatever is said under the grammar parses, and has the length it promised.
func TestWhatIsAllowedParses(t *testing.T) {
	g := grammar(t)
	rapid.Check(t, func(t *rapid.T) {
		mobile := rapid.Bool().Draw(t, "mobile")
		var ids []uint32
		for next := g.Next(ids, mobile); next != nil; next = g.Next(ids, mobile) {
			ids = append(ids, rapid.SampledFrom(next).Draw(t, "id"))
		}
		if len(ids) != g.Length(ids[0], mobile) {
			t.Fatalf("%d tokens, promised %d", len(ids), g.Length(ids[0], mobile))
		}
		a, err := g.Parse(ids, mobile)
		if err != nil {
			t.Fatal(err)
		}
		if (a.Navigation != nil) == (a.Steps != nil) {
			t.Fatalf("drives and manipulates: %+v", a)
		}
		if n := a.Navigation; n != nil {
			if n.Value <= 0 || n.Value >= 3 || n.Direction == Stop || n.DirectionToken != ids[0] || n.ValueToken != ids[1] {
				t.Fatalf("%+v", *n)
			}
			again, err := g.Drive(n.Direction, n.Value)
			if err != nil || math.Abs(again.Value-n.Value) > 1e-9 {
				t.Fatalf("%+v said again is %+v, %v", *n, again, err)
			}
			return
		}
		if len(a.Steps) != 3 || len(a.Tokens) != 3 {
			t.Fatalf("%d steps", len(a.Steps))
		}
		for k, step := range a.Steps {
			for i, v := range step {
				if v < stats().ActMin[i] || v > stats().ActMax[i] {
					t.Fatalf("step %d: %g outside the statistics", k, v)
				}
			}
		}
	})
}

func TestParseRefuses(t *testing.T) {
	g := grammar(t)
	a := uint32(qwen2 - 1)
	tests := []struct {
		name   string
		ids    []uint32
		mobile bool
		want   string
	}{
		{"nothing", nil, true, "no tokens"},
		{"no direction", []uint32{a, a}, true, "token 0 is 151642, no direction (forward 10, turn left 11, turn right 12, stop 13)"},
		{"no value", []uint32{10}, true, "1 tokens, forward takes 2"},
		{"two values", []uint32{11, a, a}, true, "3 tokens, turn left takes 2"},
		{"value is a direction", []uint32{10, 11}, true, "token 1 is 11, no action token (151387..151642)"},
		{"stop alone", []uint32{13}, true, "0 action tokens, a chunk takes 6 (3 steps × 2 joints)"},
		{"short chunk", []uint32{13, a, a, a, a, a}, true, "5 action tokens, a chunk takes 6"},
		{"long chunk", []uint32{a, a, a, a, a, a, a}, false, "7 action tokens, a chunk takes 6"},
		{"word in a chunk", []uint32{13, a, a, 7, a, a, a}, true, "token 3 is 7, no action token"},
		{"end of text", []uint32{a, a, a, a, a, 151645}, false, "token 5 is 151645, no action token"},
		{"drives in a task on the spot", []uint32{10, a}, false, "2 action tokens, a chunk takes 6"},
	}
	for _, tt := range tests {
		if _, err := g.Parse(tt.ids, tt.mobile); !errors.Is(err, ErrGrammar) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v lacks %q", tt.name, err, tt.want)
		}
	}
}

func TestDrive(t *testing.T) {
	g := grammar(t)
	n, err := g.Drive(Forward, 1.0)
	if err != nil {
		t.Fatal(err)
	}
	if half := 2.0 / 255 / 2; math.Abs(n.Value-1.0) > half+1e-12 || n.DirectionToken != 10 {
		t.Errorf("%+v", n)
	}
	if n, err = g.Drive(TurnRight, 99); err != nil || n.Value < 2.98 || n.Value > 3 {
		t.Errorf("%+v %v", n, err)
	}
	for _, bad := range []float64{-0.1, math.NaN(), math.Inf(1)} {
		if _, err := g.Drive(Forward, bad); err == nil {
			t.Errorf("forward %g accepted", bad)
		}
	}
	if _, err := g.Drive(Stop, 0); err == nil {
		t.Error("stop with a value accepted")
	}
}

func TestSaySaysWhatItWillDo(t *testing.T) {
	g := grammar(t)
	ids, said, err := g.Say([]float64{0.123, 0.05})
	if err != nil {
		t.Fatal(err)
	}
	for i := range said {
		if want := Denormalise(stats(), i, g.Tokenizer().Decode(ids[i])); said[i] != want {
			t.Errorf("said %g, tokens say %g", said[i], want)
		}
	}
}

func TestNewGrammarRefuses(t *testing.T) {
	m := checkpoint.Manifest{Name: "test", ActionTokenTop: qwen2, ActionBins: 256}
	m.Action.Names, m.Action.Chunk = []string{"joint"}, 3
	if _, err := NewGrammar(m, stats()); err == nil {
		t.Error("one name for two dimensions accepted")
	}
	m.Action.Names = []string{"joint", "width"}
	m.ActionTokenTop = 0
	if _, err := NewGrammar(m, stats()); err == nil {
		t.Error("a manifest without tokens accepted")
	}
	m.ActionTokenTop = qwen2
	g, err := NewGrammar(m, stats())
	if err != nil {
		t.Fatal(err)
	}
	if g.Drives() || len(g.Next(nil, true)) != 256 {
		t.Error("drives without a navigation part")
	}
	if _, err := g.Drive(Forward, 1); err == nil {
		t.Error("drove without a navigation part")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{10, 200}, true)
	f.Add([]byte{13, 200, 200, 200, 200, 200, 200}, true)
	f.Add([]byte{200, 200, 200, 200, 200, 200}, false)
	g := grammar(f)
	f.Fuzz(func(t *testing.T, raw []byte, mobile bool) {
		var ids []uint32
		for _, b := range raw { // small bytes are words and directions, large ones action tokens
			id := uint32(b)
			if b >= 64 {
				id = qwen2 - uint32(b)
			}
			ids = append(ids, id)
		}
		a, err := g.Parse(ids, mobile)
		if err != nil {
			if !errors.Is(err, ErrGrammar) {
				t.Fatal(err)
			}
			return
		}
		if (a.Navigation != nil) == (len(a.Steps) > 0) {
			t.Fatalf("%+v", a)
		}
	})
}
