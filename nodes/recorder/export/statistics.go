package export

import (
	"context"
	"fmt"

	"cobot_vla/calibration"
	"cobot_vla/nodes/recorder/episode"
)

// Statistics of the frames that a set of these episodes would have, for normalising
// a policy's data: mean and deviation of the state, bounds of the action. frames is
// their number. Discarded episodes, and unless the configuration says so unjudged
// ones, are left out.
func Statistics(ctx context.Context, episodes []string, cfg Config) (_ calibration.Statistics, frames int, err error) {
	cfg.Format = LLaVAVLA
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return calibration.Statistics{}, 0, err
	}
	s := &set{cfg: cfg}
	var report Report
	taken, err := s.choose(episodes, &report)
	if err != nil {
		return calibration.Statistics{}, 0, err
	}
	return statistics(ctx, taken, cfg, Spec{})
}

func statistics(ctx context.Context, episodes []string, cfg Config, spec Spec) (calibration.Statistics, int, error) {
	var states, actions [][]float64
	for _, path := range episodes {
		if err := ctx.Err(); err != nil {
			return calibration.Statistics{}, 0, fmt.Errorf("export: %w", err)
		}
		err := func() error {
			r, err := episode.Open(path)
			if err != nil {
				return err
			}
			defer r.Close()
			p, err := prepare(r, cfg, &spec)
			if err != nil {
				return err
			}
			states, actions = append(states, p.state...), append(actions, p.action...)
			return nil
		}()
		if err != nil {
			return calibration.Statistics{}, 0, err
		}
	}
	st, act := statsOf(states), statsOf(actions)
	out := calibration.Statistics{
		StateNames: spec.StateNames, ActionNames: spec.ActionNames, Mean: st.Mean, Std: st.Std,
		ActMin: act.Min, ActMax: act.Max,
	}
	for i := range act.Min { // a dimension that never moves still needs a range
		if act.Max[i]-act.Min[i] < leastRange {
			mid := (act.Max[i] + act.Min[i]) / 2
			out.ActMin[i], out.ActMax[i] = mid-leastRange/2, mid+leastRange/2
		}
	}
	return out, st.Count, nil
}
