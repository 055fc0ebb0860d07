// Package token turns numbers into the tokens a language model speaks and back:
// joint targets and proprioception into bins of a fixed range, driving into a
// direction and a value, and the grammar that says which token may follow
// which. Policies call it around their forward pass; the proprioception node
// bins with it; constrained decoding asks it for the allowed ids. It knows no
// text: ids stand directly in the sequence and never go through a tokenizer.
//
// The binning is LLaVA-VLA's (llava/action_tokenizer.py of
// OpenHelix-Team/LLaVA-VLA): bin edges over -1..1, a value's digit is how many
// edges are at or below it (numpy.digitize), its id is T - digit with T the
// size of the tokenizer's base vocabulary, and decoding takes bin centres.
package token

import (
	"fmt"
	"math"
	"sort"
)

// Config says how numbers become ids.
type Config struct {
	// Top is T in id = T - digit: the tokenizer's base vocabulary without added tokens (151643 for Qwen2).
	Top uint32
	// Bins is the number of edges, at least 2; default 256. There are Bins digits but Bins-1 centres:
	// the last digit, of values at the upper end, decodes like the one before it.
	Bins int
	// Edges places them: uniform, or norm, which is the released code's
	// use_norm_bins: finer around zero, 256 bins only. Default uniform.
	Edges string
}

// Placements of bin edges.
const (
	Uniform = "uniform"
	Norm    = "norm"
)

// Tokenizer converts numbers in -1..1. It is immutable and safe for concurrent use.
type Tokenizer struct {
	top     uint32
	edges   []float64 // ascending, edges[0] = -1, the last 1
	centres []float64 // one fewer
}

// New makes a tokenizer.
func New(cfg Config) (*Tokenizer, error) {
	if cfg.Bins == 0 {
		cfg.Bins = 256
	}
	if cfg.Bins < 2 || cfg.Bins > math.MaxUint16 {
		return nil, fmt.Errorf("token: %d bins; it takes 2..%d", cfg.Bins, math.MaxUint16)
	}
	if int64(cfg.Top) < int64(cfg.Bins) {
		return nil, fmt.Errorf("token: top %d is below the %d bins; it is the tokenizer's base vocabulary, 151643 for Qwen2", cfg.Top, cfg.Bins)
	}
	t := &Tokenizer{top: cfg.Top}
	switch cfg.Edges {
	case "", Uniform:
		t.edges = linspace(nil, -1, 1, cfg.Bins, true)
	case Norm:
		if cfg.Bins != 256 {
			return nil, fmt.Errorf("token: norm edges are defined for 256 bins, not %d; use uniform", cfg.Bins)
		}
		t.edges = normEdges()
	default:
		return nil, fmt.Errorf("token: edges %q are unknown; use uniform or norm", cfg.Edges)
	}
	t.centres = make([]float64, len(t.edges)-1)
	for i := range t.centres {
		t.centres[i] = (t.edges[i] + t.edges[i+1]) / 2
	}
	return t, nil
}

// linspace appends n numbers from start to stop as numpy does, to the last bit.
func linspace(dst []float64, start, stop float64, n int, endpoint bool) []float64 {
	div := n
	if endpoint {
		div--
	}
	step := (stop - start) / float64(div)
	for i := range n {
		dst = append(dst, float64(float64(i)*step)+start) // the conversion keeps product and sum from being fused
	}
	if endpoint {
		dst[len(dst)-1] = stop
	}
	return dst
}

// normEdges are the released use_norm_bins: 62 bins over -0.1..0.1, 42 on each
// side to ±0.25, 40 to ±0.5, 15 to ±1.
func normEdges() []float64 {
	var e []float64
	e = linspace(e, -1, -0.5, 15, false)
	e = linspace(e, -0.5, -0.25, 40, false)
	e = linspace(e, -0.25, -0.1, 42, false)
	e = linspace(e, -0.1, 0.1, 62, false)
	e = linspace(e, 0.1, 0.25, 42, false)
	e = linspace(e, 0.25, 0.5, 40, false)
	return linspace(e, 0.5, 1, 15, true)
}

// Bins is the number of digits.
func (t *Tokenizer) Bins() int { return len(t.edges) }

// Top is T in id = T - digit.
func (t *Tokenizer) Top() uint32 { return t.top }

// Digit of a number, 1..Bins; numbers outside -1..1 take the ends. NaN takes the
// last digit, as numpy's does: callers refuse it before.
func (t *Tokenizer) Digit(x float64) uint16 {
	if math.IsNaN(x) {
		return uint16(len(t.edges))
	}
	x = min(max(x, -1), 1)
	return uint16(sort.Search(len(t.edges), func(i int) bool { return t.edges[i] > x }))
}

// Centre of a digit's bin; digits outside 1..Bins-1 take the nearest bin.
func (t *Tokenizer) Centre(digit int) float64 {
	return t.centres[min(max(digit-1, 0), len(t.centres)-1)]
}

// ID of a digit.
func (t *Tokenizer) ID(digit uint16) uint32 { return t.top - uint32(digit) }

// Encode is the id of a number in -1..1.
func (t *Tokenizer) Encode(x float64) uint32 { return t.ID(t.Digit(x)) }

// Decode is the number an id stands for. Every id decodes, as in the released
// code: ids above the action tokens to the lower end, ids below them to the upper.
func (t *Tokenizer) Decode(id uint32) float64 {
	return t.Centre(int(int64(t.top) - int64(id)))
}

// Range returns the smallest and the largest action token.
func (t *Tokenizer) Range() (first, last uint32) { return t.top - uint32(len(t.edges)), t.top - 1 }

// Is reports whether an id is an action token.
func (t *Tokenizer) Is(id uint32) bool {
	first, last := t.Range()
	return id >= first && id <= last
}

// HalfBin is the largest distance between a number in -1..1 and what its token decodes to.
func (t *Tokenizer) HalfBin() float64 {
	widest := 0.0
	for i := range t.centres {
		widest = max(widest, t.edges[i+1]-t.edges[i])
	}
	return widest / 2
}
