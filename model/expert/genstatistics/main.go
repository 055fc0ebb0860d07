// Command genstatistics writes the expert's statistics.yaml: for the factory
// robot, or for the calibration file given after the output's name.
//
//	go run ./model/expert/genstatistics model/expert/statistics.yaml [calibration.yaml]
package main

import (
	"fmt"
	"os"

	"cobot_vla/calibration"
	"cobot_vla/model/expert"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return fmt.Errorf("usage: genstatistics statistics.yaml [calibration.yaml]")
	}
	robot := calibration.Default()
	if len(args) == 2 {
		var err error
		if robot, err = calibration.Load(args[1]); err != nil {
			return err
		}
	}
	s, err := expert.Statistics(robot, expert.DefaultConfig())
	if err != nil {
		return err
	}
	text, err := s.YAML(expert.FileHeader)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}
