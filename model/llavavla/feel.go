package llavavla

import (
	"fmt"

	"cobot_vla/model/nn"
	"cobot_vla/model/weights"
)

// feeling is the other way to take proprioception in, which the paper compares with its tokens: an MLP makes all numbers
// one vector, fc2(gelu(fc1(x))), that stands among the words.
type feeling struct {
	b        nn.Backend
	inputs   int
	fc1, fc2 nn.Weight // [H, inputs], [H, H]

	rows                     int    // room in the workspace
	state, hidden, projected nn.Buf // [rows, inputs], [rows, H], [rows, H]
	one                      [1]int32
}

// newFeeling is nil for a network that reads tokens.
func newFeeling(l *weights.Loader, inputs, hidden int) *feeling {
	if inputs == 0 {
		return nil
	}
	f := &feeling{b: l.Backend(), inputs: inputs, fc1: l.Exact("proprioception.0", hidden, inputs), fc2: l.Exact("proprioception.2", hidden, hidden)}
	if l.Err() == nil {
		f.reserve(1, hidden)
	}
	return f
}

// reserve makes room for so many states at once.
func (f *feeling) reserve(rows, hidden int) {
	if f == nil || rows <= f.rows {
		return
	}
	f.rows = rows
	f.state, f.hidden, f.projected = f.b.Buf(rows, f.inputs), f.b.Buf(rows, hidden), f.b.Buf(rows, hidden)
}

// check says whether a prompt has what the network wants.
func (f *feeling) check(p Prompt) error {
	want := 0
	if f != nil {
		want = f.inputs
	}
	if len(p.State) != want || want > 0 && (p.StateAt < 0 || p.StateAt >= len(p.After)) {
		return fmt.Errorf("a prompt with %d numbers of proprioception at %d of %d tokens, the network takes %d", len(p.State), p.StateAt, len(p.After), want)
	}
	return nil
}

// project makes vectors of states, one behind the other.
func (f *feeling) project(states []float32) {
	n := len(states) / f.inputs
	f.b.Write(f.state.View(0, n), states)
	f.b.Linear(f.hidden.View(0, n), f.state.View(0, n), f.fc1, nn.Op{Act: nn.GELU})
	f.b.Linear(f.projected.View(0, n), f.hidden.View(0, n), f.fc2, nn.Op{})
}

// put writes the vector of state i over the placeholder in row.
func (f *feeling) put(row nn.Buf, i int) {
	f.one[0] = int32(i)
	f.b.Gather(row, f.projected, f.one[:])
}
