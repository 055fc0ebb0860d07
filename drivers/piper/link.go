package piper

import (
	"time"

	"cobot_vla/drivers/can"
)

// Link is the health of the bus as this arm sees it.
type Link struct {
	Bus   string
	State can.State
	// Received frames that were understood, Sent ones that the bus took.
	Received uint64
	Sent     uint64
	// SendErrors counts refused frames; LastError is the last refusal.
	SendErrors uint64
	LastError  string
	// Suppressed counts frames that a dry run did not send.
	Suppressed uint64
	// Unknown counts frames of identifiers that the driver does not read, Bad ones that it
	// could not take; LastBad says why.
	Unknown uint64
	Bad     uint64
	LastBad string
	// Sets of joint feedback that were whole, and frames that became part of none.
	Sets uint64
	Torn uint64
	// Gaps counts pauses of more than four periods in a periodic identifier; Longest is the
	// longest of them and LongestID its identifier.
	Gaps      uint64
	Longest   time.Duration
	LongestID uint32
	// LastFrame is when anything was last understood, Silence the time since.
	LastFrame time.Time
	Silence   time.Duration
}

// linkCounters count what arrives and what leaves.
type linkCounters struct {
	last           map[uint32]time.Time // per identifier
	received, sent uint64
	sendErrors     uint64
	failing        time.Time // since when every Send failed; zero when the last one did not
	lastError      string
	suppressed     uint64
	unknown, bad   uint64
	lastBad        string
	gaps           uint64
	longest        time.Duration
	longestID      uint32
	lastFrame      time.Time
}

// period of an identifier, 0 when it is not periodic.
func period(id uint32) time.Duration {
	switch low := id & 0xF; {
	case id >= IDHighSpeed1 && id <= IDHighSpeed6:
		return 10 * time.Millisecond
	case id >= IDLowSpeed1 && id <= IDLowSpeed6:
		return 50 * time.Millisecond
	case id >= IDStatus && id <= IDGripper+uint32(Offset20) && low >= 1 && low <= 8:
		return 5 * time.Millisecond
	}
	return 0
}

func (c *linkCounters) count(id uint32, at time.Time) {
	c.received++
	c.lastFrame = at
	if c.last == nil {
		c.last = map[uint32]time.Time{}
	}
	before, seen := c.last[id]
	c.last[id] = at
	if p := period(id); seen && p > 0 && at.Sub(before) > 4*p {
		c.gaps++
		if gap := at.Sub(before); gap > c.longest {
			c.longest, c.longestID = gap, id
		}
	}
}

// age of the newest frame of an identifier; ever is false when none arrived.
func (c *linkCounters) age(id uint32, now time.Time) (age time.Duration, ever bool) {
	at, ever := c.last[id]
	return now.Sub(at), ever
}

// sentOne notes what became of one frame.
func (c *linkCounters) sentOne(err error, now time.Time) {
	if err == nil {
		c.sent++
		c.failing = time.Time{}
		return
	}
	c.sendErrors++
	c.lastError = err.Error()
	if c.failing.IsZero() {
		c.failing = now
	}
}

func (a *Arm) linkState(now time.Time) Link {
	c := &a.in.links
	return Link{
		Bus:        a.busName,
		State:      a.busState,
		Received:   c.received,
		Sent:       c.sent,
		SendErrors: c.sendErrors,
		LastError:  c.lastError,
		Suppressed: c.suppressed,
		Unknown:    c.unknown,
		Bad:        c.bad,
		LastBad:    c.lastBad,
		Sets:       a.in.joints.sets,
		Torn:       a.in.joints.torn,
		Gaps:       c.gaps,
		Longest:    c.longest,
		LongestID:  c.longestID,
		LastFrame:  c.lastFrame,
		Silence:    now.Sub(c.lastFrame),
	}
}
