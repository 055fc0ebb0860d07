//go:build browser

package dashboard

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
	"cobot_vla/nodes/dashboard/browsertest"
	"cobot_vla/nodes/rcl"
)

// The page in a real browser: go test -tags browser ./nodes/dashboard.
// stage is a robot that only plays: it shows everything that the page can show.
type stage struct {
	r       *rig
	begin   time.Time
	mu      sync.Mutex
	estop   bool
	pressed int
	record  string
	led     bool
	drives  int
}

func newStage(r *rig) *stage {
	s := &stage{r: r, begin: time.Now(), record: "idle"}
	t := r.t
	authority := advertise[msgs.Authority](r, "supervisor/authority", rcl.Newest)
	parts := advertise[msgs.PartStatus](r, "supervisor/parts", rcl.Default)
	beat := advertise[msgs.Heartbeat](r, "policy/heartbeat", rcl.Newest)
	command := advertise[msgs.JointState](r, "arms/command", rcl.Default)
	odom := advertise[msgs.Odometry](r, "odom", rcl.Default)
	nav := advertise[msgs.NavigationToken](r, "policy/navigation", rcl.Default)
	chunk := advertise[msgs.ActionChunk](r, "policy/manipulation", rcl.Default)
	goal := advertise[msgs.MotionStatus](r, "base/status", rcl.Default)
	diag := advertise[msgs.DiagnosticArray](r, "/diagnostics", rcl.Default)
	correct := advertise[msgs.Bool](r, "teleop/correction", rcl.Latched)
	recorder := advertise[msgs.RecorderStatus](r, "recorder/status", rcl.Newest)
	var arms [2]*rcl.Publisher[msgs.JointState]
	for i, side := range []string{"left", "right"} {
		arms[i] = advertise[msgs.JointState](r, "puppet/joint_"+side, rcl.Default)
	}
	pictures := map[string]*rcl.Publisher[msgs.Image]{}
	for _, topic := range []string{"/camera_f/color/image_raw", "/camera_l/color/image_raw", "/camera_r/color/image_raw", "observation/image"} {
		pictures[topic] = advertise[msgs.Image](r, topic, rcl.NewestSensor)
	}
	must(t, advertise[msgs.String](r, "instruction", rcl.Latched).Publish(&msgs.String{Data: "move to the table and fetch the bottle"}))
	names := r.d.board.names
	lower, upper := r.d.robot.ActionLimits()
	pose := func(i int, at float64) float64 {
		mid, half := (lower[i]+upper[i])/2, (upper[i]-lower[i])/2
		return mid + 0.5*half*math.Sin(0.6*at+float64(i))
	}
	ticks := uint64(0)
	_, err := r.robot.Timer(50*time.Millisecond, func(now time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		ticks++
		h, at := msgs.Header{Stamp: msgs.Stamp(now)}, now.Sub(s.begin).Seconds()
		a := &msgs.Authority{Header: h, Source: msgs.SourcePolicy, Parts: msgs.Arms, Estop: s.estop, Reason: "policy holds the arms"}
		mode := "following"
		if s.led {
			a.Source, a.Parts, a.Reason = msgs.SourceTeleop, msgs.Arms|msgs.Base, "teleop holds the arms and base"
		}
		if s.estop {
			a.Source, a.Parts, a.Reason, mode = msgs.SourceNone, 0, "pressed on /estop", "estop"
		}
		_ = authority.Publish(a)
		_ = parts.Publish(&msgs.PartStatus{Part: msgs.Arms, State: "active", Mode: mode, Clamps: 2})
		_ = parts.Publish(&msgs.PartStatus{Part: msgs.Base, State: "active", Mode: map[bool]string{true: "estop", false: "holding"}[s.estop], Stopped: true})
		_ = beat.Publish(&msgs.Heartbeat{Source: msgs.SourcePolicy, State: "acting"})
		target := make([]float64, 14)
		for i := range target {
			target[i] = pose(i, at)
		}
		_ = command.Publish(&msgs.JointState{Header: h, Name: names, Position: target})
		for k := range arms {
			m := &msgs.JointState{Header: h, Name: names[7*k : 7*k+7]}
			for i := range 7 {
				m.Position = append(m.Position, pose(7*k+i, at-0.15))
			}
			_ = arms[k].Publish(m)
		}
		o := &msgs.Odometry{Header: h}
		o.Pose.Pose.Position = msgs.Point{X: 1.2 * math.Sin(0.2*at), Y: 0.5 * math.Sin(0.4*at)}
		yaw := math.Atan2(0.2*math.Cos(0.4*at), 0.24*math.Cos(0.2*at))
		o.Pose.Pose.Orientation = msgs.Quaternion{Z: math.Sin(yaw / 2), W: math.Cos(yaw / 2)}
		o.Twist.Twist.Linear.X = 0.3
		_ = odom.Publish(o)
		if ticks%10 == 0 {
			m := &msgs.ActionChunk{
				Header: h, Source: msgs.SourcePolicy, Sequence: ticks, Names: names, StepsTotal: 5, Schedule: msgs.Sync,
				Period: msgs.Span(100 * time.Millisecond), Inference: msgs.Span(time.Duration(180+ticks%40) * time.Millisecond),
			}
			for k := range 5 {
				for i := range 14 {
					v := pose(i, at+0.1*float64(k))
					m.Values = append(m.Values, v)
					m.Tokens = append(m.Tokens, uint32(151643-1-int(255*(v-lower[i])/(upper[i]-lower[i]))))
				}
			}
			_ = chunk.Publish(m)
		}
		if ticks%30 == 1 {
			d := uint8(ticks / 30 % 3)
			_ = nav.Publish(&msgs.NavigationToken{Header: h, GoalID: ticks, Source: msgs.SourcePolicy, Direction: d, Value: 0.4 + 0.1*float64(d), DirectionToken: 151640 + uint32(d), ValueToken: 151500, Inference: msgs.Span(90 * time.Millisecond)})
			_ = goal.Publish(&msgs.MotionStatus{GoalID: ticks, State: msgs.Running, Remaining: 0.31})
		}
		_ = recorder.Publish(&msgs.RecorderStatus{State: s.record, Episode: "episode_000012", Task: "fetch the bottle", Bytes: 12_400_000, Elapsed: msgs.Span(time.Duration(at) * time.Second)})
		if ticks%20 == 0 {
			_ = diag.Publish(&msgs.DiagnosticArray{Status: []msgs.DiagnosticStatus{
				{Name: "/arm: arm left", Message: "ready", Values: []msgs.KeyValue{{Key: "firmware", Value: "S-V1.8-9"}, {Key: "hottest_c", Value: "34"}}},
				{Name: "/arm: arm right", Message: "ready"}, {Name: "/arm: loop", Message: "200 Hz", Values: []msgs.KeyValue{{Key: "period_p99_us", Value: "5120"}}},
				{Level: 1, Name: "/camera_l: camera", Message: "12.4 Hz instead of 30: its USB bus is full: plug it into another"},
				{Name: "/base: base", Message: "ready"}, {Name: "/policy: policy", Message: "acting"}, {Name: "/supervisor: authority", Message: a.Reason},
			}})
		}
	})
	must(t, err)
	pattern := map[string]*camera.Pattern{}
	for topic := range pictures {
		w, hgt := 640, 480
		if topic == "observation/image" {
			w, hgt = 334, 334
		}
		pattern[topic] = testPattern(t, w, hgt)
	}
	_, err = r.robot.Timer(66*time.Millisecond, func(now time.Time) {
		for topic, pub := range pictures {
			if pub.Matched() == 0 {
				continue
			}
			f, err := pattern[topic].Capture(context.Background())
			if err != nil {
				continue
			}
			f, err = camera.Decode(nil, f)
			if err != nil {
				continue
			}
			_ = pub.Publish(&msgs.Image{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Width: uint32(f.Width), Height: uint32(f.Height), Step: uint32(f.Step), Encoding: f.Encoding, Data: f.Data})
		}
	})
	must(t, err)
	_, err = rcl.Subscribe(r.robot, "estop", rcl.Default, func(m *msgs.Bool, _ rcl.Info) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if m.Data {
			s.estop, s.led = true, false
			s.pressed++
		}
	})
	must(t, err)
	_, err = rcl.Subscribe(r.robot, "teleop/cmd_vel", rcl.Default, func(m *msgs.Twist, _ rcl.Info) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if m.Linear.X > 0 {
			s.drives++
		}
	})
	must(t, err)
	serve := func(name string, fn func() (bool, string)) {
		must(t, rcl.Serve(r.robot, name, func(_ *msgs.Trigger_Request, a *msgs.Trigger_Response) {
			s.mu.Lock()
			defer s.mu.Unlock()
			a.Success, a.Message = fn()
		}))
	}
	serve("supervisor/release_estop", func() (bool, string) { s.estop = false; return true, "e-stop released; acquire again to move" })
	serve("recorder/start", func() (bool, string) { s.record = "recording"; return true, "recording episode_000012" })
	serve("recorder/stop", func() (bool, string) { s.record = "idle"; return true, "kept episode_000012" })
	serve("teleop/take_over", func() (bool, string) {
		s.led = true
		_ = correct.Publish(&msgs.Bool{Data: true})
		return true, "you lead the arms and base; policy was interrupted"
	})
	serve("teleop/give_back", func() (bool, string) {
		s.led = false
		_ = correct.Publish(&msgs.Bool{Data: false})
		return true, "given back"
	})
	return s
}

func (s *stage) get(fn func() bool) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return fn()
	}
}

// pixels is a number that changes when any pixel of a picture does.
const pixels = `[...document.querySelectorAll("#pictures canvas")].map(c => { const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let h = 0; for (let i = 0; i < d.length; i += 97) h = (h * 31 + d[i]) >>> 0; return h })`

func TestInABrowser(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ImageRate = 15 })
	s := newStage(r)
	b := browsertest.Open(t)
	b.Scheme("dark")
	b.Size(1440, 1500, 1, false)
	b.Call("Page.navigate", map[string]any{"url": r.page.URL})
	b.Until("all pictures are shown", `document.querySelectorAll("figure.live").length === 4`)
	before := browsertest.Eval[[]uint32](b, pixels)
	for i := range before {
		b.Until("pictures move", fmt.Sprintf(`%s[%d] !== %d`, pixels, i, before[i]))
	}
	b.Until("tokens stream", `document.querySelectorAll("#events li").length > 5 && document.querySelector("#bins").width > 400`)
	b.Until("diagnostics", `document.querySelectorAll("#diagnostics details").length > 6`)
	b.Until("joints", `document.querySelectorAll(".joint").length === 14 && document.querySelector(".joint .value").textContent.endsWith("rad")`)
	time.Sleep(4 * time.Second) // for the picture: a path and curves to see
	b.Shot("stage-desktop")

	// The list of episodes: thumbnails, playback, a verdict, an export.
	b.Until("thumbnails", `document.querySelectorAll(".episode").length === 3 && [...document.querySelectorAll(".episode img")].every(i => { i.loading = "eager"; return i.complete && i.naturalWidth > 0 })`)
	b.Click(`[data-name="episode_000001"]`)
	b.Until("three views", `[...document.querySelectorAll("#player-views img")].filter(i => i.complete && i.naturalWidth > 0).length === 3`)
	b.Click("#player-play")
	b.Until("it plays", `Number(document.querySelector("#player-at").value) > 1`)
	b.Click("#player-play")
	b.Click("#player-discard")
	b.Until("discarded", `document.querySelector('[data-name="episode_000001"]').classList.contains("discard")`)
	b.Click("#export")
	b.Until("exporting", `document.querySelector("#export-state").textContent.includes("50 %")`)
	r.d.library.(*shelf).gate <- struct{}{}
	b.Until("exported", `document.querySelector("#export-state").textContent === "exports/lerobot-v2.1"`)
	b.Click("#player-close")

	b.Click("#rec-start")
	b.Until("recording", `document.body.classList.contains("recording")`)
	b.Click("#rec-stop")
	b.Until("not recording", `!document.body.classList.contains("recording")`)

	b.Click(`[data-api="take_over"]`)
	b.Until("a correction", `!document.querySelector("#chip-correction").hidden && document.querySelector("#chip-authority").textContent.includes("teleop")`)
	b.Press(`[data-drive="1,0"]`)
	r.until("the base is driven", s.get(func() bool { return s.drives > 5 }))
	p := b.At(`[data-drive="1,0"]`)
	b.Call("Input.dispatchMouseEvent", map[string]any{"type": "mouseReleased", "x": p[0], "y": p[1], "button": "left", "clickCount": 1})
	b.Until("let go", `!document.querySelector(".held")`)

	browsertest.Eval[bool](b, `document.querySelector("#instruction").value = "open the drawer"; true`)
	b.Click(`#instruction-form button`)
	b.Until("instructed", `document.querySelector("#instruction-now").textContent === "open the drawer"`)

	// The e-stop latches: it stays after the button is up, until it is released.
	b.Click("#estop")
	b.Until("the e-stop shows", `!document.querySelector("#banner").hidden && document.querySelector("#chip-arms").textContent.includes("estop")`)
	time.Sleep(time.Second)
	if !browsertest.Eval[bool](b, `!document.querySelector("#banner").hidden`) || !s.get(func() bool { return s.estop && s.pressed == 1 })() {
		t.Error("the e-stop does not latch")
	}
	b.Shot("stage-estop")
	b.Click("#release")
	b.Until("released", `document.querySelector("#banner").hidden`)

	b.Scheme("light")
	time.Sleep(500 * time.Millisecond)
	b.Shot("stage-light")
	b.Scheme("dark")
	b.Size(390, 844, 2, true)
	time.Sleep(700 * time.Millisecond)
	b.Shot("stage-phone")
	if wide := browsertest.Eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		t.Errorf("on a phone the page is %d px too wide", wide)
	}
	if !browsertest.Eval[bool](b, `(() => { const r = document.querySelector("#estop").getBoundingClientRect(); return r.bottom <= innerHeight && r.width > 300 })()`) {
		t.Error("the e-stop is not in sight on a phone")
	}
	b.Size(390, 3600, 1, true)
	time.Sleep(500 * time.Millisecond)
	b.Shot("stage-phone-long")

	if errs := b.Errors(); len(errs) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(errs, "\n"))
	}
}

func testPattern(t *testing.T, w, h int) *camera.Pattern {
	t.Helper()
	cfg := camera.DefaultPatternConfig()
	cfg.Width, cfg.Height = w, h
	p, err := camera.NewPattern(cfg)
	must(t, err)
	return p
}
