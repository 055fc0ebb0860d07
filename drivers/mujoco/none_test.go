//go:build !mujoco || !cgo

package mujoco

import (
	"errors"
	"testing"
)

func TestWithoutMuJoCo(t *testing.T) {
	w, err := New(testConfig(t, "fetch_bottle"))
	if !errors.Is(err, ErrNotBuilt) || w != nil {
		t.Errorf("got %v, %v; want ErrNotBuilt", w, err)
	}
}
