package playback

import (
	"errors"
	"fmt"
	"time"

	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/recorder/episode"
)

// Node is the player.
type Node struct {
	n      *rcl.Node
	cfg    Config
	reader *episode.Reader
	played uint64
	total  uint64
	state  string
	done   chan struct{}
	over   bool
	err    error
}

// New starts the node on n. It plays once; Done tells when it is over.
func New(n *rcl.Node, cfg Config) (*Node, error) {
	p := &Node{n: n, cfg: cfg, state: "waiting", done: make(chan struct{})}
	if err := n.Bind(&p.cfg); err != nil {
		return nil, err
	}
	if err := p.cfg.check(); err != nil {
		return nil, err
	}
	var err error
	if p.reader, err = episode.Open(p.cfg.Path); err != nil {
		return nil, err
	}
	n.Keep(p.reader)
	d, err := rcl.NewDiagnostics(n, "")
	if err != nil {
		return nil, err
	}
	d.Task("playback", p.diagnose)
	if p.cfg.Onto == "arms" {
		return p, p.playArms()
	}
	return p, p.playTopics()
}

// Done is closed when the episode is over, or can't go on: Err says why.
func (p *Node) Done() <-chan struct{} { return p.done }

// Err is why it ended early; nil when it was played whole. Ask when Done says so.
func (p *Node) Err() error { return p.err }

// Over says, on the node's thread or in lockstep, that it has ended.
func (p *Node) Over() bool { return p.over }

// Played is the number of messages that were published.
func (p *Node) Played() uint64 { return p.played }

func (p *Node) end(err error) {
	if p.over {
		return
	}
	p.over, p.err = true, err
	p.state = "over"
	switch {
	case err != nil:
		p.state = "stopped"
		p.n.Log().Error().Err(err).Msg("stopped")
	default:
		p.n.Log().Info().Uint64("messages", p.played).Msg("over")
	}
	close(p.done)
}

func (p *Node) diagnose(d *rcl.Status) {
	d.Add("episode", p.reader.Name)
	d.Add("task", p.reader.Task)
	d.Add("messages", fmt.Sprintf("%d of %d", p.played, p.total))
	if p.err != nil {
		d.Error("%v", p.err)
		return
	}
	d.OK("%s", p.state)
}

// StartTime is when an episode began: a simulation that starts then plays it with its own stamps.
func StartTime(path string) (time.Time, error) {
	r, err := episode.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	return r.First, errors.Join(r.Close())
}
