package train

import (
	"errors"
	"fmt"
	"math"

	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train/course"
)

// Config of a run. Its zero value trains nothing: begin with DefaultConfig.
type Config struct {
	// Out is the run's folder: the checkpoint, state.safetensors to resume from, log.jsonl, curves.png.
	Out string `json:"-"`
	// From is the folder of a checkpoint whose weights the run starts with: post-training's, for fine-tuning.
	// Empty: fresh weights of Preset.
	From string `json:"from,omitempty"`
	// Preset is the shape of a model that starts fresh. Default llava-vla-tiny.
	Preset string `json:"preset,omitempty"`
	// Steps of the optimiser; the learning rate ends its cosine there. 0 plans as many as Budget has time for,
	// by the pace of the first; the plan is kept in the state.
	Steps int `json:"steps"`
	// Batch is how many examples a step averages over. Default 16.
	Batch int `json:"batch"`
	// Micro is how many of them go through the model at a time; it must divide Batch. It changes the
	// speed, and the last bits of the result. Default 8: what is in work stays in the caches.
	Micro int `json:"micro"`
	// Copies of the model read the parts of a batch side by side, each on its share of Threads: twice the processors, twice the
	// speed, where the threads of one model mostly wait for each other. Every one takes the memory of weights, gradients and
	// activations. There are no more of them than Batch / Micro. It changes the last bits of the result. Default 2.
	Copies int `json:"copies"`
	// Rate is the highest learning rate, reached after Warmup steps, VisionRate that of the vision tower and
	// projector (0: the same); both fall to Floor times themselves. Defaults 3e-3, 0, 100 and 0.05: the rate is
	// llava-vla-tiny's, llava-vla-small bears 1.5e-3. 8000 examples of click_bell in steps of 8 bring the held-out error to
	// 8 % of the mean action's, 7200 in steps of 48 at 5e-3 to 67 %: many small steps.
	Rate       float64 `json:"rate"`
	VisionRate float64 `json:"vision_rate,omitempty"`
	Warmup     int     `json:"warmup"`
	Floor      float64 `json:"floor"`
	// Decay is AdamW's weight decay, of matrices only. Default 0.05.
	Decay float64 `json:"decay"`
	// Beta1, Beta2 and Epsilon are AdamW's. Defaults 0.9, 0.98 and 1e-8: with the few thousand steps of a
	// small budget a longer memory of the second moment is one of gradients that have long changed.
	Beta1   float64 `json:"beta1"`
	Beta2   float64 `json:"beta2"`
	Epsilon float64 `json:"epsilon"`
	// Clip bounds the length of the gradient; 0 for no bound. Default 1.
	Clip float64 `json:"clip"`
	// Smoothing spreads an action label over its neighbouring bins, a Gaussian of that many bins; 0 for
	// the one bin alone. Bins far apart mean motions far apart, which plain cross-entropy does not know. Default 1:
	// wider ones blur labels that demonstrations place to the bin.
	Smoothing float64 `json:"smoothing"`
	// Blank is the part of an answer's tokens that the model does not get to read while it learns to say those
	// behind them: a placeholder stands there. Steps of a chunk are alike, so a model that
	// always reads the true step before learns to copy it, late to see, and drifts when it reads its own.
	// Default 0.3: enough to end the copying, and what was decided before can still be read. On the toy, 6400 examples and
	// llava-vla-tiny, the held-out error was 77 % of the mean action's with 0.6, and 114 % with 0.
	Blank float64 `json:"blank"`
	// Freeze takes out parameters whose canonical names begin with any of these: "vision.".
	Freeze []string `json:"freeze,omitempty"`
	// Seed of the weights that start fresh and of the sampler.
	Seed uint64 `json:"seed"`
	// Precision of the operands, f32 or bf16; weights, moments and sums are f32 in both. Default: the faster one on this processor.
	Precision cpu.Precision `json:"precision"`
	// Stored is the precision of the written checkpoint, BF16 or F32. Default BF16.
	Stored string `json:"stored"`

	course.Pace
}

// DefaultConfig is a run of llava-vla-tiny; Out and Steps are missing.
func DefaultConfig() Config {
	return Config{
		Preset: PresetTiny, Batch: 16, Micro: 8, Copies: 2, Rate: 3e-3, Warmup: 100, Floor: 0.05, Decay: 0.05,
		Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, Clip: 1, Smoothing: 1, Blank: 0.3, Precision: cpu.Learning(), Stored: "BF16",
		Pace: course.DefaultPace(),
	}
}

// Validate says everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Out != "", "out is empty: say the folder of the run")
	check(c.From != "" || c.Preset != "", "from and preset are empty: say what to start with")
	check(c.Steps > 0 || c.Steps == 0 && c.Budget > 0, "steps is %d, expected 1 or more, or 0 and a budget of time to plan them by", c.Steps)
	check(c.Batch > 0 && c.Micro > 0 && c.Batch%max(c.Micro, 1) == 0, "batch is %d and micro %d: micro must divide batch", c.Batch, c.Micro)
	check(c.Copies > 0, "copies is %d, expected 1 or more", c.Copies)
	check(c.Rate > 0 && c.Rate < 1 && c.VisionRate >= 0 && c.VisionRate < 1, "rate is %g and vision rate %g, expected numbers between 0 and 1", c.Rate, c.VisionRate)
	check(c.Warmup >= 0 && c.Floor >= 0 && c.Floor <= 1, "warmup is %d and floor %g, expected 0 or more, and 0..1", c.Warmup, c.Floor)
	check(c.Decay >= 0 && c.Clip >= 0 && c.Smoothing >= 0, "decay %g, clip %g and smoothing %g: expected 0 or more", c.Decay, c.Clip, c.Smoothing)
	check(c.Blank >= 0 && c.Blank <= 1, "blank is %g, expected 0..1", c.Blank)
	check(c.Beta1 >= 0 && c.Beta1 < 1 && c.Beta2 >= 0 && c.Beta2 < 1 && c.Epsilon > 0, "beta1 %g, beta2 %g, epsilon %g: expected 0 up to 1, and above 0", c.Beta1, c.Beta2, c.Epsilon)
	check(c.Precision == cpu.F32 || c.Precision == cpu.BF16, "precision is %q, expected %s or %s", c.Precision, cpu.F32, cpu.BF16)
	check(c.Stored == "F32" || c.Stored == "BF16", "stored is %q, expected F32 or BF16", c.Stored)
	errs = append(errs, c.Pace.Validate())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// factor of the learning rate at a step of steps, counted from 0: linear up, a half cosine down.
func (c Config) factor(step, steps int) float64 {
	if step < c.Warmup {
		return float64(step+1) / float64(c.Warmup)
	}
	along := float64(step-c.Warmup) / float64(max(steps-c.Warmup, 1))
	return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*min(along, 1)))/2
}
