package main

import (
	"context"
	"fmt"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// clockSilence is the wall time after which a simulator that says no time is a fault.
const clockSilence = time.Second

// watchClock says, by the wall's clock, when /clock falls silent: the node's own
// timers stand still then, so nobody else in the process can.
func watchClock(ctx context.Context, n *rcl.Node, clock *rcl.RealTime) error {
	pub, err := rcl.Advertise[msgs.DiagnosticArray](n, "/diagnostics", rcl.Default)
	if err != nil {
		return err
	}
	say := func(level uint8, message string) {
		_ = pub.Publish(&msgs.DiagnosticArray{
			Header: msgs.Header{Stamp: msgs.Stamp(clock.Now())},
			Status: []msgs.DiagnosticStatus{{Level: level, Name: n.FullName().String() + ": clock", Message: message}},
		})
	}
	n.Go(func(life context.Context) {
		tick := time.NewTicker(clockSilence / 4)
		defer tick.Stop()
		silent := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-life.Done():
				return
			case <-tick.C:
			}
			was := silent
			silent = clock.ClockAge() > clockSilence
			switch {
			case silent && !was:
				message := fmt.Sprintf("/clock has been silent for more than %v: time stands still; is the simulator running?", clockSilence)
				n.Log().Error().Msg(message)
				say(msgs.DiagError, message)
			case was && !silent:
				say(msgs.DiagOK, "/clock is heard")
			}
		}
	})
	return nil
}
