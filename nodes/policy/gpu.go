package policy

import (
	"context"
	"errors"
	"fmt"

	"cobot_vla/model"
	"cobot_vla/model/nn"
	"cobot_vla/nodes/rcl"
)

// openAny makes the policy where the parameters say, or on the processor when
// there is no GPU and they say so; lost is then why.
func openAny(n *rcl.Node, cfg Config, open Open) (p model.Policy, version, lost string, err error) {
	p, version, err = open(cfg.Policy, cfg.Checkpoint, cfg.Calibration, cfg.Compute)
	if !errors.Is(err, nn.ErrDevice) {
		return p, version, "", err
	}
	if cfg.GPUFailure != "cpu" {
		return nil, "", "", fmt.Errorf("%w (gpu_failure is hold: with cpu the processor would do it)", err)
	}
	lost = err.Error()
	n.Log().Warn().Msg("on the processor: " + lost)
	p, version, err = open(cfg.Policy, cfg.Checkpoint, cfg.Calibration, cfg.onProcessor())
	return p, version, lost, err
}

// onProcessor is the same without a GPU.
func (c Compute) onProcessor() Compute {
	c.Backend = "cpu"
	return c
}

// withoutGPU takes a failure of the GPU, if err is one: the robot holds, as it hears
// nothing, until the processor has the policy; or for good, as the parameters say.
func (s *Node) withoutGPU(err error) bool {
	if !errors.Is(err, nn.ErrDevice) {
		return false
	}
	why := fmt.Sprintf("policy %s: %v", s.p.Manifest().Kind, err)
	if s.cfg.GPUFailure != "cpu" || s.gpuLost != "" { // the processor has no GPU to lose
		s.fail(why + ": restart the policy node when the GPU is back (gpu_failure is hold)")
		return true
	}
	s.forget()
	s.state, s.failure, s.gpuLost = warming, why, err.Error()
	s.inference = latencies{} // the GPU's say nothing of the processor's: its first chunks are played in sync
	s.n.Log().Error().Msg(why + ": the processor takes over")
	broken := s.p
	s.n.Background(0, func(ctx context.Context, post func(func())) {
		_ = broken.Close() // what it says of a GPU that is gone is known
		p, _, err := s.open(s.cfg.Policy, s.cfg.Checkpoint, s.cfg.Calibration, s.cfg.onProcessor())
		if err == nil {
			s.n.Keep(p)
			err = p.Warm(ctx)
		}
		post(func() {
			if err != nil {
				s.fail(fmt.Sprintf("policy %s on the processor: %v", s.cfg.Policy, err))
				return
			}
			s.p = p
			s.warmed(nil)
		})
	})
	return true
}
