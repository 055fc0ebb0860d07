//go:build !linux || !amd64

package amxtest

import "testing"

// Run skips: there is no AMX to emulate.
func Run(t *testing.T, _ string) { t.Skip("AMX is emulated on Linux on amd64 only") }

// Traced says that this process runs under Run.
func Traced() bool { return false }
