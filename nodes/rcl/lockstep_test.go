package rcl_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// Two nodes talk: a timer publishes, a slow subscriber answers in the background.
func lockstepRun(t *testing.T) []string {
	t.Helper()
	var lines []string
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	a, err := c.Node("talker", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Node("listener", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := rcl.Advertise[msgs.String](a, "chatter", rcl.Default)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := a.Timer(10*time.Millisecond, func(now time.Time) {
		n++
		if err := pub.Publish(&msgs.String{Data: fmt.Sprint(n)}); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := rcl.Subscribe(b, "chatter", rcl.Newest, func(m *msgs.String, _ rcl.Info) {
		data := m.Data
		b.Background(25*time.Millisecond, func(_ context.Context, post func(func())) {
			post(func() { lines = append(lines, fmt.Sprintf("%s@%d", data, b.Now().UnixMilli())) })
		})
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.RunUntil(context.Background(), func() bool { return len(lines) == 5 }); err != nil {
		t.Fatal(err)
	}
	if err := c.Shutdown(time.Second); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestLockstepIsExactAndRepeats(t *testing.T) {
	want := []string{"1@1035", "2@1045", "3@1055", "4@1065", "5@1075"}
	for range 2 {
		if got := lockstepRun(t); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}
