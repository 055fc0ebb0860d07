package main

import "testing"

// TestEnough: one failure of twenty, two of those that are pushed.
func TestEnough(t *testing.T) {
	for _, c := range []struct {
		setting string
		done    int
		enough  bool
	}{
		{plainSetting, 19, true}, {plainSetting, 18, false}, {pushedSetting, 18, true}, {pushedSetting, 17, false}, {variedSetting, 18, false},
	} {
		r := expertRow{done: map[string]int{c.setting: c.done}, of: map[string]int{c.setting: 20}}
		if r.enough() != c.enough {
			t.Errorf("%d of 20 %s: enough is %v", c.done, c.setting, !c.enough)
		}
	}
}
