package teleop

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/msgs"
)

// stage of a session.
type stage uint8

const (
	idle stage = iota
	asking
	leading
	leaving // gave back, and waits for the supervisor's word
)

// session is a person's time with the robot, from taking over to giving back.
type session struct {
	state  stage
	wanted uint8
	from   string // the source that was interrupted, "" for none
	reason string // why the last session ended, or was refused
	waiter func(bool, string)
	run    uint64 // of requests: answers to older ones mean nothing
	after  uint64 // only an authority newer than this sequence is ours

	correcting, told bool // what teleop/correction said last, and whether it said anything

	authority   msgs.Authority
	authorityAt time.Time
	others      map[string]heard // what other sources' heartbeats say
	takeovers   uint64
	corrections uint64
}

type heard struct {
	state string
	at    time.Time
}

// authorityTimeout is the drivers' own: they hold without authority for longer.
const authorityTimeout = 300 * time.Millisecond

// may says whether a part may be commanded now.
func (s *session) may(now time.Time, part uint8) bool {
	return s.state == leading && s.wanted&part != 0 && now.Sub(s.authorityAt) <= authorityTimeout
}

func (s *session) hear(now time.Time, m *msgs.Heartbeat) {
	if m.Source == msgs.SourceTeleop {
		return
	}
	if s.others == nil {
		s.others = map[string]heard{}
	}
	s.others[m.Source] = heard{m.State, now}
}

// busy are the states of a policy that has something to do.
var busy = map[string]bool{
	"waiting_for_observation": true, "inferring": true, "acquiring": true, "navigating": true, "acting": true, "retrying": true,
}

// interrupted names the source that is at work now: it holds parts, or its heartbeat says so.
func (s *session) interrupted(now time.Time) string {
	const fresh = 500 * time.Millisecond
	if a := s.authority; a.Source != "" && a.Source != msgs.SourceNone && a.Source != msgs.SourceTeleop && now.Sub(s.authorityAt) <= fresh {
		return a.Source
	}
	for _, source := range []string{msgs.SourcePolicy, msgs.SourceReplay, msgs.SourceExternal} {
		if h, ok := s.others[source]; ok && busy[h.state] && now.Sub(h.at) <= fresh {
			return source
		}
	}
	return ""
}

// toggle is the one key: it takes over, or gives back.
func (t *Node) toggle() {
	tell := func(ok bool, text string) {
		if !ok {
			t.n.Log().Warn().Msg(text)
		}
	}
	switch t.session.state {
	case asking, leading:
		t.giveBack("the key was pressed", tell)
	default:
		t.takeOver(tell)
	}
}

func (t *Node) takeOverAtStart() {
	t.takeOver(func(ok bool, text string) {
		if !ok && !t.session.authority.Estop {
			t.n.After(time.Second, t.takeOverAtStart)
		}
	})
}

// takeOver asks the supervisor for the parts; reply is called once.
func (t *Node) takeOver(reply func(bool, string)) {
	s := &t.session
	switch {
	case s.state == leading:
		reply(true, "you lead already")
		return
	case s.state == asking:
		reply(false, "the supervisor is being asked already")
		return
	case s.authority.Estop:
		reply(false, "the e-stop is engaged: release it first (supervisor/release_estop)")
		return
	}
	s.wanted, s.from = t.cfg.parts(), s.interrupted(t.n.Now())
	s.waiter = reply
	s.state, s.reason, s.after = asking, "", 0
	if s.wanted == 0 { // arms linked by hardware: there is nothing to ask for
		t.lead()
		return
	}
	if s.authority.Source == msgs.SourceTeleop && s.authority.Parts != 0 {
		// A teleop node before us had them; the drivers listen to one speaker a grant.
		s.after = math.MaxUint64
		t.ask(0, func() {
			s.after = s.authority.Sequence
			t.askForParts()
		})
		return
	}
	t.askForParts()
}

func (t *Node) askForParts() {
	t.ask(t.session.wanted, func() {
		if t.session.state == asking && t.holds() {
			t.lead()
		} // else the authority's next message says so
	})
}

// ask calls the supervisor; granted runs when it agrees and is still wanted.
func (t *Node) ask(parts uint8, granted func()) {
	t.session.run++
	run := t.session.run
	t.acquire.Go(&msgs.Acquire_Request{Source: msgs.SourceTeleop, Parts: parts}, func(r *msgs.Acquire_Response, err error) {
		switch {
		case t.session.state != asking || t.session.run != run:
		case err != nil:
			t.refused(fmt.Sprintf("the supervisor does not answer: %v", err))
		case !r.Granted:
			t.refused(r.Reason)
		default:
			granted()
		}
	})
}

// holds says whether the authority names us with all that was asked for.
func (t *Node) holds() bool {
	a := t.session.authority
	return a.Source == msgs.SourceTeleop && a.Parts&t.session.wanted == t.session.wanted && !a.Estop && a.Sequence > t.session.after
}

func (t *Node) refused(why string) {
	s := &t.session
	s.state, s.reason, s.from = idle, why, ""
	t.answer(false, why)
}

func (t *Node) answer(ok bool, text string) {
	if w := t.session.waiter; w != nil {
		t.session.waiter = nil
		w(ok, text)
	}
}

// lead begins the session.
func (t *Node) lead() {
	s := &t.session
	s.state = leading
	s.takeovers++
	if s.from != "" {
		s.corrections++
	}
	t.drive.letGo()
	for _, f := range t.sides {
		f.stop()
	}
	t.grab(true)
	t.tellCorrection()
	text := "you lead the " + partNames(s.wanted)
	if s.from != "" {
		text += "; " + s.from + " was interrupted"
	}
	t.n.Log().Info().Str("interrupted", s.from).Msg(text)
	t.answer(true, text)
}

// lose ends the session when the authority went elsewhere. It is not taken again without being asked.
func (t *Node) lose(why string) {
	s := &t.session
	switch s.state {
	case asking:
		t.refused(why)
	case leading:
		t.n.Log().Warn().Msg("you lead no more: " + why)
		t.end(idle, why)
	}
}

// giveBack ends the session; whoever was interrupted may go on.
func (t *Node) giveBack(why string, reply func(bool, string)) {
	s := &t.session
	switch s.state {
	case idle:
		reply(true, "nothing was taken")
		return
	case leaving:
		reply(false, "it is being given back already")
		return
	case asking:
		t.refused("given back before it was granted")
	}
	wanted := s.wanted
	if wanted&msgs.Base != 0 && !s.authorityAt.IsZero() {
		_ = t.twists.Publish(&msgs.Twist{})
	}
	t.end(leaving, "given back: "+why)
	if wanted == 0 {
		s.state = idle
		reply(true, "given back")
		return
	}
	t.acquire.Go(&msgs.Acquire_Request{Source: msgs.SourceTeleop}, func(r *msgs.Acquire_Response, err error) {
		if s.state == leaving {
			s.state = idle
		}
		if err != nil {
			reply(false, fmt.Sprintf("the supervisor does not answer: %v: it takes the parts back by itself when the heartbeat ends", err))
			return
		}
		reply(r.Granted, "given back")
	})
}

func (t *Node) end(to stage, why string) {
	s := &t.session
	s.state, s.reason, s.from = to, why, ""
	t.drive.letGo()
	for _, f := range t.sides {
		f.stop()
	}
	t.grab(false)
	t.tellCorrection()
}

// tellCorrection says whether what the robot does now is a person's correction of another source.
func (t *Node) tellCorrection() {
	s := &t.session
	if now := s.state == leading && s.from != ""; now != s.correcting || !s.told {
		s.correcting, s.told = now, true
		_ = t.correct.Publish(&msgs.Bool{Data: now})
	}
}

// authority follows the supervisor.
func (t *Node) authority(m *msgs.Authority) {
	s := &t.session
	s.authority, s.authorityAt = *m, t.n.Now()
	switch {
	case m.Estop && s.state != idle:
		t.lose("e-stop: " + m.Reason)
	case s.state == asking && t.holds():
		t.lead()
	case s.state == leading && s.wanted != 0 && !t.holds():
		t.lose(m.Reason)
	}
}

// expire gives up a session that has no supervisor any more.
func (s *session) expire(now time.Time, t *Node) {
	const forGood = 2 * time.Second
	if s.state == leading && s.wanted != 0 && now.Sub(s.authorityAt) > forGood {
		t.lose(fmt.Sprintf("the supervisor has been silent for %.1f s", now.Sub(s.authorityAt).Seconds()))
	}
}

func partNames(p uint8) string {
	switch p {
	case msgs.Arms:
		return "arms"
	case msgs.Base:
		return "base"
	case msgs.Arms | msgs.Base:
		return "arms and base"
	}
	return "arms by their hardware link"
}

// pressEstop stops everything; only the supervisor's service releases it.
func (t *Node) pressEstop() {
	_ = t.estop.Publish(&msgs.Bool{Data: true})
	t.lose("you pressed the e-stop")
}
