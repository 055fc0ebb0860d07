package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/track"
)

// Spec is what all episodes of a set have in common.
type Spec struct {
	Format      Format   `json:"format"`
	FPS         int      `json:"fps"`
	Robot       string   `json:"robot"`
	StateNames  []string `json:"state_names"`
	ActionNames []string `json:"action_names"`
	Action      string   `json:"action"` // leader, command or next_state
	ActionLead  int      `json:"action_lead"`
	Velocity    bool     `json:"velocity"` // and effort, of the joints of the state
	Base        bool     `json:"base"`
	Cameras     []Camera `json:"cameras"`
	Video       bool     `json:"video"`
	Quality     int      `json:"quality"`
	Layout      string   `json:"layout,omitempty"`
	Chunk       int      `json:"chunk,omitempty"`
	Normalised  bool     `json:"normalised,omitempty"`
	Compress    bool     `json:"compress,omitempty"`
}

// Camera of a set.
type Camera struct {
	Name   string `json:"name"` // in the calibration
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// plan is one episode on its way into a set: all but its pictures.
type plan struct {
	spec    *Spec
	reader  *episode.Reader
	quality int

	cameras []picturesOf
	start   int64 // of frame 0 [ns]
	period  float64
	length  int

	state, velocity, effort, action [][]float64 // by frame
}

// picturesOf is one camera's pictures.
type picturesOf struct {
	topic string
	at    []int64 // stamps, in the order of the file
	pick  []int   // by frame: which picture
}

// tracks is an episode's signals; of the arms, one each.
type tracks struct {
	state, velocity, effort, leader, command, base track.Group
}

func newTracks(arms int) *tracks {
	each := func() track.Group { return track.NewGroup(arms) }
	return &tracks{state: each(), velocity: each(), effort: each(), leader: each(), command: each(), base: track.NewGroup(1)}
}

// prepare reads an episode's signals and stamps and lays its frames out. spec is
// completed by the first episode and holds for the others.
func prepare(r *episode.Reader, cfg Config, spec *Spec) (*plan, error) {
	robot, err := robotOf(r, cfg)
	if err != nil {
		return nil, err
	}
	p := &plan{reader: r, spec: spec, period: 1e9 / float64(cfg.FPS), quality: cfg.Quality}
	names, err := cameraNames(robot, cfg)
	if err != nil {
		return nil, err
	}
	byTopic := map[string]int{}
	for i, name := range names {
		topic, err := pictureTopic(r, robot, cfg, name)
		if err != nil {
			return nil, err
		}
		byTopic[topic] = i
		p.cameras = append(p.cameras, picturesOf{topic: topic})
	}
	t := newTracks(len(robot.Arms))
	if err := p.read(robot, cfg, byTopic, t); err != nil {
		return nil, err
	}
	if err := spec.settle(robot, cfg, names, t); err != nil {
		return nil, err
	}
	return p, p.layOut(cfg, t)
}

func robotOf(r *episode.Reader, cfg Config) (calibration.Robot, error) {
	if cfg.Robot != nil {
		return *cfg.Robot, nil
	}
	robot, err := calibration.Parse(r.Path+": calibration.yaml", r.Calibration)
	if err != nil {
		return robot, fmt.Errorf("%w: %w: give the robot's calibration", ErrEpisode, err)
	}
	return robot, nil
}

func cameraNames(robot calibration.Robot, cfg Config) ([]string, error) {
	var names []string
	for _, c := range robot.Cameras {
		names = append(names, c.Name)
	}
	if cfg.Cameras == nil {
		return names, nil
	}
	for _, n := range cfg.Cameras {
		if !slices.Contains(names, n) {
			return nil, fmt.Errorf("%w: camera %q; the robot has %s", ErrConfig, n, strings.Join(names, ", "))
		}
	}
	return cfg.Cameras, nil
}

func pictureTopic(r *episode.Reader, robot calibration.Robot, cfg Config, camera string) (string, error) {
	c, _ := robot.Camera(camera)
	raw := cfg.topic(c.Namespace + "/color/image_raw")
	for _, topic := range []string{raw + "/compressed", raw} {
		if s, ok := r.Stream(topic); ok && s.Messages > 0 {
			return topic, nil
		}
	}
	return "", fmt.Errorf("%w: %s: camera %s has no pictures on %s or its /compressed", ErrEpisode, r.Path, camera, raw)
}

// read goes once through the episode, without decoding pictures.
func (p *plan) read(robot calibration.Robot, cfg Config, cameras map[string]int, t *tracks) error {
	var topics []string
	joints := map[string]func(*msgs.JointState, int64){}
	for i, a := range robot.Arms {
		joints[cfg.topic("puppet/joint_"+a.Side)] = func(m *msgs.JointState, at int64) {
			t.state[i].Take(a, m.Name, m.Position, at)
			t.velocity[i].Take(a, m.Name, m.Velocity, at)
			t.effort[i].Take(a, m.Name, m.Effort, at)
		}
		joints[cfg.topic("master/joint_"+a.Side)] = func(m *msgs.JointState, at int64) { t.leader[i].Take(a, m.Name, m.Position, at) }
	}
	joints[cfg.topic("arms/command")] = func(m *msgs.JointState, at int64) {
		for i, a := range robot.Arms {
			t.command[i].Take(a, m.Name, m.Position, at)
		}
	}
	odom := cfg.topic("odom")
	for topic := range joints {
		topics = append(topics, topic)
	}
	for topic := range cameras {
		topics = append(topics, topic)
	}
	for m, err := range p.reader.Read(append(topics, odom)...) {
		if err != nil {
			return err
		}
		at := m.Stamp.UnixNano()
		if i, ok := cameras[m.Topic]; ok {
			p.cameras[i].at = append(p.cameras[i].at, at)
			continue
		}
		decoded, err := m.Decode()
		if err != nil {
			return err
		}
		switch d := decoded.(type) {
		case *msgs.JointState:
			joints[m.Topic](d, at)
		case *msgs.Odometry:
			t.base[0].Add(at, []float64{d.Twist.Twist.Linear.X, d.Twist.Twist.Angular.Z})
		}
	}
	for _, s := range slices.Concat(t.state, t.velocity, t.effort, t.leader, t.command, t.base) {
		s.Settle()
	}
	return nil
}

// settle fills in the spec from the first episode, and holds the others to it.
func (s *Spec) settle(robot calibration.Robot, cfg Config, cameras []string, t *tracks) error {
	now := Spec{
		Format: cfg.Format, FPS: cfg.FPS, Robot: robot.Name, Action: cfg.Action, ActionLead: cfg.ActionLead, Base: cfg.Base,
		StateNames: robot.ActionNames(), ActionNames: robot.ActionNames(), Velocity: !t.velocity.Empty() && !t.effort.Empty(),
		Video: cfg.Video, Quality: cfg.Quality, Layout: cfg.Layout, Chunk: cfg.Chunk, Normalised: cfg.Normalised, Compress: cfg.Compress,
	}
	if cfg.Action == Auto {
		switch {
		case s.Action != "":
			now.Action = s.Action
		case !t.leader.Empty():
			now.Action = Leader
		case !t.command.Empty():
			now.Action = Command
		default:
			now.Action = NextState
		}
	}
	if cfg.Base {
		now.StateNames = append(now.StateNames, calibration.BaseLinear, calibration.BaseAngular)
		now.ActionNames = append(now.ActionNames, calibration.BaseLinear, calibration.BaseAngular)
	}
	for _, name := range cameras {
		now.Cameras = append(now.Cameras, Camera{Name: name})
	}
	if s.FPS == 0 {
		*s = now
		return nil
	}
	now.Velocity = now.Velocity || !s.Velocity // an episode with more than the set wants is fine
	return s.same(now)
}

// asked holds a set that is there to what an export is asked for, as far as no episode
// says it: an export that finds every episode in the set reads none.
func (s *Spec) asked(cfg Config) error {
	o := *s
	o.Format, o.FPS, o.ActionLead, o.Base = cfg.Format, cfg.FPS, cfg.ActionLead, cfg.Base
	o.Video, o.Quality, o.Layout, o.Chunk, o.Normalised, o.Compress = cfg.Video, cfg.Quality, cfg.Layout, cfg.Chunk, cfg.Normalised, cfg.Compress
	if cfg.Action != Auto {
		o.Action = cfg.Action
	}
	if cfg.Cameras != nil {
		o.Cameras = nil
		for _, name := range cfg.Cameras {
			o.Cameras = append(o.Cameras, Camera{Name: name})
		}
	}
	if s.Base != o.Base {
		return fmt.Errorf("%w: the base is in the set: %v, wanted: %v: export to another folder", ErrConfig, s.Base, o.Base)
	}
	return s.same(o)
}

// same says what differs between a set and what is to be added to it.
func (s *Spec) same(o Spec) error {
	differs := func(what string, have, want any) error {
		return fmt.Errorf("%w: %s is %v, in the set it is %v: export to another folder", ErrConfig, what, want, have)
	}
	switch {
	case s.Format != o.Format:
		return differs("format", s.Format, o.Format)
	case s.FPS != o.FPS:
		return differs("frames a second", s.FPS, o.FPS)
	case !slices.Equal(s.StateNames, o.StateNames):
		return differs("state", s.StateNames, o.StateNames)
	case !slices.Equal(s.ActionNames, o.ActionNames):
		return differs("action", s.ActionNames, o.ActionNames)
	case s.Action != o.Action || s.ActionLead != o.ActionLead:
		return differs("action", fmt.Sprint(s.Action, " +", s.ActionLead), fmt.Sprint(o.Action, " +", o.ActionLead))
	case s.Velocity && !o.Velocity:
		return fmt.Errorf("%w: the episode has no velocity and effort, the set has: export to another folder", ErrEpisode)
	case s.Video != o.Video || s.Normalised != o.Normalised || s.Compress != o.Compress || s.Quality != o.Quality:
		return differs("kind of pictures and numbers", []any{s.Video, s.Normalised, s.Compress, s.Quality}, []any{o.Video, o.Normalised, o.Compress, o.Quality})
	case s.Layout != o.Layout || s.Chunk != o.Chunk:
		return differs("layout", fmt.Sprint(s.Layout, " of ", s.Chunk), fmt.Sprint(o.Layout, " of ", o.Chunk))
	case !slices.EqualFunc(s.Cameras, o.Cameras, func(a, b Camera) bool { return a.Name == b.Name }):
		return differs("cameras", s.Cameras, o.Cameras)
	}
	return nil
}

// layOut finds the frames.
func (p *plan) layOut(cfg Config, t *tracks) error {
	action, lead := t.state, 1.0
	switch p.spec.Action {
	case Leader:
		action, lead = t.leader, float64(cfg.ActionLead)
	case Command:
		action, lead = t.command, float64(cfg.ActionLead)
	}
	need := map[string]track.Group{"state of the arms": t.state, "action (" + p.spec.Action + ")": action}
	if p.spec.Base {
		need["odometry"] = t.base
	}
	var first, last int64 = 0, 1<<63 - 1
	for _, name := range slices.Sorted(maps.Keys(need)) {
		g := need[name]
		if g.Empty() {
			return fmt.Errorf("%w: %s has no %s", ErrEpisode, p.reader.Path, name)
		}
		first, last = max(first, g.First()), min(last, g.Last())
	}
	for i := range p.cameras {
		at := p.cameras[i].at
		first, last = max(first, slices.Min(at)), min(last, slices.Max(at))
	}
	n := int(float64(last-first+1)/p.period) + 1 // stamps are whole nanoseconds, frames are not
	if last < first || n < 2 {
		return fmt.Errorf("%w: %s: its streams have no time in common", ErrEpisode, p.reader.Path)
	}
	gaps := make([]string, n) // what is missing in a frame
	for i := range p.cameras {
		p.pickPictures(i, first, n, cfg, gaps)
	}
	p.sample(first, n, lead, t, action, cfg, gaps)
	return p.cut(first, gaps, cfg)
}

func (p *plan) frameTime(first int64, k float64) int64 { return first + int64(k*p.period+0.5) }

func (p *plan) pickPictures(i int, first int64, n int, cfg Config, gaps []string) {
	c := &p.cameras[i]
	order := make([]int, len(c.at)) // of time
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(max(-1, min(1, c.at[a]-c.at[b]))) })
	sorted := make([]int64, len(order))
	for k, o := range order {
		sorted[k] = c.at[o]
	}
	for k := range n {
		t := p.frameTime(first, float64(k))
		j := track.Nearest(sorted, t)
		if off := max(sorted[j]-t, t-sorted[j]); float64(off) > cfg.MaxSkew*1e9 {
			gaps[k] = fmt.Sprintf("camera %s: the nearest picture is %.3f s away", p.spec.Cameras[i].Name, float64(off)/1e9)
		}
		c.pick = append(c.pick, order[j])
	}
}

func (p *plan) sample(first int64, n int, lead float64, t *tracks, action track.Group, cfg Config, gaps []string) {
	at := func(k int, ahead float64, s track.Group, what string) []float64 {
		when := p.frameTime(first, float64(k)+ahead)
		v, apart := s.Value(min(when, s.Last()))
		if float64(apart) > 2*cfg.MaxSkew*1e9 && gaps[k] == "" {
			gaps[k] = fmt.Sprintf("%s: the samples around it are %.3f s apart", what, float64(apart)/1e9)
		}
		return v
	}
	for k := range n {
		state, act := at(k, 0, t.state, "state of the arms"), at(k, lead, action, "action")
		if p.spec.Velocity {
			p.velocity = append(p.velocity, at(k, 0, t.velocity, "velocity"))
			p.effort = append(p.effort, at(k, 0, t.effort, "effort"))
		}
		if p.spec.Base {
			state = slices.Concat(state, at(k, 0, t.base, "odometry"))
			act = slices.Concat(act, at(k, lead, t.base, "odometry"))
		}
		p.state, p.action = append(p.state, state), append(p.action, act)
	}
}

// cut keeps all frames, or the longest part without gaps.
func (p *plan) cut(first int64, gaps []string, cfg Config) error {
	from, to := 0, len(gaps)
	if i := slices.IndexFunc(gaps, func(g string) bool { return g != "" }); i >= 0 {
		if cfg.Gaps == Refuse {
			return fmt.Errorf("%w: %s: at %.3f s: %s; trim gaps away, or leave the episode out",
				ErrGap, p.reader.Path, time.Duration(float64(i)*p.period).Seconds(), gaps[i])
		}
		from, to = longestRun(gaps)
	}
	if to-from < 2 {
		return fmt.Errorf("%w: %s: nothing is left without gaps", ErrGap, p.reader.Path)
	}
	p.start, p.length = p.frameTime(first, float64(from)), to-from
	for i := range p.cameras {
		p.cameras[i].pick = p.cameras[i].pick[from:to]
	}
	p.state, p.action = p.state[from:to], p.action[from:to]
	if p.spec.Velocity {
		p.velocity, p.effort = p.velocity[from:to], p.effort[from:to]
	}
	return nil
}

func longestRun(gaps []string) (from, to int) {
	start := 0
	for k := range len(gaps) + 1 {
		if k < len(gaps) && gaps[k] == "" {
			continue
		}
		if k-start > to-from {
			from, to = start, k
		}
		start = k + 1
	}
	return from, to
}
