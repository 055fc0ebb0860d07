package playback

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is the node's parameters.
type Config struct {
	// Path of the episode's file.
	Path string `param:"path" desc:"file of the episode"`
	// Onto is topics, or arms.
	Onto string `param:"onto" choice:"topics,arms" desc:"topics publishes the messages again; arms moves the arms as then"`
	// Speed 1 is as it was.
	Speed float64 `param:"speed" min:"0.01" max:"100" desc:"1 is as it was; arms take at most 1"`
	// Delay before the first message [s], in which subscriptions find the publishers.
	Delay float64 `param:"delay_s" unit:"s" min:"0" max:"60" desc:"wait before the first message"`

	// Topics to publish; empty is all but Except.
	Topics []string `param:"topics" desc:"topics to publish; empty is all of the episode's"`
	// Except are topics that are not published: the recorder's own, and what says who may move.
	Except []string `param:"except" desc:"topics that are not published"`
	// Prefix goes before every topic: /replay publishes beside a live robot.
	Prefix string `param:"prefix" desc:"goes before every topic, e.g. /replay"`
	// Restamp moves the stamps from then to now; without it listeners find them old.
	Restamp bool `param:"restamp" desc:"stamps say when a message is played, not when it was recorded"`
	// Clock publishes the episode's time on /clock, for nodes with use_sim_time. It excludes Restamp.
	Clock bool `param:"clock" desc:"publish the episode's time on /clock"`

	// Motion onto the arms: command is what the arm node commanded then, leader what the
	// leader arms said, measured where the arms were; auto the first that is there.
	Motion string `param:"motion" choice:"auto,command,leader,measured" desc:"which motion the arms repeat"`
	// Step between two targets [s].
	Step float64 `param:"step_s" unit:"s" min:"0.01" max:"0.5" desc:"time between two targets of the arms"`
	// Tolerance of the first pose before the motion begins [rad], [m].
	Tolerance float64 `param:"tolerance_rad" unit:"rad" min:"0.005" max:"0.5" desc:"how near the first pose the arms must be"`
	// Approach is the longest way to the first pose [s].
	Approach float64 `param:"approach_timeout_s" unit:"s" min:"1" max:"120" desc:"longest approach to the first pose"`
}

// DefaultConfig plays onto topics as it was.
func DefaultConfig() Config {
	return Config{
		Onto: "topics", Speed: 1, Delay: 0.5, Restamp: true,
		Except: []string{"/recorder/status", "/recorder/mark", "/supervisor/authority", "/supervisor/parts", "/estop", "/diagnostics"},
		Motion: "auto", Step: 0.05, Tolerance: 0.05, Approach: 30,
	}
}

func (c Config) check() error {
	switch {
	case c.Path == "":
		return fmt.Errorf("%w: none is named: set path", ErrEpisode)
	case c.Clock && c.Restamp:
		return fmt.Errorf("%w: clock and restamp exclude each other: with the episode's clock its stamps are right as they are", ErrEpisode)
	case c.Onto == "arms" && c.Speed > 1:
		return fmt.Errorf("%w: speed %g: arms repeat a motion at most as fast as it was", ErrArms, c.Speed)
	}
	return nil
}

// plays says whether a topic is published.
func (c Config) plays(topic string) bool {
	if len(c.Topics) > 0 {
		return slices.Contains(c.Topics, topic)
	}
	return !slices.Contains(c.Except, topic)
}

func (c Config) topic(name string) string {
	if c.Prefix == "" {
		return name
	}
	return "/" + strings.Trim(c.Prefix, "/") + name
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
