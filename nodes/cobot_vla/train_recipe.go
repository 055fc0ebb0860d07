package main

import (
	"cmp"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/distill"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train/course"
)

// recipeFlags are what the policies that predict numbers are taught by.
type recipeFlags struct {
	Recipe        string  `help:"Instead of LLaVA-VLA, and from folders of demonstrations as cobot_vla collect leaves them (or toy): seer (the small action model), vita-base (a fresh vision-language model, which learns to name what it sees), vita-align and vita-finetune (VITA-VLA's two stages)." enum:",seer,vita-base,vita-align,vita-finetune" default:""`
	Teacher       string  `help:"Of vita-align and vita-finetune: folder of the Seer to learn from, whose decoder and heads are kept."`
	Arm           string  `help:"Of a recipe: the arm that is taught, with the front camera and its own." enum:"left,right" default:"left"`
	History       int     `help:"Of a recipe: steps of a sequence." default:"4"`
	Stride        int     `help:"Of a recipe: steps of a demonstration between two of a sequence; as many as the policy will let pass between two decisions." default:"1"`
	Selection     string  `help:"Of a recipe: what the policy will do of the three predicted steps." enum:"first,second,ensemble,all" default:"second"`
	Relative      float64 `help:"Of a recipe: predictions count from where the joints are measured, and reach so far [rad]; 0 for places in the range of the data, as the original's." default:"0"`
	AlignLoss     string  `help:"Of vita-align: squared (the paper's) or distance (the released code's)." enum:"squared,distance" default:"squared"`
	ArmLoss       string  `help:"Of seer and vita-finetune: absolute (the paper's), mean-absolute or smooth (the released code's)." enum:"absolute,mean-absolute,smooth" default:"absolute"`
	GripperLoss   string  `help:"Of seer and vita-finetune: cross-entropy of a binary gripper, or width." enum:"cross-entropy,width" default:"cross-entropy"`
	GripperWeight float64 `help:"Weight of the gripper's loss beside the arm's." default:"0.01"`
	GripperWide   float64 `help:"Of a width: how much more it costs to be too wide than too narrow; more than 1 makes a hand that is unsure close. 0 for alike." default:"0"`
	Stage         string  `help:"Of vita-finetune: finetune (the paper's), finetune-code (the connector learns too) or freeze-vlm. From a base it is the baseline only-finetune." enum:"finetune,finetune-code,freeze-vlm" default:"finetune"`
}

// recipe teaches by a recipe of distill. Flags that it shares with LLaVA-VLA's training keep their meaning.
func (c *trainRunCmd) recipe(a *app) error {
	gripper := "binary"
	if c.GripperLoss == string(distill.Width) {
		gripper = "width"
	}
	data, err := openSequences(a.ctx, c.Data, sequencesConfig{
		side: c.Arm, gripper: gripper, selection: c.Selection, relative: c.Relative, stride: max(c.Stride, 1), known: []string{c.Teacher, c.From}, draw: c.drawFlags.config(),
	})
	if err != nil {
		return err
	}
	d := distill.DefaultConfig()
	d.Recipe, d.Out, d.From, d.Teacher = distill.Recipe(c.Recipe), c.Out, c.From, c.Teacher
	d.Steps, d.Batch, d.History, d.Rate, d.Warmup, d.Clip, d.Seed = c.Steps, c.Batch, c.History, cmp.Or(c.Rate, d.Rate), c.Warmup, c.Clip, c.Seed
	d.Copies, d.Beta2, d.Stored = c.Copies, c.Beta2, checkpoint.DType(c.Stored)
	d.Align, d.Stage, d.Threads, d.Precision = distill.Align(c.AlignLoss), distill.Stage(c.Stage), c.Threads, cmp.Or(c.Precision, cpu.Learning())
	d.Loss = distill.ActionLoss{Arm: distill.Arm(c.ArmLoss), Gripper: distill.Gripper(c.GripperLoss), Weight: c.GripperWeight, Wide: c.GripperWide}
	d.SaveEvery, d.LookEvery, d.Held = c.SaveEvery, c.LookEvery, c.Held
	d.Budget = c.budget()
	return c.report(a, &d.Report, func() (course.Result, error) { return distill.Run(a.ctx, d, data) })
}
