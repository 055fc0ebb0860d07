// Package expert is a policy without a network: scripted solvers of the
// simulator's tasks that see its ground truth. They show that the whole robot
// works, give training its demonstrations and evaluation its upper bound.
//
// The expert speaks tokens: every target leaves through the action tokenizer, and what
// it returns is what those tokens say, so that the robot does nothing a language
// model could not have said. And it is a function of the observation alone: the
// phase of a task (line up, go down, close, lift) is read from where things are and
// from the gripper's measured and commanded width, never remembered. Whatever pushes,
// delays or repeats it, the next observation says what to do, and a thing that
// slipped is taken again.
//
// Ground truth it needs, in the world's frame: base_link, the table (the centre of its
// top), the task's things, and a frame task/NAME that says which task it is.
package expert

import (
	"context"
	"errors"
	"fmt"
	"math"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/token"
)

// What the expert can't do anything about.
var (
	// ErrInstruction: it was asked for something else than its task, or has no script for it.
	ErrInstruction = errors.New("expert: not its task")
	// ErrTruth: the observation lacks ground truth, or it makes no sense.
	ErrTruth = errors.New("expert: ground truth")
	// ErrFallen: the bottle lies on its side.
	ErrFallen = errors.New("expert: the bottle has fallen over")
	// ErrPlace: the thing stands where neither arm gets it and driving can't help.
	ErrPlace = errors.New("expert: out of reach")
)

// Policy does the tasks of Tasks.
type Policy struct {
	cfg      Config
	scripts  []script
	manifest checkpoint.Manifest
	stats    calibration.Statistics
	grammar  *token.Grammar
	arms     [2]side
	bodies   *kinematics.Bodies
}

var _ model.Policy = (*Policy)(nil)

// New makes the expert for a robot. The committed statistics must cover what
// this robot and configuration need; the error says so when they don't.
func New(robot calibration.Robot, cfg Config) (*Policy, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	manifest, stats, err := Files()
	if err != nil {
		return nil, err
	}
	if err := checkpoint.CheckRobot(manifest, robot); err != nil {
		return nil, err
	}
	if err := checkpoint.CheckStatistics(manifest, stats, robot); err != nil {
		return nil, err
	}
	p, err := build(robot, cfg, manifest, stats)
	if err != nil {
		return nil, err
	}
	if err := p.covered(robot); err != nil {
		return nil, err
	}
	return p, nil
}

func build(robot calibration.Robot, cfg Config, m checkpoint.Manifest, s calibration.Statistics) (*Policy, error) {
	g, err := token.NewGrammar(m, s)
	if err != nil {
		return nil, fmt.Errorf("expert: %w", err)
	}
	bodies, err := kinematics.NewBodies(robot)
	if err != nil {
		return nil, fmt.Errorf("expert: %w", err)
	}
	p := &Policy{cfg: cfg, scripts: scripts(), manifest: m, stats: s, grammar: g, bodies: bodies}
	for i, a := range robot.Arms {
		if p.arms[i], err = newSide(a, m); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Manifest implements model.Policy.
func (p *Policy) Manifest() checkpoint.Manifest { return p.manifest }

// Statistics the policy was made with, in the manifest's order.
func (p *Policy) Statistics() calibration.Statistics { return p.stats }

// Warm implements model.Policy; there is nothing to warm.
func (p *Policy) Warm(ctx context.Context) error { return ctx.Err() }

// Reset implements model.Policy; there is nothing to forget.
func (p *Policy) Reset() {}

// Close implements model.Policy.
func (p *Policy) Close() error { return nil }

// Act implements model.Policy.
func (p *Policy) Act(ctx context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	if err := ctx.Err(); err != nil {
		return model.Action{}, err
	}
	task, err := p.script(obs)
	if err != nil {
		return model.Action{}, err
	}
	w, err := p.see(task, obs)
	if err != nil {
		return model.Action{}, err
	}
	if task.drive != nil {
		drive, err := task.drive(p, w, obs.Mobile)
		if err != nil {
			return model.Action{}, err
		}
		if drive != nil {
			return model.Action{Navigation: drive}, nil
		}
	}
	action := model.Action{Done: task.done(p, w)}
	for k := range p.manifest.Action.Chunk {
		if err := ctx.Err(); err != nil {
			return model.Action{}, err
		}
		target, err := task.step(p, w)
		if err != nil {
			return model.Action{}, err
		}
		ids, values, err := p.say(target)
		if err != nil {
			return model.Action{}, err
		}
		action.Tokens, action.Steps = append(action.Tokens, ids), append(action.Steps, values)
		if emit != nil {
			emit(k, values, ids)
		}
		// The next step is planned as if this one had been done to the letter.
		if task.grasps != nil || task.imagine != nil {
			p.imagine(task, w, target)
		} else {
			p.imagineBottle(w, target)
		}
	}
	return action, nil
}

// target is where one arm should be after a step.
type target struct {
	joints [6]float64 // [rad]
	width  float64    // of the gripper [m]
}

// say turns the targets of both arms into tokens, and into the values those tokens stand for.
func (p *Policy) say(t [2]target) (ids []uint32, values []float64, err error) {
	wanted := make([]float64, len(p.manifest.Action.Names))
	for i, s := range p.arms {
		for k, index := range s.action {
			if k < 6 {
				wanted[index] = t[i].joints[k]
			} else {
				wanted[index] = t[i].width
			}
		}
	}
	ids, values, err = p.grammar.Say(wanted)
	if err != nil {
		return nil, nil, fmt.Errorf("expert: %w", err)
	}
	for i, v := range values {
		// Half a bin is rounding. More is a target outside what the tokens span.
		span := p.stats.ActMax[i] - p.stats.ActMin[i]
		if math.Abs(v-wanted[i]) > span*p.grammar.Tokenizer().HalfBin()/2+beyond {
			return nil, nil, fmt.Errorf("expert: %s should go to %.4f, its tokens end at %.4f..%.4f; make the statistics again (go generate ./model/expert)",
				p.manifest.Action.Names[i], wanted[i], p.stats.ActMin[i], p.stats.ActMax[i])
		}
	}
	return ids, values, nil
}

// beyond is how far outside the tokens' range a target may lie and be cut to it [rad, m]:
// arms rest 2° outside their range and are told to come in.
const beyond = 0.04

// side is one arm, and where its values stand in the manifest's lists.
type side struct {
	name    string
	arm     *kinematics.Arm
	mount   kinematics.Transform
	inverse kinematics.Transform // base_link in the arm's base frame
	park    [6]float64
	stroke  float64
	action  [7]int // joints and gripper in Action.Names
	state   [7]int // joints and gripper in Proprioception
	command int    // the gripper's commanded width in Proprioception
}

func newSide(a calibration.Arm, m checkpoint.Manifest) (side, error) {
	arm, err := kinematics.NewArm(a)
	if err != nil {
		return side{}, err
	}
	s := side{name: a.Side, arm: arm, mount: arm.Mount(), inverse: arm.Mount().Inverse(), park: a.Park, stroke: a.Gripper.Stroke}
	find := func(list []string, name string) int {
		for i, n := range list {
			if n == name {
				return i
			}
		}
		err = errors.Join(err, fmt.Errorf("expert: the manifest does not list %s", name))
		return 0
	}
	for k, name := range a.Names() {
		s.action[k] = find(m.Action.Names, name)
		s.state[k] = find(m.Proprioception, name)
	}
	s.command = find(m.Proprioception, a.Gripper.Name+calibration.CommandSuffix)
	return s, err
}
