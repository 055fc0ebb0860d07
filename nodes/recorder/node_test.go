package recorder

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/rcl/rcltest"
	"cobot_vla/nodes/recorder/episode"
)

// An episode from start to stop holds every message of its time, and says all
// that is known of it; over a transport of pointers and over one of bytes.
func TestEpisode(t *testing.T) {
	for name, transport := range map[string]rcl.Transport{"pointers": intra.New(), "bytes": rcltest.Loopback(intra.New())} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, setup{transport: transport})
			r.run(600 * time.Millisecond)
			a := call[msgs.StartEpisode_Request, msgs.StartEpisode_Response](r, "recorder/start_episode", &msgs.StartEpisode_Request{OperatorName: "Ada", Note: "first"})
			if !a.Success || !strings.HasSuffix(a.Path, "episode_000001.mcap") {
				t.Fatalf("%+v", a)
			}
			before := r.robot.said["/puppet/joint_left"]
			r.run(2 * time.Second)
			if m := call[msgs.MarkEpisode_Request, msgs.MarkEpisode_Response](r, "recorder/mark_episode", &msgs.MarkEpisode_Request{Label: "grasped"}); !m.Success {
				t.Error(m.Message)
			}
			r.run(time.Second)
			during := r.robot.said["/puppet/joint_left"] - before
			if s := r.trigger("stop"); !s.ok || !strings.Contains(s.text, "episode_000001: keep") {
				t.Fatal(s)
			}
			e := r.episodes()[0]
			if e.Task != "fetch the bottle" || e.Operator != "Ada" || e.Note != "first" || e.Robot != "cobot_magic" || e.Verdict != episode.Keep ||
				e.Firmware["/arm: left"] != "S-V1.6-3" || e.Reference != "/camera_f/color/image_raw/compressed" || e.Reason != "stopped" {
				t.Errorf("%+v %+v", e.Info, e.Result)
			}
			if !bytes.Contains(e.Calibration, []byte("name: cobot_magic")) || !bytes.Contains(e.Parameters, []byte("/robot:\n    ros__parameters:\n        speed_m_s: 0.5\n")) {
				t.Errorf("calibration of %d bytes, parameters\n%s", len(e.Calibration), e.Parameters)
			}
			left, _ := e.Stream("/puppet/joint_left")
			front, _ := e.Stream("/camera_f/color/image_raw/compressed")
			if int(left.Messages) < during || int(left.Messages) > during+2 || left.Period != 5*time.Millisecond || left.Gaps != 0 || left.Dropped != 0 ||
				left.LatencyMean != 2*time.Millisecond || left.SkewMax > 3*time.Millisecond {
				t.Errorf("left arm: %d of %d, %+v", left.Messages, during, left)
			}
			if front.Period != 35*time.Millisecond || front.Messages < 80 {
				t.Errorf("front camera: %+v", front)
			}
			if _, ok := e.Stream("/camera_f/color/image_raw"); ok {
				t.Error("raw images were recorded beside the compressed")
			}
			want := map[string]bool{"/tf_static": true, "/instruction": true, episode.MarkTopic: true}
			last := -1.0
			for m, err := range e.Read() {
				if err != nil {
					t.Fatal(err)
				}
				delete(want, m.Topic)
				if m.Topic != "/puppet/joint_left" {
					continue
				}
				j := must[msgs.Message](t)(m.Decode()).(*msgs.JointState)
				if step := j.Position[0] - last; last >= 0 && (step < 0.0049 || step > 0.0051) {
					t.Fatalf("a message is missing before %v", j.Position[0])
				}
				last = j.Position[0]
			}
			if len(want) > 0 {
				t.Errorf("no message on %v", want)
			}
		})
	}
}

// What is missing is named, and no folder is made for an episode that never was.
func TestRefusals(t *testing.T) {
	front, left := "/camera_f/color/image_raw", "/puppet/joint_left"
	for name, c := range map[string]struct {
		breaks func(*rig)
		change func(*Config)
		want   []string
	}{
		"silent camera and arm": {
			breaks: func(r *rig) { r.robot.silent[front], r.robot.silent[left] = true, true },
			want:   []string{"/camera_f/color/image_raw/compressed: its publisher says nothing", "/puppet/joint_left: its publisher says nothing"},
		},
		"unplugged": {
			change: func(c *Config) { c.Cameras = append(c.Cameras, "camera_top") },
			want:   []string{"/camera_top/color/image_raw/compressed: nobody publishes it"},
		},
		"clock ahead": {
			breaks: func(r *rig) { r.robot.off[left] = time.Hour },
			want:   []string{left, "after it arrived", "ahead", "chrony"},
		},
		"clock behind": {
			breaks: func(r *rig) { r.robot.off[left] = -600 * time.Millisecond },
			want:   []string{left, "stamped 0.602 s before it arrived"},
		},
		"frozen": {
			breaks: func(r *rig) { r.robot.frozen[front] = true },
			want:   []string{"/camera_f/color/image_raw/compressed", "stand still"},
			change: func(c *Config) { c.MaxLatency = 10 },
		},
		"full disk": {
			change: func(c *Config) { c.MinFree = 1 << 20 },
			want:   []string{"disk", "MiB left, fewer than 1048576", "make room"},
		},
		"type unknown": {
			change: func(c *Config) { c.Required = append(c.Required, "pos_cmd piper_msgs/msg/PosCmd") },
			want:   []string{"pos_cmd", "no definition of type piper_msgs/msg/PosCmd"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, setup{change: c.change})
			if c.breaks != nil {
				c.breaks(r)
			}
			s := r.trigger("start")
			for _, want := range c.want {
				if s.ok || !strings.Contains(s.text, want) {
					t.Errorf("%s; want %q", s, want)
				}
			}
			if paths, err := episode.List(r.cfg.Directory); err == nil && len(paths) > 0 {
				t.Errorf("made %q", paths)
			}
			r.run(time.Second)
			d := r.diag["/recorder: recorder"]
			if d.Level != msgs.DiagWarn || !strings.Contains(d.Message, c.want[0]) {
				t.Errorf("diagnosed %+v", d)
			}
			if last := r.seen[len(r.seen)-1]; last.State != Idle || !strings.Contains(last.Reason, c.want[0]) {
				t.Errorf("status %+v", last)
			}
		})
	}
}

func TestNoTask(t *testing.T) {
	r := newRig(t, setup{change: func(c *Config) { c.Task = " " }})
	if s := r.trigger("start"); s.ok || !strings.Contains(s.text, "start_episode") {
		t.Error(s)
	}
}

func TestOneAtATime(t *testing.T) {
	r := newRig(t, setup{})
	for _, service := range []string{"stop", "discard", "mark"} {
		if s := r.trigger(service); s.ok {
			t.Errorf("%s when nothing is recorded: %s", service, s)
		}
	}
	if s := r.trigger("start"); !s.ok {
		t.Fatal(s)
	}
	if s := r.trigger("start"); s.ok || !strings.Contains(s.text, "recording episode_000001 already") {
		t.Error(s)
	}
	if s := r.trigger("discard"); !s.ok || !strings.Contains(s.text, "discard") {
		t.Error(s)
	}
	if s := r.trigger("start"); !s.ok {
		t.Fatal(s)
	}
	if s := r.trigger("stop"); !s.ok {
		t.Fatal(s)
	}
	if s := r.trigger("discard"); !s.ok { // the last one, after all
		t.Error(s)
	}
	for _, q := range []struct {
		q    msgs.EndEpisode_Request
		want string
	}{
		{msgs.EndEpisode_Request{Path: "episode_000001", Verdict: "keep", Note: "it was good"}, "episode_000001: keep"},
		{msgs.EndEpisode_Request{Verdict: "fine"}, "unknown verdict"},
		{msgs.EndEpisode_Request{Path: "episode_000009", Verdict: "keep"}, "no such file"},
	} {
		if a := call[msgs.EndEpisode_Request, msgs.EndEpisode_Response](r, "recorder/end_episode", &q.q); !strings.Contains(a.Message, q.want) {
			t.Errorf("%+v: %+v", q.q, a)
		}
	}
	all := r.episodes()
	if len(all) != 2 || all[0].Verdict != episode.Keep || all[0].Remark != "it was good" || all[1].Verdict != episode.Discard {
		t.Errorf("%d episodes, %+v", len(all), all[0].Result)
	}
}

func TestRawWhereNothingIsCompressed(t *testing.T) {
	r := newRig(t, setup{raw: true})
	if s := r.trigger("start"); !s.ok {
		t.Fatal(s)
	}
	r.run(time.Second)
	if s := r.trigger("stop"); !s.ok {
		t.Fatal(s)
	}
	e := r.episodes()[0]
	if s, ok := e.Stream("/camera_l/color/image_raw"); !ok || s.Type != "sensor_msgs/msg/Image" || s.Messages < 25 || e.Reference != "/camera_f/color/image_raw" {
		t.Errorf("%+v, reference %s", s, e.Reference)
	}
}

// A camera that dies while it is recorded: reported, and the episode goes on.
func TestDeadCamera(t *testing.T) {
	r := newRig(t, setup{})
	if s := r.trigger("start"); !s.ok {
		t.Fatal(s)
	}
	r.run(time.Second)
	r.robot.silent["/camera_l/color/image_raw"] = true
	r.run(1500 * time.Millisecond)
	if d := r.diag["/recorder: recorder"]; d.Level != msgs.DiagError || !strings.Contains(d.Message, "silent: /camera_l/color/image_raw/compressed") {
		t.Errorf("%+v", d)
	}
	r.robot.silent["/camera_l/color/image_raw"] = false
	r.run(time.Second)
	if d := r.diag["/recorder: recorder"]; d.Level != msgs.DiagOK {
		t.Errorf("after it came back: %+v", d)
	}
	if s := r.trigger("stop"); !s.ok {
		t.Fatal(s)
	}
	e := r.episodes()[0]
	if s, _ := e.Stream("/camera_l/color/image_raw/compressed"); s.Gaps != 1 || s.Missing < 40 || s.LongestGap < 1500*time.Millisecond {
		t.Errorf("%+v", s)
	}
	dead := false
	for m, err := range e.Read(episode.StatusTopic) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range must[msgs.Message](t)(m.Decode()).(*msgs.RecorderStatus).Streams {
			dead = dead || s.Dead && s.Topic == "/camera_l/color/image_raw/compressed"
		}
	}
	if !dead {
		t.Error("the file does not say that the camera was dead")
	}
}

// A policy that has decided for now, a base that has arrived and an instruction that stands are silent and
// well; odometry that came as often and is silent is dead.
func TestSilentIsNotDead(t *testing.T) {
	const motions = "base/status cobot_vla/msg/MotionStatus event"
	r := newRig(t, setup{change: func(c *Config) {
		c.Required = append(c.Required, motions)
		c.Optional = slices.DeleteFunc(c.Optional, func(line string) bool { return line == motions })
	}})
	n := r.robot.n
	chunks := must[*rcl.Publisher[msgs.ActionChunk]](t)(rcl.Advertise[msgs.ActionChunk](n, "policy/manipulation", rcl.Default))
	status := must[*rcl.Publisher[msgs.MotionStatus]](t)(rcl.Advertise[msgs.MotionStatus](n, "base/status", rcl.Default))
	verdict := must[*rcl.Publisher[msgs.TaskVerdict]](t)(rcl.Advertise[msgs.TaskVerdict](n, "sim/verdict", rcl.Latched))
	odom := must[*rcl.Publisher[msgs.Odometry]](t)(rcl.Advertise[msgs.Odometry](n, "odom", rcl.Default))
	if s := r.trigger("start"); !s.ok { // before any of them has said a word
		t.Fatal(s)
	}
	for range 20 {
		for _, err := range []error{
			chunks.Publish(&msgs.ActionChunk{}), status.Publish(&msgs.MotionStatus{}), verdict.Publish(&msgs.TaskVerdict{}), odom.Publish(&msgs.Odometry{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		r.run(50 * time.Millisecond)
	}
	r.run(2500 * time.Millisecond)
	if d := r.diag["/recorder: recorder"]; d.Level != msgs.DiagError || !strings.HasPrefix(d.Message, "silent: /odom: ") {
		t.Errorf("%+v", d)
	}
	if s := r.trigger("stop"); !s.ok {
		t.Fatal(s)
	}
	for _, topic := range []string{"/policy/manipulation", "/base/status", "/sim/verdict", "/odom"} {
		if s, ok := r.episodes()[0].Stream(topic); !ok || s.Messages != 20 {
			t.Errorf("%s: %+v", topic, s)
		}
	}
}

// limited is a disk with so many bytes.
type limited struct {
	*os.File
	left *int
}

func (d limited) Write(p []byte) (int, error) {
	if len(p) > *d.left {
		return 0, fmt.Errorf("write: %w", syscall.ENOSPC)
	}
	*d.left -= len(p)
	return d.File.Write(p)
}

func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
}

// A disk that gets full ends the episode; what was flushed is kept, and the next
// start says what is wrong.
func TestFullDisk(t *testing.T) {
	left := 60_000
	r := newRig(t, setup{options: episode.Options{Create: func(path string) (episode.File, error) {
		f, err := open(path)
		return limited{f, &left}, err
	}}})
	if s := r.trigger("start"); !s.ok {
		t.Fatal(s)
	}
	for range 10_000 { // as long as the writer, a goroutine of its own, takes
		if r.rec.state == Idle {
			break
		}
		r.run(20 * time.Millisecond)
		time.Sleep(time.Millisecond)
	}
	if r.rec.state != Idle || !strings.Contains(r.rec.reason, "no space left on device") {
		t.Fatalf("%s: %s", r.rec.state, r.rec.reason)
	}
	e := must[[]string](t)(episode.List(r.cfg.Directory))[0]
	if _, err := episode.Repair(e, episode.RepairOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := r.episodes()[0]; got.Duration() < 500*time.Millisecond || got.Verdict != episode.Unjudged {
		t.Errorf("%v of the episode were kept, %s", got.Duration(), got.Verdict)
	}
	if s := r.trigger("start"); s.ok || !strings.Contains(s.text, "no space left") {
		t.Error(s)
	}
}

// The same run gives the same file, byte for byte.
func TestDeterministic(t *testing.T) {
	var files [2][]byte
	for i := range files {
		r := newRig(t, setup{change: func(c *Config) { c.Queue = 1 }})
		if s := r.trigger("start"); !s.ok {
			t.Fatal(s)
		}
		r.run(1500 * time.Millisecond)
		if s := r.trigger("mark"); !s.ok {
			t.Fatal(s)
		}
		r.run(500 * time.Millisecond)
		if s := r.trigger("stop"); !s.ok {
			t.Fatal(s)
		}
		files[i] = must[[]byte](t)(os.ReadFile(r.episodes()[0].Path))
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Errorf("%d and %d bytes, not the same", len(files[0]), len(files[1]))
	}
}

// A node that is killed leaves an episode without a verdict; one that starts
// finishes what a dead process left.
func TestKilledAndRepaired(t *testing.T) {
	r := newRig(t, setup{})
	if s := r.trigger("start"); !s.ok {
		t.Fatal(s)
	}
	r.run(time.Second)
	r.node.Kill()
	e := r.episodes()[0]
	if e.Verdict != episode.Unjudged || e.Reason != "the recorder was closed" || e.Duration() < 900*time.Millisecond {
		t.Errorf("%+v of %v", e.Result, e.Duration())
	}
	text := must[[]byte](t)(os.ReadFile(e.Path))
	if err := os.WriteFile(e.Path, text[:len(text)*2/3], 0o666); err != nil {
		t.Fatal(err)
	}
	n := must[*rcl.Node](t)(r.Node("recorder", rcl.Args{}))
	must[*Node](t)(New(n, r.cfg))
	r.run(100 * time.Millisecond)
	if e := r.episodes()[0]; e.Reason != episode.Interrupted || e.Messages == 0 {
		t.Errorf("%+v with %d messages", e.Result, e.Messages)
	}
}

// stuck is a disk that stands still until it is let go.
type stuck struct {
	*os.File
	free <-chan struct{}
}

func (d stuck) Write(p []byte) (int, error) {
	<-d.free
	return d.File.Write(p)
}

// A disk that stands still holds nobody up: the queue fills, what does not fit is
// counted, and the file says so.
func TestSlowDiskDropsAndCounts(t *testing.T) {
	t.Chdir(t.TempDir())
	let := make(chan struct{})
	create := func(path string) (episode.File, error) {
		f, err := open(path)
		return stuck{f, let}, err
	}
	go func() { let <- struct{}{} }() // the description
	w, err := episode.Create("e", episode.Info{Task: "t", Started: time.Now()}, episode.Options{Create: create, FlushInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	rec := record(w, 1000, false, func(err error) { t.Error(err) })
	s := &stream{wanted: wanted{typeName: "std_msgs/msg/String"}, topic: "/t"}
	pushed, dropped := 0, 0
	for i := range 200 { // none of these waits for the disk
		m := &msgs.String{Data: strings.Repeat("x", 100)}
		if rec.queue.push(item{stream: s, arrival: time.Now().Add(time.Duration(i) * time.Second), message: m, bytes: msgs.Size(m)}, false) {
			pushed++
		} else {
			dropped++
		}
	}
	if dropped == 0 || pushed > 20 {
		t.Errorf("%d pushed, %d dropped", pushed, dropped)
	}
	close(let)
	for !rec.queue.push(item{arrival: time.Now(), losses: []episode.Losses{{Topic: "/t", Dropped: uint64(dropped)}}}, true) {
		t.Fatal("closed")
	}
	e, err := rec.finish(episode.Result{Ended: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := e.Stream("/t"); int(got.Messages) != pushed || int(got.Dropped) != dropped {
		t.Errorf("%d messages and %d dropped, want %d and %d", got.Messages, got.Dropped, pushed, dropped)
	}
}

func TestQueue(t *testing.T) {
	q := newQueue(100)
	if !q.push(item{bytes: 1000}, false) {
		t.Error("a message bigger than the queue never passes")
	}
	if q.push(item{bytes: 1}, false) {
		t.Error("a full queue took more")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if !q.push(item{bytes: 60}, true) {
			t.Error("waiting for room failed")
		}
	})
	if it, ok := q.pop(); !ok || it.bytes != 1000 {
		t.Errorf("%+v, %v", it, ok)
	}
	wg.Wait()
	q.close()
	if q.push(item{}, true) {
		t.Error("a closed queue took more")
	}
	if it, ok := q.pop(); !ok || it.bytes != 60 {
		t.Errorf("what was in it is lost: %+v, %v", it, ok)
	}
	if _, ok := q.pop(); ok {
		t.Error("something was left")
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct{ wall, steady, want time.Duration }{
		{time.Second, time.Second, 0}, {time.Hour, time.Second, time.Hour - time.Second},
		{-time.Hour, time.Second, -time.Hour - time.Second}, {-time.Second, -time.Second, -time.Second},
	} {
		if got := clockJump(c.wall, c.steady); got != c.want {
			t.Errorf("%v of wall in %v: %v, want %v", c.wall, c.steady, got, c.want)
		}
	}
	var w clockWatch
	at := time.Unix(100, 0)
	for _, step := range []time.Duration{10, 20, 15} {
		w.see(at.Add(step*time.Second), 50*time.Millisecond)
	}
	if w.jumps != 1 || w.recent(at) == "" || !strings.Contains(w.why, "-5.000 s") || w.recent(at.Add(time.Minute)) != "" {
		t.Errorf("%+v", w)
	}
}

// A start during which the clock jumps is refused at once.
func TestClockJumpRefuses(t *testing.T) {
	r := newRig(t, setup{})
	r.robot.silent["/puppet/joint_left"] = true // so that it waits
	r.run(100 * time.Millisecond)
	var got said
	r.rec.start(episode.Info{}, func(ok bool, message, _ string) { got = said{ok, message} })
	r.run(200 * time.Millisecond)
	r.rec.clock.last = r.Now().Add(10 * time.Second)
	r.run(200 * time.Millisecond)
	if got.ok || !strings.Contains(got.text, "the clock jumped by -") {
		t.Error(got)
	}
}

func TestConfig(t *testing.T) {
	for _, line := range []string{"", "a b c d", "a b sticky"} {
		if _, err := parseTopic(line, true); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	all, err := DefaultConfig().topics()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		if _, ok := msgs.New(w.typeName); !ok {
			t.Errorf("%s: type %q", w.topic, w.typeName)
		}
	}
	offers := func(qos ...rcl.QoS) (out []rcl.EndpointInfo) {
		for _, q := range qos {
			out = append(out, rcl.EndpointInfo{QoS: q})
		}
		return out
	}
	for _, c := range []struct {
		offers  []rcl.EndpointInfo
		latched bool
	}{{nil, false}, {nil, true}, {offers(rcl.Default), true}, {offers(rcl.Latched), false}, {offers(rcl.Latched, rcl.SensorData), true}} {
		q := wanted{latched: c.latched, depth: 5}.quality(c.offers)
		for _, o := range c.offers {
			if ok, policy := o.QoS.Compatible(q); !ok {
				t.Errorf("%+v does not hear %+v: %s", q, o.QoS, policy)
			}
		}
	}
}
