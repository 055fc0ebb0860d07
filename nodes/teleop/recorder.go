package teleop

import (
	"fmt"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// recorder is the recorder's remote control; there may be none.
type recorder struct {
	n       *rcl.Node
	clients map[string]*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
	status  msgs.RecorderStatus
	at      time.Time
	last    string // what it answered
}

func newRecorder(n *rcl.Node) *recorder {
	return &recorder{n: n, clients: map[string]*rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]{}}
}

func (r *recorder) connect() error {
	_, err := rcl.Subscribe(r.n, "recorder/status", rcl.Newest, func(m *msgs.RecorderStatus, _ rcl.Info) {
		r.status, r.at = *m, r.n.Now()
	})
	return err
}

// running says whether an episode is being recorded.
func (r *recorder) running() bool {
	return !r.at.IsZero() && (r.status.State == "recording" || r.status.State == "arming")
}

// toggle starts an episode, or ends and keeps it.
func (r *recorder) toggle() {
	if r.running() {
		r.call("stop", nil)
		return
	}
	r.call("start", nil)
}

// call calls recorder/<name>; done, which may be nil, hears how it went.
func (r *recorder) call(name string, done func(ok bool, text string)) {
	tell := func(ok bool, text string) {
		r.last = name + ": " + text
		if !ok {
			r.n.Log().Warn().Msg("recorder: " + r.last)
		}
		if done != nil {
			done(ok, text)
		}
	}
	c := r.clients[name]
	if c == nil {
		var err error
		if c, err = rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](r.n, "recorder/"+name); err != nil {
			tell(false, err.Error())
			return
		}
		r.clients[name] = c
	}
	c.Go(&msgs.Trigger_Request{}, func(q *msgs.Trigger_Response, err error) {
		if err != nil {
			tell(false, fmt.Sprintf("no recorder answers: %v", err))
			return
		}
		tell(q.Success, q.Message)
	})
}
