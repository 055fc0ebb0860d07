package main

import (
	"fmt"
	"os"
	"path/filepath"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/expert"
	"cobot_vla/model/nn/cuda/driver"
	"cobot_vla/model/replay"
	"cobot_vla/model/seer"
	"cobot_vla/model/shipped"
	"cobot_vla/model/token"
	"cobot_vla/model/vitavla"
	"cobot_vla/nodes/camerafusion"
	"cobot_vla/nodes/policy"
	"cobot_vla/nodes/proprioception"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/sim"
)

// binding is what the nodes around a policy need of it: the manifest that binds
// it to a robot, that robot, and the statistics of both.
type binding struct {
	dir      string // the checkpoint's folder; "" for a policy without
	manifest checkpoint.Manifest
	stats    calibration.Statistics
	robot    calibration.Robot
}

// bind reads the binding of a policy by its kind and checkpoint.
func bind(kind, dir, robotFile string) (b binding, err error) {
	b.robot = calibration.Default()
	if robotFile != "" {
		if b.robot, err = calibration.Load(robotFile); err != nil {
			return b, err
		}
	}
	if dir == "" && shipped.Name(kind) != "" {
		if dir, err = shipped.Folder(kind, cacheFolder()); err != nil {
			return b, err
		}
	}
	b.dir = dir
	switch {
	case dir != "":
		path := filepath.Join(dir, "manifest.yaml")
		if b.manifest, err = checkpoint.ReadManifest(path); err == nil {
			b.stats, err = b.manifest.LoadStatistics(path)
		}
		if err == nil && b.manifest.Kind != kind {
			err = fmt.Errorf("%s is a %s, not a %s: set policy to its kind", path, b.manifest.Kind, kind)
		}
	case kind == "expert":
		b.manifest, b.stats, err = expert.Files()
	default:
		err = fmt.Errorf("policy %q needs its folder: set checkpoint", kind)
	}
	if err != nil {
		return b, err
	}
	return b, b.check()
}

// cacheFolder is the program's part of the user's cache; without a user, of the machine's temporary files.
func cacheFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "cobot_vla")
}

// check compares the policy with the robot.
func (b binding) check() error {
	if err := checkpoint.CheckRobot(b.manifest, b.robot); err != nil {
		return err
	}
	return checkpoint.CheckStatistics(b.manifest, b.stats, b.robot)
}

// openPolicy makes a policy and gives the version of its statistics.
func openPolicy(kind, dir, robotFile string, on policy.Compute) (model.Policy, string, error) {
	b, err := bind(kind, dir, robotFile)
	if err != nil {
		return nil, "", err
	}
	var p model.Policy
	dir = b.dir
	gpus := computer{devices: driver.Open, built: driver.Built}
	switch kind {
	case "expert":
		p, err = expert.New(b.robot, expert.DefaultConfig())
	case "replay":
		p, err = replay.Open(dir, b.robot)
	case "llavavla":
		p, err = gpus.llavavla(dir, on)
	case vitavla.Kind:
		p, err = gpus.continuous(dir, on, vitavla.Open, vitavla.OpenOn)
	case seer.Kind:
		p, err = gpus.continuous(dir, on, seer.Open, seer.OpenOn)
	default:
		err = fmt.Errorf("policy %q is none of expert, replay, llavavla, vitavla, seer", kind)
	}
	return p, b.stats.Version(), err
}

// encoder is a policy's view of the robot's own state.
type encoder struct {
	binding
	tok *token.Tokenizer
}

func openEncoder(kind, dir, robotFile string) (proprioception.Encoder, error) {
	b, err := bind(kind, dir, robotFile)
	if err != nil {
		return nil, err
	}
	// A policy without tokens has bins all the same, for people to look at.
	top := max(b.manifest.ActionTokenTop, uint32(b.manifest.ActionBins))
	tok, err := token.New(token.Config{Top: top, Bins: b.manifest.ActionBins, Edges: b.manifest.ActionEdges})
	return &encoder{b, tok}, err
}

func (e *encoder) Names() []string { return e.manifest.Proprioception }
func (e *encoder) Version() string { return e.stats.Version() }
func (e *encoder) Bins(values []float64) ([]uint16, error) {
	return e.tok.State(e.stats, values)
}

// openViews says how the composite image of a policy is made.
func openViews(kind, dir, robotFile string) (camerafusion.Spec, error) {
	b, err := bind(kind, dir, robotFile)
	if err != nil {
		return camerafusion.Spec{}, err
	}
	s := camerafusion.Spec{Layout: b.manifest.Layout, Width: b.manifest.ImageWidth, Height: b.manifest.ImageHeight}
	for _, name := range b.manifest.Cameras {
		c, _ := b.robot.Camera(name)
		s.Cameras = append(s.Cameras, camerafusion.Camera{Name: name, Topic: c.Namespace + "/color/image_raw"})
	}
	return s, nil
}

// halfBinMM is how far half a bin of every joint moves a gripper at most: what tokens can't say.
func halfBinMM(kind string) float64 {
	if kind != "expert" {
		return 0
	}
	mm, _, err := expert.HalfBinError(calibration.Default(), expert.DefaultConfig())
	if err != nil {
		return 0
	}
	return mm
}

// buildSim makes the simulator and the camera nodes that publish its pictures.
func buildSim(g *graph, n *rcl.Node) error {
	if g.network == nil {
		return fmt.Errorf("the simulator needs virtual buses: start it by its launch file")
	}
	cfg := sim.DefaultConfig()
	cfg.OwnDir = g.simDir
	s, err := sim.New(n, cfg, g.network)
	if err != nil {
		return err
	}
	g.sim = s
	if !s.Config().Cameras {
		return nil
	}
	for _, c := range s.Robot().Cameras {
		src, err := s.Camera(c.Name)
		if err != nil {
			return err
		}
		if err := g.addCamera(c, src, s.Config().CameraRate); err != nil {
			return err
		}
	}
	return nil
}
