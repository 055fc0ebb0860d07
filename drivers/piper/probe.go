package piper

import (
	"fmt"
	"math"
	"time"

	"cobot_vla/drivers/can"
)

const (
	probePeriod    = 20 * time.Millisecond // between settings queries
	firmwarePeriod = time.Second           // between firmware queries
	probeTries     = 3                     // of each query before giving up
)

// FactoryLimits are the joints' limits as the arm leaves the factory [rad].
var FactoryLimits = [6]Range{
	{-1500 * deciDegree, 1500 * deciDegree},
	{0, 1800 * deciDegree},
	{-1700 * deciDegree, 0},
	{-1000 * deciDegree, 1000 * deciDegree},
	{-700 * deciDegree, 700 * deciDegree},
	{-1200 * deciDegree, 1200 * deciDegree},
}

// probe reads what the arm says of itself: firmware text, limits, stroke, collision levels.
type probe struct {
	since         time.Time // answers from before don't count; zero before the first tick
	done          bool
	firmware      Firmware
	firmwareTries int
	firmwareAsked time.Time
	asked         time.Time // last settings query
	tries         [8]int    // joints 1..6, gripper, collision
	problem       string    // why the arm must not be enabled
	warnings      []string
}

// stepProbe sends the next query and concludes when everything was answered or given up.
func (a *Arm) stepProbe(now time.Time) (out []can.Frame) {
	p := &a.probe
	if p.done {
		return nil
	}
	if a.cfg.DryRun {
		p.warnings = []string{"dry run: firmware and limits were not read"}
		p.done = true
		return nil
	}
	if p.since.IsZero() {
		p.since = now
	}
	if a.in.status.at.Before(p.since) {
		return nil // nobody there to answer
	}
	waiting := false
	if p.firmware == (Firmware{}) && len(a.in.chunks) >= firmwareSize {
		p.firmware, _ = ParseFirmware(a.in.chunks)
		a.in.chunks = a.in.chunks[:0]
	}
	if p.firmware == (Firmware{}) {
		switch due := now.Sub(p.firmwareAsked) >= firmwarePeriod; {
		case due && p.firmwareTries < probeTries:
			p.firmwareTries++
			p.firmwareAsked = now
			a.in.chunks = a.in.chunks[:0]
			out = append(out, FirmwareQuery())
			waiting = true
		default:
			waiting = !due
		}
	}
	for i, query := range a.queries() {
		if query.answered.After(p.since) || query.optional && !a.cfg.Gripper {
			continue
		}
		if p.tries[i] < probeTries || now.Sub(p.asked) < probePeriod {
			waiting = true
		}
		if p.tries[i] < probeTries && now.Sub(p.asked) >= probePeriod {
			p.tries[i]++
			p.asked = now
			out = append(out, query.frame)
		}
	}
	if !waiting {
		p.done = true
		a.conclude()
	}
	return out
}

// query is one setting to ask for.
type query struct {
	frame    can.Frame
	answered time.Time
	optional bool // only with a gripper
}

func (a *Arm) queries() (list [8]query) {
	for j := range 6 {
		list[j] = query{frame: LimitsQuery{Joint: j}.Frame(), answered: a.in.limits[j].at}
	}
	list[6] = query{SettingsQuery{Query: QueryGripper}.Frame(), a.in.teach.at, true}
	list[7] = query{frame: SettingsQuery{Query: QueryCollision}.Frame(), answered: a.in.collision.at}
	return list
}

// conclude judges the answers: limits in force, the reason to refuse, and warnings.
func (a *Arm) conclude() {
	p := &a.probe
	warn := func(format string, args ...any) { p.warnings = append(p.warnings, fmt.Sprintf(format, args...)) }
	p.problem, p.warnings = "", nil
	refuse := func(format string, args ...any) {
		if p.problem == "" {
			p.problem = fmt.Sprintf(format, args...)
		}
	}
	switch v := p.firmware.Version(); {
	case !v.Known():
		warn("the firmware text could not be read; efforts assume S-V1.8-3 or newer")
	case !v.After(1, 5, 1):
		refuse("firmware %s speaks protocol V1; update it to S-V1.8-9 or newer", p.firmware.Software)
	}
	for j := range 6 {
		l, answered := a.in.limits[j].value, a.in.limits[j].at.After(p.since)
		if !answered {
			refuse("joint%d's limits were not answered (0x472) in %d tries; cycle the arm's power", j+1, probeTries)
			continue
		}
		if why := corrupt(l); why != "" {
			refuse("joint%d's limits in the arm's flash are corrupt: %s; restore the settings", j+1, why)
			continue
		}
		a.limits[j] = a.narrowed(j, l)
		if want := a.configured(j); a.limits[j] != want {
			warn("joint%d's limits in the arm, %.1f°..%.1f°, are narrower than the calibration's; commands stay within %.3f..%.3f rad",
				j+1, l.Min/deciDegree/10, l.Max/deciDegree/10, a.limits[j].Lower, a.limits[j].Upper)
		}
		if !(a.limits[j].Lower < a.limits[j].Upper) {
			refuse("joint%d's limits in the arm, %.1f°..%.1f°, share nothing with the calibration's; restore the settings or calibrate", j+1, l.Min/deciDegree/10, l.Max/deciDegree/10)
		}
		if low, high := l.SpeedRange(); low > 3.01 || high < 0.3 {
			warn("joint%d's speed limit reads %d: %.2f rad/s or %.2f rad/s, the scale is not settled; neither fits 0.3..3 rad/s", j+1, l.Speed, low, high)
		}
	}
	if a.cfg.Gripper {
		switch t := a.in.teach; {
		case !t.at.After(p.since):
			warn("the gripper's stroke was not answered (0x477)")
		case t.value.Stroke == 0:
			refuse("the gripper's stroke is 0 in the arm's flash, so it reports 0 and does not move; restore the settings")
		case t.value.Stroke < a.cfg.Arm.Gripper.Stroke-1e-6:
			warn("the gripper's stroke is %.0f mm in the arm, the calibration says %.0f mm", t.value.Stroke*1000, a.cfg.Arm.Gripper.Stroke*1000)
		}
	}
	if a.in.collision.at.After(p.since) && a.cfg.CollisionLevel < 0 {
		for j, level := range a.in.collision.value {
			if level == 0 {
				warn("joint%d's collision detection is off", j+1)
			}
		}
	}
}

// corrupt says what is wrong with limits read from flash; empty when they can be limits.
func corrupt(l MotorLimits) string {
	degrees := func(x float64) float64 { return x / deciDegree / 10 }
	switch {
	case !(l.Min < l.Max):
		return fmt.Sprintf("min %.1f° is not below max %.1f°", degrees(l.Min), degrees(l.Max))
	case math.Abs(l.Min) > implausible || math.Abs(l.Max) > implausible:
		return fmt.Sprintf("%.1f°..%.1f° is beyond a turn", degrees(l.Min), degrees(l.Max))
	case l.Max-l.Min < 10*deciDegree:
		return fmt.Sprintf("%.1f°..%.1f° is less than a degree", degrees(l.Min), degrees(l.Max))
	case l.Speed == 0:
		return "the maximum speed is 0"
	}
	return ""
}

// configured are the calibration's limits of a joint.
func (a *Arm) configured(j int) Range {
	joint := a.cfg.Arm.Joints[j]
	return Range{joint.Lower, joint.Upper}
}

// narrowed are the calibration's limits cut to the arm's own, which come in steps of 0.1°.
func (a *Arm) narrowed(j int, l MotorLimits) Range {
	want, zero := a.configured(j), a.cfg.Arm.Joints[j].Zero
	const step = deciDegree
	if lower := l.Min + zero; lower > want.Lower+step {
		want.Lower = lower
	}
	if upper := l.Max + zero; upper < want.Upper-step {
		want.Upper = upper
	}
	return want
}
