package rcl_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

var epoch = time.Unix(100, 0)

// TestRosout: what a node logs is on the console and on /rosout, for those who
// come later as well; not where --ros-args says so.
func TestRosout(t *testing.T) {
	var console bytes.Buffer
	log := zerolog.New(&console).Level(zerolog.InfoLevel)
	step := rcl.NewLockstep(epoch)
	c := rcl.New(rcl.Options{Transport: intra.New(), Executor: step, Log: &log, LogOutput: &console})
	defer func() {
		if err := c.Shutdown(0); err != nil {
			t.Error(err)
		}
	}()
	node := func(name string, argv ...string) *rcl.Node {
		t.Helper()
		args, _, err := rcl.ParseArgs(append([]string{"--ros-args"}, argv...))
		if err != nil {
			t.Fatal(err)
		}
		n, err := c.Node(name, args)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	arm := node("arm", "-r", "__ns:=/robot/left")
	arm.Log().Warn().Int("joint", 4).Str("bus", "can0").Msg("command clamped")
	arm.Log().Debug().Msg("below the level")
	node("silent", "--disable-rosout-logs").Log().Error().Msg("not on /rosout")
	node("quiet", "--disable-stdout-logs", "--enable-rosout-logs").Log().Error().Err(rcl.ErrClosed).Send()
	var heard []msgs.Log
	if _, err := rcl.Subscribe(node("listener"), "/rosout", rcl.QoS{Durability: rcl.TransientLocal, Depth: 100}, func(m *msgs.Log, _ rcl.Info) {
		heard = append(heard, *m)
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.RunUntil(t.Context(), func() bool { return len(heard) == 2 }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []msgs.Log{
		{Stamp: msgs.Stamp(epoch), Level: msgs.LogWarn, Name: "robot.left.arm", Msg: "command clamped bus=can0 joint=4"},
		{Stamp: msgs.Stamp(epoch), Level: msgs.LogError, Name: "quiet", Msg: "error=rcl: closed"},
	} {
		if heard[i] != want {
			t.Errorf("heard %+v, want %+v", heard[i], want)
		}
	}
	for text, want := range map[string]bool{"command clamped": true, "not on /rosout": true, "closed": false, "below": false} {
		if strings.Contains(console.String(), text) != want {
			t.Errorf("console: %q is there: %v\n%s", text, !want, console.String())
		}
	}
}
