package rcl_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"

	"github.com/rs/zerolog"
)

func TestDiagnostics(t *testing.T) {
	var log bytes.Buffer
	logger := zerolog.New(&log)
	w := &world{rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{}), Log: &logger}), t}
	n := w.node("arm")
	d := must[*rcl.Diagnostics](t)(rcl.NewDiagnostics(n, "piper 7"))
	volts := 24.0
	d.Task("power", func(s *rcl.Status) {
		s.Add("volts", volts)
		s.OK("supplied")
		if volts < 20 {
			s.Warn("low")
		}
		if volts < 10 {
			s.Error("supply %.1f V below 10 V: charge", volts)
			s.Warn("a lesser word comes too late")
		}
	})
	d.Task("silent", func(*rcl.Status) {})
	var got []string
	must[*rcl.Subscription](t)(rcl.Subscribe(n, "/diagnostics", rcl.Default, func(m *msgs.DiagnosticArray, _ rcl.Info) {
		line := fmt.Sprint(w.since())
		for _, s := range m.Status {
			line += fmt.Sprintf(" | %d %s %s %s %v", s.Level, s.Name, s.HardwareID, s.Message, s.Values)
		}
		got = append(got, line)
	}))
	n.After(1250*time.Millisecond, func() { volts = 5 })
	n.After(1450*time.Millisecond, func() { volts = 4 }) // the same level
	n.After(2150*time.Millisecond, func() { volts = 22 })
	w.run(2500 * time.Millisecond)
	want := []string{
		"100ms | 0 /arm: power piper 7 supplied [{volts 24}] | 0 /arm: silent piper 7 ok []",
		"1s | 0 /arm: power piper 7 supplied [{volts 24}] | 0 /arm: silent piper 7 ok []",
		"1.3s | 2 /arm: power piper 7 supply 5.0 V below 10 V: charge [{volts 5}]",
		"2s | 2 /arm: power piper 7 supply 4.0 V below 10 V: charge [{volts 4}] | 0 /arm: silent piper 7 ok []",
		"2.2s | 0 /arm: power piper 7 supplied [{volts 22}]",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("heard\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[0], `"warn"`) || !strings.Contains(lines[0], "supply 5.0 V") || !strings.Contains(lines[1], `"info"`) {
		t.Errorf("logged %q, want the fault and its end", lines)
	}
}
