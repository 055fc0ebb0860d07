package arm

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
)

var hostileMessages = flag.Int("hostile", 6_000, "random and hostile chunks that TestHostileChunks sends; `make verify` sends ten million")

// TestHostileChunks sends random and hostile chunks into schedule and limiter of
// a whole robot and holds every command to the limits of position, velocity,
// acceleration and distance.
func TestHostileChunks(t *testing.T) {
	robot := calibration.Default()
	cfg := DefaultConfig()
	cfg.TableHeight = 0.70
	axes := axesOf(robot, cfg.LimitMargin)
	clear, err := newBodies(robot, cfg)
	if err != nil {
		t.Fatal(err)
	}
	check, err := newBodies(robot, cfg)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 11))
	const step = 5 * time.Millisecond
	now := time.Unix(1000, 0)
	want, wantV := make([]float64, len(axes)), make([]float64, len(axes))
	pose, vel := make([]float64, len(axes)), make([]float64, len(axes))
	var lim *Limiter
	var sched *schedule
	nearest := math.Inf(1)
	accepted, blocked := 0, 0
	for sent := range *hostileMessages {
		if sent%5000 == 0 { // a robot somewhere else, some joints resting outside their range
			lim, sched = NewLimiter(axes, clear, cfg.KeepOut), newSchedule(axes)
			for i, a := range axes {
				pose[i] = min(max(0, a.Lower), a.Upper)
			}
			for _, first := range []int{0, armAxes} {
				pose[first+1], pose[first+2] = -0.0349, 0.0344
			}
			copy(vel, make([]float64, len(vel)))
			lim.Set(0, pose)
			nearest = cfg.KeepOut
			for _, n := range check.Closest(pose, cfg.KeepOut) {
				nearest = min(nearest, n.Distance)
			}
		}
		if sched.add(now, hostile(rng, robot, now, uint64(sent+1)), lim.Pose()) == nil {
			accepted++
		}
		steps := 1
		if rng.IntN(60) == 0 { // now and then a chunk is left to go far
			steps = 100
		}
		for range steps {
			now = now.Add(step)
			if sched.at(now, want, wantV); len(sched.points) == 0 || rng.IntN(50) == 0 {
				lim.Brake(dt)
			} else if lim.Step(dt, want, wantV, unlimited) != "" {
				blocked++
			}
			for i, a := range axes {
				q, v := lim.Pose()[i], lim.Velocity()[i]
				if outside := pose[i] < a.Lower || pose[i] > a.Upper; outside && (q < min(pose[i], a.Lower)-1e-12 || q > max(pose[i], a.Upper)+1e-12) ||
					!outside && (q < a.Lower || q > a.Upper) {
					t.Fatalf("message %d: %s moved from %v to %v, limits %v..%v", sent, a.Name, pose[i], q, a.Lower, a.Upper)
				}
				if math.Abs(v) > a.Velocity+1e-9 || math.Abs(v-vel[i]) > a.Acceleration*dt+1e-9 || math.Abs(q-pose[i]-v*dt) > 1e-9 {
					t.Fatalf("message %d: %s velocity %v after %v, moved %v", sent, a.Name, v, vel[i], q-pose[i])
				}
				pose[i], vel[i] = q, v
			}
			for _, n := range check.Closest(pose, nearest-1e-9) {
				t.Fatalf("message %d: %s at %.4f m, keep out %.4f m", sent, n.Pair, n.Distance, nearest)
			}
		}
	}
	t.Logf("%d of %d chunks accepted, distances stopped %d steps, clamps %v", accepted, *hostileMessages, blocked, len(lim.Clamps))
	if accepted == 0 || blocked == 0 {
		t.Error("nothing was tried")
	}
}

// hostile is a chunk that may be anything.
func hostile(rng *rand.Rand, robot calibration.Robot, now time.Time, seq uint64) *msgs.ActionChunk {
	names := robot.ActionNames()
	steps := 1 + rng.IntN(8)
	m := &msgs.ActionChunk{
		Header:   msgs.Header{Stamp: msgs.Stamp(now.Add(-time.Duration(rng.IntN(400)) * time.Millisecond))},
		Sequence: seq, Source: "policy", Names: names, Mode: uint8(rng.IntN(2)), Schedule: uint8(rng.IntN(2)),
		Period: msgs.Span(time.Duration(5+rng.IntN(200)) * time.Millisecond), MaxAge: msgs.Span(300 * time.Millisecond),
		StepsTotal: uint32(steps), Values: make([]float64, steps*len(names)),
	}
	scale := []float64{0.05, 1, 4, 1e3, 1e300}[rng.IntN(5)]
	for i := range m.Values {
		m.Values[i] = (rng.Float64()*2 - 1) * scale
	}
	switch rng.IntN(20) {
	case 0:
		m.Values[rng.IntN(len(m.Values))] = math.NaN()
	case 1:
		m.Values[rng.IntN(len(m.Values))] = math.Inf(1 - 2*rng.IntN(2))
	case 2:
		m.Values = m.Values[:len(m.Values)-1]
	case 3:
		m.Sequence = seq / 2
	case 4:
		m.FirstStep = uint32(rng.IntN(5))
	case 5:
		m.Period = msgs.Duration{Sec: int32(rng.Int32())}
	}
	return m
}
