package main

import (
	"fmt"
	"math"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper"
)

// guard reads every frame on the arms' buses and counts joint commands that
// lead outward beyond the limits, from where the joint was measured: the proof
// that holds whatever the nodes believe.
type guard struct {
	outward int
	first   string
}

// watchCommands taps the simulated buses.
func watchCommands(g *graph) *guard {
	w := &guard{}
	for _, a := range g.sim.Robot().Arms {
		var measured [6]float64
		var known [6]bool
		var worst [6]float64 // how far outside its range the joint was measured last
		g.network.Bus(a.Bus).Tap(func(f can.Frame) {
			if i, q, ok := jointFrame(f, piper.IDJoints12); ok {
				for k := range q {
					j := i + k
					measured[j], known[j] = q[k], true
					worst[j] = math.Max(a.Joints[j].Lower-q[k], q[k]-a.Joints[j].Upper)
				}
				return
			}
			i, q, ok := jointFrame(f, piper.IDTarget12)
			if !ok {
				return
			}
			// An arm follows what it is told to 0.05° (measured on real arms): the pose that
			// is held may be that much farther out than the one measured.
			const follows = 0.05 * math.Pi / 180
			for k := range q {
				j := i + k
				beyond := math.Max(a.Joints[j].Lower-q[k], q[k]-a.Joints[j].Upper)
				if beyond > follows && (!known[j] || beyond > math.Max(worst[j], 0)+follows) {
					w.outward++
					if w.first == "" {
						w.first = fmt.Sprintf("arm %s: joint%d command %.4f rad, measured %.4f rad, limits %.4f..%.4f rad",
							a.Side, j+1, q[k], measured[j], a.Joints[j].Lower, a.Joints[j].Upper)
					}
				}
			}
		})
	}
	return w
}

// jointFrame decodes one of the three frames of a joint triple that starts at
// id: the index of its first joint, and two angles [rad].
func jointFrame(f can.Frame, id uint32) (first int, q [2]float64, ok bool) {
	if f.ID < id || f.ID > id+2 {
		return 0, q, false
	}
	q, err := piper.DecodeAngles(f)
	return 2 * int(f.ID-id), q, err == nil
}
