package recorder

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"
)

var soak = flag.Duration("soak", 2*time.Second, "how long BenchmarkRecording records")

// busyRobot publishes what a busy Cobot-Magic does: three cameras of 640×480 in
// JPEG at 30 Hz, four arms at 200 Hz. It returns the periods of the arms' loop.
func busyRobot(b *testing.B, c *rcl.Context) *[]time.Duration {
	rng := rand.New(rand.NewPCG(1, 2))
	periods := new([]time.Duration)
	_, err := c.Add("robot", rcl.Args{}, func(n *rcl.Node) error {
		var arms []*rcl.Publisher[msgs.JointState]
		for _, topic := range []string{"puppet/joint_left", "puppet/joint_right", "master/joint_left", "master/joint_right"} {
			p, err := rcl.Advertise[msgs.JointState](n, topic, rcl.Default)
			if err != nil {
				return err
			}
			arms = append(arms, p)
		}
		last := time.Time{}
		_, err := n.Timer(5*time.Millisecond, func(now time.Time) {
			if !last.IsZero() {
				*periods = append(*periods, now.Sub(last))
			}
			last = now
			for _, p := range arms {
				_ = p.Publish(&msgs.JointState{
					Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: []string{"joint0", "joint1", "joint2", "joint3", "joint4", "joint5", "joint6"},
					Position: make([]float64, 7), Velocity: make([]float64, 7), Effort: make([]float64, 7),
				})
			}
		})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range cameraNames {
		_, err := c.Add(name, rcl.Args{}, func(n *rcl.Node) error {
			p, err := rcl.Advertise[msgs.CompressedImage](n, name+"/color/image_raw/compressed", rcl.Newest)
			if err != nil {
				return err
			}
			_, err = n.Timer(time.Second/30, func(now time.Time) {
				jpeg := make([]byte, 60_000)
				for i := range jpeg {
					jpeg[i] = byte(rng.Uint32())
				}
				_ = p.Publish(&msgs.CompressedImage{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Format: "rgb8; jpeg compressed bgr8", Data: jpeg})
			})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return periods
}

func p99(all []time.Duration) time.Duration {
	late := make([]time.Duration, len(all))
	for i, d := range all {
		late[i] = max(d-5*time.Millisecond, 5*time.Millisecond-d)
	}
	slices.Sort(late)
	return late[len(late)*99/100]
}

// BenchmarkRecording records a busy robot in real time and reports what was lost
// and the jitter of the arms' loop, with the recorder and without.
//
//	go test ./nodes/recorder -run xxx -bench Recording -benchtime 1x -soak 5m
func BenchmarkRecording(b *testing.B) {
	b.Chdir(b.TempDir())
	for b.Loop() {
		var jitter [2]time.Duration
		for i, recording := range []bool{false, true} {
			c := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
			periods := busyRobot(b, c)
			cfg := DefaultConfig()
			cfg.Task, cfg.MinFree = "bench", 0
			_, err := c.Add("recorder", rcl.Args{}, func(n *rcl.Node) error {
				r, err := New(n, cfg)
				if recording {
					n.After(500*time.Millisecond, func() {
						r.start(episode.Info{}, func(ok bool, message, _ string) {
							if !ok {
								b.Error(message)
							}
						})
					})
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), *soak)
			_ = c.Run(ctx)
			cancel()
			if err := c.Shutdown(5 * time.Second); err != nil {
				b.Fatal(err)
			}
			jitter[i] = p99(*periods)
		}
		paths, err := episode.List(DefaultConfig().Directory)
		if err != nil {
			b.Fatal(err)
		}
		e, err := episode.Open(paths[len(paths)-1])
		if err != nil {
			b.Fatal(err)
		}
		var lost, missing, messages uint64
		for _, s := range e.Streams {
			lost, messages = lost+s.Dropped+s.Lost, messages+s.Messages
			if s.Topic != episode.StatusTopic {
				missing += s.Missing
			}
		}
		b.ReportMetric(float64(messages), "messages")
		b.ReportMetric(float64(lost), "lost")
		b.ReportMetric(float64(missing), "missing")
		b.ReportMetric(float64(jitter[0].Microseconds()), "jitter-without-us")
		b.ReportMetric(float64(jitter[1].Microseconds()), "jitter-with-us")
		_ = e.Close()
	}
}
