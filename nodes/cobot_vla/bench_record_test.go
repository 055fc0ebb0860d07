package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cobot_vla/nodes/recorder/episode"
)

// TestRecordingBenchCounts: what the bench tells is what the episodes say.
func TestRecordingBenchCounts(t *testing.T) {
	dir := t.TempDir()
	e, err := episode.Open(demonstrations(t, dir, 1, nil)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b := recordingBench{Turns: 1}
	if err := b.count(dir); err != nil {
		t.Fatal(err)
	}
	var all uint64
	for _, s := range b.Streams {
		all += s.Recorded
		if s.Dropped+s.Lost+s.Unsent > 0 {
			t.Errorf("%+v", s)
		}
	}
	left, _ := e.Stream("/puppet/joint_left")
	right, _ := e.Stream("/puppet/joint_right")
	if b.Recorded != e.Duration() || all != e.Messages || b.Streams[1].Recorded != left.Messages+right.Messages || b.Bytes == 0 {
		t.Errorf("%+v", b)
	}
	if table := b.table(); !strings.Contains(table, fmt.Sprintf("| 2 followers, 200 Hz | %d | 0 | 0 | 0 | 6.0 ms |  |", b.Streams[1].Recorded)) {
		t.Error(table)
	}
}

func TestStreamTally(t *testing.T) {
	s := streamTally{Name: "x", why: "late"}
	s.add(episode.Stream{Messages: 90, Dropped: 2, Lost: 1, Missing: 7, LongestGap: 20 * time.Millisecond})
	s.add(episode.Stream{Messages: 10, Dropped: 3, Missing: 2, LongestGap: 10 * time.Millisecond}) // the others were at its end
	want := streamTally{Name: "x", Recorded: 100, Dropped: 5, Lost: 1, Unsent: 4, LongestGap: 20 * time.Millisecond, why: "late"}
	if s != want || strings.Count(s.explains(), ":") != 3 || (streamTally{}).explains() != "" {
		t.Errorf("%+v: %s", s, s.explains())
	}
}

// Whatever drifts meets the turns with the recorder and those without alike.
func TestOrderOfTurns(t *testing.T) {
	sum := [2]int{}
	all := order(4)
	for i, on := range all {
		sum[count(on)] += i
	}
	if len(all) != 8 || all[0] || sum[0] != sum[1] {
		t.Errorf("%v: %v", all, sum)
	}
}
