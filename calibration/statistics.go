package calibration

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Statistics normalise a robot's data: proprioception by mean and standard
// deviation, actions by minimum and maximum. The file has the keys of
// LLaVA-VLA's and CALVIN's statistics.yaml (robot_obs, act_min_bound,
// act_max_bound), so those load too; ours also name every dimension.
type Statistics struct {
	// StateNames and ActionNames name the dimensions; empty in files of the original layout.
	StateNames, ActionNames []string
	// Mean and Std of each state dimension, SI units.
	Mean, Std []float64
	// ActMin and ActMax of each action dimension, SI units.
	ActMin, ActMax []float64
}

// statisticsFile is statistics.yaml.
type statisticsFile struct {
	Version     string        `yaml:"version,omitempty"`
	StateNames  []string      `yaml:"robot_obs_names,omitempty,flow"`
	ActionNames []string      `yaml:"action_names,omitempty,flow"`
	RobotObs    []momentsFile `yaml:"robot_obs"`
	// SceneObs is in CALVIN's files; nothing here reads it.
	SceneObs []momentsFile `yaml:"scene_obs,omitempty"`
	ActMin   []float64     `yaml:"act_min_bound,flow"`
	ActMax   []float64     `yaml:"act_max_bound,flow"`
}

type momentsFile struct {
	// Target names the Python class in CALVIN's files.
	Target string    `yaml:"_target_,omitempty"`
	Mean   []float64 `yaml:"mean,flow"`
	Std    []float64 `yaml:"std,flow"`
}

// LoadStatistics reads a statistics.yaml, ours or of the original layout.
func LoadStatistics(path string) (Statistics, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Statistics{}, fmt.Errorf("statistics: %w", err)
	}
	return ParseStatistics(path, data)
}

// ParseStatistics is LoadStatistics for a file already in memory; file is its name in errors.
func ParseStatistics(file string, data []byte) (Statistics, error) {
	data, err := listMoments(data)
	if err != nil {
		return Statistics{}, fmt.Errorf("statistics: %s: %w", file, err)
	}
	var f statisticsFile
	if err := DecodeStrict(file, data, &f); err != nil {
		return Statistics{}, fmt.Errorf("statistics: %w", err)
	}
	if len(f.RobotObs) != 1 {
		return Statistics{}, fmt.Errorf("statistics: %s: robot_obs has %d entries; it takes one, with mean and std", file, len(f.RobotObs))
	}
	s := Statistics{
		StateNames: f.StateNames, ActionNames: f.ActionNames,
		Mean: f.RobotObs[0].Mean, Std: f.RobotObs[0].Std, ActMin: f.ActMin, ActMax: f.ActMax,
	}
	if err := s.Validate(); err != nil {
		return Statistics{}, fmt.Errorf("statistics: %s: %w", file, err)
	}
	if v := s.Version(); f.Version != "" && f.Version != v {
		return Statistics{}, fmt.Errorf("statistics: %s: version says %s but the numbers are %s: the file was edited; a checkpoint is bound to its numbers, make the file again with the command that wrote it", file, f.Version, v)
	}
	return s, nil
}

// listMoments rewrites `robot_obs: {mean, std}` as `robot_obs: [{mean, std}]`:
// RoboTwin's converters write the former, CALVIN's the latter.
func listMoments(data []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return data, nil // DecodeStrict says what is wrong
	}
	m := doc.Content[0]
	changed := false
	for i := 0; i+1 < len(m.Content); i += 2 {
		if k := m.Content[i].Value; (k == "robot_obs" || k == "scene_obs") && m.Content[i+1].Kind == yaml.MappingNode {
			m.Content[i+1] = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{m.Content[i+1]}}
			changed = true
		}
	}
	if !changed {
		return data, nil
	}
	return yaml.Marshal(&doc)
}

// Validate checks lengths, names and ranges.
func (s Statistics) Validate() error {
	var c check
	state, action := len(s.Mean), len(s.ActMin)
	if state == 0 || action == 0 {
		c.fail("robot_obs has %d dimensions and act_min_bound %d; both need at least one", state, action)
	}
	c.lengths("robot_obs.std", len(s.Std), "robot_obs.mean", state)
	c.lengths("act_max_bound", len(s.ActMax), "act_min_bound", action)
	if len(s.StateNames) != 0 {
		c.lengths("robot_obs_names", len(s.StateNames), "robot_obs.mean", state)
	}
	if len(s.ActionNames) != 0 {
		c.lengths("action_names", len(s.ActionNames), "act_min_bound", action)
	}
	if len(c.errs) > 0 {
		return errors.Join(c.errs...)
	}
	const huge = 1e6
	for i := range s.Mean {
		c.within(fmt.Sprintf("robot_obs.mean[%d]%s", i, called(s.StateNames, i)), s.Mean[i], -huge, huge, "")
		c.within(fmt.Sprintf("robot_obs.std[%d]%s", i, called(s.StateNames, i)), s.Std[i], 0, huge, "")
	}
	for i := range s.ActMin {
		c.within(fmt.Sprintf("act_min_bound[%d]%s", i, called(s.ActionNames, i)), s.ActMin[i], -huge, huge, "")
		c.within(fmt.Sprintf("act_max_bound[%d]%s", i, called(s.ActionNames, i)), s.ActMax[i], -huge, huge, "")
		if !(s.ActMin[i] < s.ActMax[i]) {
			c.fail("act_min_bound[%d]%s is %g, not below act_max_bound %g; a dimension that never moves still needs a range", i, called(s.ActionNames, i), s.ActMin[i], s.ActMax[i])
		}
	}
	c.distinct("robot_obs_names", s.StateNames)
	c.distinct("action_names", s.ActionNames)
	return errors.Join(c.errs...)
}

// Version identifies the numbers and names: the first 12 hex digits of a SHA-256
// over the canonical content. Equal statistics have equal versions however their files are written.
func (s Statistics) Version() string {
	var b strings.Builder
	names := func(key string, v []string) {
		b.WriteString(key)
		for _, n := range v {
			b.WriteByte(' ')
			b.WriteString(n)
		}
		b.WriteByte('\n')
	}
	numbers := func(key string, v []float64) {
		b.WriteString(key)
		for _, x := range v {
			b.WriteByte(' ')
			b.WriteString(strconv.FormatFloat(x+0, 'g', -1, 64)) // +0: a file can't tell -0 from 0
		}
		b.WriteByte('\n')
	}
	names("robot_obs_names", s.StateNames)
	names("action_names", s.ActionNames)
	numbers("mean", s.Mean)
	numbers("std", s.Std)
	numbers("act_min_bound", s.ActMin)
	numbers("act_max_bound", s.ActMax)
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:6])
}

// YAML renders the file that ParseStatistics reads. header is a comment for its top, without #.
func (s Statistics) YAML(header string) ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("statistics: %w", err)
	}
	text, err := Encode(header, statisticsFile{
		Version: s.Version(), StateNames: s.StateNames, ActionNames: s.ActionNames,
		RobotObs: []momentsFile{{Mean: s.Mean, Std: s.Std}}, ActMin: s.ActMin, ActMax: s.ActMax,
	})
	if err != nil {
		return nil, fmt.Errorf("statistics: %w", err)
	}
	return text, nil
}

// Select picks the state and action dimensions of a policy by name, in its order.
// Statistics without names (the original layout) can only be taken whole.
func (s Statistics) Select(state, action []string) (Statistics, error) {
	si, err := selection("robot_obs_names", s.StateNames, state, len(s.Mean))
	if err != nil {
		return Statistics{}, err
	}
	ai, err := selection("action_names", s.ActionNames, action, len(s.ActMin))
	if err != nil {
		return Statistics{}, err
	}
	return Statistics{
		StateNames: slices.Clone(state), ActionNames: slices.Clone(action),
		Mean: pick(s.Mean, si), Std: pick(s.Std, si), ActMin: pick(s.ActMin, ai), ActMax: pick(s.ActMax, ai),
	}, nil
}

func selection(key string, have, want []string, dims int) ([]int, error) {
	index := make([]int, len(want))
	if len(have) == 0 {
		if len(want) != dims {
			return nil, fmt.Errorf("statistics: the file names no dimensions and has %d, but %d are asked for (%s); add %s", dims, len(want), strings.Join(want, ", "), key)
		}
		for i := range index {
			index[i] = i
		}
		return index, nil
	}
	for i, n := range want {
		if index[i] = slices.Index(have, n); index[i] < 0 {
			return nil, fmt.Errorf("statistics: %s lacks %q; it has %s", key, n, strings.Join(have, ", "))
		}
	}
	return index, nil
}

func pick(v []float64, index []int) []float64 {
	out := make([]float64, len(index))
	for i, k := range index {
		out[i] = v[k]
	}
	return out
}

func (c *check) lengths(a string, n int, b string, m int) {
	if n != m {
		c.fail("%s has %d numbers but %s has %d; they describe the same dimensions", a, n, b, m)
	}
}

func (c *check) distinct(key string, names []string) {
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) {
			c.fail("%s[%d] is %q, empty or used before; every dimension has a name of its own", key, i, n)
		}
	}
}

func called(names []string, i int) string {
	if i < len(names) {
		return " (" + names[i] + ")"
	}
	return ""
}
