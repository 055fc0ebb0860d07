package policy

import (
	"slices"
	"time"
)

// latencies keeps the last durations of something and answers for their percentiles.
type latencies struct {
	last []time.Duration
	next int
}

const keepLatencies = 100

func (l *latencies) add(d time.Duration) {
	if len(l.last) < keepLatencies {
		l.last = append(l.last, d)
		return
	}
	l.last[l.next] = d
	l.next = (l.next + 1) % keepLatencies
}

// percentile is the smallest duration that p (0..1) of them do not exceed; 0 when there are none.
func (l *latencies) percentile(p float64) time.Duration {
	if len(l.last) == 0 {
		return 0
	}
	s := slices.Clone(l.last)
	slices.Sort(s)
	return s[min(int(p*float64(len(s))), len(s)-1)]
}
