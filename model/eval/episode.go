package eval

import (
	"slices"
	"time"
)

// Settings of single tasks.
const (
	Seen       = "seen"
	Randomised = "dr"
)

// Episode is a line of an evaluation's file: one attempt, or one chain of them.
type Episode struct {
	// Task that was attempted, or the chain's name; Tasks are a chain's, in order.
	Task  string   `json:"task"`
	Tasks []string `json:"tasks,omitempty"`
	// Setting is seen or dr.
	Setting string `json:"setting"`
	Seed    uint64 `json:"seed"`
	// Config is a hash of all that the numbers depend on besides the seed.
	Config string `json:"config"`
	// Instruction that was given; a chain's first.
	Instruction string `json:"instruction"`
	// Success of the attempt, of a chain when all was done. Done counts a chain's tasks.
	Success bool   `json:"success"`
	Done    int    `json:"done,omitempty"`
	Reason  string `json:"reason"`
	// Steps of the policy's period, and the simulated time, from the instruction on.
	Steps   int     `json:"steps"`
	Seconds float64 `json:"sim_s"`
	// Decisions of the policy, and what they took in simulated time [ms].
	Decisions int       `json:"decisions"`
	Inference Quantiles `json:"inference_ms"`
	// Wall is what really passed: the only part that differs between two runs.
	Wall Wall `json:"wall"`
}

// Wall times of an episode.
type Wall struct {
	Seconds float64   `json:"s"`
	Acting  Quantiles `json:"acting_ms"` // of the policy's decisions
}

// Quantiles of durations [ms].
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// QuantilesOf durations; 0 without any.
func QuantilesOf(d []time.Duration) Quantiles {
	if len(d) == 0 {
		return Quantiles{}
	}
	s := slices.Clone(d)
	slices.Sort(s)
	at := func(p float64) float64 {
		v := s[min(int(p*float64(len(s))), len(s)-1)]
		return float64(v.Round(10*time.Microsecond).Microseconds()) / 1000
	}
	return Quantiles{at(0.5), at(0.99)}
}
