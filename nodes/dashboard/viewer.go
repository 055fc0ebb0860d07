package dashboard

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// view serves one viewer over a WebSocket. JSON messages are those of view.go; a
// binary message is a picture: its place in hello's pictures (1 byte), its stamp
// in seconds (float64, little-endian), then the JPEG. A viewer that may control the
// robot sends {"linear":…,"angular":…,"t":…} ten times a second while a driving
// button is held, -1..1 each, t in milliseconds of its own clock.
func (d *Node) view(w http.ResponseWriter, r *http.Request) {
	if foreign(r) {
		http.Error(w, "the request comes from another web page", http.StatusForbidden)
		return
	}
	if d.viewers.Add(1) > int64(d.cfg.Viewers) {
		d.viewers.Add(-1)
		http.Error(w, "too many viewers: close one, or raise the parameter viewers", http.StatusServiceUnavailable)
		return
	}
	defer d.viewers.Add(-1)
	d.handlers.Add(1)
	defer d.handlers.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(longestRequest)
	ctx, cancel := context.WithCancel(d.n.Context())
	defer cancel()
	stop := context.AfterFunc(r.Context(), cancel)
	defer stop()
	d.n.Post(func() { d.look(1) })
	defer d.n.Post(func() { d.look(-1) })

	v := &viewer{d: d, conn: conn, control: d.cfg.control(r), seen: make([]uint64, len(d.pictures))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		v.read(ctx)
	}()
	v.write(ctx)
	cancel() // which closes the connection under the reader
	<-done
}

// viewer is one page that is open somewhere.
type viewer struct {
	d       *Node
	conn    *websocket.Conn
	control string // why it may not control the robot; "" it may
	seen    []uint64
	events  uint64
	clock   driveClock
}

// sendLimit is how long a viewer may take for one message before it is given up.
const sendLimit = 10 * time.Second

// write sends what is newest, at the pictures' rate or as fast as the viewer takes it.
func (v *viewer) write(ctx context.Context) {
	h := v.d.board.hello(v.d.pictures)
	h.Control, h.Why = v.control == "", v.control
	if v.send(ctx, h) != nil {
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / v.d.cfg.ImageRate))
	defer tick.Stop()
	var slow time.Time
	for {
		if v.all(ctx, &slow) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (v *viewer) all(ctx context.Context, slow *time.Time) error {
	if err := v.send(ctx, v.d.board.state()); err != nil {
		return err
	}
	events, last := v.d.board.eventsSince(v.events)
	v.events = last
	if len(events) > 0 {
		if err := v.send(ctx, eventsView{"events", events}); err != nil {
			return err
		}
	}
	if time.Since(*slow) >= time.Second {
		*slow = time.Now()
		if err := v.send(ctx, v.d.board.slow(*v.d.topics.Load())); err != nil {
			return err
		}
	}
	for i, p := range v.d.pictures {
		jpeg, seq, stamp := v.d.encoder.get(p, v.seen[i])
		v.seen[i] = seq
		if jpeg == nil {
			continue
		}
		m := make([]byte, 0, 9+len(jpeg))
		m = append(m, byte(i))
		m = binary.LittleEndian.AppendUint64(m, math.Float64bits(float64(stamp.UnixMicro())/1e6))
		if err := v.put(ctx, websocket.MessageBinary, append(m, jpeg...)); err != nil {
			return err
		}
	}
	return nil
}

func (v *viewer) send(ctx context.Context, message any) error {
	text, err := json.Marshal(message)
	if err != nil { // a number that JSON can't carry: leave this one out
		v.d.n.Log().Warn().Err(err).Msg("a message to the page")
		return nil
	}
	return v.put(ctx, websocket.MessageText, text)
}

func (v *viewer) put(ctx context.Context, kind websocket.MessageType, m []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	return v.conn.Write(ctx, kind, m)
}

// driveMessage is what a held driving button says.
type driveMessage struct {
	Linear  float64 `json:"linear"`
	Angular float64 `json:"angular"`
	T       float64 `json:"t"`
}

// read takes what the viewer says until it leaves.
func (v *viewer) read(ctx context.Context) {
	for {
		kind, data, err := v.conn.Read(ctx)
		if err != nil {
			return
		}
		var m driveMessage
		if kind != websocket.MessageText || json.Unmarshal(data, &m) != nil || v.control != "" {
			continue
		}
		if !v.clock.fresh(time.Now(), m.T) {
			v.d.stale.Add(1)
			continue
		}
		v.d.drive(m.Linear, m.Angular)
	}
}

// driveClock recognises driving messages that a network held back and delivers
// late, all at once: by then the button may long be up.
type driveClock struct {
	known bool
	least float64 // the smallest arrival minus sending time so far [ms]
}

// creep lets the smallest delay grow with every message, as two clocks drift apart [ms].
const creep = 0.05

// latest is how much later than the quickest one a driving message may come.
const latest = 300 * time.Millisecond

func (c *driveClock) fresh(now time.Time, sent float64) bool {
	if !finite(sent) {
		return false
	}
	late := float64(now.UnixMicro())/1000 - sent
	c.least += creep
	if !c.known || late < c.least {
		c.known, c.least = true, late
	}
	return late-c.least <= float64(latest.Milliseconds())
}
