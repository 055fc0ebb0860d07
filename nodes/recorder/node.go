package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// States of the recorder.
const (
	Idle      = "idle"
	Arming    = "arming"
	Recording = "recording"
	Finishing = "finishing"
)

// Node is the recorder node.
type Node struct {
	n   *rcl.Node
	cfg Config

	topics      []wanted
	calibration []byte
	robot       string
	options     episode.Options // the writer's

	state       string
	reason      string // what is wrong, or why the last start was refused
	trouble     string // of the episode that is being recorded
	streams     []*stream
	arming      *arming
	rec         *recording
	info        episode.Info
	path        string
	marks       *stream
	ended       *ending
	census      *census
	clock       clockWatch
	instruction string
	firmware    map[string]string
	lastTick    time.Time
	finished    int // episodes

	status *rcl.Publisher[msgs.RecorderStatus]
}

// arming is a start that waits for the streams.
type arming struct {
	began, until time.Time
	info         episode.Info
	reply        func(ok bool, message, path string)
}

// ending is an episode that is being finished.
type ending struct {
	replies []func(ok bool, message string)
}

// New starts the node on n.
func New(n *rcl.Node, cfg Config) (*Node, error) { return newNode(n, cfg, episode.Options{}) }

func newNode(n *rcl.Node, cfg Config, options episode.Options) (*Node, error) {
	r := &Node{n: n, cfg: cfg, state: Idle, firmware: map[string]string{}, census: newCensus(n), options: options}
	if err := n.Bind(&r.cfg); err != nil {
		return nil, err
	}
	var err error
	if r.topics, err = r.cfg.topics(); err != nil {
		return nil, err
	}
	if err := r.loadCalibration(); err != nil {
		return nil, err
	}
	r.options.FlushInterval = span(r.cfg.FlushInterval)
	r.marks = &stream{wanted: wanted{typeName: (*msgs.String)(nil).TypeName()}, topic: episode.MarkTopic}
	if err := r.connect(); err != nil {
		return nil, err
	}
	n.OnShutdown(func() { r.end(episode.Unjudged, "", "the recorder was closed", nil) }, func() bool { return r.rec == nil })
	n.Keep(closer(r.abort))
	if r.cfg.Repair {
		r.repairAll()
	}
	return r, nil
}

type closer func() error

func (c closer) Close() error { return c() }

func (r *Node) loadCalibration() (err error) {
	name := r.cfg.Calibration
	if name == "" {
		name = "cobot_magic.yaml"
		r.calibration, err = fs.ReadFile(calibration.Files(), name)
	} else {
		r.calibration, err = os.ReadFile(name)
	}
	if err != nil {
		return fmt.Errorf("recorder: calibration: %w", err)
	}
	robot, err := calibration.Parse(name, r.calibration)
	r.robot = robot.Name
	return err
}

func (r *Node) connect() error {
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	r.status, err = rcl.Advertise[msgs.RecorderStatus](r.n, "recorder/status", rcl.Latched)
	keep(err)
	_, err = rcl.Subscribe(r.n, "instruction", rcl.Latched, func(m *msgs.String, _ rcl.Info) { r.instruction = m.Data })
	keep(err)
	_, err = rcl.Subscribe(r.n, "/diagnostics", rcl.Default, func(m *msgs.DiagnosticArray, _ rcl.Info) { r.noteFirmware(m) })
	keep(err)
	_, err = r.n.Timer(50*time.Millisecond, r.tick)
	keep(err)
	_, err = r.n.Timer(250*time.Millisecond, r.slowTick)
	keep(err)
	keep(r.serve())
	d, err := rcl.NewDiagnostics(r.n, "")
	keep(err)
	if err == nil {
		d.Task("recorder", r.diagnose)
	}
	return errors.Join(errs...)
}

// noteFirmware keeps what drivers say of their parts' firmware.
func (r *Node) noteFirmware(m *msgs.DiagnosticArray) {
	for _, s := range m.Status {
		for _, v := range s.Values {
			if strings.Contains(v.Key, "firmware") && v.Value != "" {
				r.firmware[s.Name] = v.Value
			}
		}
	}
}

// start begins to arm; reply hears how it went.
func (r *Node) start(info episode.Info, reply func(ok bool, message, path string)) {
	refuse := func(err error) {
		r.reason = err.Error()
		reply(false, r.reason, "")
	}
	if r.state != Idle {
		refuse(fmt.Errorf("%w: it is %s %s already: stop that first", ErrState, r.state, r.info.Name))
		return
	}
	if info.Task == "" {
		info.Task = r.cfg.Task
	}
	if info.Task == "" {
		info.Task = r.instruction
	}
	if info.Operator == "" {
		info.Operator = r.cfg.Operator
	}
	if strings.TrimSpace(info.Task) == "" {
		refuse(fmt.Errorf("%w: say it in start_episode, in the parameter task, or on the topic instruction", ErrTask))
		return
	}
	if err := r.room(r.cfg.MinFree); err != nil {
		refuse(err)
		return
	}
	now := r.n.Now()
	r.arming = &arming{began: now, until: now.Add(span(r.cfg.ArmTimeout)), info: info, reply: reply}
	r.state, r.trouble = Arming, ""
	r.clock = clockWatch{}
	err := r.subscribe()
	if err == nil {
		err = r.census.start()
	}
	if err != nil {
		r.refuse(err)
	}
}

// room says whether the disk has so many MiB.
func (r *Node) room(mib int) error {
	if err := os.MkdirAll(r.cfg.Directory, 0o777); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	free, err := freeBytes(r.cfg.Directory)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDisk, r.cfg.Directory, err)
	}
	if want := uint64(mib) << 20; free < want {
		return fmt.Errorf("%w: %s has %d MiB left, fewer than %d: make room or record elsewhere (parameter directory)", ErrDisk, r.cfg.Directory, free>>20, mib)
	}
	return nil
}

func (r *Node) subscribe() error {
	graph := r.n.Graph()
	for _, w := range r.topics {
		s, err := newStream(r.n, w, graph, r.heard)
		if errors.Is(err, ErrStream) && !w.required && w.typeName == "" {
			r.n.Log().Info().Err(err).Msg("not recorded")
			continue
		}
		if err != nil {
			return err
		}
		r.streams = append(r.streams, s)
	}
	return nil
}

func (r *Node) unsubscribe() {
	for _, s := range r.streams {
		_ = s.sub.Close()
	}
	r.streams = nil
}

// refuse ends an arming.
func (r *Node) refuse(err error) {
	a := r.arming
	r.unsubscribe()
	r.arming, r.state, r.reason = nil, Idle, err.Error()
	r.n.Log().Warn().Err(err).Msg("no episode")
	a.reply(false, r.reason, "")
	r.publish()
}

// heard takes a message of a stream: all that is done before the next callback.
func (r *Node) heard(s *stream, m rcl.Sample, info rcl.Info) {
	s.hear(m, info)
	if r.state == Recording {
		r.push(s, m, info.Received)
	}
}

func (r *Node) push(s *stream, m rcl.Sample, arrival time.Time) {
	it := item{stream: s, arrival: arrival, message: m.Message, cdr: m.CDR, bytes: len(m.CDR)}
	if m.Message != nil {
		it.bytes = msgs.Size(m.Message)
	}
	if !r.rec.queue.push(it, r.rec.wait) {
		s.dropped++
	}
}

// tick arms.
func (r *Node) tick(now time.Time) {
	r.clock.see(now, span(r.cfg.MaxJump))
	if r.state != Arming {
		return
	}
	problem := r.unready(now)
	switch a := r.arming; {
	case problem == nil && (r.census.done() || now.Sub(a.began) > time.Second):
		if err := r.begin(now); err != nil {
			r.refuse(err)
		}
	case problem == nil:
	case errors.Is(problem, ErrClock) || now.After(a.until):
		r.refuse(problem)
	}
}

// unready says why recording can't begin yet.
func (r *Node) unready(now time.Time) error {
	if why := r.clock.recent(r.arming.began); why != "" {
		return fmt.Errorf("%w: %s", ErrClock, why)
	}
	var missing []string
	for _, s := range r.streams {
		if s.required {
			if why := s.ready(now, r.cfg); why != "" {
				missing = append(missing, why)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w %s", ErrStream, strings.Join(missing, "; "))
	}
	return nil
}

// begin makes the episode.
func (r *Node) begin(now time.Time) error {
	parameters, err := r.census.yaml()
	if err != nil {
		return err
	}
	info := r.arming.info
	info.Name = r.cfg.Episode
	info.Robot, info.Started, info.Firmware = r.robot, now, r.firmware
	info.Calibration, info.Parameters = r.calibration, parameters
	if len(r.cfg.Cameras) > 0 {
		info.Reference = r.streams[0].topic // the first topic is the first camera's
	}
	w, err := episode.Create(r.cfg.Directory, info, r.options)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	reply := r.arming.reply
	r.arming = nil
	r.rec = record(w, r.cfg.Queue<<20, r.n.Simulated(), func(err error) { r.n.Post(func() { r.writeFailed(err) }) })
	r.info, r.path = w.Info(), w.Path()
	r.state, r.reason, r.lastTick = Recording, "", now
	for _, s := range r.streams {
		latched := s.latched && s.count > 0
		s.beginEpisode()
		if latched {
			s.count, s.first = 1, now
			r.push(s, s.newest, now)
		}
	}
	r.n.Log().Info().Str("path", r.path).Str("task", r.info.Task).Msg("recording")
	reply(true, "recording "+r.info.Name, r.path)
	r.publish()
	return nil
}

func (r *Node) writeFailed(err error) {
	if r.state == Recording {
		r.end(episode.Unjudged, "", err.Error(), nil)
	}
}

// mark notes a moment of the episode.
func (r *Node) mark(label string) error {
	if r.state != Recording {
		return fmt.Errorf("%w: it is %s: there is nothing to mark", ErrState, r.state)
	}
	r.push(r.marks, rcl.Sample{Message: &msgs.String{Data: label}}, r.n.Now())
	return nil
}

// end finishes the episode; reply, which may be nil, hears how it went.
func (r *Node) end(v episode.Verdict, remark, reason string, reply func(ok bool, message string)) {
	if reply == nil {
		reply = func(bool, string) {}
	}
	switch r.state {
	case Idle:
		reply(false, fmt.Errorf("%w: nothing is being recorded", ErrState).Error())
		return
	case Arming:
		r.refuse(fmt.Errorf("%w: stopped before it began", ErrState))
		reply(true, "stopped before it began")
		return
	case Finishing:
		r.ended.replies = append(r.ended.replies, reply)
		return
	}
	now := r.n.Now()
	r.tellLosses(now, true)
	r.unsubscribe()
	r.state = Finishing
	r.ended = &ending{replies: []func(bool, string){reply}}
	rec, result := r.rec, episode.Result{Verdict: v, Remark: remark, Ended: now, Reason: reason}
	r.n.Background(0, func(_ context.Context, post func(func())) {
		e, err := rec.finish(result)
		post(func() { r.complete(e, err) })
	})
	r.publish()
}

func (r *Node) complete(e *episode.Episode, err error) {
	replies := r.ended.replies
	r.rec, r.ended, r.state, r.trouble = nil, nil, Idle, ""
	ok, message := err == nil, ""
	switch {
	case err != nil:
		r.reason = err.Error()
		message = r.reason
		r.n.Log().Error().Err(err).Msg("the episode did not end well")
	default:
		r.reason = ""
		r.finished++
		message = summary(e)
		r.n.Log().Info().Str("path", e.Path).Msg(message)
	}
	for _, reply := range replies {
		reply(ok, message)
	}
	r.publish()
}

// summary of an episode in a line.
func summary(e *episode.Episode) string {
	var dropped, lost, gaps uint64
	for _, s := range e.Streams {
		dropped, lost, gaps = dropped+s.Dropped, lost+s.Lost, gaps+s.Gaps
	}
	return fmt.Sprintf("%s: %s, %.1f s, %d messages of %d topics, %d dropped, %d lost, %d gaps",
		e.Name, e.Verdict, e.Duration().Seconds(), e.Messages, len(e.Streams), dropped, lost, gaps)
}

// judge changes the verdict of a finished episode.
func (r *Node) judge(path string, v episode.Verdict, remark string) (string, error) {
	if path == "" {
		path = r.path
	}
	if path == "" {
		return "", fmt.Errorf("%w: no episode was recorded yet: say which by its path", ErrState)
	}
	if !strings.HasSuffix(path, ".mcap") { // its name alone
		path = filepath.Join(r.cfg.Directory, path, filepath.Base(path)+".mcap")
	}
	e, err := episode.Judge(path, v, remark)
	if err != nil {
		return "", err
	}
	return summary(e), nil
}

// abort ends the episode when the node has gone.
func (r *Node) abort() error {
	if r.rec == nil {
		return nil
	}
	_, err := r.rec.finish(episode.Result{Ended: r.n.Now(), Reason: "the recorder was closed"})
	return err
}

// repairAll finishes what was interrupted before.
func (r *Node) repairAll() {
	dir := r.cfg.Directory
	r.n.Background(0, func(ctx context.Context, post func(func())) {
		err := finishInterrupted(ctx, dir, func(path string, done episode.Repaired, err error) {
			switch log := r.n.Log(); {
			case err != nil:
				log.Warn().Err(err).Msg("not repaired")
			case !done.Whole:
				log.Info().Str("path", path).Int64("cut_bytes", done.Cut).Msg("repaired an interrupted episode: " + summary(done.Episode))
			}
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			r.n.Log().Warn().Err(err).Msg("looking for interrupted episodes")
		}
	})
}
