package expert

import (
	_ "embed"
	"fmt"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
)

//go:generate go run ./genstatistics statistics.yaml

//go:embed manifest.yaml
var manifestYAML []byte

//go:embed statistics.yaml
var statisticsYAML []byte

// Files returns the expert's manifest, and its statistics in the manifest's order.
func Files() (checkpoint.Manifest, calibration.Statistics, error) {
	m, err := manifest()
	if err != nil {
		return m, calibration.Statistics{}, err
	}
	s, err := calibration.ParseStatistics("expert/statistics.yaml", statisticsYAML)
	if err != nil {
		return m, s, fmt.Errorf("expert: %w", err)
	}
	s, err = s.Select(m.Proprioception, m.Action.Names)
	if err != nil {
		return m, s, fmt.Errorf("expert: %w", err)
	}
	return m, s, nil
}

func manifest() (checkpoint.Manifest, error) {
	m, err := checkpoint.ParseManifest("expert/manifest.yaml", manifestYAML)
	if err != nil {
		return m, fmt.Errorf("expert: %w", err)
	}
	return m, nil
}

// FileHeader is the comment at the top of statistics.yaml.
const FileHeader = `Statistics of the expert policy for the factory Cobot-Magic: every joint's range over
the poses of all tasks. Made by: go generate ./model/expert`
