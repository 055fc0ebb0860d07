package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/nodes/recorder/episode"
)

// folderOfAll is an episode that was kept, one that was cut off, and files that are none.
func folderOfAll(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	whole := demonstrations(t, dir, 1, nil)[0]
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"episode_000002": text[:len(text)/2], "episode_000003": bytes.Repeat([]byte("?"), 4000), "episode_000004": nil,
	} {
		path := filepath.Join(dir, name, name+".mcap")
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, path, content)
	}
	return dir
}

// TestRecordCommands: what is wrong with an episode is said in a line, and does not keep the others back.
func TestRecordCommands(t *testing.T) {
	dir := folderOfAll(t)
	expect := func(out string, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !strings.Contains(out, l) {
				t.Errorf("no %q in\n%s", l, out)
			}
		}
	}
	expect(mustCommand(t, "record", "list", dir),
		"episode_000001  keep", "reach out and come back", "episode_000002  unfinished", "`cobot_vla record repair` finishes it",
		"episode_000003  no episode", "it does not begin as MCAP files do", "4 episodes of 9 s; kept: 1 of 9 s")
	var out bytes.Buffer
	err := run(t.Context(), []string{"cobot_vla", "record", "repair", dir}, &out, &out)
	if err == nil || strings.Count(err.Error(), "not an episode") != 2 || strings.Count(err.Error(), "episode_000003.mcap") != 1 {
		t.Error(err)
	}
	expect(out.String(), "episode_000001.mcap: whole, keep", "episode_000002.mcap: finished: ", "had not been flushed")
	expect(mustCommand(t, "record", "judge", "keep", filepath.Join(dir, "episode_000002"), "--remark", "half of it"), "episode_000002: keep")
	expect(mustCommand(t, "record", "list", filepath.Join(dir, "episode_000002")), "episode_000002  keep")
	e, err := episode.Open(filepath.Join(dir, "episode_000002", "episode_000002.mcap"))
	if err != nil || e.Remark != "half of it" || e.Messages < 100 {
		t.Fatalf("%+v, %v", e, err)
	}
	_ = e.Close()
	for _, c := range [][]string{
		{"record", "list", "nowhere"}, {"record", "judge", "keep", "nowhere"}, {"record", "repair", "nowhere"},
		{"export", "-f", "lerobot-v3.0", "-o", filepath.Join(dir, "set"), "nowhere"}, {"replay", "nowhere"}, {"calibrate", "statistics", "nowhere"},
	} {
		err := run(t.Context(), append([]string{"cobot_vla"}, c...), &out, &out)
		if err == nil || !strings.Contains(err.Error(), "there is no file or folder nowhere: name an episode") {
			t.Errorf("%v: %v", c, err)
		}
	}
}
