package main

import (
	"fmt"
	"runtime"
	"time"

	"cobot_vla/msgs"
)

// soakResult is one robot that was left running.
type soakResult struct {
	SimMinutes   float64 `json:"sim_minutes"`
	Decisions    int     `json:"decisions"`
	Errors       int     `json:"errors"`
	Refused      uint64  `json:"refused_commands"`
	HeapGrowthMB float64 `json:"heap_growth_mb"` // between one fifth of the time and its end
	Goroutines   int     `json:"goroutine_growth"`
	Pass         bool    `json:"pass"`
	Problem      string  `json:"problem,omitempty"`
}

// soak lets a robot that has done its task go on for long: told again and again,
// it must stay well, and neither memory nor goroutines may grow.
func soak(a *app, plant string, length time.Duration) (r soakResult, err error) {
	demo := baseDemo(plant, 1, 100)
	var early, late runtime.MemStats
	goroutines := 0
	demo.Lasts = length
	report, err := demo.run(a, newStatus(discard{}, true), func(g *graph, w *watcher) error {
		told := 0
		if _, err := w.n.Timer(20*time.Second, func(time.Time) { // the words change, so that every time is a new episode
			told++
			_ = w.tell.Publish(&msgs.String{Data: fmt.Sprintf("%s, time %d", demo.Instruction, told)})
		}); err != nil {
			return err
		}
		w.n.After(length/5, func() {
			runtime.GC()
			runtime.ReadMemStats(&early)
			goroutines = runtime.NumGoroutine()
		})
		w.n.After(length-time.Second, func() {
			runtime.GC()
			runtime.ReadMemStats(&late)
			goroutines = runtime.NumGoroutine() - goroutines
		})
		return nil
	})
	if err != nil {
		return r, err
	}
	r = soakResult{
		SimMinutes: length.Minutes(), Decisions: report.Decisions, Errors: len(report.Errors), Refused: report.Refused,
		HeapGrowthMB: (float64(late.HeapAlloc) - float64(early.HeapAlloc)) / (1 << 20), Goroutines: goroutines,
	}
	const slack = 4 // [MB]: what a watcher's own log may grow by
	switch {
	case r.Errors > 0:
		r.Problem = "errors: " + report.Errors[0]
	case r.HeapGrowthMB > slack:
		r.Problem = fmt.Sprintf("the heap grew by %.1f MB", r.HeapGrowthMB)
	case r.Goroutines > 0:
		r.Problem = fmt.Sprintf("%d goroutines more", r.Goroutines)
	}
	r.Pass = r.Problem == ""
	return r, nil
}
