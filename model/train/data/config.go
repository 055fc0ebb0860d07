package data

import (
	"errors"
	"fmt"
)

// Config of a Set: what is held out, and how what is drawn differs from what was recorded.
type Config struct {
	// Held is the part of the episodes that training never sees, for the diagnostics; default 0.05. With two
	// episodes or more, at least one of each file is held out, and one is not.
	Held float64
	// Driving is how often a label that drives is drawn, in times of one that manipulates; default 1. A
	// mobile task has few of them where they are recorded at standstill only.
	Driving int
	// Balanced draws from every file as often; default false: from every sample as often.
	Balanced bool
	// Noise of the proprioception, in parts of each number's standard deviation in the data; default 0.
	Noise float64
	// Dropout is the probability of each number of the proprioception to be its mean instead, and Blind
	// that of all of them at once; default 0. A model that can't trust its state looks at the picture.
	Dropout, Blind float64
	// Shift moves every camera's view by up to so many pixels of the crop, each way; default 0. What comes in at the edge
	// repeats it. The label stays: where a camera stands still, more than a pixel or two teaches that places don't matter to the centimetre.
	Shift int
	// Colour spreads brightness, contrast and the colours' balance by ± that part; default 0.
	Colour float64
	// Wording takes other words that the same file has for the task; default false.
	Wording bool
}

// DefaultConfig draws what was recorded.
func DefaultConfig() Config { return Config{Held: 0.05, Driving: 1} }

// Augmented is a considered start.
func Augmented() Config {
	c := DefaultConfig()
	c.Noise, c.Dropout, c.Blind, c.Shift, c.Colour, c.Wording = 0.05, 0.05, 0.1, 1, 0.2, true
	return c
}

// Validate checks the numbers.
func (c Config) Validate() error {
	var errs []error
	part := func(field string, v float64) {
		if !(v >= 0 && v < 1) {
			errs = append(errs, fmt.Errorf("data: %s is %g; it must be at least 0 and below 1", field, v))
		}
	}
	part("Held", c.Held)
	part("Dropout", c.Dropout)
	part("Blind", c.Blind)
	part("Colour", c.Colour)
	if !(c.Noise >= 0 && c.Noise <= 3) {
		errs = append(errs, fmt.Errorf("data: Noise is %g; it must be within 0..3 standard deviations", c.Noise))
	}
	if c.Shift < 0 || c.Shift > 64 {
		errs = append(errs, fmt.Errorf("data: Shift is %d px; it must be within 0..64", c.Shift))
	}
	if c.Driving < 1 || c.Driving > 1000 {
		errs = append(errs, fmt.Errorf("data: Driving is %d; it must be within 1..1000", c.Driving))
	}
	return errors.Join(errs...)
}
