// Package replay is a policy that says again what was said before: it plays an
// episode file, decision by decision, whatever it observes. It serves to repeat
// a run on the robot, to test everything behind the policy without one, and to
// watch a teleoperated episode through the token path.
//
// A replay is a folder: manifest.yaml (kind replay), the statistics it names, and
// episode.jsonl. Where the manifest has tokens, targets given as values leave
// through the action tokenizer like any policy's.
package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/token"
)

// ErrOver: every decision of the episode was made; Reset starts it again.
var ErrOver = errors.New("replay: the episode is over")

// Files of a replay's folder.
const (
	ManifestFile   = "manifest.yaml"
	StatisticsFile = "statistics.yaml"
	EpisodeFile    = "episode.jsonl"
)

// Policy plays an episode.
type Policy struct {
	manifest checkpoint.Manifest
	stats    calibration.Statistics
	actions  []model.Action
	next     int
}

var _ model.Policy = (*Policy)(nil)

// Open reads a replay's folder and compares it with the robot.
func Open(dir string, robot calibration.Robot) (*Policy, error) {
	path := filepath.Join(dir, ManifestFile)
	m, err := checkpoint.ReadManifest(path)
	if err != nil {
		return nil, err
	}
	s, err := m.LoadStatistics(path)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, EpisodeFile)
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	defer f.Close()
	e, err := Read(file, f)
	if err != nil {
		return nil, err
	}
	return New(m, s, e, robot)
}

// New makes a replay of an episode already in memory; the statistics are in the manifest's order.
func New(m checkpoint.Manifest, s calibration.Statistics, e Episode, robot calibration.Robot) (*Policy, error) {
	if m.Kind != "replay" {
		return nil, fmt.Errorf("replay: the manifest's kind is %q, not replay", m.Kind)
	}
	if err := checkpoint.CheckRobot(m, robot); err != nil {
		return nil, err
	}
	if err := checkpoint.CheckStatistics(m, s, robot); err != nil {
		return nil, err
	}
	switch {
	case !slices.Equal(e.Names, m.Action.Names):
		return nil, fmt.Errorf("replay: the episode's names %v are not the manifest's action.names %v", e.Names, m.Action.Names)
	case e.Mode != m.Action.Mode:
		return nil, fmt.Errorf("replay: the episode's mode is %s, the manifest's action.mode %s", e.Mode, m.Action.Mode)
	case e.Chunk != m.Action.Chunk:
		return nil, fmt.Errorf("replay: the episode's chunk is %d, the manifest's action.chunk %d", e.Chunk, m.Action.Chunk)
	case math.Abs(e.Period-m.Action.Period) > 1e-9:
		return nil, fmt.Errorf("replay: the episode's period_s is %g, the manifest's action.period_s %g", e.Period, m.Action.Period)
	}
	p := &Policy{manifest: m, stats: s}
	var g *token.Grammar
	if m.ActionTokenTop != 0 {
		var err error
		if g, err = token.NewGrammar(m, s); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	for i, d := range e.Decisions {
		a, err := decide(g, m, d)
		if err != nil {
			return nil, fmt.Errorf("replay: decision %d: %w", i, err)
		}
		p.actions = append(p.actions, a)
	}
	return p, nil
}

// decide turns a line into an action. g is nil for a manifest without tokens.
func decide(g *token.Grammar, m checkpoint.Manifest, d Decision) (model.Action, error) {
	a := model.Action{Done: d.Done}
	switch {
	case d.Navigation != nil:
		if g == nil || !g.Drives() {
			return a, errors.New("it drives, and the manifest has no navigation")
		}
		direction, err := d.Navigation.direction()
		if err != nil {
			return a, err
		}
		n, err := g.Drive(direction, d.Navigation.Value)
		if err != nil {
			return a, err
		}
		a.Navigation = &n
	case d.Tokens != nil:
		if g == nil {
			return a, errors.New("it has tokens, and the manifest's action_token_top is 0")
		}
		parsed, err := g.Parse(slices.Concat(d.Tokens...), false)
		if err != nil {
			return a, err
		}
		a.Steps, a.Tokens = parsed.Steps, parsed.Tokens
	default:
		for k, values := range d.Steps {
			if g == nil {
				a.Steps = append(a.Steps, slices.Clone(values))
				continue
			}
			ids, said, err := g.Say(values)
			if err != nil {
				return a, fmt.Errorf("step %d: %w", k, err)
			}
			a.Steps, a.Tokens = append(a.Steps, said), append(a.Tokens, ids)
		}
	}
	return a, nil
}

// Manifest implements model.Policy.
func (p *Policy) Manifest() checkpoint.Manifest { return p.manifest }

// Statistics the policy was made with, in the manifest's order.
func (p *Policy) Statistics() calibration.Statistics { return p.stats }

// Warm implements model.Policy; there is nothing to warm.
func (p *Policy) Warm(ctx context.Context) error { return ctx.Err() }

// Reset starts the episode again.
func (p *Policy) Reset() { p.next = 0 }

// Close implements model.Policy.
func (p *Policy) Close() error { return nil }

// Act implements model.Policy: the episode's next decision, whatever obs shows.
// The last one is Done. A decision that was cancelled comes again.
func (p *Policy) Act(ctx context.Context, obs model.Observation, emit func(int, []float64, []uint32)) (model.Action, error) {
	if err := ctx.Err(); err != nil {
		return model.Action{}, err
	}
	if p.next >= len(p.actions) {
		return model.Action{}, fmt.Errorf("%w after %d decisions", ErrOver, len(p.actions))
	}
	a := clone(p.actions[p.next])
	if a.Navigation != nil && !obs.Mobile {
		return model.Action{}, fmt.Errorf("replay: decision %d drives, and the task allows no driving; ask for a mobile task", p.next)
	}
	for k, values := range a.Steps {
		if err := ctx.Err(); err != nil {
			return model.Action{}, err
		}
		if emit != nil {
			var ids []uint32
			if a.Tokens != nil {
				ids = a.Tokens[k]
			}
			emit(k, values, ids)
		}
	}
	p.next++
	a.Done = a.Done || p.next == len(p.actions)
	return a, nil
}

// clone keeps what is handed out apart from what will be handed out again.
func clone(a model.Action) model.Action {
	if a.Navigation != nil {
		n := *a.Navigation
		a.Navigation = &n
	}
	a.Steps = slices.Clone(a.Steps)
	for k := range a.Steps {
		a.Steps[k] = slices.Clone(a.Steps[k])
	}
	a.Tokens = slices.Clone(a.Tokens)
	for k := range a.Tokens {
		a.Tokens[k] = slices.Clone(a.Tokens[k])
	}
	return a
}

// Save writes a replay's folder. The manifest's kind becomes replay and its
// statistics file StatisticsFile; the rest is the policy's that made the episode.
func Save(dir string, m checkpoint.Manifest, s calibration.Statistics, e Episode) error {
	m.Kind, m.Statistics, m.NeedsGroundTruth = "replay", StatisticsFile, false
	manifest, err := m.YAML("A replay: " + EpisodeFile + " says what it does.")
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	statistics, err := s.YAML("Statistics of the policy that made the episode.")
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	for name, text := range map[string][]byte{ManifestFile: manifest, StatisticsFile: statistics} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	f, err := os.Create(filepath.Join(dir, EpisodeFile))
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return errors.Join(e.Write(f), f.Close())
}

// Record turns what a policy decided into a line of an episode.
func Record(a model.Action) Decision {
	d := Decision{Done: a.Done}
	switch {
	case a.Navigation != nil:
		d.Navigation = &Goal{Direction: token.DirectionName(a.Navigation.Direction), Value: a.Navigation.Value}
	case a.Tokens != nil:
		d.Tokens = a.Tokens
	default:
		d.Steps = a.Steps
	}
	return d
}
