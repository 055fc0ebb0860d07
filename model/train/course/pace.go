package course

import (
	"fmt"
	"time"
)

// Pace is when a course ends, saves and looks, and who hears of it. It changes nothing that is learned, so a course may go
// on at another one.
type Pace struct {
	// Threads that compute; 0 for all processors.
	Threads int `json:"-"`
	// Budget ends the course after that time, with a checkpoint and a state, at the next step; 0 for none.
	Budget time.Duration `json:"-"`
	// SaveEvery is how many steps lie between two states on the disk, LookEvery between two looks at held-out
	// examples (0: only at the end), of which Held are looked at. Defaults 200, 500 and 64.
	SaveEvery int `json:"-"`
	LookEvery int `json:"-"`
	Held      int `json:"-"`
	// Now is the clock. Default time.Now.
	Now func() time.Time `json:"-"`
	// Report is called after every step, by the course's goroutine. Default: nobody.
	Report func(Progress) `json:"-"`
}

// DefaultPace saves every 200 steps and looks every 500.
func DefaultPace() Pace {
	return Pace{SaveEvery: 200, LookEvery: 500, Held: 64, Now: time.Now, Report: func(Progress) {}}
}

// Validate says what is wrong.
func (p Pace) Validate() error {
	if p.SaveEvery <= 0 || p.LookEvery < 0 || p.Held < 0 {
		return fmt.Errorf("save every %d, look every %d, held %d: expected 1 or more, 0 or more, 0 or more", p.SaveEvery, p.LookEvery, p.Held)
	}
	return nil
}
