package token

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
)

// Directions of driving (LLaVA-VLA, section IV.D, finding 8). The numbers are
// those of the NavigationToken message.
const (
	Forward   uint8 = 0
	TurnLeft  uint8 = 1
	TurnRight uint8 = 2
	Stop      uint8 = 3
)

var directionNames = [4]string{"forward", "turn left", "turn right", "stop"}

// DirectionName says a direction in the paper's words.
func DirectionName(d uint8) string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return fmt.Sprintf("direction %d", d)
}

// ErrGrammar is wrapped by Parse: a sequence that says nothing a robot can do.
var ErrGrammar = errors.New("token sequence outside the grammar")

// Grammar is what a policy may say about one observation:
//
//	mobile task:   (forward | turn left | turn right) value
//	               stop action{chunk·dims}
//	other tasks:   action{chunk·dims}
//
// value and action are action tokens; the value's bins span 0 to the manifest's
// metres or radians. Where the manifest says driving in value tokens, a mobile task's sequence is
//
//	forward turn action{chunk·dims}
//
// instead (values.go). Decoding under it, a policy can't say what the robot can't do.
// A Grammar is immutable and safe for concurrent use.
type Grammar struct {
	tok         *Tokenizer
	stats       calibration.Statistics
	nav         *checkpoint.NavigationSpec
	chunk, dims int
	directions  []uint32 // the four ids, by direction
	plain       bool     // driving in value tokens
	values      []uint32 // the action tokens, ascending
}

// NewGrammar takes the tokenizer, the chunk and the navigation ranges from a
// manifest; the statistics are in the manifest's order.
func NewGrammar(m checkpoint.Manifest, s calibration.Statistics) (*Grammar, error) {
	tok, err := New(Config{Top: m.ActionTokenTop, Bins: m.ActionBins, Edges: m.ActionEdges})
	if err != nil {
		return nil, fmt.Errorf("manifest %q: %w", m.Name, err)
	}
	if len(s.ActMin) != len(m.Action.Names) {
		return nil, fmt.Errorf("manifest %q: %d action names but the statistics have %d action dimensions", m.Name, len(m.Action.Names), len(s.ActMin))
	}
	g := &Grammar{tok: tok, stats: s, nav: m.Navigation, chunk: m.Action.Chunk, dims: len(m.Action.Names)}
	first, last := tok.Range()
	for id := first; id <= last; id++ {
		g.values = append(g.values, id)
	}
	if m.Navigation != nil {
		g.directions = m.Navigation.DirectionTokens[:]
		g.plain = m.Navigation.Tokens == "values"
	}
	return g, nil
}

// Tokenizer is the one the grammar's action tokens belong to.
func (g *Grammar) Tokenizer() *Tokenizer { return g.tok }

// Drives reports whether the manifest has a navigation part.
func (g *Grammar) Drives() bool { return g.nav != nil }

// Directions are the ids of the direction tokens; nil where there are none to be said.
func (g *Grammar) Directions() []uint32 {
	if g.plain {
		return nil
	}
	return g.directions
}

// Still is what a mobile task's steps follow: stop, or the value tokens of no driving.
func (g *Grammar) Still() []uint32 {
	if g.plain {
		return []uint32{g.tok.Encode(-1), g.tok.Encode(0)}
	}
	return g.directions[Stop : Stop+1]
}

// Lead is how many tokens a mobile task's sequence begins with before what it says is known: drive, or do steps.
func (g *Grammar) Lead() int { return len(g.Still()) }

// Direction is the one that a mobile task's sequence begins with; Stop when steps follow. False when it is none.
func (g *Grammar) Direction(ids []uint32) (uint8, bool) {
	if len(ids) < g.Lead() {
		return 0, false
	}
	if g.plain {
		n, still := g.motion(ids[0], ids[1])
		if still {
			return Stop, true
		}
		return n.Direction, true
	}
	d := slices.Index(g.directions, ids[0])
	return uint8(max(d, 0)), d >= 0
}

// Actions is the number of action tokens of a chunk.
func (g *Grammar) Actions() int { return g.chunk * g.dims }

// Next returns the ids allowed after prefix, what was said so far, in ascending
// order except that directions come in their own; nil when nothing may follow.
// The slice is shared: read it only.
func (g *Grammar) Next(prefix []uint32, mobile bool) []uint32 {
	if len(prefix) == 0 {
		return g.At(0, 0, mobile)
	}
	return g.At(len(prefix), prefix[0], mobile)
}

// At is Next for one position when only the first token is known, as parallel
// decoding asks; first counts only beyond position 0 of a mobile task.
func (g *Grammar) At(position int, first uint32, mobile bool) []uint32 {
	switch {
	case mobile && g.plain:
		if position < g.Lead() {
			return g.values
		}
		position -= g.Lead()
	case mobile && g.nav != nil:
		if position == 0 {
			return g.directions
		}
		if first != g.directions[Stop] {
			if position == 1 {
				return g.values
			}
			return nil
		}
		position--
	}
	if position < g.Actions() {
		return g.values
	}
	return nil
}

// Length of a whole sequence that starts with first.
func (g *Grammar) Length(first uint32, mobile bool) int {
	switch {
	case !mobile || g.nav == nil:
		return g.Actions()
	case g.plain || first == g.directions[Stop]:
		return g.Lead() + g.Actions()
	}
	return 2
}

// Parse turns a whole sequence into an action: a navigation goal, or steps.
// End-of-text tokens are the caller's to cut off.
func (g *Grammar) Parse(ids []uint32, mobile bool) (model.Action, error) {
	if len(ids) == 0 {
		return model.Action{}, fmt.Errorf("%w: no tokens", ErrGrammar)
	}
	if mobile && g.plain {
		return g.parseValues(ids)
	}
	if mobile && g.nav != nil {
		d := slices.Index(g.directions, ids[0])
		if d < 0 {
			return model.Action{}, fmt.Errorf("%w: token 0 is %d, no direction (forward %d, turn left %d, turn right %d, stop %d)",
				ErrGrammar, ids[0], g.directions[Forward], g.directions[TurnLeft], g.directions[TurnRight], g.directions[Stop])
		}
		if uint8(d) != Stop {
			return g.parseNavigation(uint8(d), ids)
		}
		steps, err := g.parseSteps(ids[1:], 1)
		return steps, err
	}
	return g.parseSteps(ids, 0)
}

func (g *Grammar) parseNavigation(direction uint8, ids []uint32) (model.Action, error) {
	if len(ids) != 2 {
		return model.Action{}, fmt.Errorf("%w: %d tokens, %s takes 2: itself and one value", ErrGrammar, len(ids), DirectionName(direction))
	}
	if !g.tok.Is(ids[1]) {
		return model.Action{}, g.stranger(1, ids[1])
	}
	return model.Action{Navigation: &model.Navigation{
		Direction: direction, Value: (g.tok.Decode(ids[1]) + 1) / 2 * g.span(direction),
		DirectionToken: ids[0], ValueToken: ids[1],
	}}, nil
}

func (g *Grammar) parseSteps(ids []uint32, offset int) (model.Action, error) {
	if len(ids) != g.Actions() {
		return model.Action{}, fmt.Errorf("%w: %d action tokens, a chunk takes %d (%d steps × %d joints)", ErrGrammar, len(ids), g.Actions(), g.chunk, g.dims)
	}
	var a model.Action
	for k := range g.chunk {
		step := slices.Clone(ids[k*g.dims : (k+1)*g.dims])
		for i, id := range step {
			if !g.tok.Is(id) {
				return model.Action{}, g.stranger(offset+k*g.dims+i, id)
			}
		}
		values, err := g.tok.Values(g.stats, step)
		if err != nil {
			return model.Action{}, err
		}
		a.Tokens, a.Steps = append(a.Tokens, step), append(a.Steps, values)
	}
	return a, nil
}

func (g *Grammar) stranger(position int, id uint32) error {
	first, last := g.tok.Range()
	return fmt.Errorf("%w: token %d is %d, no action token (%d..%d)", ErrGrammar, position, id, first, last)
}

// span of the value bins of a direction: [m] or [rad].
func (g *Grammar) span(direction uint8) float64 {
	if direction == Forward {
		return g.nav.MaxForward
	}
	return g.nav.MaxTurn
}

// Say encodes one step: the ids, and the values those ids decode to, which are what the robot will do.
func (g *Grammar) Say(values []float64) (ids []uint32, said []float64, err error) {
	if ids, err = g.tok.Step(g.stats, values); err != nil {
		return nil, nil, err
	}
	said, err = g.tok.Values(g.stats, ids)
	return ids, said, err
}

// Drive encodes a navigation goal: value is metres or radians, not negative; it
// comes back as the tokens say it. Beyond the range it takes the range's end.
func (g *Grammar) Drive(direction uint8, value float64) (model.Navigation, error) {
	if g.nav == nil {
		return model.Navigation{}, fmt.Errorf("token: %s asked of a policy whose manifest has no navigation", DirectionName(direction))
	}
	if direction >= Stop {
		return model.Navigation{}, fmt.Errorf("token: %s has no value; steps follow it", DirectionName(direction))
	}
	if !(value >= 0) || math.IsInf(value, 0) {
		return model.Navigation{}, fmt.Errorf("token: %s by %g: %w of 0 or more; the direction says the sign", DirectionName(direction), value, ErrNotANumber)
	}
	if g.plain {
		return g.driveValues(direction, value), nil
	}
	a, err := g.parseNavigation(direction, []uint32{g.directions[direction], g.tok.Encode(value/g.span(direction)*2 - 1)})
	if err != nil {
		return model.Navigation{}, err
	}
	return *a.Navigation, nil
}
