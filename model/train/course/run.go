package course

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
)

// Course is one that is set up, at the step it goes on from.
type Course struct {
	Config
	o       *tape.Optimiser
	began   int
	planned bool // Steps is a plan that stands
	asked   int  // Steps as they were given: may be 0
}

// Open brings an optimiser's parameters to where the course was left, if it was.
func Open(c Config, o *tape.Optimiser) (*Course, error) {
	run := &Course{Config: c, o: o, asked: c.Steps}
	var steps int
	var err error
	if run.began, steps, err = readState(c.Out, o, c.Asked); err != nil {
		return nil, err
	}
	if c.Steps == 0 {
		run.Steps, run.planned = steps, steps > 0
	}
	return run, nil
}

// Begins is the step that the course goes on with, counted from 0.
func (c *Course) Begins() int { return c.began }

// pace is how many steps a plan is made after: the first few are slow, as buffers are made.
const pace = 20

// steps that were given or planned; 0 as long as there is no plan.
func (c *Course) steps() int {
	if c.asked == 0 && !c.planned {
		return 0
	}
	return c.Steps
}

// plan sets the steps by the time that one takes, when they were left open.
func (c *Course) plan(done int, took time.Duration) {
	if c.Steps > 0 && (c.planned || c.asked > 0) {
		return
	}
	if done < pace {
		c.Steps = max(c.Steps, c.began+2*pace) // as good as any: the rate is rising
		return
	}
	// What is left after a last look, a state and a checkpoint.
	c.Steps = c.began + max(pace, int(0.97*float64(c.Budget)/(float64(took)/float64(done))))
	c.planned = true
}

// Run goes on until the steps are done, the budget is spent or ctx ends, and leaves what can be gone on from, and a
// checkpoint.
func (c *Course) Run(ctx context.Context, s Student) (Result, error) {
	start := c.Now()
	result := Result{Step: c.began}
	result.Learned, result.Parameters = c.o.Size()
	log, err := openLog(c.Out, c.began)
	if err != nil {
		return result, err
	}
	defer log.close()
	c.plan(0, 0)
	p := Progress{Resumed: c.began}
	saved := c.began
	for step := c.began; step < c.Steps; step++ {
		if ctx.Err() != nil || c.Budget > 0 && c.Now().Sub(start) >= c.Budget {
			break
		}
		if err := c.Step(step, s, &p); err != nil {
			return result, fmt.Errorf("step %d: %w", step+1, err)
		}
		result.Step = step + 1
		p.Step, p.Took, p.Held = step+1, c.Now().Sub(start), nil
		c.plan(step+1-c.began, p.Took)
		p.Steps = c.Steps
		if c.LookEvery > 0 && (step+1)%c.LookEvery == 0 && step+1 < c.Steps {
			if result.Held, err = s.Look(ctx); err != nil {
				return result, err
			}
			p.Held = result.Held
		}
		if err := log.add(&p); err != nil {
			return result, err
		}
		c.Report(p)
		if (step+1)%c.SaveEvery == 0 {
			if err := errors.Join(log.out.Flush(), writeState(c.Out, c.o, step+1, c.steps(), c.Asked)); err != nil {
				return result, err
			}
			saved = step + 1
		}
	}
	result.Steps = c.Steps
	if result.Step != saved || result.Step == 0 {
		if err := writeState(c.Out, c.o, result.Step, c.steps(), c.Asked); err != nil {
			return result, err
		}
	}
	if err := s.Save(); err != nil {
		return result, err
	}
	return result, c.finish(ctx, s, &result, log)
}

// finish leaves a last diagnosis, unless the course is being ended, and the curves.
func (c *Course) finish(ctx context.Context, s Student, result *Result, log *runLog) error {
	if ctx.Err() == nil {
		held, err := s.Look(ctx)
		if err != nil {
			return err
		}
		result.Held = held
		if held != nil && result.Step > c.began {
			if err := log.add(&Progress{Step: result.Step, Steps: c.Steps, Held: held, Loss: math.NaN()}); err != nil {
				return err
			}
		}
	}
	if err := log.close(); err != nil {
		return err
	}
	return errors.Join(ctx.Err(), Curves(c.Out))
}

// Step is one step of the optimiser, counted from 0; p gets its loss, gradient and rate, and counts what was read.
func (c *Course) Step(step int, s Student, p *Progress) error {
	c.o.ClearGrads()
	batch, err := s.Gradients(step)
	if err != nil {
		return err
	}
	if err := c.o.Gather(); err != nil {
		return err
	}
	norm, err := c.o.Norm()
	if err != nil {
		return err
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return fmt.Errorf("the gradient's length is %v: the training diverged; lower the learning rate", norm)
	}
	scale := 1.0
	if c.Clip > 0 {
		scale = math.Min(1, c.Clip/(norm+1e-6))
	}
	factor := s.Factor(step, c.Steps)
	p.Loss, p.GradNorm, p.Rate = batch.Loss, norm, c.Rate*factor
	p.Tokens += batch.Tokens
	p.Examples += batch.Examples
	return c.o.Step(func(param *tape.Param) nn.Adam {
		a := s.Rule(param, factor)
		a.Scale, a.Step = scale, step+1
		return a
	})
}
