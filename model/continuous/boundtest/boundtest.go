// Package boundtest binds small checkpoints to the factory's robot, for the
// tests of policies that predict numbers.
package boundtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
)

// Bind copies files of a checkpoint into a new folder and writes its manifest and
// statistics of the left arm's limits there; change, which may be nil, has the last word on the manifest.
func Bind(t testing.TB, kind, from string, files []string, change func(*checkpoint.Manifest)) (dir string, stats calibration.Statistics) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		Write(t, filepath.Join(dir, name), data, nil)
	}
	robot := calibration.Default()
	m, err := continuous.ForArm(robot, "left")
	if err != nil {
		t.Fatal(err)
	}
	spec := continuous.Paper()
	m.Kind, m.Name, m.Continuous = kind, "test", &spec
	if change != nil {
		change(&m)
	}
	stats.ActionNames, stats.StateNames = m.Action.Names, m.Proprioception
	low, high := robot.ActionLimits()
	for i := range m.Action.Names { // the left arm comes first
		stats.ActMin, stats.ActMax = append(stats.ActMin, low[i]), append(stats.ActMax, high[i])
		stats.Mean, stats.Std = append(stats.Mean, (low[i]+high[i])/2), append(stats.Std, (high[i]-low[i])/6)
	}
	data, err := stats.YAML("")
	Write(t, filepath.Join(dir, "statistics.yaml"), data, err)
	data, err = m.YAML("")
	Write(t, filepath.Join(dir, "manifest.yaml"), data, err)
	return dir, stats
}

// Write a file, unless making it failed.
func Write(t testing.TB, path string, data []byte, err error) {
	t.Helper()
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Observation is one of an episode: two cameras side by side, whose pictures change with the step.
func Observation(step int, instruction string) model.Observation {
	const w, h, wrist = 64, 48, 40
	obs := model.Observation{
		Stamp: time.Unix(100, int64(step)*1e8), Instruction: instruction,
		Width: w + wrist, Height: h, Image: make([]byte, 3*(w+wrist)*h),
		Views: []model.View{{Name: "front", Width: w, Height: h}, {Name: "left", X: w, Width: wrist, Height: wrist}},
		State: []float64{0.1 * float64(step%5), 1, -1, 0.2, -0.1, 0, 0.01 * float64(step%8)},
	}
	for i := range obs.Image {
		obs.Image[i] = byte(i * (step + 3) >> 3)
	}
	return obs
}

// Episode of n observations.
func Episode(n int, instruction string) []model.Observation {
	var all []model.Observation
	for i := range n {
		all = append(all, Observation(i, instruction))
	}
	return all
}
