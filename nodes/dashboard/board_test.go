package dashboard

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
)

func testBoard() *board {
	now := time.Unix(100, 0)
	return newBoard(DefaultConfig(), calibration.Default(), func() time.Time { return now })
}

func TestThePathKeepsTheWholeWay(t *testing.T) {
	b := testBoard()
	for i := range 10000 {
		m := &msgs.Odometry{}
		m.Pose.Pose.Position.X = 0.03 * float64(i)
		b.write(func(now time.Time) { b.addOdometry(m, now) })
	}
	if n := len(b.path); n > keepPath || n < keepPath/2 || b.path[0].X != 0 || math.Abs(b.path[n-1].X-299.97) > 1e-6 {
		t.Errorf("%d points from %v to %v", n, b.path[0], b.path[n-1])
	}
}

// TestWhateverComesCanBeShown: no message of the graph makes a state that JSON can't carry, or grows without bound.
func TestWhateverComesCanBeShown(t *testing.T) {
	odd := rapid.SampledFrom([]float64{0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64})
	rapid.Check(t, func(t *rapid.T) {
		b := testBoard()
		values := rapid.SliceOfN(odd, 0, 20)
		names := rapid.SliceOfN(rapid.SampledFrom(append(calibration.Default().ActionNames(), "", "joint0")), 0, 20)
		for range rapid.IntRange(1, 20).Draw(t, "messages") {
			b.write(func(now time.Time) {
				js := &msgs.JointState{Name: names.Draw(t, "names"), Position: values.Draw(t, "positions")}
				b.measured[0], b.leader[1] = at[[]float64]{b.side(0, js), now}, at[[]float64]{b.side(1, js), now}
				if p := b.joints(js); p != nil {
					b.command = at[[]float64]{p, now}
				}
				b.addChunk(&msgs.ActionChunk{
					Source: rapid.SampledFrom([]string{"policy", "teleop"}).Draw(t, "source"), Sequence: rapid.Uint64Range(0, 2).Draw(t, "seq"),
					Names: names.Draw(t, "chunk names"), Values: values.Draw(t, "values"), FirstStep: rapid.Uint32Range(0, 3).Draw(t, "first"),
					Tokens: rapid.SliceOfN(rapid.Uint32(), 0, 20).Draw(t, "tokens"),
				}, now)
				b.addNavigation(&msgs.NavigationToken{Direction: rapid.Byte().Draw(t, "direction"), Value: odd.Draw(t, "value")}, now)
				o := &msgs.Odometry{}
				o.Pose.Pose.Position.X, o.Pose.Pose.Orientation.Z, o.Twist.Twist.Linear.X = odd.Draw(t, "x"), odd.Draw(t, "z"), odd.Draw(t, "v")
				b.addOdometry(o, now)
				b.goal = at[msgs.MotionStatus]{msgs.MotionStatus{State: rapid.Byte().Draw(t, "state"), Remaining: odd.Draw(t, "remaining")}, now}
				b.verdict = at[msgs.TaskVerdict]{msgs.TaskVerdict{Progress: odd.Draw(t, "progress")}, now}
				b.recorder = at[msgs.RecorderStatus]{msgs.RecorderStatus{Streams: []msgs.StreamStatus{{Rate: odd.Draw(t, "rate")}}}, now}
			})
		}
		events, _ := b.eventsSince(0)
		for _, v := range []any{b.state(), b.slow(nil), eventsView{"events", events}} {
			if _, err := json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestPlacesAreBounded(t *testing.T) {
	b := testBoard()
	for i := range 1000 {
		b.write(func(now time.Time) {
			b.addDiagnostics(&msgs.DiagnosticArray{Status: []msgs.DiagnosticStatus{{Name: fmt.Sprint(i)}}}, now)
			b.addNavigation(&msgs.NavigationToken{}, now)
		})
	}
	if len(b.diag) > 200 || len(b.events) != keepEvents || len(b.inference.last) != keepSpans {
		t.Errorf("%d diagnostics, %d events, %d durations", len(b.diag), len(b.events), len(b.inference.last))
	}
	events, last := b.eventsSince(990)
	if len(events) != 10 || last != 1000 {
		t.Errorf("%d events up to %d", len(events), last)
	}
}

func TestTheInstructionOfTheParameters(t *testing.T) {
	b := testBoard()
	b.write(func(now time.Time) {
		b.addDiagnostics(&msgs.DiagnosticArray{Status: []msgs.DiagnosticStatus{
			{Name: "/robot/policy: policy", Values: []msgs.KeyValue{{Key: "instruction", Value: "fetch the bottle"}}},
		}}, now)
	})
	if s := b.state(); s.Instruction != "fetch the bottle" {
		t.Errorf("shows %q", s.Instruction)
	}
	b.write(func(time.Time) { b.instruction = "open the drawer" })
	if s := b.state(); s.Instruction != "open the drawer" {
		t.Errorf("shows %q", s.Instruction)
	}
}
