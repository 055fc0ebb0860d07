package recorder

import (
	"errors"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// serve offers what people ask of a recorder, from a key, a dashboard or a shell.
func (r *Node) serve() error {
	trigger := func(name string, do func(reply func(bool, string))) error {
		return rcl.ServeLater(r.n, "recorder/"+name, func(_ *msgs.Trigger_Request, reply func(*msgs.Trigger_Response)) {
			do(func(ok bool, message string) { reply(&msgs.Trigger_Response{Success: ok, Message: message}) })
		})
	}
	return errors.Join(
		trigger("start", func(reply func(bool, string)) {
			r.start(episode.Info{}, func(ok bool, message, _ string) { reply(ok, message) })
		}),
		trigger("stop", func(reply func(bool, string)) { r.end(episode.Keep, "", stopped, reply) }),
		trigger("discard", r.discard),
		trigger("mark", func(reply func(bool, string)) { answer(reply, "marked", r.mark("mark")) }),
		rcl.ServeLater(r.n, "recorder/start_episode", func(q *msgs.StartEpisode_Request, reply func(*msgs.StartEpisode_Response)) {
			r.start(episode.Info{Task: q.Task, Operator: q.OperatorName, Note: q.Note}, func(ok bool, message, path string) {
				reply(&msgs.StartEpisode_Response{Success: ok, Message: message, Path: path})
			})
		}),
		rcl.ServeLater(r.n, "recorder/end_episode", func(q *msgs.EndEpisode_Request, reply func(*msgs.EndEpisode_Response)) {
			r.endEpisode(q, func(ok bool, message string) { reply(&msgs.EndEpisode_Response{Success: ok, Message: message}) })
		}),
		rcl.Serve(r.n, "recorder/mark_episode", func(q *msgs.MarkEpisode_Request, res *msgs.MarkEpisode_Response) {
			answer(func(ok bool, message string) { res.Success, res.Message = ok, message }, "marked", r.mark(q.Label))
		}),
	)
}

const stopped = "stopped"

func answer(reply func(bool, string), done string, err error) {
	if err != nil {
		reply(false, err.Error())
		return
	}
	reply(true, done)
}

// discard ends the episode with that verdict, or gives it to the last one.
func (r *Node) discard(reply func(bool, string)) {
	if r.state != Idle {
		r.end(episode.Discard, "", stopped, reply)
		return
	}
	message, err := r.judge("", episode.Discard, "")
	answer(reply, message, err)
}

func (r *Node) endEpisode(q *msgs.EndEpisode_Request, reply func(bool, string)) {
	v, err := episode.ParseVerdict(q.Verdict)
	if err != nil {
		reply(false, err.Error())
		return
	}
	if r.state != Idle && q.Path == "" {
		r.end(v, q.Note, stopped, reply)
		return
	}
	message, err := r.judge(q.Path, v, q.Note)
	answer(reply, message, err)
}
