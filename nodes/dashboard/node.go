package dashboard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Node is the dashboard.
type Node struct {
	n        *rcl.Node
	cfg      Config
	robot    calibration.Robot
	board    *board
	pictures []*picture
	encoder  encoder
	fox      *foxglove
	library  Library // nil: no list of episodes
	export   exporter

	// On the node's thread.
	heard   []*rcl.Subscription // always
	looking int                 // viewers
	open    map[*picture]*rcl.Subscription
	rates   map[string]uint64 // messages a second ago, by topic

	topics   atomic.Pointer[[]topicView]
	viewers  atomic.Int64
	handlers sync.WaitGroup
	drives   atomic.Uint64 // driving messages of viewers
	stale    atomic.Uint64 // of these, come too late
	failure  atomic.Pointer[string]
	page     net.Addr
	foxAddr  net.Addr

	estop       *rcl.Publisher[msgs.Bool]
	instruction *rcl.Publisher[msgs.String]
	twist       *rcl.Publisher[msgs.Twist]
	services    *services
}

// New starts the dashboard on n: its page and its Foxglove server listen when it
// returns. open, which may be nil, opens the folder of recorded episodes.
func New(n *rcl.Node, cfg Config, open OpenLibrary) (*Node, error) {
	d, err := build(n, cfg, open)
	if err != nil {
		return nil, err
	}
	if d.page, err = d.serve("the page", d.cfg.Listen, d.Handler()); err != nil {
		return nil, err
	}
	if d.cfg.Foxglove != "" {
		if d.foxAddr, err = d.serve("the Foxglove server", d.cfg.Foxglove, d.FoxgloveHandler()); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// build makes everything but the listeners.
func build(n *rcl.Node, cfg Config, open OpenLibrary) (*Node, error) {
	if err := n.Bind(&cfg); err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	robot, err := loadRobot(cfg.Calibration)
	if err != nil {
		return nil, err
	}
	d := &Node{
		n: n, cfg: cfg, robot: robot, board: newBoard(cfg, robot, n.Now), encoder: encoder{cfg: cfg},
		open: map[*picture]*rcl.Subscription{}, rates: map[string]uint64{}, services: newServices(n),
	}
	for _, c := range robot.Cameras {
		d.pictures = append(d.pictures, &picture{name: c.Name, topic: c.Namespace + "/color/image_raw"})
	}
	d.pictures = append(d.pictures, &picture{name: "policy", topic: "observation/image"})
	if open != nil && d.cfg.Episodes != "" {
		d.library = open(d.cfg.Episodes)
	}
	d.fox = newFoxglove(d)
	d.topics.Store(&[]topicView{})
	return d, d.connect()
}

// serve listens, and serves until the node ends.
func (d *Node) serve(what, address string, h http.Handler) (net.Addr, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dashboard: %s can't listen on %q: %w: is another dashboard running?", what, address, err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 14}
	d.n.Go(func(ctx context.Context) {
		stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
		defer stop()
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			text := fmt.Sprintf("%s ended: %v", what, err)
			d.failure.Store(&text)
			d.n.Log().Error().Msg(text)
		}
		d.handlers.Wait() // of WebSockets, which the server does not know any more
	})
	d.n.Log().Info().Msgf("%s: http://%s", what, l.Addr())
	return l.Addr(), nil
}

// Addresses are those of the page and of the Foxglove server; nil where none listens.
func (d *Node) Addresses() (page, foxglove net.Addr) { return d.page, d.foxAddr }

// listen subscribes for good to something that is small.
func listen[T any, P msgs.Ptr[T]](d *Node, topic string, qos rcl.QoS, fn func(m *T, now time.Time)) error {
	s, err := rcl.Subscribe[T, P](d.n, topic, qos, func(m *T, _ rcl.Info) {
		d.board.write(func(now time.Time) { fn(m, now) })
	})
	if err == nil {
		d.heard = append(d.heard, s)
	}
	return err
}

func (d *Node) connect() error {
	n, b := d.n, d.board
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	d.estop, err = rcl.Advertise[msgs.Bool](n, "estop", rcl.Default)
	keep(err)
	d.instruction, err = rcl.Advertise[msgs.String](n, "instruction", rcl.Latched)
	keep(err)
	d.twist, err = rcl.Advertise[msgs.Twist](n, "teleop/cmd_vel", rcl.Newest)
	keep(err)
	keep(listen(d, "instruction", rcl.Latched, func(m *msgs.String, _ time.Time) { b.instruction = m.Data }))
	keep(listen(d, "supervisor/authority", rcl.Newest, func(m *msgs.Authority, now time.Time) { b.authority, b.authorityAt = m, now }))
	keep(listen(d, "supervisor/parts", rcl.Default, func(m *msgs.PartStatus, now time.Time) { b.parts[m.Part] = at[msgs.PartStatus]{*m, now} }))
	keep(listen(d, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, now time.Time) {
		if _, known := b.sources[m.Source]; known || len(b.sources) < 10 {
			b.sources[m.Source] = at[msgs.Heartbeat]{*m, now}
		}
	}))
	keep(listen(d, "teleop/correction", rcl.Latched, func(m *msgs.Bool, _ time.Time) { b.correction = m.Data }))
	keep(listen(d, "policy/navigation", rcl.Default, b.addNavigation))
	keep(listen(d, "policy/manipulation", rcl.Default, b.addChunk))
	keep(listen(d, "arms/command", rcl.NewestSensor, func(m *msgs.JointState, now time.Time) {
		if p := b.joints(m); p != nil {
			b.command = at[[]float64]{p, now}
		}
	}))
	for i, a := range d.robot.Arms {
		keep(listen(d, "puppet/joint_"+a.Side, rcl.NewestSensor, func(m *msgs.JointState, now time.Time) {
			b.measured[i] = at[[]float64]{b.side(i, m), now}
		}))
		keep(listen(d, "master/joint_"+a.Side, rcl.NewestSensor, func(m *msgs.JointState, now time.Time) {
			b.leader[i] = at[[]float64]{b.side(i, m), now}
		}))
	}
	keep(listen(d, "odom", rcl.NewestSensor, b.addOdometry))
	keep(listen(d, "base/status", rcl.Default, func(m *msgs.MotionStatus, now time.Time) { b.goal = at[msgs.MotionStatus]{*m, now} }))
	keep(listen(d, "/diagnostics", rcl.QoS{Depth: 50}, b.addDiagnostics))
	keep(listen(d, "recorder/status", rcl.Newest, func(m *msgs.RecorderStatus, now time.Time) { b.recorder = at[msgs.RecorderStatus]{*m, now} }))
	keep(listen(d, "sim/verdict", rcl.Latched, func(m *msgs.TaskVerdict, now time.Time) { b.verdict = at[msgs.TaskVerdict]{*m, now} }))
	_, err = n.Timer(time.Second, d.everySecond)
	keep(err)
	diag, err := rcl.NewDiagnostics(n, d.robot.Name)
	keep(err)
	if err == nil {
		diag.Task("dashboard", d.diagnose)
	}
	return errors.Join(errs...)
}

// look counts viewers; pictures are subscribed to while there is one.
func (d *Node) look(change int) {
	d.looking += change
	if d.looking > 0 {
		d.openPictures()
		return
	}
	for p, s := range d.open {
		_ = s.Close()
		p.clear()
	}
	clear(d.open)
}

func (d *Node) openPictures() {
	var graph *rcl.Graph
	for _, p := range d.pictures {
		if d.open[p] != nil {
			continue
		}
		if graph == nil {
			g := d.n.Graph()
			graph = &g
		}
		if s, err := d.openPicture(*graph, p); err != nil {
			d.n.Log().Warn().Err(err).Msg("no picture of " + p.name)
		} else if s != nil {
			d.open[p] = s
		}
	}
}

// openPicture subscribes to a picture that somebody publishes: compressed where
// that is done already, for a recorder, or where there is nothing else.
func (d *Node) openPicture(g rcl.Graph, p *picture) (*rcl.Subscription, error) {
	raw, packed := d.find(g, p.topic), d.find(g, p.topic+"/compressed")
	if len(packed.Publishers) > 0 && (len(packed.Subscribers) > 0 || len(raw.Publishers) == 0) {
		return rcl.Subscribe(d.n, p.topic+"/compressed", rcl.NewestSensor, func(m *msgs.CompressedImage, _ rcl.Info) {
			d.arrived(p, m.Header)
			p.put(nil, m, m.Header.Stamp.Go())
		})
	}
	if len(raw.Publishers) == 0 {
		return nil, nil
	}
	return rcl.Subscribe(d.n, p.topic, rcl.NewestSensor, func(m *msgs.Image, _ rcl.Info) {
		d.arrived(p, m.Header)
		p.put(m, nil, m.Header.Stamp.Go())
	})
}

// find is a topic in the graph, by its name below the node's namespace.
func (d *Node) find(g rcl.Graph, name string) rcl.TopicInfo {
	full, err := d.n.FullName().Expand(name)
	if err != nil {
		return rcl.TopicInfo{}
	}
	i := slices.IndexFunc(g.Topics, func(t rcl.TopicInfo) bool { return t.Name == full })
	if i < 0 {
		return rcl.TopicInfo{}
	}
	return g.Topics[i]
}

// arrived measures how old the policy's image is.
func (d *Node) arrived(p *picture, h msgs.Header) {
	if p.name == "policy" {
		d.board.write(func(now time.Time) { d.board.age.add(now.Sub(h.Stamp.Go())) })
	}
}

// everySecond counts, and looks for topics that came and went.
func (d *Node) everySecond(time.Time) {
	if d.looking > 0 {
		d.openPictures()
		d.count()
	}
	d.fox.refresh()
}

func (d *Node) count() {
	subs := slices.Clone(d.heard)
	for _, p := range d.pictures {
		if s := d.open[p]; s != nil {
			subs = append(subs, s)
		}
	}
	out := make([]topicView, 0, len(subs))
	for _, s := range subs {
		st := s.Stats()
		was, known := d.rates[s.Topic()]
		rate := float64(st.Received) - float64(was)
		if !known || rate < 0 {
			rate = 0
		}
		d.rates[s.Topic()] = st.Received
		if st.Received > 0 {
			out = append(out, topicView{s.Topic(), rate, st.Dropped, st.Lost + st.Malformed})
		}
	}
	d.topics.Store(&out)
}

func (d *Node) diagnose(s *rcl.Status) {
	s.Add("viewers", d.viewers.Load())
	s.Add("foxglove_clients", d.fox.clientCount())
	s.Add("driving_messages", d.drives.Load())
	s.Add("driving_messages_too_late", d.stale.Load())
	if d.page != nil {
		s.Add("page", "http://"+d.page.String())
	}
	if why := d.failure.Load(); why != nil {
		s.Error("%s", *why)
	}
	s.OK("%d viewers", d.viewers.Load())
}

// drive passes on what a viewer's driving buttons say, within the page's speeds.
func (d *Node) drive(linear, angular float64) {
	if !finite(linear) || !finite(angular) {
		return
	}
	d.drives.Add(1)
	clamp := func(x float64) float64 { return math.Max(-1, math.Min(1, x)) }
	_ = d.twist.Publish(&msgs.Twist{
		Linear:  msgs.Vector3{X: clamp(linear) * d.cfg.LinearSpeed},
		Angular: msgs.Vector3{Z: clamp(angular) * d.cfg.AngularSpeed},
	})
}
