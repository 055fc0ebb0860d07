package data

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/text"
	"cobot_vla/model/vision"
)

// Errors that callers may want to tell apart.
var (
	// ErrFile: the file is none of this package, or not what was written.
	ErrFile = errors.New("data: not a prepared file")
	// ErrSpec: a sample, or another file, does not fit what the file is for.
	ErrSpec = errors.New("data: does not fit")
)

// Spec is what a file is for: the robot, its numbers, the words, and how images become crops.
type Spec struct {
	// Manifest of the policy to train: names, chunk, bins, cameras and layout. Statistics is the name that
	// the file below gets beside the weights.
	Manifest checkpoint.Manifest
	// Statistics is statistics.yaml, whole.
	Statistics []byte
	// Tokenizer is tokenizer.json, whole.
	Tokenizer []byte
	// Rules make crops of composites: those of the model to train.
	Rules vision.Rules
}

// Reader reads observations by the spec.
func (s Spec) Reader() (*llavavla.Reader, error) {
	if err := s.Manifest.Validate(); err != nil {
		return nil, fmt.Errorf("data: manifest: %w", err)
	}
	stats, err := s.statistics()
	if err != nil {
		return nil, err
	}
	words, err := text.Parse(s.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("data: tokenizer: %w", err)
	}
	r, err := llavavla.NewReader(s.Manifest, stats, words, s.Rules)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return r, nil
}

// statistics in the manifest's order.
func (s Spec) statistics() (calibration.Statistics, error) {
	all, err := calibration.ParseStatistics(s.Manifest.Statistics, s.Statistics)
	if err != nil {
		return all, fmt.Errorf("data: %w", err)
	}
	stats, err := all.Select(s.Manifest.Proprioception, s.Manifest.Action.Names)
	if err != nil {
		return stats, fmt.Errorf("data: %w", err)
	}
	return stats, nil
}

// differs names the first part in which two specs differ, or "".
func (s Spec) differs(o Spec) string {
	a, b := s.Manifest, o.Manifest
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if name := va.Type().Field(i).Name; name != "Name" && !reflect.DeepEqual(va.Field(i).Interface(), vb.Field(i).Interface()) {
			return fmt.Sprintf("the manifest's %s: %v and %v", name, va.Field(i).Interface(), vb.Field(i).Interface())
		}
	}
	switch {
	case !bytes.Equal(s.Statistics, o.Statistics):
		return "the statistics"
	case !bytes.Equal(s.Tokenizer, o.Tokenizer):
		return "the tokenizer"
	case !reflect.DeepEqual(s.Rules, o.Rules):
		return fmt.Sprintf("how images become crops: %+v and %+v", s.Rules, o.Rules)
	}
	return ""
}

// Sample is one observation and what is right to do about it.
type Sample struct {
	// Stamp since the episode began.
	Stamp time.Duration
	// Image is the composite, as the manifest lays it out.
	Image vision.Image
	// State is the proprioception in the manifest's order, SI.
	State []float64
	// Action is the label: a drive, or as many steps as the manifest's chunk.
	Action model.Action
}

// Episode is one demonstration.
type Episode struct {
	// Name for people, e.g. its recording's.
	Name string
	// Seed of its start; 0 where it has none.
	Seed uint64
	// Instruction that was followed.
	Instruction string
	// Mobile: decisions are in the unified action space.
	Mobile bool
	// Samples in the order of time.
	Samples []Sample
}
