package llavavla

import (
	"fmt"
	"time"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/text"
)

// Config of a Policy.
type Config struct {
	// CPU is the precision, the threads and the converted weights of the processor's backend.
	CPU cpu.Config
	// Positions the language model has room for: system prompt, visual tokens,
	// instruction, state and answer. Default 8192, or what config.json allows when
	// that is less; 12 KB of memory each for the 0.5B model, taken when they are used.
	Positions int
	// Parallel decodes several tokens a pass where that was measured to be
	// faster; the actions are the same. Default on.
	Parallel bool
	// Slicing is how proprioception gets into the prompt. Default text.Exact; the
	// others repeat the original's mistakes, to compare with its outputs.
	Slicing text.Slicing
	// Now is the clock of the timings in an Action, and of the measurement of passes. Default time.Now.
	Now func() time.Time
}

// DefaultConfig decodes in parallel on all processors with int8 weights and 16-bit activations.
func DefaultConfig() Config {
	return Config{CPU: cpu.DefaultConfig(), Parallel: true, Slicing: text.Exact, Now: time.Now}
}

func (c *Config) complete() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	switch c.Slicing {
	case "":
		c.Slicing = text.Exact
	case text.Exact, text.TrainingCode, text.ServerCode:
	default:
		return fmt.Errorf("slicing %q: expected %s, %s or %s", c.Slicing, text.Exact, text.TrainingCode, text.ServerCode)
	}
	if c.Positions < 0 {
		return fmt.Errorf("positions %d: expected a number above 0, or 0 for the default", c.Positions)
	}
	return nil
}
