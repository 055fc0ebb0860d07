package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/nodes/rcl"
)

// randomFlags choose domain randomisation.
type randomFlags struct {
	Randomise []string `help:"What to randomise: clutter, light, texture, height, camera, wording, latency, frames; or all. Data are collected with other textures than evaluation has, and in the words that evaluation with wording has not."`
}

// switches of domain randomisation, in the order they are listed.
var switches = []string{"clutter", "light", "texture", "height", "camera", "wording", "latency", "frames"}

// variation is what the flags switch on.
func (f randomFlags) variation(t scene.Texture) (v scene.Variation, err error) {
	all := scene.Everything(t)
	all.Wording = true
	for _, name := range f.Randomise {
		switch name {
		case "all":
			v = all
		case "clutter":
			v.Clutter = all.Clutter
		case "light":
			v.Light = true
		case "texture":
			v.Texture = t
		case "height":
			v.TableHeight = true
		case "camera":
			v.Camera = true
		case "wording":
			v.Wording = true
		case "latency":
			v.Latency = true
		case "frames":
			v.Dropped = true
		default:
			return v, fmt.Errorf("--randomise %q: it is one of %s, all", name, strings.Join(switches, ", "))
		}
	}
	return v, nil
}

// latencySpread and lostFrames are what the graph's part of domain randomisation does:
// the time of an inference is drawn for every episode from its stated value to that many
// times it, and so is the part of the cameras' frames that are lost.
const (
	latencySpread = 3.0
	lostFrames    = 0.10
)

// attempting is the rollout of one attempt at a task.
func attempting(task scene.Task, seed uint64, v scene.Variation) rollout {
	r := rollout{Task: task.Name, Seed: seed, Instruction: task.Instruction(seed, v), Mobile: task.Mobile}
	r.set("sim", "clutter", rcl.IntValue(int64(v.Clutter)))
	r.set("sim", "light", rcl.BoolValue(v.Light))
	r.set("sim", "textures", rcl.StringValue(v.Texture.String()))
	r.set("sim", "vary_table_height", rcl.BoolValue(v.TableHeight))
	r.set("sim", "camera_jitter", rcl.BoolValue(v.Camera))
	if v.TableHeight { // whoever sets up the robot measures its table
		r.set("arm", measuredTable, rcl.FloatValue(task.Scene(seed, v).Tables[0].Height))
	}
	r.vary = v
	return r
}

// measuredTable is the arm node's parameter that differs from seed to seed.
const measuredTable = "table_height_m"

// complete sets what depends on the policy and on the parts of domain randomisation that are the graph's.
func (r *rollout) complete() error {
	rng := rand.New(rand.NewPCG(r.Seed, 0x6a9f))
	slower, lost := 1+(latencySpread-1)*rng.Float64(), lostFrames*rng.Float64()
	if r.vary.Latency {
		r.Latency = time.Duration(float64(r.Latency) * slower).Round(time.Millisecond)
	}
	if r.vary.Dropped {
		r.Loss = lost
	}
	return r.pictures()
}

// pictures sets the simulator's cameras to what the policy's composite needs: as
// wide as the canvas, at the cameras' aspect ratio, once a step. Pictures that are drawn,
// recorded and learned from at one size are the same bytes at every use.
func (r *rollout) pictures() error {
	b, err := bind(r.Policy, r.Checkpoint, "")
	if err != nil {
		return err
	}
	if w := int64(b.manifest.ImageWidth); w > 0 {
		r.set("sim", "image_width", rcl.IntValue(w))
		r.set("sim", "image_height", rcl.IntValue(w*3/4))
		if !r.Film { // the renderer makes room for it
			r.set("sim", "film_width", rcl.IntValue(w))
			r.set("sim", "film_height", rcl.IntValue(w*3/4))
		}
	}
	r.set("sim", "camera_rate_hz", rcl.FloatValue(1/b.manifest.Action.Period))
	return nil
}

// set gives a parameter of the nodes of an executable.
func (r *rollout) set(executable, name string, v rcl.Value) {
	if r.Params == nil {
		r.Params = map[string][]rcl.ParamOverride{}
	}
	r.Params[executable] = append(r.Params[executable], rcl.ParamOverride{Name: name, Value: v, Origin: "rollout"})
}

// hash tells apart the configurations of rollouts; what an episode draws, seed,
// words, and where it is kept are no part of one.
func (r rollout) hash() string {
	params := map[string][]string{}
	for executable, list := range r.Params {
		for _, p := range list {
			if !strings.HasPrefix(p.Name, "film_") && p.Name != measuredTable {
				params[executable] = append(params[executable], p.Name+"="+p.Value.String())
			}
		}
		slices.Sort(params[executable])
	}
	var guide []float64
	if r.Guide.Rate > 0 {
		guide = []float64{r.Guide.Rate, r.Guide.Hold.Seconds()}
	}
	text, err := json.Marshal(struct {
		Task, Policy, Checkpoint, Plant, Demonstrator string
		Latency                                       time.Duration
		Steps                                         int
		Limit                                         time.Duration
		Vary                                          scene.Variation
		Push                                          any
		Params                                        map[string][]string
		Guide                                         []float64     `json:",omitempty"`
		Still                                         time.Duration `json:",omitempty"`
	}{r.Task, r.Policy, r.Checkpoint, r.Plant, r.Demonstrator, r.Latency, r.Steps, r.Limit, r.vary, r.Push.Rate, params, guide, r.Still})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
