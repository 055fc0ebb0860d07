package distill

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train/course"
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
	Recipe Recipe `json:"recipe"`
	// Out is the run's folder: the checkpoint, state.safetensors to resume from, log.jsonl, curves.png.
	Out string `json:"-"`
	// From is the folder of the VITA-VLA that stages one and two start with: vita-base's or
	// VITA-1.5's for the first, the first's for the second. The second from a base is the baseline only-finetune. Recipe
	// seer goes on from a Seer; empty: from fresh weights.
	From string `json:"from,omitempty"`
	// Teacher is the folder of the Seer: what the first stage learns from, and whose decoder and heads both stages begin with.
	Teacher string `json:"teacher,omitempty"`
	// Steps of the optimiser. 0 plans as many as Budget has time for, by the pace of the first; the plan is kept in the state.
	Steps int `json:"steps"`
	// Batch is how many sequences a step averages over. Default 8.
	Batch int `json:"batch"`
	// Copies of the student read parts of a batch side by side, each on its share of Threads and in memory of its own. It
	// changes the last bits of the result. Default 2.
	Copies int `json:"copies"`
	// History is how many steps a sequence has. Default 4; the paper's are 10 and 7.
	History int `json:"history"`
	// Rate is the highest learning rate, reached after Warmup steps; it falls to zero as a cosine. Defaults 1e-3 and 20.
	Rate   float64 `json:"rate"`
	Warmup int     `json:"warmup"`
	// Decay is AdamW's weight decay, of everything that learns, as in the original. Default 1e-4.
	Decay float64 `json:"decay"`
	// Beta2 is AdamW's memory of the second moment. Default 0.999, as in the original.
	Beta2 float64 `json:"beta2"`
	// Clip bounds the length of the gradient; 0 for no bound. Default 1.
	Clip float64 `json:"clip"`
	// Align is the loss of the first stage, Loss that of the second and of Seer. Defaults: the paper's.
	Align Align      `json:"align"`
	Loss  ActionLoss `json:"loss"`
	// Stage of vita-finetune: finetune, finetune-code (the connector learns too) or freeze-vlm.
	Stage Stage `json:"stage"`
	// Seed of fresh weights and of the sampler.
	Seed uint64 `json:"seed"`
	// Precision of the operands, f32 or bf16; weights, moments and sums are f32 in both. Default f32.
	Precision cpu.Precision `json:"precision"`

	// Stored is the precision of the written checkpoint, BF16 or F32. Default F32.
	Stored checkpoint.DType `json:"stored"`

	course.Pace
}

// DefaultConfig has the paper's losses; Recipe, Out and Steps are missing.
func DefaultConfig() Config {
	return Config{
		Batch: 8, Copies: 2, History: 4, Rate: 1e-3, Warmup: 20, Decay: 1e-4, Beta2: 0.999, Clip: 1, Align: SquaredDistance, Loss: Paper, Stage: FinetuneStage,
		Precision: cpu.F32, Stored: checkpoint.F32, Pace: course.DefaultPace(),
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
	check(c.Steps > 0 || c.Steps == 0 && c.Budget > 0, "steps is %d, expected 1 or more, or 0 and a budget of time to plan them by", c.Steps)
	check(c.Batch > 0 && c.Copies > 0 && c.History > 0, "batch %d, copies %d, history %d: expected 1 or more", c.Batch, c.Copies, c.History)
	errs = append(errs, c.Pace.Validate())
	check(c.Rate > 0 && c.Rate < 1 && c.Warmup >= 0 && c.Decay >= 0 && c.Clip >= 0, "rate %g, warmup %d, decay %g, clip %g: expected a rate between 0 and 1, the others 0 or more", c.Rate, c.Warmup, c.Decay, c.Clip)
	check(slices.Contains([]Align{SquaredDistance, Distance}, c.Align), "align is %q, expected %s or %s", c.Align, SquaredDistance, Distance)
	check(slices.Contains([]Arm{Absolute, MeanAbsolute, Smooth}, c.Loss.Arm), "the arm's loss is %q, expected %s, %s or %s", c.Loss.Arm, Absolute, MeanAbsolute, Smooth)
	check(slices.Contains([]Gripper{CrossEntropy, Width}, c.Loss.Gripper) && c.Loss.Weight >= 0, "the gripper's loss is %q times %g, expected %s or %s times 0 or more", c.Loss.Gripper, c.Loss.Weight, CrossEntropy, Width)
	check(c.Loss.Wide >= 0 && (c.Loss.Wide == 0 || c.Loss.Gripper == Width), "too wide costs %g times as much, with a gripper's loss of %s: expected 0 or more, and 0 without a width", c.Loss.Wide, c.Loss.Gripper)
	check(slices.Contains([]Stage{FinetuneStage, FinetuneCode, FreezeStage}, c.Stage), "stage is %q, expected %s, %s or %s", c.Stage, FinetuneStage, FinetuneCode, FreezeStage)
	check(c.Stored == checkpoint.F32 || c.Stored == checkpoint.BF16, "stored is %q, expected F32 or BF16", c.Stored)
	check(c.Beta2 > 0 && c.Beta2 < 1, "beta2 is %g, expected more than 0 and less than 1", c.Beta2)
	check(c.Precision == cpu.F32 || c.Precision == cpu.BF16, "precision is %q, expected %s or %s", c.Precision, cpu.F32, cpu.BF16)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("train %s: %w", c.Recipe, err)
	}
	return nil
}

// factor of the learning rate at a step of steps, counted from 0: linear up from zero, half a cosine down.
func (c Config) factor(step, steps int) float64 {
	if step < c.Warmup {
		return float64(step) / float64(c.Warmup)
	}
	along := float64(step-c.Warmup) / float64(max(steps-c.Warmup, 1))
	return (1 + math.Cos(math.Pi*min(along, 1))) / 2
}
