package playback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var then = time.Unix(1_700_000_000, 0)

// pose of the robot's joint j, s seconds into the episode.
func pose(s float64, j int) float64 {
	if j%7 == 6 {
		return 0.03
	}
	return 0.3*math.Sin(s) + 0.01*float64(j)
}

// recorded is an episode of two seconds: arms and commands at 100 Hz, a picture
// and transforms now and then, what is latched at once.
func recorded(t *testing.T, command bool) string {
	t.Helper()
	text, err := fs.ReadFile(calibration.Files(), "cobot_magic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w, err := episode.Create(t.TempDir(), episode.Info{Task: "wave", Robot: "cobot_magic", Started: then, Calibration: text}, episode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	say := func(topic string, at time.Duration, m msgs.Message, q rcl.QoS) {
		if err := w.Stream(topic, m.TypeName(), episode.OfferedQoS([]rcl.QoS{q})); err != nil {
			t.Fatal(err)
		}
		if err := w.Message(topic, then.Add(at), m); err != nil {
			t.Fatal(err)
		}
	}
	robot := calibration.Default()
	say("/robot_description", 0, &msgs.String{Data: "<robot/>"}, rcl.Latched)
	say("/supervisor/authority", 0, &msgs.Authority{Source: msgs.SourceTeleop}, rcl.Default)
	for at := time.Duration(0); at <= 2*time.Second; at += 10 * time.Millisecond {
		h := msgs.Header{Stamp: msgs.Stamp(then.Add(at - time.Millisecond))}
		for i, arm := range robot.Arms {
			m := &msgs.JointState{Header: h, Name: arm.Names()}
			for j := range m.Name {
				m.Position = append(m.Position, pose(at.Seconds(), 7*i+j))
			}
			say("/puppet/joint_"+arm.Side, at, m, rcl.Default)
		}
		if command {
			c := &msgs.JointState{Header: h, Name: robot.ActionNames()}
			for j := range c.Name {
				c.Position = append(c.Position, pose(at.Seconds(), j))
			}
			say("/arms/command", at, c, rcl.Default)
		}
		if at%(100*time.Millisecond) == 0 {
			say("/camera_f/color/image_raw", at, &msgs.Image{Header: h, Width: 2, Height: 1, Step: 6, Encoding: "rgb8", Data: []byte{1, 2, 3, 4, 5, 6}}, rcl.SensorData)
			say("/tf", at, &msgs.TFMessage{Transforms: []msgs.TransformStamped{{Header: h, ChildFrameID: "x"}}}, rcl.Default)
		}
	}
	e, err := w.Finish(episode.Result{Verdict: episode.Keep, Ended: then.Add(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	return e.Path
}

// world is a lockstep graph with a listener.
type world struct {
	*rcl.Context
	t    *testing.T
	n    *rcl.Node
	said []said
}

type said struct {
	topic string
	at    time.Time
	m     msgs.Message
}

func newWorld(t *testing.T, from time.Time) *world {
	t.Helper()
	w := &world{t: t, Context: rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(from)})}
	t.Cleanup(func() {
		if err := w.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
	var err error
	if w.n, err = w.Node("listener", rcl.Args{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func hear[T any, P msgs.Ptr[T]](w *world, topic string, q rcl.QoS) {
	w.t.Helper()
	if _, err := rcl.Subscribe[T, P](w.n, topic, q, func(m *T, info rcl.Info) {
		w.said = append(w.said, said{topic, info.Received, P(m)})
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) play(change func(*Config)) *Node {
	w.t.Helper()
	cfg := DefaultConfig()
	change(&cfg)
	n, err := w.Node("playback", rcl.Args{})
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := New(n, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) until(p *Node, limit time.Duration) {
	w.t.Helper()
	end := w.Now().Add(limit)
	if err := w.RunUntil(context.Background(), func() bool { return p.Over() || w.Now().After(end) }); err != nil {
		w.t.Fatal(err)
	}
	if !p.Over() {
		w.t.Fatalf("it is not over after %v: %s", limit, p.state)
	}
	<-p.Done()
	end = w.Now().Add(20 * time.Millisecond) // what was published last is heard
	if err := w.RunUntil(context.Background(), func() bool { return w.Now().After(end) }); err != nil {
		w.t.Fatal(err)
	}
}

// Every message comes again, when it came and as it was, but for its stamp.
func TestTopics(t *testing.T) {
	path := recorded(t, true)
	for _, speed := range []float64{1, 4} {
		w := newWorld(t, time.Unix(50, 0))
		p := w.play(func(c *Config) { c.Path, c.Speed = path, speed })
		hear[msgs.JointState](w, "/puppet/joint_left", rcl.QoS{Depth: 1000})
		hear[msgs.JointState](w, "/puppet/joint_right", rcl.QoS{Depth: 1000})
		hear[msgs.JointState](w, "/arms/command", rcl.QoS{Depth: 1000})
		hear[msgs.Image](w, "/camera_f/color/image_raw", rcl.SensorData)
		hear[msgs.TFMessage](w, "/tf", rcl.Default)
		hear[msgs.String](w, "/robot_description", rcl.Latched)
		hear[msgs.Authority](w, "/supervisor/authority", rcl.Default)
		w.until(p, 5*time.Second)
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		r, err := episode.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		began := time.Unix(50, 0).Add(500 * time.Millisecond)
		for m, err := range r.Read() {
			if err != nil {
				t.Fatal(err)
			}
			if m.Topic == episode.StatusTopic || m.Topic == "/supervisor/authority" {
				continue
			}
			if i == len(w.said) {
				t.Fatalf("only %d messages were played", i)
			}
			got := w.said[i]
			i++
			shift := func(then_ time.Time) time.Time { return began.Add(time.Duration(float64(then_.Sub(then)) / speed)) }
			want, err := m.Decode()
			if err != nil {
				t.Fatal(err)
			}
			episode.Restamp(want, shift)
			if late := got.at.Sub(shift(m.Arrival)); got.topic != m.Topic || late < 0 || late > time.Microsecond || !bytes.Equal(msgs.Marshal(got.m), msgs.Marshal(want)) {
				t.Fatalf("message %d: %s %v late:\n%+v, want %s\n%+v", i, got.topic, late, got.m, m.Topic, want)
			}
		}
		if i != len(w.said) || uint64(i) != p.Played() {
			t.Errorf("%d messages, %d were heard, %d counted", i, len(w.said), p.Played())
		}
		_ = r.Close()
	}
}

// With its own stamps and clock an episode plays as it was; a simulation may begin when it did.
func TestOwnTime(t *testing.T) {
	path := recorded(t, false)
	from, err := StartTime(path)
	if err != nil || !from.Equal(then) {
		t.Fatal(from, err)
	}
	w := newWorld(t, from)
	p := w.play(func(c *Config) {
		c.Path, c.Delay, c.Restamp, c.Clock, c.Prefix, c.Topics = path, 0, false, true, "/again", []string{"/puppet/joint_left"}
	})
	hear[msgs.JointState](w, "/again/puppet/joint_left", rcl.QoS{Depth: 1000})
	hear[msgs.Clock](w, "/clock", rcl.SensorData)
	w.until(p, 5*time.Second)
	clocks, states := 0, 0
	for _, s := range w.said {
		switch m := s.m.(type) {
		case *msgs.Clock:
			clocks++
			if !m.Clock.Go().Equal(s.at) {
				t.Fatalf("the clock says %v at %v", m.Clock.Go(), s.at)
			}
		case *msgs.JointState:
			states++
			if got := m.Header.Stamp.Go(); !got.Equal(s.at.Add(-time.Millisecond)) {
				t.Fatalf("stamped %v at %v", got, s.at)
			}
		}
	}
	if states != 201 || clocks < 190 {
		t.Errorf("%d states, %d clocks", states, clocks)
	}
}

func TestRefuses(t *testing.T) {
	path := recorded(t, false)
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no path":        {func(c *Config) {}, "set path"},
		"no file":        {func(c *Config) { c.Path = "nothing.mcap" }, "no such file"},
		"no such topic":  {func(c *Config) { c.Path, c.Topics = path, []string{"/odom"} }, "has nothing on /odom"},
		"two times":      {func(c *Config) { c.Path, c.Clock = path, true }, "exclude each other"},
		"too fast":       {func(c *Config) { c.Path, c.Onto, c.Speed = path, "arms", 2 }, "at most as fast"},
		"no such motion": {func(c *Config) { c.Path, c.Onto, c.Motion = path, "arms", "leader" }, "no motion of all arms (leader)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, time.Time{})
			n, err := w.Node("playback", rcl.Args{})
			if err != nil {
				t.Fatal(err)
			}
			cfg := DefaultConfig()
			c.change(&cfg)
			if _, err := New(n, cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// robot is a supervisor and arms that do what chunks say, as fast as they may.
type robot struct {
	w       *world
	pose    map[string]float64
	chunk   *msgs.ActionChunk
	holder  string
	refuse  string
	stuck   bool
	speed   float64 // of the arms [rad/s]
	history []map[string]float64
	given   bool
}

func newFake(w *world) *robot {
	w.t.Helper()
	r := &robot{w: w, pose: map[string]float64{}, holder: msgs.SourceNone, speed: 1}
	names := calibration.Default().ActionNames()
	for _, n := range names {
		r.pose[n] = 0
	}
	check := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	n, err := w.Node("robot", rcl.Args{})
	check(err)
	check(rcl.Serve(n, "supervisor/acquire", func(q *msgs.Acquire_Request, a *msgs.Acquire_Response) {
		a.Granted, a.Reason = r.refuse == "", r.refuse
		switch {
		case !a.Granted:
		case q.Parts == 0:
			r.holder, r.given = msgs.SourceNone, true
		default:
			r.holder = q.Source
		}
	}))
	authority, err := rcl.Advertise[msgs.Authority](n, "supervisor/authority", rcl.Newest)
	check(err)
	_, err = n.Timer(50*time.Millisecond, func(time.Time) {
		_ = authority.Publish(&msgs.Authority{Source: r.holder, Parts: msgs.Arms, Reason: "a test"})
	})
	check(err)
	_, err = rcl.Subscribe(n, "policy/manipulation", rcl.Default, func(m *msgs.ActionChunk, _ rcl.Info) { r.chunk = m })
	check(err)
	pubs := map[string]*rcl.Publisher[msgs.JointState]{}
	for _, arm := range calibration.Default().Arms {
		pubs[arm.Side], err = rcl.Advertise[msgs.JointState](n, "puppet/joint_"+arm.Side, rcl.Default)
		check(err)
	}
	_, err = n.Timer(10*time.Millisecond, func(now time.Time) {
		r.move(now)
		for _, arm := range calibration.Default().Arms {
			m := &msgs.JointState{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: arm.Names()}
			for _, n := range m.Name {
				m.Position = append(m.Position, r.pose[n])
			}
			_ = pubs[arm.Side].Publish(m)
		}
	})
	check(err)
	return r
}

func (r *robot) move(now time.Time) {
	if r.chunk == nil || r.stuck || r.holder != msgs.SourceReplay {
		return
	}
	width := len(r.chunk.Names)
	// The step that is being carried out, which is reached a period after it is due.
	k := int(now.Sub(r.chunk.Header.Stamp.Go()) / r.chunk.Period.Go())
	k = min(k, len(r.chunk.Values)/width-1)
	step := map[string]float64{}
	for i, n := range r.chunk.Names {
		want := r.chunk.Values[k*width+i]
		r.pose[n] += max(-r.speed*0.01, min(r.speed*0.01, want-r.pose[n]))
		step[n] = r.pose[n]
	}
	r.history = append(r.history, step)
}

func TestArms(t *testing.T) {
	for _, command := range []bool{true, false} {
		w := newWorld(t, time.Time{})
		r := newFake(w)
		for j, n := range calibration.Default().ActionNames() {
			r.pose[n] = pose(0, j) - 0.4 // the approach comes first
		}
		p := w.play(func(c *Config) { c.Path, c.Onto = recorded(t, command), "arms" })
		w.until(p, 20*time.Second)
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		if !r.given {
			t.Error("the arms were not given back")
		}
		end := r.history[len(r.history)-1]
		highest := 0.0
		for _, step := range r.history {
			highest = max(highest, step["left_joint1"])
		}
		for j, n := range calibration.Default().ActionNames() {
			if want := pose(1.99, j); math.Abs(end[n]-want) > 0.01 {
				t.Errorf("%s ends at %.3f, want %.3f", n, end[n], want)
			}
		}
		if math.Abs(highest-0.3) > 0.01 {
			t.Errorf("left_joint1 got to %.3f, want 0.3", highest)
		}
	}
}

func TestArmsRefuseOrLost(t *testing.T) {
	path := recorded(t, true)
	for name, c := range map[string]struct {
		breaks func(*robot)
		later  func(*robot)
		want   string
	}{
		"refused": {breaks: func(r *robot) { r.refuse = "the e-stop is engaged" }, want: "the supervisor refuses them: the e-stop is engaged"},
		"stuck":   {breaks: func(r *robot) { r.stuck = true }, want: "from the first pose after 2 s"},
		"taken":   {breaks: func(*robot) {}, later: func(r *robot) { r.holder = msgs.SourceTeleop }, want: "they were taken: teleop holds the robot (a test)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, time.Time{})
			r := newFake(w)
			c.breaks(r)
			if c.later != nil {
				r.w.n.After(time.Second, func() { c.later(r) })
			}
			p := w.play(func(cfg *Config) { cfg.Path, cfg.Onto, cfg.Approach = path, "arms", 2 })
			w.until(p, 10*time.Second)
			if err := p.Err(); !errors.Is(err, ErrArms) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			before := r.chunk
			if err := w.RunUntil(context.Background(), func() bool { return w.Now().Sub(time.Unix(1, 0)) > 6*time.Second }); err != nil {
				t.Fatal(err)
			}
			if r.chunk != before {
				t.Error("it goes on commanding")
			}
		})
	}
}

// Two plays are alike, message for message.
func TestSameAgain(t *testing.T) {
	path := recorded(t, true)
	var runs [2]string
	for i := range runs {
		w := newWorld(t, time.Time{})
		p := w.play(func(c *Config) { c.Path = path })
		hear[msgs.JointState](w, "/puppet/joint_left", rcl.QoS{Depth: 1000})
		hear[msgs.TFMessage](w, "/tf", rcl.Default)
		w.until(p, 5*time.Second)
		var b strings.Builder
		for _, s := range w.said {
			fmt.Fprintf(&b, "%s %d %x\n", s.topic, s.at.UnixNano(), msgs.Marshal(s.m))
		}
		runs[i] = b.String()
	}
	if runs[0] != runs[1] || runs[0] == "" {
		t.Error("two plays differ")
	}
}
