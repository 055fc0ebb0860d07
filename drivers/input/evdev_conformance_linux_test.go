//go:build linux && (amd64 || arm64)

package input_test

import (
	"testing"

	"cobot_vla/drivers/input"
	"cobot_vla/drivers/input/inputtest"
)

func TestEvdevConforms(t *testing.T) {
	inputtest.Conformance(t, func(t *testing.T) inputtest.Rig {
		d, press, move, unplug := input.OpenFake(t)
		return inputtest.Rig{Device: d, Press: press, Move: move, Unplug: unplug}
	})
}
