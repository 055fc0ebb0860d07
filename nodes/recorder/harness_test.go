package recorder

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a robot that publishes and a recorder, in lockstep.
type rig struct {
	*rcl.Context
	t     *testing.T
	cfg   Config
	robot *robot
	node  *rcl.Node
	rec   *Node
	diag  map[string]msgs.DiagnosticStatus // newest of the recorder
	seen  []*msgs.RecorderStatus
}

// robot publishes what a Cobot-Magic does, and what is wrong with it.
type robot struct {
	n          *rcl.Node
	raw        bool                     // cameras publish raw images only
	silent     map[string]bool          // topics
	frozen     map[string]bool          // their stamps stand still
	off        map[string]time.Duration // their clocks
	images     map[string]*rcl.Publisher[msgs.Image]
	compressed map[string]*rcl.Publisher[msgs.CompressedImage]
	arms       map[string]*rcl.Publisher[msgs.JointState]
	said       map[string]int
	began      time.Time
}

var cameraNames = []string{"camera_f", "camera_l", "camera_r"}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newRobot(t *testing.T, c *rcl.Context, raw bool) *robot {
	t.Helper()
	n := must[*rcl.Node](t)(c.Node("robot", rcl.Args{}))
	r := &robot{
		n: n, raw: raw, silent: map[string]bool{}, frozen: map[string]bool{}, off: map[string]time.Duration{}, said: map[string]int{},
		images: map[string]*rcl.Publisher[msgs.Image]{}, compressed: map[string]*rcl.Publisher[msgs.CompressedImage]{},
		arms: map[string]*rcl.Publisher[msgs.JointState]{}, began: n.Now(),
	}
	for _, name := range cameraNames {
		r.images[name] = must[*rcl.Publisher[msgs.Image]](t)(rcl.Advertise[msgs.Image](n, name+"/color/image_raw", rcl.Newest))
		if !raw {
			r.compressed[name] = must[*rcl.Publisher[msgs.CompressedImage]](t)(rcl.Advertise[msgs.CompressedImage](n, name+"/color/image_raw/compressed", rcl.Newest))
		}
	}
	for _, side := range []string{"left", "right"} {
		r.arms[side] = must[*rcl.Publisher[msgs.JointState]](t)(rcl.Advertise[msgs.JointState](n, "puppet/joint_"+side, rcl.Default))
	}
	static := must[*rcl.Publisher[msgs.TFMessage]](t)(rcl.Advertise[msgs.TFMessage](n, "/tf_static", rcl.Latched))
	_ = static.Publish(&msgs.TFMessage{Transforms: []msgs.TransformStamped{{ChildFrameID: "camera_f_link"}}})
	say := must[*rcl.Publisher[msgs.String]](t)(rcl.Advertise[msgs.String](n, "instruction", rcl.Latched))
	_ = say.Publish(&msgs.String{Data: "fetch the bottle"})
	diag := must[*rcl.Publisher[msgs.DiagnosticArray]](t)(rcl.Advertise[msgs.DiagnosticArray](n, "/diagnostics", rcl.Default))
	must[*rcl.Timer](t)(n.Timer(5*time.Millisecond, func(now time.Time) { r.armsTick(now) }))
	must[*rcl.Timer](t)(n.Timer(35*time.Millisecond, func(now time.Time) { r.camerasTick(now) }))
	must[*rcl.Timer](t)(n.Timer(500*time.Millisecond, func(now time.Time) {
		_ = diag.Publish(&msgs.DiagnosticArray{Status: []msgs.DiagnosticStatus{
			{Name: "/arm: left", Values: []msgs.KeyValue{{Key: "firmware", Value: "S-V1.6-3"}}},
		}})
	}))
	if err := n.Bind(&struct {
		Speed float64 `param:"speed_m_s"`
	}{0.5}); err != nil {
		t.Fatal(err)
	}
	return r
}

// header of a topic's message at now, and whether there is one.
func (r *robot) header(topic string, now time.Time) (msgs.Header, bool) {
	stamp := now.Add(-2 * time.Millisecond).Add(r.off[topic])
	if r.frozen[topic] {
		stamp = r.began
	}
	return msgs.Header{Stamp: msgs.Stamp(stamp)}, !r.silent[topic]
}

func (r *robot) armsTick(now time.Time) {
	for _, side := range []string{"left", "right"} {
		topic := "/puppet/joint_" + side
		if h, ok := r.header(topic, now); ok {
			r.said[topic]++
			_ = r.arms[side].Publish(&msgs.JointState{Header: h, Name: []string{side + "_joint1"}, Position: []float64{now.Sub(r.began).Seconds()}})
		}
	}
}

func (r *robot) camerasTick(now time.Time) {
	for _, name := range cameraNames {
		topic := "/" + name + "/color/image_raw"
		h, ok := r.header(topic, now)
		if !ok {
			continue
		}
		r.said[topic]++
		data := make([]byte, 4*3*3)
		for i := range data {
			data[i] = byte(r.said[topic] + i)
		}
		_ = r.images[name].Publish(&msgs.Image{Header: h, Width: 4, Height: 3, Step: 12, Encoding: "rgb8", Data: data})
		if p := r.compressed[name]; p != nil {
			_ = p.Publish(&msgs.CompressedImage{Header: h, Format: "rgb8; jpeg compressed bgr8", Data: data})
		}
	}
}

// start of a rig.
type setup struct {
	transport rcl.Transport
	raw       bool
	change    func(*Config)
	options   episode.Options
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	if s.transport == nil {
		s.transport = intra.New()
	}
	r := &rig{
		t: t, cfg: DefaultConfig(), diag: map[string]msgs.DiagnosticStatus{},
		Context: rcl.New(rcl.Options{Transport: s.transport, Executor: rcl.NewLockstep(time.Time{})}),
	}
	t.Cleanup(func() {
		if err := r.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
	t.Chdir(t.TempDir())
	r.cfg.MinFree = 0
	if s.change != nil {
		s.change(&r.cfg)
	}
	r.robot = newRobot(t, r.Context, s.raw)
	r.node = must[*rcl.Node](t)(r.Node("recorder", rcl.Args{}))
	r.rec = must[*Node](t)(newNode(r.node, r.cfg, s.options))
	watch := must[*rcl.Node](t)(r.Node("watch", rcl.Args{}))
	must[*rcl.Subscription](t)(rcl.Subscribe(watch, "/diagnostics", rcl.Default, func(m *msgs.DiagnosticArray, _ rcl.Info) {
		for _, s := range m.Status {
			if strings.HasPrefix(s.Name, "/recorder") {
				r.diag[s.Name] = s
			}
		}
	}))
	must[*rcl.Subscription](t)(rcl.Subscribe(watch, "/recorder/status", rcl.Default, func(m *msgs.RecorderStatus, _ rcl.Info) { r.seen = append(r.seen, m) }))
	return r
}

// run lets d pass.
func (r *rig) run(d time.Duration) {
	r.t.Helper()
	end := r.Now().Add(d)
	if err := r.RunUntil(context.Background(), func() bool { return !r.Now().Before(end) }); err != nil {
		r.t.Fatal(err)
	}
}

// answer is what a service said.
type said struct {
	ok   bool
	text string
}

func (s said) String() string { return fmt.Sprintf("%v: %s", s.ok, s.text) }

// call calls a service and runs until it answers.
func call[Q, R any, PQ msgs.Ptr[Q], PR msgs.Ptr[R]](r *rig, service string, q *Q) *R {
	r.t.Helper()
	c := must[*rcl.Client[Q, R]](r.t)(rcl.NewClient[Q, R, PQ, PR](r.robot.n, service))
	var out *R
	c.Go(q, func(a *R, err error) {
		if err != nil {
			r.t.Fatal(err)
		}
		out = a
	})
	limit := r.Now().Add(20 * time.Second)
	if err := r.RunUntil(context.Background(), func() bool { return out != nil || r.Now().After(limit) }); err != nil {
		r.t.Fatal(err)
	}
	if out == nil {
		r.t.Fatalf("%s did not answer", service)
	}
	return out
}

func (r *rig) trigger(service string) said {
	r.t.Helper()
	a := call[msgs.Trigger_Request, msgs.Trigger_Response](r, "recorder/"+service, &msgs.Trigger_Request{})
	return said{a.Success, a.Message}
}

// episodes that were recorded, opened.
func (r *rig) episodes() []*episode.Reader {
	r.t.Helper()
	paths := must[[]string](r.t)(episode.List(r.cfg.Directory))
	var all []*episode.Reader
	for _, p := range paths {
		e := must[*episode.Reader](r.t)(episode.Open(p))
		r.t.Cleanup(func() { _ = e.Close() })
		all = append(all, e)
	}
	return all
}
