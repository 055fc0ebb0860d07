package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/text"
	"cobot_vla/model/vision"
)

// Files that bind a checkpoint to a robot.
const (
	manifestFile   = "manifest.yaml"
	statisticsFile = "statistics.yaml"
)

// modelManifestCmd writes the manifest of a checkpoint that has none.
type modelManifestCmd struct {
	Dir         string `arg:"" help:"Folder of the checkpoint."`
	Calibration string `help:"The robot's calibration file; empty for the factory default."`
	bindFlags
	continuousFlags
	Force bool `help:"Replace a manifest or statistics that are there."`
}

// bindFlags are what a checkpoint's files do not say.
type bindFlags struct {
	Name           string        `help:"Name of the policy, for people; empty takes the folder's."`
	Statistics     string        `help:"statistics.yaml of the data it was trained on; it is copied beside the manifest. Empty takes the one that is there."`
	FromLimits     bool          `help:"Make the statistics of the robot's limits: for weights that were trained so, or not at all."`
	Action         []string      `help:"Joints and grippers it commands, in its order; empty takes the statistics' names."`
	Proprioception []string      `help:"State it reads, in its order; empty takes the statistics' names."`
	Mode           string        `help:"Whether actions are positions or steps." enum:"absolute,delta" default:"absolute"`
	Chunk          int           `help:"Steps of an action." default:"5"`
	Period         time.Duration `help:"Time between two steps, as the data were recorded." default:"100ms"`
	Cameras        []string      `help:"Cameras in the order of the picture; empty takes all of the robot's."`
	Layout         string        `help:"Layout of the picture: stack, stack3, mosaic4 or tiles; empty for that of so many cameras."`
	ImageSize      string        `help:"Size of the picture, WIDTHxHEIGHT; empty for the layout's own." placeholder:"WxH"`
	Bins           int           `help:"Edges of the action bins." default:"256"`
	Edges          string        `help:"Placement of the edges: uniform, or norm for the released use_norm_bins." enum:"uniform,norm" default:"uniform"`
	Navigation     string        `help:"Whether it can drive; auto: when its tokenizer has <Navigation>." enum:"auto,on,off" default:"auto"`
	MaxForward     float64       `help:"Metres that the value token spans." default:"2.0"`
	MaxTurn        float64       `help:"Radians that the value token spans." default:"3.141592653589793"`
	Directions     []uint32      `help:"Ids of forward, turn left, turn right, stop; empty takes the four below the action tokens."`
	MaxAge         time.Duration `help:"A chunk whose observation is older on arrival is refused. Longer than an inference takes." default:"5s"`
}

// Run implements the command.
func (c *modelManifestCmd) Run(a *app) (err error) {
	path := filepath.Join(c.Dir, manifestFile)
	if _, err := os.Stat(path); err == nil && !c.Force {
		return fmt.Errorf("%s is there already: --force replaces it", path)
	}
	robot, err := robotOf(c.Calibration)
	if err != nil {
		return err
	}
	if kind := kindOf(c.Dir); kind != "llavavla" {
		return c.continuous(a, kind, robot)
	}
	files, err := checkpoint.Open(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	m, err := c.bind(files, robot, c.Force)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %s for %s: %d %s steps of %d numbers, %s\n", path, m.Kind, m.Robot, m.Action.Chunk, m.Action.Mode, len(m.Action.Names), drives(m))
	return nil
}

func drives(m checkpoint.Manifest) string {
	if m.Navigation == nil {
		return "arms only"
	}
	return "arms and base"
}

// bind writes manifest.yaml, and statistics.yaml where it is not there yet,
// after everything in them was checked against the checkpoint and the robot.
func (c *bindFlags) bind(files *checkpoint.Checkpoint, robot calibration.Robot, force bool) (checkpoint.Manifest, error) {
	statistics, data, err := c.statistics(files.Dir, robot)
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	m, err := c.manifest(files, robot, statistics)
	if err != nil {
		return m, err
	}
	chosen, err := statistics.Select(m.Proprioception, m.Action.Names)
	if err != nil {
		return m, err
	}
	if err := (binding{manifest: m, stats: chosen, robot: robot}).check(); err != nil {
		return m, err
	}
	text, err := m.YAML("Binds this checkpoint to a robot. Written by: cobot_vla model manifest")
	if err != nil {
		return m, err
	}
	if err := writeOnce(filepath.Join(files.Dir, statisticsFile), data, force); err != nil {
		return m, err
	}
	return m, writeOnce(filepath.Join(files.Dir, manifestFile), text, force)
}

// writeOnce writes a new file; one that is there stays, unless it says the same or force is given.
func writeOnce(path string, data []byte, force bool) error {
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, data):
		return nil
	case err == nil && !force:
		return fmt.Errorf("%s is there already and says other things: --force replaces it", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// statistics are the flags' file, the folder's, or the robot's limits; data is what their file holds.
func (c *bindFlags) statistics(dir string, robot calibration.Robot) (s calibration.Statistics, data []byte, err error) {
	beside := filepath.Join(dir, statisticsFile)
	from := c.Statistics
	switch {
	case c.FromLimits && from != "":
		return s, nil, fmt.Errorf("--from-limits makes statistics, --statistics names some: give one of the two")
	case c.FromLimits:
		s = limitStatistics(robot)
		data, err = s.YAML("Statistics of the limits of " + robot.Name + ", from no data: every number within them can be said, in even bins.")
		return s, data, err
	case from == "":
		from = beside
	}
	data, err = os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) && c.Statistics == "" {
		return s, nil, fmt.Errorf("%s has no %s: give the one of its training data by --statistics (or --from-limits, for weights that were trained with the robot's limits, or not at all)", dir, statisticsFile)
	}
	if err != nil {
		return s, nil, fmt.Errorf("statistics: %w", err)
	}
	s, err = calibration.ParseStatistics(from, data)
	return s, data, err
}

// limitStatistics lets a policy say everything that the robot may do.
func limitStatistics(robot calibration.Robot) calibration.Statistics {
	var s calibration.Statistics
	s.ActionNames, s.StateNames = robot.ActionNames(), robot.StateNames()
	s.ActMin, s.ActMax = robot.ActionLimits()
	// Three standard deviations on each side of the mean are the bins' range.
	state := func(low, high float64) {
		s.Mean, s.Std = append(s.Mean, (low+high)/2), append(s.Std, (high-low)/6)
	}
	for i := range s.ActMin {
		state(s.ActMin[i], s.ActMax[i])
	}
	for _, a := range robot.Arms {
		state(0, a.Gripper.Stroke) // as commanded
	}
	state(-robot.Base.MaxLinear, robot.Base.MaxLinear)
	state(-robot.Base.MaxAngular, robot.Base.MaxAngular)
	return s
}

// manifest says what the checkpoint, the statistics, the robot and the flags say together.
func (c *bindFlags) manifest(files *checkpoint.Checkpoint, robot calibration.Robot, s calibration.Statistics) (checkpoint.Manifest, error) {
	var none checkpoint.Manifest
	tok, err := files.Tokenizer()
	if err != nil {
		return none, fmt.Errorf("a policy needs a tokenizer beside its weights: %w", err)
	}
	m := checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: c.Name, Robot: robot.Name,
		Action:         checkpoint.ActionSpec{Names: c.Action, Mode: c.Mode, Chunk: c.Chunk, Period: c.Period.Seconds()},
		Proprioception: c.Proprioception, Cameras: c.Cameras, Layout: c.Layout,
		Statistics: statisticsFile, ActionTokenTop: uint32(tok.BaseSize()), ActionBins: c.Bins, ActionEdges: c.Edges,
		MaxObservationAge: c.MaxAge.Seconds(),
	}
	if m.Name == "" {
		whole, err := filepath.Abs(files.Dir)
		if err != nil {
			return none, err
		}
		m.Name = filepath.Base(whole)
	}
	if m.Action.Names, err = namesOr(c.Action, s.ActionNames, "--action", "act_min_bound"); err != nil {
		return none, err
	}
	state := s.StateNames
	if c.FromLimits { // what the arms feel; the rest only when it is asked for
		state = robot.ActionNames()
	}
	if m.Proprioception, err = namesOr(c.Proprioception, state, "--proprioception", "robot_obs"); err != nil {
		return none, err
	}
	if err := c.picture(&m, robot); err != nil {
		return none, err
	}
	if err := c.drive(&m, tok); err != nil {
		return none, err
	}
	if err := m.Validate(); err != nil {
		return none, fmt.Errorf("manifest: %w", err)
	}
	return m, checkTokens(m, files, tok)
}

func namesOr(given, statistics []string, flag, key string) ([]string, error) {
	if len(given) > 0 {
		return given, nil
	}
	if len(statistics) == 0 {
		return nil, fmt.Errorf("the statistics do not name the numbers of %s: name them, in their order, by %s", key, flag)
	}
	return statistics, nil
}

// picture fills in cameras, layout and size.
func (c *bindFlags) picture(m *checkpoint.Manifest, robot calibration.Robot) error {
	if len(m.Cameras) == 0 {
		for _, cam := range robot.Cameras {
			m.Cameras = append(m.Cameras, cam.Name)
		}
	}
	if m.Layout == "" {
		m.Layout = vision.Tiles
		if of := map[int]string{2: vision.Stack, 3: vision.Stack3, 4: vision.Mosaic4}[len(m.Cameras)]; of != "" {
			m.Layout = of
		}
	}
	if c.ImageSize == "" {
		return nil
	}
	if n, err := fmt.Sscanf(c.ImageSize+"\n", "%dx%d\n", &m.ImageWidth, &m.ImageHeight); n != 2 || err != nil {
		return fmt.Errorf("--image-size %q: write WIDTHxHEIGHT, e.g. 334x334", c.ImageSize)
	}
	return nil
}

// drive fills in navigation.
func (c *bindFlags) drive(m *checkpoint.Manifest, tok *text.Tokenizer) error {
	_, can := tok.ID(llavavla.NavigationToken)
	if c.Navigation == "off" || c.Navigation == "auto" && !can {
		return nil
	}
	m.Navigation = &checkpoint.NavigationSpec{MaxForward: c.MaxForward, MaxTurn: c.MaxTurn}
	below := m.ActionTokenTop - uint32(m.ActionBins)
	for i := range m.Navigation.DirectionTokens {
		m.Navigation.DirectionTokens[i] = below - 1 - uint32(i)
	}
	if len(c.Directions) == 0 {
		return nil
	}
	if len(c.Directions) != len(m.Navigation.DirectionTokens) {
		return fmt.Errorf("--directions has %d ids: give four, of forward, turn left, turn right, stop", len(c.Directions))
	}
	copy(m.Navigation.DirectionTokens[:], c.Directions)
	return nil
}

// checkTokens compares the ids that a manifest speaks of with those a checkpoint has.
func checkTokens(m checkpoint.Manifest, files *checkpoint.Checkpoint, tok *text.Tokenizer) error {
	var wrong []string
	if m.ActionTokenTop != uint32(tok.BaseSize()) {
		wrong = append(wrong, fmt.Sprintf("action_token_top is %d, the tokenizer's base vocabulary %d", m.ActionTokenTop, tok.BaseSize()))
	}
	says := uint32(files.Predictable(tok))
	if m.ActionTokenTop > says {
		wrong = append(wrong, fmt.Sprintf("action_token_top is %d, but the model says only 0..%d", m.ActionTokenTop, says-1))
	}
	if nav := m.Navigation; nav != nil {
		if _, ok := tok.ID(llavavla.NavigationToken); !ok {
			wrong = append(wrong, "navigation is on, but the tokenizer has no "+llavavla.NavigationToken+", which marks a mobile task: the checkpoint was not trained to drive")
		}
		if worst := slices.Max(nav.DirectionTokens[:]); worst >= says {
			wrong = append(wrong, fmt.Sprintf("navigation.direction_tokens has %d, but the model says only 0..%d", worst, says-1))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %s", files.Dir, strings.Join(wrong, "; "))
	}
	return nil
}
