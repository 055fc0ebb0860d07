package recorder

import (
	"fmt"
	"time"
)

// clockWatch notices when the clock that stamps are made of jumps: against the
// steady clock on hardware, backwards in simulation.
type clockWatch struct {
	last  time.Time
	jumps uint64
	why   string // of the last jump
	at    time.Time
}

// see looks at the clock.
func (c *clockWatch) see(now time.Time, limit time.Duration) {
	last := c.last
	c.last = now
	if last.IsZero() {
		return
	}
	// Round(0) leaves the steady clock out; without one the two differences are equal.
	wall, steady := now.Round(0).Sub(last.Round(0)), now.Sub(last)
	if jump := clockJump(wall, steady); jump > limit || jump < -limit {
		c.jumps++
		c.at = now
		c.why = fmt.Sprintf("the clock jumped by %+.3f s at %s: let it settle (chronyc waitsync) and start again", jump.Seconds(), now.Format(clockFormat))
	}
}

// clockJump is by how much the clock jumped in a time that took steady.
func clockJump(wall, steady time.Duration) time.Duration {
	if steady < 0 { // simulated time went back
		return steady
	}
	return wall - steady
}

// recent says why, when the clock jumped since then.
func (c *clockWatch) recent(since time.Time) string {
	if c.jumps > 0 && !c.at.Before(since) {
		return c.why
	}
	return ""
}
