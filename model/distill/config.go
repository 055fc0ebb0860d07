package distill

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cobot_vla/model/nn/cpu"
)

// Recipe is what a run teaches.
type Recipe string

const (
	// RecipeSeer teaches the small action model from demonstrations.
	RecipeSeer Recipe = "seer"
	// RecipeBase teaches a fresh vision-language model to name what it sees: the
	// instruction, the phase, the objects' places. VITA-1.5 stands in its place where one has it.
	RecipeBase Recipe = "vita-base"
	// RecipeAlign is VITA-VLA's first stage.
	RecipeAlign Recipe = "vita-align"
	// RecipeFinetune is its second.
	RecipeFinetune Recipe = "vita-finetune"
)

// Recipes are all of them.
func Recipes() []Recipe { return []Recipe{RecipeSeer, RecipeBase, RecipeAlign, RecipeFinetune} }

// Config of a run. Its zero value trains nothing: begin with DefaultConfig.
type Config struct {
	Recipe Recipe
	// Out is the folder of the checkpoint that the run writes.
	Out string
	// From is the folder of the VITA-VLA that stages one and two start with: vita-base's or
	// VITA-1.5's for the first, the first's for the second. The second from a base is the baseline only-finetune.
	From string
	// Teacher is the folder of the Seer: what the first stage learns from, and whose decoder and heads both stages begin with.
	Teacher string
	// Steps of the optimiser.
	Steps int
	// Batch is how many sequences a step averages over. Default 8.
	Batch int
	// History is how many steps a sequence has. Default 4; the paper's are 10 and 7.
	History int
	// Rate is the highest learning rate, reached after Warmup steps; it falls to zero as a cosine. Defaults 1e-3 and 20.
	Rate   float64
	Warmup int
	// Decay is AdamW's weight decay, of everything that learns, as in the original. Default 1e-4.
	Decay float64
	// Clip bounds the length of the gradient; 0 for no bound. Default 1.
	Clip float64
	// Align is the loss of the first stage, Loss that of the second and of Seer. Defaults: the paper's.
	Align Align
	Loss  ActionLoss
	// Stage of vita-finetune: finetune, finetune-code (the connector learns too) or freeze-vlm.
	Stage Stage
	// Seed of fresh weights and of the sampler.
	Seed uint64
	// Precision of the operands, f32 or bf16; weights, moments and sums are f32 in both. Default f32.
	Precision cpu.Precision
	// Threads that compute; 0 for all processors.
	Threads int
	// Budget ends the run after that time, with a checkpoint; 0 for none.
	Budget time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Report is called after every step. Default: nobody.
	Report func(Progress)
}

// Progress of a run.
type Progress struct {
	// Step of Steps that is finished.
	Step, Steps int
	// Loss of the step's batch, GradNorm before clipping, Rate of the step.
	Loss, GradNorm, Rate float64
	// Took is the time so far.
	Took time.Duration
}

// DefaultConfig has the paper's losses; Recipe, Out and Steps are missing.
func DefaultConfig() Config {
	return Config{
		Batch: 8, History: 4, Rate: 1e-3, Warmup: 20, Decay: 1e-4, Clip: 1, Align: SquaredDistance, Loss: Paper, Stage: FinetuneStage,
		Precision: cpu.F32, Now: time.Now, Report: func(Progress) {},
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
	check(slices.Contains(Recipes(), c.Recipe), "recipe is %q, expected one of %v", c.Recipe, Recipes())
	check(c.Out != "", "out is empty: say the folder of the checkpoint")
	needs := c.Recipe == RecipeAlign || c.Recipe == RecipeFinetune
	check(!needs || c.From != "", "from is empty: recipe %s starts with a checkpoint of VITA-VLA", c.Recipe)
	check(c.Recipe != RecipeAlign || c.Teacher != "", "teacher is empty: recipe %s learns from a Seer", c.Recipe)
	check(c.Steps > 0 && c.Batch > 0 && c.History > 0, "steps %d, batch %d, history %d: expected 1 or more", c.Steps, c.Batch, c.History)
	check(c.Rate > 0 && c.Rate < 1 && c.Warmup >= 0 && c.Decay >= 0 && c.Clip >= 0, "rate %g, warmup %d, decay %g, clip %g: expected a rate between 0 and 1, the others 0 or more", c.Rate, c.Warmup, c.Decay, c.Clip)
	check(slices.Contains([]Align{SquaredDistance, Distance}, c.Align), "align is %q, expected %s or %s", c.Align, SquaredDistance, Distance)
	check(slices.Contains([]Arm{Absolute, MeanAbsolute, Smooth}, c.Loss.Arm), "the arm's loss is %q, expected %s, %s or %s", c.Loss.Arm, Absolute, MeanAbsolute, Smooth)
	check(slices.Contains([]Gripper{CrossEntropy, Width}, c.Loss.Gripper) && c.Loss.Weight >= 0, "the gripper's loss is %q times %g, expected %s or %s times 0 or more", c.Loss.Gripper, c.Loss.Weight, CrossEntropy, Width)
	check(slices.Contains([]Stage{FinetuneStage, FinetuneCode, FreezeStage}, c.Stage), "stage is %q, expected %s, %s or %s", c.Stage, FinetuneStage, FinetuneCode, FreezeStage)
	check(c.Precision == cpu.F32 || c.Precision == cpu.BF16, "precision is %q, expected %s or %s", c.Precision, cpu.F32, cpu.BF16)
	if len(errs) > 0 {
		return fmt.Errorf("train %s: %w", c.Recipe, errors.Join(errs...))
	}
	return nil
}

// factor of the learning rate at a step counted from 0: linear up from zero, half a cosine down.
func (c Config) factor(step int) float64 {
	if step < c.Warmup {
		return float64(step) / float64(c.Warmup)
	}
	along := float64(step-c.Warmup) / float64(max(c.Steps-c.Warmup, 1))
	return (1 + math.Cos(math.Pi*along)) / 2
}
