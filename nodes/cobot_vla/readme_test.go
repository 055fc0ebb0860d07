package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadmeTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	text := "before\n<!-- seeds -->\nold\n<!-- /seeds -->\nbetween\n<!-- faults -->\n<!-- /faults -->\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	v := verification{
		Seeds: []seedResult{{Seed: 1, LatencyMS: 100, Success: true, SimSeconds: 12}}, Successes: 1,
		Faults: []faultResult{{Fault: "arm: stall", When: "manipulating", StoppedMS: 160, BoundMS: 600, Cause: "joint3 | stall", Recovered: true}},
	}
	if err := updateReadme(path, v.tables()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "| 100 ms | 1 | 1 | 12.0 s (mean)", "between", "| arm: stall | manipulating | 160 ms | 600 ms | joint3 / stall | task done |", "after\n"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %q in\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "old") {
		t.Error("the old table is still there")
	}
	if err := updateReadme(path, map[string]string{"bench": ""}); err == nil {
		t.Error("a missing marker was not noticed")
	}
}

// TestReadmeHasItsMarkers: the long proof and the benchmark can write their tables.
func TestReadmeHasItsMarkers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seeds", "faults", "bench"} {
		if !strings.Contains(string(data), "<!-- "+name+" -->") || !strings.Contains(string(data), "<!-- /"+name+" -->") {
			t.Errorf("README.md has no markers for %s", name)
		}
	}
}
