package dashboard

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; nothing is measured by it.
const patience = 20 * time.Second

// rig is a dashboard in a graph that runs, with a node that plays the robot.
type rig struct {
	t     *testing.T
	ctx   *rcl.Context
	robot *rcl.Node
	d     *Node
	page  *httptest.Server
	fox   *httptest.Server
	times struct{ estop atomic.Int64 }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, ctx: rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})}
	var err error
	r.robot, err = r.ctx.Node("robot", rcl.Args{})
	must(t, err)
	_, err = rcl.Subscribe(r.robot, "estop", rcl.Default, func(m *msgs.Bool, _ rcl.Info) {
		if m.Data {
			r.times.estop.Add(1)
		}
	})
	must(t, err)
	cfg := DefaultConfig()
	cfg.ImageRate = 30
	if change != nil {
		change(&cfg)
	}
	n, err := r.ctx.Node("dashboard", rcl.Args{})
	must(t, err)
	r.d, err = build(n, cfg, func(string) Library { return newShelf() })
	must(t, err)
	r.page, r.fox = httptest.NewServer(r.d.Handler()), httptest.NewServer(r.d.FoxgloveHandler())
	run, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.ctx.Run(run) // until it is stopped
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		<-ended
		must(t, r.ctx.Shutdown(time.Second))
		r.d.handlers.Wait()
		r.page.Close()
		r.fox.Close()
	})
	return r
}

// until waits for what must come.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

func advertise[T any, P msgs.Ptr[T]](r *rig, topic string, qos rcl.QoS) *rcl.Publisher[T] {
	r.t.Helper()
	p, err := rcl.Advertise[T, P](r.robot, topic, qos)
	must(r.t, err)
	return p
}

// connection is a WebSocket client.
type connection struct {
	t    *testing.T
	conn *websocket.Conn
}

func dial(t *testing.T, server *httptest.Server, path string, protocols ...string) *connection {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http")+path, &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		t.Fatalf("%v (%+v)", err, resp)
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &connection{t, conn}
}

func (c *connection) read() (websocket.MessageType, []byte) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	kind, data, err := c.conn.Read(ctx)
	must(c.t, err)
	return kind, data
}

func (c *connection) say(m any) {
	c.t.Helper()
	text, err := json.Marshal(m)
	must(c.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(c.t, c.conn.Write(ctx, websocket.MessageText, text))
}

// next waits for a JSON message of an op that accept likes; other messages pass.
func next[T any](c *connection, op string, accept func(T) bool) T {
	c.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		kind, data := c.read()
		if kind != websocket.MessageText {
			continue
		}
		var head struct{ Op string }
		must(c.t, json.Unmarshal(data, &head))
		if head.Op != op {
			continue
		}
		var m T
		must(c.t, json.Unmarshal(data, &m))
		if accept == nil || accept(m) {
			return m
		}
	}
	c.t.Fatalf("no %s that fits came", op)
	panic("unreachable")
}

// picture waits for a picture of that place that accept likes.
func (c *connection) picture(place byte, accept func(image.Image) bool) image.Image {
	c.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		kind, data := c.read()
		if kind != websocket.MessageBinary || data[0] != place {
			continue
		}
		m, err := jpeg.Decode(bytes.NewReader(data[9:]))
		must(c.t, err)
		if accept(m) {
			return m
		}
	}
	c.t.Fatal("no picture that fits came")
	return nil
}

// binary waits for a binary message of Foxglove's protocol.
func (c *connection) binary() (subscription uint32, at uint64, payload []byte) {
	c.t.Helper()
	for {
		kind, data := c.read()
		if kind == websocket.MessageBinary && data[0] == opMessageData {
			return binary.LittleEndian.Uint32(data[1:]), binary.LittleEndian.Uint64(data[5:]), data[13:]
		}
	}
}

// press presses a button as a page of this machine does.
func (r *rig) press(what, body string) (status int, a answer) {
	r.t.Helper()
	resp, err := http.Post(r.page.URL+"/api/"+what, "application/json", strings.NewReader(body))
	must(r.t, err)
	defer resp.Body.Close()
	must(r.t, json.NewDecoder(resp.Body).Decode(&a))
	return resp.StatusCode, a
}

// uniform is an image of one colour.
func uniform(w, h int, red, green, blue byte) *msgs.Image {
	m := &msgs.Image{Header: msgs.Header{Stamp: msgs.Stamp(time.Now())}, Width: uint32(w), Height: uint32(h), Step: uint32(3 * w), Encoding: "rgb8"}
	m.Data = bytes.Repeat([]byte{red, green, blue}, w*h)
	return m
}
