package main

import (
	"os"
	"testing"
)

// programVariable has the test program be cobot_vla itself: tests of several
// processes start it so.
const programVariable = "COBOT_VLA_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}
