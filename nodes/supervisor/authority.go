package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cobot_vla/msgs"
)

// authority is the decision: a state machine over requests, reports and time.
type authority struct {
	cfg Config

	source  string // who holds parts
	held    uint8  // what it holds
	since   time.Time
	pending *request
	estop   bool
	reason  string

	lastEstop map[string]time.Time // when /estop last said true, by publisher
	parts     map[uint8]part
	beats     map[string]time.Time
}

type part struct {
	msgs.PartStatus
	heard time.Time
}

// request waits for the old parts to stop.
type request struct {
	source string
	parts  uint8
	until  time.Time
	answer func(granted bool, reason string)
}

func newAuthority(cfg Config) *authority {
	return &authority{
		cfg: cfg, source: msgs.SourceNone, reason: "nothing was acquired yet",
		lastEstop: map[string]time.Time{}, parts: map[uint8]part{}, beats: map[string]time.Time{},
	}
}

func partNames(p uint8) string {
	var names []string
	if p&msgs.Arms != 0 {
		names = append(names, "arms")
	}
	if p&msgs.Base != 0 {
		names = append(names, "base")
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " and ")
}

// rank is higher for a source that may take parts from a lower one.
func (a *authority) rank(source string) int {
	i := slices.Index(a.cfg.Priority, source)
	if i < 0 {
		return -1
	}
	return len(a.cfg.Priority) - i
}

// acquire asks for parts; answer is called once, now or later.
func (a *authority) acquire(now time.Time, source string, parts uint8, answer func(bool, string)) {
	if a.rank(source) < 0 {
		answer(false, fmt.Sprintf("source %q is none of %s", source, strings.Join(a.cfg.Priority, ", ")))
		return
	}
	if parts == 0 {
		a.release(source)
		answer(true, "given back")
		return
	}
	if why := a.refusal(source, parts); why != "" {
		answer(false, why)
		return
	}
	if p := a.pending; p != nil {
		p.answer(false, fmt.Sprintf("superseded by a request of %s for the %s", source, partNames(parts)))
		a.pending = nil
	}
	if a.source == source && a.held == parts {
		answer(true, "held already")
		return
	}
	if a.held != 0 {
		a.reason = fmt.Sprintf("the %s of %s stop before %s gets the %s", partNames(a.held), a.source, source, partNames(parts))
	}
	a.source, a.held = msgs.SourceNone, 0
	a.beats[source] = now
	a.pending = &request{source: source, parts: parts, until: now.Add(seconds(a.cfg.HandoverTimeout)), answer: answer}
	a.tick(now)
}

func (a *authority) refusal(source string, parts uint8) string {
	switch {
	case parts&^(msgs.Arms|msgs.Base) != 0:
		return fmt.Sprintf("parts 0x%x: known are arms (1) and base (2)", parts)
	case a.estop:
		return "the e-stop is engaged (" + a.reason + "): call /supervisor/release_estop first"
	case parts == msgs.Arms|msgs.Base && !a.cfg.AllowBoth:
		return "arms and base at once are not allowed here: acquire one at a time, or start the supervisor with allow_both"
	case a.held != 0 && a.source != source && a.rank(source) <= a.rank(a.source):
		return fmt.Sprintf("the %s are held by %s, which %s may not interrupt", partNames(a.held), a.source, source)
	}
	if p := a.pending; p != nil && p.source != source && a.rank(source) <= a.rank(p.source) {
		return fmt.Sprintf("%s is getting the %s, and %s may not interrupt it", p.source, partNames(p.parts), source)
	}
	for _, bit := range []uint8{msgs.Arms, msgs.Base} {
		if s, ok := a.parts[bit]; parts&bit != 0 && ok && s.Fault {
			return fmt.Sprintf("the %s have a fault: %s", partNames(bit), s.Reason)
		}
	}
	return ""
}

// release gives back what source holds or waits for.
func (a *authority) release(source string) {
	if a.source == source {
		a.source, a.held, a.reason = msgs.SourceNone, 0, source+" gave the parts back"
	}
	if p := a.pending; p != nil && p.source == source {
		a.pending = nil
		p.answer(false, "given back before it was granted")
	}
}

// engage latches the e-stop and takes everything away.
func (a *authority) engage(why string) {
	if p := a.pending; p != nil {
		a.pending = nil
		p.answer(false, "e-stop: "+why)
	}
	if !a.estop {
		a.reason = why
	}
	a.estop = true
	a.source, a.held = msgs.SourceNone, 0
}

// estopMessage is one message on /estop: true only ever engages, false is ignored.
func (a *authority) estopMessage(now time.Time, publisher string, on bool) {
	if !on {
		delete(a.lastEstop, publisher)
		return
	}
	a.lastEstop[publisher] = now
	a.engage("pressed on /estop")
}

// releaseEstop opens the latch unless a cause persists.
func (a *authority) releaseEstop(now time.Time) (bool, string) {
	if !a.estop {
		return true, "the e-stop is not engaged"
	}
	for _, t := range a.lastEstop {
		if age := now.Sub(t); age < seconds(a.cfg.EstopQuiet) {
			return false, fmt.Sprintf("/estop said true %.2f s ago; it must be quiet for %.2f s: let go of the button", age.Seconds(), a.cfg.EstopQuiet)
		}
	}
	for _, bit := range []uint8{msgs.Arms, msgs.Base} {
		if s, ok := a.parts[bit]; ok && s.Fault {
			return false, fmt.Sprintf("the %s have a fault: %s: clear it first (clear_fault)", partNames(bit), s.Reason)
		}
	}
	a.estop, a.reason = false, "e-stop released; acquire again to move"
	return true, a.reason
}

// report is a driver's PartStatus.
func (a *authority) report(now time.Time, s msgs.PartStatus) {
	_, known := a.parts[s.Part]
	a.parts[s.Part] = part{s, now}
	if !known && s.Mode == "estop" && !a.estop {
		a.engage("inherited: the " + partNames(s.Part) + " were in e-stop when the supervisor started")
	}
	a.tick(now)
}

func (a *authority) beat(now time.Time, source string) { a.beats[source] = now }

// tick grants what waited for a stop, gives up on what waited too long, and
// takes parts from a source that fell silent.
func (a *authority) tick(now time.Time) {
	if a.held != 0 {
		if age := now.Sub(a.beats[a.source]); age > seconds(a.cfg.HeartbeatTimeout) {
			a.reason = fmt.Sprintf("%s lost the %s: no heartbeat for %.2f s", a.source, partNames(a.held), age.Seconds())
			a.source, a.held = msgs.SourceNone, 0
		}
	}
	p := a.pending
	if p == nil {
		return
	}
	waits := a.moving(now)
	switch {
	case waits == "":
		a.source, a.held, a.since = p.source, p.parts, now
		a.reason = fmt.Sprintf("%s holds the %s", p.source, partNames(p.parts))
		a.beats[p.source] = now
		a.pending = nil
		p.answer(true, a.reason)
	case now.After(p.until):
		a.pending = nil
		a.reason = fmt.Sprintf("%s did not get the %s in %.1f s: %s", p.source, partNames(p.parts), a.cfg.HandoverTimeout, waits)
		p.answer(false, a.reason)
	}
}

// moving names what stands against a grant: a part that has not said, freshly, that it stands still.
func (a *authority) moving(now time.Time) string {
	for _, bit := range []uint8{msgs.Arms, msgs.Base} {
		s, ok := a.parts[bit]
		fresh := ok && now.Sub(s.heard) <= seconds(a.cfg.PartTimeout)
		wanted := a.pending.parts&bit != 0
		switch {
		case !ok && wanted:
			return fmt.Sprintf("no driver speaks for the %s on /supervisor/parts", partNames(bit))
		case !fresh && wanted:
			return fmt.Sprintf("the driver of the %s has been silent for %.2f s", partNames(bit), now.Sub(s.heard).Seconds())
		case wanted && s.State != "active":
			return fmt.Sprintf("the driver of the %s is %s: activate it", partNames(bit), s.State)
		case wanted && s.Mode == "disabled":
			return fmt.Sprintf("the %s are disabled: %s", partNames(bit), s.Reason)
		case fresh && !s.Stopped:
			return fmt.Sprintf("the %s are still moving (%s)", partNames(bit), s.Mode)
		case ok && !s.Stopped:
			return fmt.Sprintf("the %s were moving when their driver fell silent: start it again", partNames(bit))
		}
	}
	return ""
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
