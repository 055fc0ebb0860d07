package episode

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Stream is what an episode knows of one of its topics.
type Stream struct {
	// Topic and Type are ROS 2's names.
	Topic, Type string
	// QoS its publishers offered, as rosbag2 writes it.
	QoS string
	// Messages in the file.
	Messages uint64
	// Dropped at the recorder, whose queues were full; Lost on the way, by the
	// publishers' sequence numbers.
	Dropped, Lost uint64
	// Period between two stamps, the median.
	Period time.Duration
	// Gaps longer than 1.5 periods, the messages Missing in them, and the longest.
	Gaps, Missing uint64
	LongestGap    time.Duration
	// Backwards counts stamps before the one that came before them.
	Backwards uint64
	// Latency is arrival minus stamp.
	LatencyMean, LatencyMin, LatencyMax time.Duration
	// Skew is the distance in stamp from a message of the reference stream to the
	// nearest of this one, while both ran.
	SkewMedian, SkewMax time.Duration
}

// sample is when a message was captured and when it arrived [ns].
type sample struct{ stamp, arrival int64 }

// measure fills in all that follows from the messages' times. reference are the
// stamps of the reference stream, sorted.
func (s *Stream) measure(samples []sample, reference []int64) {
	s.Messages = uint64(len(samples))
	if len(samples) == 0 {
		return
	}
	var sum time.Duration
	s.LatencyMin, s.LatencyMax = time.Duration(1<<63-1), time.Duration(-1<<63)
	for _, x := range samples {
		l := time.Duration(x.arrival - x.stamp)
		sum += l
		s.LatencyMin, s.LatencyMax = min(s.LatencyMin, l), max(s.LatencyMax, l)
	}
	s.LatencyMean = sum / time.Duration(len(samples))
	s.measureGaps(samples)
	s.measureSkew(stamps(samples), reference)
}

func (s *Stream) measureGaps(samples []sample) {
	steps := make([]int64, 0, len(samples))
	for i := 1; i < len(samples); i++ {
		step := samples[i].stamp - samples[i-1].stamp
		if step < 0 {
			s.Backwards++
			continue
		}
		steps = append(steps, step)
	}
	if len(steps) == 0 {
		return
	}
	slices.Sort(steps)
	period := steps[len(steps)/2]
	s.Period = time.Duration(period)
	s.LongestGap = time.Duration(steps[len(steps)-1])
	for _, step := range slices.Backward(steps) {
		if period <= 0 || step <= period+period/2 {
			break
		}
		s.Gaps++
		s.Missing += uint64((step+period/2)/period - 1)
	}
}

func (s *Stream) measureSkew(own, reference []int64) {
	var skews []int64
	i := 0
	for _, t := range reference {
		if t < own[0] || t > own[len(own)-1] {
			continue
		}
		for i+1 < len(own) && abs(own[i+1]-t) <= abs(own[i]-t) {
			i++
		}
		skews = append(skews, abs(own[i]-t))
	}
	if len(skews) == 0 {
		return
	}
	slices.Sort(skews)
	s.SkewMedian, s.SkewMax = time.Duration(skews[len(skews)/2]), time.Duration(skews[len(skews)-1])
}

func abs(x int64) int64 { return max(x, -x) }

func stamps(samples []sample) []int64 {
	out := make([]int64, len(samples))
	for i, x := range samples {
		out[i] = x.stamp
	}
	slices.Sort(out)
	return out
}

// streamRecord is the name of the metadata record of one stream.
const streamRecord = "cobot_vla/stream"

func (s *Stream) counts() map[string]*uint64 {
	return map[string]*uint64{
		"messages": &s.Messages, "dropped": &s.Dropped, "lost": &s.Lost,
		"gaps": &s.Gaps, "missing": &s.Missing, "backwards": &s.Backwards,
	}
}

func (s *Stream) spans() map[string]*time.Duration {
	return map[string]*time.Duration{
		"period_s": &s.Period, "longest_gap_s": &s.LongestGap,
		"latency_mean_s": &s.LatencyMean, "latency_min_s": &s.LatencyMin, "latency_max_s": &s.LatencyMax,
		"skew_median_s": &s.SkewMedian, "skew_max_s": &s.SkewMax,
	}
}

// metadata is the stream as a metadata record has it: counts, and seconds.
func (s *Stream) metadata() map[string]string {
	m := map[string]string{"topic": s.Topic, "type": s.Type}
	for key, v := range s.counts() {
		m[key] = strconv.FormatUint(*v, 10)
	}
	for key, v := range s.spans() {
		m[key] = seconds(*v)
	}
	return m
}

func (s *Stream) parse(m map[string]string) error {
	s.Topic, s.Type = m["topic"], m["type"]
	for key, v := range s.counts() {
		n, err := strconv.ParseUint(m[key], 10, 64)
		if err != nil {
			return fmt.Errorf("stream %s: %s is %q, no count", s.Topic, key, m[key])
		}
		*v = n
	}
	for key, v := range s.spans() {
		d, err := parseSeconds(m[key])
		if err != nil {
			return fmt.Errorf("stream %s: %s is %q, no number of seconds", s.Topic, key, m[key])
		}
		*v = d
	}
	return nil
}

// seconds writes a duration exactly.
func seconds(d time.Duration) string {
	sign := ""
	n := uint64(d)
	if d < 0 {
		sign, n = "-", uint64(-d)
	}
	return fmt.Sprintf("%s%d.%09d", sign, n/1e9, n%1e9)
}

func parseSeconds(s string) (time.Duration, error) { return time.ParseDuration(s + "s") }
