package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/expert"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/text"
	"cobot_vla/model/train/data"
	"cobot_vla/model/vision"
	"cobot_vla/nodes/recorder/demonstration"
	"cobot_vla/nodes/recorder/episode"
)

// trainPrepareCmd makes prepared files of recorded demonstrations.
type trainPrepareCmd struct {
	Folders    []string `arg:"" help:"Folders of episodes, or of several such folders, as cobot_vla collect leaves them."`
	Tokenizer  string   `help:"tokenizer.json of the model to train: cobot_vla model tokenizer makes one." required:""`
	Out        string   `help:"Folder for the prepared files, TASK.data." default:"prepared"`
	Chunk      int      `help:"Steps of a label; 0 for as many as were recorded. More go on with later labels." default:"0"`
	Bins       int      `help:"Edges of the action bins; the tokenizer has as many action tokens." default:"256"`
	Edges      string   `help:"Placement of the edges: uniform or norm." enum:"uniform,norm" default:"uniform"`
	Bounds     string   `help:"Range of the action bins: the expert's, so that a label is the token it said, or that of the data." enum:"expert,data" default:"expert"`
	Statistics string   `help:"statistics.yaml to use instead of making them of the data: for a second stage, the first one's."`
	Model      string   `help:"Folder of a checkpoint whose config.json says how pictures become crops; empty: one crop in patches, as cobot_vla train --preset makes models."`
	Side       int      `help:"Side of that crop [px]; 0 for the composite's width." default:"0"`
	Patch      int      `help:"Side of a patch of it [px]: larger ones are fewer visual tokens, and faster." default:"28"`
	Image      string   `help:"How the network takes the views: merged (one composite image) or concatenated (each is a crop, and their tokens follow each other)." enum:"merged,concatenated" default:"merged"`
	State      string   `name:"proprioception" help:"How the network takes the robot's own state: tokens (one a number) or mlp (one vector of all)." enum:"tokens,mlp" default:"tokens"`
	Episodes   int      `help:"Episodes of each task at most; 0 for all." default:"0"`
	Name       string   `help:"Name of the policy, for its manifest." default:"llava-vla"`
	Navigation string   `help:"How driving is said where the tokenizer has <Navigation>: direction (a direction and a value token), or values (two value tokens before every chunk)." enum:"direction,values" default:"direction"`
	MaxForward float64  `help:"Metres that the value token spans." default:"2.0"`
	MaxTurn    float64  `help:"Radians that the value token spans." default:"3.141592653589793"`
}

// preparedFile is the name of a task's file.
func preparedFile(dir, task string) string { return filepath.Join(dir, task+".data") }

// Run implements the command.
func (c *trainPrepareCmd) Run(a *app) error {
	tasks, order, err := c.find()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	total, done := 0, 0
	for _, paths := range tasks {
		total += 2 * len(paths)
	}
	p := newProgress(a.stderr, "prepare", func() float64 { return float64(done) / float64(max(total, 1)) })
	defer p.end()
	last := time.Now()
	step := func(what string) error {
		if done++; time.Since(last) > p.every {
			last = time.Now()
			p.what = what
			p.say()
		}
		return a.ctx.Err()
	}
	var m moments
	for _, task := range order {
		for _, path := range tasks[task] {
			d, err := demonstration.Read(path, false)
			if err == nil {
				err = m.add(d)
			}
			if err = errors.Join(err, step("statistics")); err != nil {
				return err
			}
		}
	}
	spec, err := c.spec(m)
	if err != nil {
		return err
	}
	for _, task := range order {
		w, err := data.Create(preparedFile(c.Out, task), task, spec)
		if err != nil {
			return err
		}
		for _, path := range tasks[task] {
			d, err := demonstration.Read(path, true)
			if err == nil {
				d.Rechunk(spec.Manifest.Action.Chunk)
				err = w.Add(d.Episode)
			}
			if err = errors.Join(err, step("prepare "+task)); err != nil {
				return errors.Join(err, w.Abort())
			}
		}
		n := w.Samples()
		if err := w.Close(); err != nil {
			return err
		}
		p.end()
		fmt.Fprintf(a.stdout, "%s: %d demonstrations, %d observations\n", preparedFile(c.Out, task), len(tasks[task]), n)
	}
	return nil
}

// find lists the finished episodes that are to be kept, by task.
func (c *trainPrepareCmd) find() (tasks map[string][]string, order []string, err error) {
	tasks = map[string][]string{}
	add := func(dir string) error {
		paths, err := episode.List(dir)
		if err != nil {
			return err
		}
		kept, collected, err := collectedIn(dir)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if collected && !kept[filepath.Base(filepath.Dir(path))] {
				continue // it is being recorded, or was interrupted
			}
			r, err := episode.Open(path)
			if err != nil {
				return err
			}
			verdict := r.Verdict
			if err := r.Close(); err != nil {
				return err
			}
			task := filepath.Base(dir)
			if verdict == episode.Discard && !collected || c.Episodes > 0 && len(tasks[task]) >= c.Episodes {
				continue
			}
			if !slices.Contains(order, task) {
				order = append(order, task)
			}
			tasks[task] = append(tasks[task], path)
		}
		return nil
	}
	for _, folder := range c.Folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, nil, err
		}
		dirs := []string{filepath.Clean(folder)}
		for _, e := range entries {
			if e.IsDir() && !strings.HasPrefix(e.Name(), "episode_") {
				dirs = append(dirs, filepath.Join(folder, e.Name()))
			}
		}
		for _, dir := range dirs {
			if err := add(dir); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(order) == 0 {
		return nil, nil, fmt.Errorf("%s: no episode to keep: cobot_vla collect records some", strings.Join(c.Folders, ", "))
	}
	return tasks, order, nil
}

// moments are what the statistics are made of.
type moments struct {
	first     demonstration.Demonstration
	n         float64
	sum, sq   []float64
	low, high []float64
}

func (m *moments) add(d demonstration.Demonstration) error {
	if m.n == 0 {
		m.first = d
		m.sum, m.sq = make([]float64, len(d.StateNames)), make([]float64, len(d.StateNames))
	}
	f := m.first
	if !slices.Equal(f.StateNames, d.StateNames) || f.Size != d.Size || f.Layout != d.Layout ||
		d.ActionNames != nil && f.ActionNames != nil && (!slices.Equal(f.ActionNames, d.ActionNames) || f.Period != d.Period || f.Chunk != d.Chunk) {
		return fmt.Errorf("%s and %s are demonstrations of different robots or pictures", f.Name, d.Name)
	}
	if m.first.ActionNames == nil {
		m.first.ActionNames, m.first.Period, m.first.Chunk = d.ActionNames, d.Period, d.Chunk
	}
	for _, s := range d.Samples {
		m.n++
		for i, v := range s.State {
			m.sum[i] += v
			m.sq[i] += v * v
		}
		for _, step := range s.Action.Steps {
			if m.low == nil {
				m.low, m.high = slices.Clone(step), slices.Clone(step)
			}
			for i, v := range step {
				m.low[i], m.high[i] = min(m.low[i], v), max(m.high[i], v)
			}
		}
	}
	m.first.Samples = nil
	return nil
}

// Smallest standard deviation and range that are believed: below them, bins would resolve nothing but noise.
const (
	leastStd, leastGripperStd     = 0.02, 0.002 // [rad], [m]
	leastRange, leastGripperRange = 0.05, 0.005
)

// statistics of the data.
func (m *moments) statistics() (s calibration.Statistics) {
	s.StateNames, s.ActionNames = m.first.StateNames, m.first.ActionNames
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	for i, name := range s.StateNames {
		mean := m.sum[i] / m.n
		least := leastStd
		if strings.Contains(name, "gripper") {
			least = leastGripperStd
		}
		s.Mean = append(s.Mean, round(mean))
		s.Std = append(s.Std, round(max(math.Sqrt(max(m.sq[i]/m.n-mean*mean, 0)), least)))
	}
	for i, name := range s.ActionNames {
		least := leastRange
		if strings.Contains(name, "gripper") {
			least = leastGripperRange
		}
		middle, half := (m.low[i]+m.high[i])/2, max(m.high[i]-m.low[i], least)/2
		s.ActMin, s.ActMax = append(s.ActMin, round(middle-half-1e-4)), append(s.ActMax, round(middle+half+1e-4))
	}
	return s
}

// spec is what the files are for.
func (c *trainPrepareCmd) spec(m moments) (s data.Spec, err error) {
	if m.first.ActionNames == nil {
		return s, fmt.Errorf("no demonstration moves an arm")
	}
	if s.Tokenizer, err = os.ReadFile(c.Tokenizer); err != nil {
		return s, err
	}
	words, err := text.Parse(s.Tokenizer)
	if err != nil {
		return s, fmt.Errorf("%s: %w", c.Tokenizer, err)
	}
	robot := calibration.Default()
	stats := m.statistics()
	switch {
	case c.Statistics != "":
		if s.Statistics, err = os.ReadFile(c.Statistics); err != nil {
			return s, err
		}
	case c.Bounds == "expert":
		_, known, err := expert.Files()
		if err == nil {
			known, err = known.Select(stats.StateNames, stats.ActionNames)
		}
		if err != nil {
			return s, fmt.Errorf("--bounds expert: %w", err)
		}
		stats.ActMin, stats.ActMax = known.ActMin, known.ActMax
	}
	if s.Statistics == nil {
		note := fmt.Sprintf("Statistics of %.0f observations. Made by: cobot_vla train prepare --bounds %s", m.n, c.Bounds)
		if s.Statistics, err = stats.YAML(note); err != nil {
			return s, err
		}
	}
	chunk := c.Chunk
	if chunk == 0 {
		chunk = m.first.Chunk
	}
	rules, err := c.rules(m.first.Size)
	if err != nil {
		return s, err
	}
	s.Manifest = checkpoint.Manifest{
		Version: 1, Kind: "llavavla", Name: c.Name, Robot: robot.Name,
		Action:         checkpoint.ActionSpec{Names: m.first.ActionNames, Mode: "absolute", Chunk: chunk, Period: m.first.Period.Seconds()},
		Proprioception: m.first.StateNames, Layout: m.first.Layout, ImageWidth: m.first.Size.Width, ImageHeight: m.first.Size.Height,
		Statistics: statisticsFile, ActionTokenTop: uint32(words.BaseSize()), ActionBins: c.Bins, ActionEdges: c.Edges, MaxObservationAge: 2,
	}
	for _, camera := range robot.Cameras {
		s.Manifest.Cameras = append(s.Manifest.Cameras, camera.Name)
	}
	if c.State != "tokens" {
		s.Manifest.ProprioceptionInput = c.State
	}
	if c.Image != "merged" {
		s.Manifest.ImageTokens = c.Image
	}
	if s.Rules, _, err = llavavla.BindRules(rules, s.Manifest); err != nil {
		return s, fmt.Errorf("--image %s: %w", c.Image, err)
	}
	if _, drives := words.ID(llavavla.NavigationToken); drives {
		flags := bindFlags{Navigation: "on", MaxForward: c.MaxForward, MaxTurn: c.MaxTurn}
		if err := flags.drive(&s.Manifest, words); err != nil {
			return s, err
		}
		if c.Navigation != "direction" {
			s.Manifest.Navigation.Tokens = c.Navigation
		}
	}
	return s, nil
}

// rules are how pictures become crops.
func (c *trainPrepareCmd) rules(size vision.Size) (vision.Rules, error) {
	if c.Model == "" {
		side := cmp.Or(c.Side, size.Width)
		if c.Patch <= 0 || side < c.Patch || side%c.Patch != 0 {
			return vision.Rules{}, fmt.Errorf("--patch %d: a crop of %d px must be whole patches", c.Patch, side)
		}
		return vision.Rules{Crop: side, Grid: side / c.Patch, AspectRatio: "square", MergeType: "spatial_unpad"}, nil
	}
	files, err := checkpoint.Open(c.Model)
	if err != nil {
		return vision.Rules{}, err
	}
	return llavavla.Rules(files.Config), files.Close()
}
