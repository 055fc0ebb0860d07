package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"

	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/nodes/rcl"
)

// pictures sets the simulator's cameras to what the policy's composite needs: as
// wide as the canvas, at the cameras' aspect ratio. Pictures that are drawn, recorded and
// learned from at one size are the same bytes at every use.
func (r *rollout) pictures() error {
	b, err := bind(r.Policy, r.Checkpoint, "")
	if err != nil {
		return err
	}
	if w := b.manifest.ImageWidth; w > 0 {
		r.set("sim", "image_width", rcl.IntValue(int64(w)))
		r.set("sim", "image_height", rcl.IntValue(int64(w*3/4)))
		if !r.Film { // the renderer makes room for it
			r.set("sim", "film_width", rcl.IntValue(int64(w)))
			r.set("sim", "film_height", rcl.IntValue(int64(w*3/4)))
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

// hash tells apart the configurations of rollouts; seed, words and folders are no part of one.
func (r rollout) hash() string {
	r.Seed, r.Instruction, r.Record, r.Film = 0, "", "", false
	r.Open = nil
	text, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// instructionOf draws the words of an attempt from those that training data use.
func instructionOf(task scene.Task, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 0x30d5))
	return task.Instructions[rng.IntN(len(task.Instructions))]
}
