package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/calibration"
	camdriver "cobot_vla/drivers/camera"
	"cobot_vla/launch"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/recorder/episode"
)

// benchRecordCmd records a teleoperated robot in real time, by turns, and tells
// what was lost and whether the arms' control loop felt it.
type benchRecordCmd struct {
	Length time.Duration `name:"seconds" help:"Length of the whole run; half of it is recorded." default:"5m"`
	Turn   time.Duration `help:"How long the recorder is on, or off, at a time; at most 10s." default:"10s"`
	Out    string        `help:"Folder for the episodes, which are kept; default: a temporary one."`
	JSON   bool          `help:"The results as JSON."`
	Readme string        `help:"README whose table is made from the results."`
}

// recordingBench is what a run found.
type recordingBench struct {
	Recorded time.Duration `json:"recorded_ns"`
	Turns    int           `json:"turns"` // with the recorder on, and as many without
	Bytes    int64         `json:"bytes"` // of the episodes
	Picture  int           `json:"picture_bytes"`
	Streams  []streamTally `json:"streams"`
	Jitter   []row         `json:"jitter"` // off, on
}

// streamTally is one kind of stream of all episodes.
type streamTally struct {
	Name       string        `json:"name"`
	Recorded   uint64        `json:"recorded"`
	Dropped    uint64        `json:"dropped"`     // by the recorder, whose queue was full
	Lost       uint64        `json:"lost"`        // on the way to it, by the publishers' numbers
	Unsent     uint64        `json:"unsent"`      // missing by the stamps, and neither dropped nor lost: never published
	LongestGap time.Duration `json:"longest_gap"` // between two stamps
	why        string        // some are never published
}

// Run implements the command.
func (c *benchRecordCmd) Run(a *app) error {
	if c.Turn < time.Second || c.Turn > 10*time.Second {
		return fmt.Errorf("--turn %v: 1s to 10s: the arm node keeps the periods of 10 s", c.Turn)
	}
	pairs := int(c.Length / (2 * c.Turn))
	if pairs < 1 {
		return fmt.Errorf("--seconds %v: at least two turns of %v, one with the recorder on and one without", c.Length, c.Turn)
	}
	a.log = a.log.Level(zerolog.FatalLevel) // a log line would be measured too
	dir := c.Out
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "bench_record_"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	fmt.Fprintf(a.stderr, "recording for %v, and as long not, in turns of %v, on %d cores\n", time.Duration(pairs)*c.Turn, c.Turn, runtime.NumCPU())
	t := &turns{turn: c.Turn, left: order(pairs), done: make(chan error, 1)}
	picture, err := t.run(a, dir)
	if err != nil {
		return err
	}
	b := recordingBench{Turns: pairs, Picture: picture, Jitter: []row{
		rowOf("arm loop jitter, recorder off", jitter(t.periods[0]), fmt.Sprintf("%d periods", len(t.periods[0]))),
		rowOf("arm loop jitter, recorder on", jitter(t.periods[1]), fmt.Sprintf("%d periods", len(t.periods[1]))),
	}}
	if err := b.count(dir); err != nil {
		return err
	}
	if c.Readme != "" {
		if err := updateReadme(c.Readme, map[string]string{"recording": b.table()}); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(b)
	}
	return b.print(a)
}

// order is the turns: off, on, on, off, and again, so that what drifts meets both.
func order(pairs int) []bool {
	var all []bool
	for i := range pairs {
		all = append(all, i%2 == 1, i%2 == 0)
	}
	return all
}

// turns switches the recorder of a running robot, on its node's thread.
type turns struct {
	turn    time.Duration
	left    []bool
	periods [2][]time.Duration // of the arms' loop, with the recorder off and on
	done    chan error

	g           *graph
	n           *rcl.Node
	start, stop *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response]
}

// run builds the robot and lets the turns go by; picture is the mean size of the cameras' files.
func (t *turns) run(a *app, dir string) (picture int, err error) {
	plan, err := planLaunch("teleop.launch.yaml", map[string]string{
		"sim": "true", "plant": "kinematic", "record": "true", "episodes": dir, "instruction": "bench",
	})
	if err != nil {
		return 0, err
	}
	t.g = newGraph(a, intra.New(), rcl.NewRealTime(), true)
	defer func() { err = errors.Join(err, t.g.close()) }()
	for _, x := range plan.Actions {
		n, ok := x.(*launch.Node)
		if !ok {
			continue
		}
		var more []rcl.ParamOverride
		switch n.Executable {
		case "sim": // the cameras are others
			more = []rcl.ParamOverride{{Node: "sim", Name: "cameras", Value: rcl.BoolValue(false)}}
		case "teleop":
			more = []rcl.ParamOverride{{Node: "teleop", Name: "take_over", Value: rcl.BoolValue(true)}}
		}
		if err := t.g.addNode(n, more...); err != nil {
			return 0, err
		}
	}
	for i, c := range calibration.Default().Cameras {
		src, err := newReel(c.Name, uint64(i))
		if err != nil {
			return 0, err
		}
		picture += src.bytes() / len(calibration.Default().Cameras)
		if err := t.g.addCamera(c, src, 30); err != nil {
			return 0, err
		}
	}
	if err := t.g.make("leaders", rcl.Args{}, lead); err != nil {
		return 0, err
	}
	if err := t.g.make("turns", rcl.Args{}, t.begin); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	var runner sync.WaitGroup
	var ran error
	runner.Go(func() { ran = t.g.ctx.Run(ctx) })
	select {
	case err = <-t.done:
	case <-a.ctx.Done():
		err = a.ctx.Err()
	}
	cancel()
	runner.Wait()
	if errors.Is(ran, context.Canceled) {
		ran = nil
	}
	return picture, errors.Join(err, ran)
}

func (t *turns) begin(_ *graph, n *rcl.Node) (err error) {
	t.n = n
	if t.start, err = rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "recorder/start"); err != nil {
		return err
	}
	if t.stop, err = rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "recorder/stop"); err != nil {
		return err
	}
	t.start.Timeout, t.stop.Timeout = 30*time.Second, 30*time.Second
	const up = 3 * time.Second // the motors are on and the arms follow
	n.After(up, t.next)
	return nil
}

// next goes on with the next turn.
func (t *turns) next() {
	if len(t.left) == 0 {
		t.done <- nil
		return
	}
	on := t.left[0]
	t.left = t.left[1:]
	if !on {
		t.n.After(t.turn, func() { t.look(0, t.next) })
		return
	}
	t.ask("start", t.start, func() {
		t.n.After(t.turn, func() {
			t.look(1, func() {
				const settle = 500 * time.Millisecond // for the file's end
				t.ask("stop", t.stop, func() { t.n.After(settle, t.next) })
			})
		})
	})
}

func (t *turns) ask(what string, c *rcl.Client[msgs.Trigger_Request, msgs.Trigger_Response], then func()) {
	c.Go(&msgs.Trigger_Request{}, func(q *msgs.Trigger_Response, err error) {
		if err == nil && !q.Success {
			err = errors.New(q.Message)
		}
		if err != nil {
			t.done <- fmt.Errorf("recorder/%s: %w", what, err)
			return
		}
		then()
	})
}

// look takes the turn's periods from the arm node, on its thread.
func (t *turns) look(recording int, then func()) {
	const period = time.Second / 200
	t.g.all["/arm"].node.Post(func() {
		p := t.g.arms.Periods()
		t.n.Post(func() {
			t.periods[recording] = append(t.periods[recording], p[max(0, len(p)-int(t.turn/period)):]...)
			then()
		})
	})
}

// lead is two leader arms that a person moves slowly.
func lead(_ *graph, n *rcl.Node) error {
	var pubs []*rcl.Publisher[msgs.JointState]
	arms := calibration.Default().Arms
	for _, arm := range arms {
		p, err := rcl.Advertise[msgs.JointState](n, "master/joint_"+arm.Side, rcl.Default)
		if err != nil {
			return err
		}
		pubs = append(pubs, p)
	}
	begun := n.Now()
	_, err := n.Timer(5*time.Millisecond, func(now time.Time) {
		s := 0.3 * (1 - math.Cos(0.3*now.Sub(begun).Seconds()))
		for i, p := range pubs {
			_ = p.Publish(&msgs.JointState{
				Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: arms[i].Names(), Position: []float64{0, 0.03 + s, -0.03 - s, 0, s / 2, 0, 0.02},
			})
		}
	})
	return err
}

// reel is a camera that sends JPEG itself, as USB cameras do: pictures of 640x480
// with the noise of a room, of about 50 kB, over and over.
type reel struct {
	name  string
	files []camdriver.Frame
	next  int
}

func newReel(name string, seed uint64) (*reel, error) {
	const width, height, length = 640, 480, 10
	rng := rand.New(rand.NewPCG(seed, 1))
	r := &reel{name: name}
	for k := range length {
		f := camdriver.Frame{Width: width, Height: height, Step: 3 * width, Encoding: "rgb8", Data: make([]byte, 3*width*height)}
		for y := range height {
			for x := range width {
				for c := range 3 {
					shade := 128 + 60*math.Sin(float64(x+10*k)/float64(30+40*c)) + 40*math.Sin(float64(y)/50) + 9*rng.NormFloat64()
					f.Data[3*(y*width+x)+c] = byte(math.Max(0, math.Min(255, shade)))
				}
			}
		}
		jpeg, err := camdriver.EncodeJPEG(f, 80)
		if err != nil {
			return nil, err
		}
		r.files = append(r.files, jpeg)
	}
	return r, nil
}

// bytes of a picture, on average.
func (r *reel) bytes() int {
	n := 0
	for _, f := range r.files {
		n += len(f.Data)
	}
	return n / len(r.files)
}

// Info implements camera.Source.
func (r *reel) Info() camdriver.Info {
	return camdriver.Info{Name: r.name, Width: r.files[0].Width, Height: r.files[0].Height, Rate: 30}
}

// Capture implements camera.Source.
func (r *reel) Capture(context.Context) (camdriver.Frame, error) {
	f := r.files[r.next]
	r.next = (r.next + 1) % len(r.files)
	return f, nil
}

// Close implements camera.Source.
func (r *reel) Close() error { return nil }

// count reads what the episodes say of themselves.
func (b *recordingBench) count(dir string) error {
	paths, err := episode.List(dir)
	if err != nil {
		return err
	}
	type kind struct {
		part  string // of the topic
		tally streamTally
	}
	kinds := []kind{
		{"/color/image_raw/compressed", streamTally{Name: "3 cameras 640x480 in JPEG, 30 Hz", why: "the cameras' timers were late"}},
		{"/puppet/joint_", streamTally{Name: "2 followers, 200 Hz", why: "the simulated arms' firmware was late with its feedback"}},
		{"/master/joint_", streamTally{Name: "2 leaders, 200 Hz", why: "the leaders' timer was late"}},
		{"", streamTally{Name: "all else"}}, // which says something when there is something to say
	}
	for _, path := range paths {
		e, err := episode.Open(path)
		if err != nil {
			return err
		}
		b.Recorded += e.Duration()
		for _, s := range e.Streams {
			i := slices.IndexFunc(kinds, func(k kind) bool { return strings.Contains(s.Topic, k.part) })
			kinds[i].tally.add(s)
		}
		if err := e.Close(); err != nil {
			return err
		}
		if info, err := os.Stat(path); err == nil {
			b.Bytes += info.Size()
		}
	}
	for _, k := range kinds {
		b.Streams = append(b.Streams, k.tally)
	}
	return nil
}

func (t *streamTally) add(s episode.Stream) {
	t.Recorded, t.Dropped, t.Lost = t.Recorded+s.Messages, t.Dropped+s.Dropped, t.Lost+s.Lost
	if t.why == "" {
		return
	}
	if gone := s.Dropped + s.Lost; s.Missing > gone {
		t.Unsent += s.Missing - gone
	}
	t.LongestGap = max(t.LongestGap, s.LongestGap)
}

// explains says what became of what is missing.
func (t streamTally) explains() string {
	var all []string
	if t.Dropped > 0 {
		all = append(all, "dropped: the recorder's thread or the disk was too slow, and its queue full")
	}
	if t.Lost > 0 {
		all = append(all, "lost: published, and never arrived")
	}
	if t.Unsent > 0 {
		all = append(all, "never published: "+t.why)
	}
	return strings.Join(all, "; ")
}

func (b *recordingBench) head() string {
	return fmt.Sprintf("%.0f s recorded in %d turns, %d turns without, %.1f MB/s to the disk, pictures of %d kB, on %d cores (%s/%s)",
		b.Recorded.Seconds(), b.Turns, b.Turns, float64(b.Bytes)/1e6/b.Recorded.Seconds(), b.Picture/1000, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

func (b *recordingBench) print(a *app) error {
	fmt.Fprintln(a.stdout, b.head())
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "streams\trecorded\tdropped\tlost\tnever published\tlongest gap\t\t")
	for _, t := range b.Streams {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t  %s\t\n", t.Name, t.Recorded, t.Dropped, t.Lost, t.Unsent, gap(t), t.explains())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	return printRows(a, b.Jitter, false)
}

func gap(t streamTally) string {
	if t.LongestGap == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ms", ms(t.LongestGap))
}

// table is the README's.
func (b *recordingBench) table() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s:\n\n| streams | recorded | dropped | lost | never published | longest gap | |\n|---|---|---|---|---|---|---|\n", b.head())
	for _, t := range b.Streams {
		fmt.Fprintf(&s, "| %s | %d | %d | %d | %d | %s | %s |\n", t.Name, t.Recorded, t.Dropped, t.Lost, t.Unsent, gap(t), t.explains())
	}
	fmt.Fprintf(&s, "\n| arm loop, distance of a period from 5 ms | p50 | p99 | max | |\n|---|---|---|---|---|\n")
	for _, r := range b.Jitter {
		fmt.Fprintf(&s, "| %s | %.3f ms | %.3f ms | %.2f ms | %s |\n", r.Name, r.P50, r.P99, r.Max, r.Note)
	}
	return s.String()
}
