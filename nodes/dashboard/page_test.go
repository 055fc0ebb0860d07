package dashboard

import (
	"context"
	"image"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// TestThePageNeedsNothingElse: no file of it refers to another host.
func TestThePageNeedsNothingElse(t *testing.T) {
	r := newRig(t, nil)
	elsewhere := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]+`)
	for path, kind := range map[string]string{"/": "text/html", "/style.css": "text/css", "/app.js": "text/javascript"} {
		resp, err := http.Get(r.page.URL + path)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) || len(body) < 500 {
			t.Errorf("%s: %s, %s, %d bytes", path, resp.Status, resp.Header.Get("Content-Type"), len(body))
		}
		text := strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "") // a name, not an address
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s refers to %s", path, found)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	resp, err := http.Get(r.page.URL + "/doc.go")
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("/doc.go: %s", resp.Status)
	}
}

func TestAViewerSeesTheRobot(t *testing.T) {
	r := newRig(t, nil)
	authority := advertise[msgs.Authority](r, "supervisor/authority", rcl.Newest)
	command := advertise[msgs.JointState](r, "arms/command", rcl.Default)
	left := advertise[msgs.JointState](r, "puppet/joint_left", rcl.Default)
	leader := advertise[msgs.JointState](r, "master/joint_right", rcl.Default)
	odom := advertise[msgs.Odometry](r, "odom", rcl.Default)
	nav := advertise[msgs.NavigationToken](r, "policy/navigation", rcl.Default)
	chunk := advertise[msgs.ActionChunk](r, "policy/manipulation", rcl.Default)
	parts := advertise[msgs.PartStatus](r, "supervisor/parts", rcl.Default)
	diag := advertise[msgs.DiagnosticArray](r, "/diagnostics", rcl.Default)
	names := r.d.board.names
	_, err := r.robot.Timer(10*time.Millisecond, func(now time.Time) {
		h := msgs.Header{Stamp: msgs.Stamp(now)}
		_ = authority.Publish(&msgs.Authority{Header: h, Source: msgs.SourcePolicy, Parts: msgs.Arms, Reason: "policy holds the arms"})
		_ = command.Publish(&msgs.JointState{Name: names, Position: []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, math.NaN()}})
		_ = left.Publish(&msgs.JointState{Name: names[:7], Position: []float64{.1, .2, .3, .4, .5, .6, .07}})
		_ = leader.Publish(&msgs.JointState{Name: []string{"joint0"}, Position: []float64{1, 2, 3, 4, 5, 6, 7}})
		o := &msgs.Odometry{}
		o.Pose.Pose.Position.X, o.Pose.Pose.Orientation = 1.5, msgs.Quaternion{Z: math.Sin(0.25), W: math.Cos(0.25)}
		_ = odom.Publish(o)
		_ = parts.Publish(&msgs.PartStatus{Part: msgs.Arms, State: "active", Mode: "following", Clamps: 3})
		_ = diag.Publish(&msgs.DiagnosticArray{Status: []msgs.DiagnosticStatus{{Level: 1, Name: "/arm: loop", Message: "late", Values: []msgs.KeyValue{{Key: "missed", Value: "4"}}}}})
	})
	must(t, err)
	c := dial(t, r.page, "/ws")
	h := next[hello](c, "hello", nil)
	if !h.Control || h.Robot != "cobot_magic" || len(h.Axes) != 14 || h.Axes[6].Unit != "m" || strings.Join(h.Pictures, " ") != "front left right policy" {
		t.Errorf("hello %+v", h)
	}
	s := next(c, "state", func(s stateView) bool {
		return s.Source == msgs.SourcePolicy && s.Base != nil && s.Target != nil && s.Leader != nil && s.Measured != nil && len(s.Parts) > 0
	})
	if s.Estop || s.Stale || len(s.Holds) != 1 || s.Holds[0] != "arms" || s.Parts["arms"].Mode != "following" || s.Parts["arms"].Clamps != 3 {
		t.Errorf("state %+v", s)
	}
	if s.Target[12] != 12 || s.Measured[5] != 0.6 || s.Leader[13] != 7 || math.Abs(s.Base.Yaw-0.5) > 1e-9 || s.Base.X != 1.5 {
		t.Errorf("state %+v, base %+v", s, s.Base)
	}
	must(t, nav.Publish(&msgs.NavigationToken{Source: msgs.SourcePolicy, Direction: msgs.TurnLeft, Value: 0.5, DirectionToken: 7, ValueToken: 8, Inference: msgs.Span(120 * time.Millisecond)}))
	e := next[eventsView](c, "events", nil).Events[0]
	if e.Kind != "navigation" || e.Direction != "left" || e.Value != 0.5 || e.Tokens[1] != 8 || e.Inference != 120 {
		t.Errorf("event %+v", e)
	}
	m := msgs.ActionChunk{Source: msgs.SourcePolicy, Sequence: 4, Names: names[:2], StepsTotal: 2, Values: []float64{0.1, 0.2}, Tokens: []uint32{151643 - 1, 151643 - 256}}
	first := m
	must(t, chunk.Publish(&first))
	second := m
	second.FirstStep, second.Values, second.Tokens = 1, []float64{0.3, math.Inf(1)}, []uint32{5, 151643 - 128}
	must(t, chunk.Publish(&second))
	s = next(c, "state", func(s stateView) bool { return s.Chunk != nil && len(s.Chunk.Values) == 2 })
	if b := s.Chunk.Bins; b[0][0] != 1 || b[0][1] != 256 || b[1][0] != 0 || b[1][1] != 128 || s.Chunk.Values[1][0] != 0.3 {
		t.Errorf("chunk %+v", s.Chunk)
	}
	sl := next(c, "slow", func(s slowView) bool { return len(s.Topics) > 4 && len(s.Latency) > 0 })
	if len(sl.Path) == 0 || sl.Path[0][0] != 1.5 {
		t.Errorf("path %v", sl.Path)
	}
	found := false
	for _, d := range sl.Diagnostics {
		found = found || d.Name == "/arm: loop" && d.Level == 1 && d.Values[0] == [2]string{"missed", "4"}
	}
	if !found {
		t.Errorf("diagnostics %+v", sl.Diagnostics)
	}
}

// TestPicturesMoveWhileSomebodyLooks: nothing is subscribed to or encoded without a viewer.
func TestPicturesMoveWhileSomebodyLooks(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ImageWidth = 160 })
	pub := advertise[msgs.Image](r, "/camera_f/color/image_raw", rcl.NewestSensor)
	red := byte(250)
	var shown atomic.Uint32
	_, err := r.robot.Timer(5*time.Millisecond, func(time.Time) {
		if pub.Matched() > 0 {
			shown.Add(1)
		}
		_ = pub.Publish(uniform(320, 240, red, 10, byte(shown.Load())))
	})
	must(t, err)
	r.until("the node runs", func() bool { return !r.d.n.Closed() })
	if pub.Matched() != 0 {
		t.Error("the camera has a subscriber and nobody looks")
	}
	c := dial(t, r.page, "/ws")
	first := c.picture(0, func(m image.Image) bool { return true })
	if first.Bounds().Dx() != 160 || first.Bounds().Dy() != 120 {
		t.Errorf("a picture of %v", first.Bounds())
	}
	fr, _, fb, _ := first.At(80, 60).RGBA()
	if fr>>8 < 240 {
		t.Errorf("red is %d", fr>>8)
	}
	c.picture(0, func(m image.Image) bool { // it moves
		_, _, b, _ := m.At(80, 60).RGBA()
		return b>>8 > fb>>8+20
	})
	other := dial(t, r.page, "/ws")
	other.picture(0, func(image.Image) bool { return true })
	if pub.Matched() != 1 {
		t.Errorf("%d subscriptions for two viewers", pub.Matched())
	}
	must(t, c.conn.CloseNow())
	must(t, other.conn.CloseNow())
	r.until("nobody looks", func() bool { return pub.Matched() == 0 && r.d.viewers.Load() == 0 })
}

func TestCompressedPicturesPassAsTheyAre(t *testing.T) {
	r := newRig(t, nil)
	pub := advertise[msgs.CompressedImage](r, "/camera_l/color/image_raw/compressed", rcl.NewestSensor)
	e := encoder{cfg: DefaultConfig()}
	f, err := frame(uniform(64, 48, 20, 200, 20), nil)
	must(t, err)
	packed, err := e.encode(f)
	must(t, err)
	_, err = r.robot.Timer(20*time.Millisecond, func(now time.Time) {
		_ = pub.Publish(&msgs.CompressedImage{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Format: "rgb8; jpeg compressed bgr8", Data: packed})
	})
	must(t, err)
	c := dial(t, r.page, "/ws")
	m := c.picture(1, func(image.Image) bool { return true })
	if _, g, _, _ := m.At(5, 5).RGBA(); m.Bounds().Dx() != 64 || g>>8 < 180 {
		t.Errorf("%v, green %d", m.Bounds(), g>>8)
	}
	if r.d.encoder.count != 0 {
		t.Error("a JPEG was encoded again")
	}
}

// TestAViewerThatTakesNothingHoldsNobodyUp: the others go on, and so does the robot.
func TestAViewerThatTakesNothingHoldsNobodyUp(t *testing.T) {
	r := newRig(t, nil)
	pub := advertise[msgs.Image](r, "/camera_f/color/image_raw", rcl.NewestSensor)
	stuck := dial(t, r.page, "/ws") // never read
	other := dial(t, r.page, "/ws")
	r.until("both look", func() bool { return pub.Matched() == 1 && r.d.viewers.Load() == 2 })
	for i := range 200 {
		must(t, pub.Publish(uniform(640, 480, byte(i), byte(7*i), 3)))
	}
	must(t, pub.Publish(uniform(640, 480, 0, 0, 255)))
	other.picture(0, func(m image.Image) bool {
		_, _, b, _ := m.At(9, 9).RGBA()
		return b>>8 > 240
	})
	_ = stuck
}

func TestAnybodyMayStopTheRobot(t *testing.T) {
	r := newRig(t, nil)
	for i, change := range []func(*http.Request){
		func(*http.Request) {},
		func(q *http.Request) { q.Host = "robot.lan:8080" },
		func(q *http.Request) { q.Header.Set("Origin", "https://elsewhere.example") },
		func(q *http.Request) { q.Header.Set("X-Forwarded-For", "10.0.0.7") },
	} {
		q, err := http.NewRequest(http.MethodPost, r.page.URL+"/api/estop", nil)
		must(t, err)
		change(q)
		resp, err := http.DefaultClient.Do(q)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%d: %s", i, resp.Status)
		}
		r.until("the e-stop is heard", func() bool { return r.times.estop.Load() == int64(i+1) })
	}
}

func TestWhoMayControl(t *testing.T) {
	const token = "correct horse"
	cases := []struct {
		name   string
		token  string
		change func(*http.Request)
		says   string // "" may
	}{
		{"this machine", "", func(*http.Request) {}, ""},
		{"by its address", "", func(r *http.Request) { r.Host = "127.0.0.1:8080" }, ""},
		{"IPv6", "", func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:5", "[::1]:8080" }, ""},
		{"another name for this machine", "", func(r *http.Request) { r.Host = "rebound.example:8080" }, "needs a token"},
		{"through a proxy", "", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.7") }, "needs a token"},
		{"another machine", "", func(r *http.Request) { r.RemoteAddr = "10.0.0.7:5" }, "needs a token"},
		{"no token given", token, func(r *http.Request) { r.RemoteAddr = "10.0.0.7:5" }, "needs the token"},
		{"a wrong one", token, func(r *http.Request) {
			r.RemoteAddr = "10.0.0.7:5"
			r.Header.Set("Authorization", "Bearer wrong horse")
		}, "wrong"},
		{"the right one", token, func(r *http.Request) {
			r.RemoteAddr = "10.0.0.7:5"
			r.Header.Set("Authorization", "Bearer "+token)
		}, ""},
		{"in the address", token, func(r *http.Request) {
			r.RemoteAddr, r.Host = "10.0.0.7:5", "robot.lan:8080"
			r.URL.RawQuery = "token=correct+horse"
		}, ""},
		{"an empty token is none", "", func(r *http.Request) {
			r.RemoteAddr = "10.0.0.7:5"
			r.Header.Set("Authorization", "Bearer ")
		}, "needs a token"},
	}
	for _, c := range cases {
		q := httptest.NewRequest(http.MethodPost, "http://localhost:8080/api/take_over", nil)
		q.RemoteAddr = "127.0.0.1:4242"
		c.change(q)
		why := Config{Token: c.token}.control(q)
		if (c.says == "") != (why == "") || !strings.Contains(why, c.says) {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}

func TestButtons(t *testing.T) {
	r := newRig(t, nil)
	if status, a := r.press("take_over", ""); status != http.StatusOK || a.OK || !strings.Contains(a.Message, "nobody serves teleop/take_over") {
		t.Errorf("%d %+v", status, a)
	}
	for _, s := range []string{"teleop/take_over", "teleop/give_back", "supervisor/release_estop", "recorder/start", "recorder/stop", "recorder/mark"} {
		must(t, rcl.Serve(r.robot, s, func(_ *msgs.Trigger_Request, a *msgs.Trigger_Response) {
			a.Success, a.Message = s != "recorder/stop", "it was "+s
		}))
	}
	for button, want := range map[string]answer{
		"take_over": {true, "it was teleop/take_over"}, "give_back": {true, "it was teleop/give_back"},
		"release_estop": {true, "it was supervisor/release_estop"}, "record/start": {true, "it was recorder/start"},
		"record/stop": {false, "it was recorder/stop"}, "record/mark": {true, "it was recorder/mark"},
	} {
		if status, a := r.press(button, "{}"); status != http.StatusOK || a != want {
			t.Errorf("%s: %d %+v", button, status, a)
		}
	}
	var heard atomic.Pointer[string]
	_, err := rcl.Subscribe(r.robot, "instruction", rcl.Latched, func(m *msgs.String, _ rcl.Info) { heard.Store(&m.Data) })
	must(t, err)
	if _, a := r.press("instruction", `{"text":" fetch the bottle "}`); !a.OK {
		t.Errorf("%+v", a)
	}
	r.until("it is heard", func() bool { p := heard.Load(); return p != nil && *p == "fetch the bottle" })
	c := dial(t, r.page, "/ws")
	next(c, "state", func(s stateView) bool { return s.Instruction == "fetch the bottle" })
	for body, want := range map[string]int{"{": http.StatusBadRequest, `{"text":"` + strings.Repeat("x", 5000) + `"}`: http.StatusBadRequest, `{"text":"` + strings.Repeat("x", 600) + `"}`: http.StatusOK} {
		if status, a := r.press("instruction", body); status != want || a.OK {
			t.Errorf("%.10s…: %d %+v", body, status, a)
		}
	}
	q, err := http.NewRequest(http.MethodPost, r.page.URL+"/api/take_over", nil)
	must(t, err)
	q.Header.Set("Origin", "https://elsewhere.example")
	resp, err := http.DefaultClient.Do(q)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another page: %s", resp.Status)
	}
}

func TestDrivingFromThePage(t *testing.T) {
	r := newRig(t, nil)
	var last atomic.Pointer[msgs.Twist]
	_, err := rcl.Subscribe(r.robot, "teleop/cmd_vel", rcl.Default, func(m *msgs.Twist, _ rcl.Info) { last.Store(m) })
	must(t, err)
	c := dial(t, r.page, "/ws")
	c.say(driveMessage{Linear: 1, Angular: -7, T: 1000})
	r.until("it is heard", func() bool { return last.Load() != nil })
	if m := last.Load(); m.Linear.X != 0.3 || m.Angular.Z != -0.5 {
		t.Errorf("drives at %+v", m)
	}
	must(t, c.conn.Write(context.Background(), websocket.MessageText, []byte(`{"linear":`)))
	must(t, c.conn.Write(context.Background(), websocket.MessageBinary, []byte{1, 2, 3}))
	c.say(driveMessage{Linear: 0.5, T: 1100})
	r.until("it is heard", func() bool { return last.Load().Linear.X == 0.15 })
}

// TestLateDrivingMessagesMoveNothing: a network held them back, and the button is long up.
func TestLateDrivingMessagesMoveNothing(t *testing.T) {
	var c driveClock
	start := time.Unix(1000, 0)
	for i := range 20 {
		if !c.fresh(start.Add(time.Duration(i)*100*time.Millisecond), float64(100*i)) {
			t.Errorf("message %d counts as late", i)
		}
	}
	stall := start.Add(5 * time.Second)
	for i := 20; i < 30; i++ {
		if c.fresh(stall, float64(100*i)) {
			t.Errorf("message %d counts as fresh, %v late", i, stall.Sub(start.Add(time.Duration(i)*100*time.Millisecond)))
		}
	}
	if !c.fresh(stall, 4900) || c.fresh(stall, math.NaN()) {
		t.Error("after the stall")
	}
}

func TestTooManyViewers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Viewers = 1 })
	c := dial(t, r.page, "/ws")
	next[hello](c, "hello", nil)
	_, resp, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(r.page.URL, "http")+"/ws", nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %+v", err, resp)
	}
	_, resp, err = websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(r.page.URL, "http")+"/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("%v, %+v", err, resp)
	}
}

// TestItListensAndEnds: with its listeners, on ports of its own; nothing is left when the node is killed.
func TestItListensAndEnds(t *testing.T) {
	ctx := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	n, err := ctx.Node("dashboard", rcl.Args{})
	must(t, err)
	cfg := DefaultConfig()
	cfg.Listen, cfg.Foxglove = "127.0.0.1:0", "127.0.0.1:0"
	d, err := New(n, cfg, nil)
	must(t, err)
	page, fox := d.Addresses()
	resp, err := http.Get("http://" + page.String() + "/")
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK || fox.String() == page.String() {
		t.Errorf("%s at %v; Foxglove at %v", resp.Status, page, fox)
	}
	wctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(wctx, "ws://"+page.String()+"/ws", nil)
	must(t, err)
	other, err := ctx.Node("other", rcl.Args{})
	must(t, err)
	cfg.Listen = page.String()
	if _, err := New(other, cfg, nil); err == nil || !strings.Contains(err.Error(), "another dashboard") {
		t.Errorf("a second one: %v", err)
	}
	n.Kill()
	<-n.Done()
	for err == nil {
		_, _, err = conn.Read(wctx)
	}
	_ = conn.CloseNow()
	http.DefaultClient.CloseIdleConnections()
	must(t, ctx.Shutdown(time.Second))
}

func TestAShortTokenIsRefused(t *testing.T) {
	ctx := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})})
	defer ctx.Shutdown(time.Second)
	n, err := ctx.Node("dashboard", rcl.Args{})
	must(t, err)
	cfg := DefaultConfig()
	cfg.Token = "1234"
	if _, err := New(n, cfg, nil); err == nil || !strings.Contains(err.Error(), "at least 8") {
		t.Errorf("%v", err)
	}
}
