package distill

import (
	"fmt"
	"math"
	"math/rand/v2"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
)

// Toy is data that need no robot, for measurements and tests: a bright square
// stands in a dim picture, of one colour or the other, and the arm goes there by a
// part of the way each step; the gripper closes where it has arrived. A network that
// does not see, or does not feel its state, can't know where and when.
type Toy struct {
	side     int
	manifest checkpoint.Manifest
	stats    calibration.Statistics
	file     []byte
}

// NewToy makes the data, of pictures of that side [px].
func NewToy(side int) (*Toy, error) {
	robot := calibration.Default()
	t := &Toy{side: side}
	var err error
	if t.manifest, err = continuous.ForArm(robot, "left"); err != nil {
		return nil, err
	}
	spec := continuous.Paper()
	spec.Gripper, spec.GripperOne = "binary", "closed"
	t.manifest.Name, t.manifest.Continuous = "toy", &spec
	t.stats.ActionNames, t.stats.StateNames = t.manifest.Action.Names, t.manifest.Proprioception
	low, high := robot.ActionLimits()
	for i := range t.manifest.Action.Names {
		t.stats.ActMin, t.stats.ActMax = append(t.stats.ActMin, low[i]), append(t.stats.ActMax, high[i])
		t.stats.Mean, t.stats.Std = append(t.stats.Mean, (low[i]+high[i])/2), append(t.stats.Std, (high[i]-low[i])/4)
	}
	t.file, err = t.stats.YAML("Of the toy.")
	return t, err
}

// Binding implements Data.
func (t *Toy) Binding() (checkpoint.Manifest, []byte) { return t.manifest, t.file }

// Instructions implements Data.
func (t *Toy) Instructions() []string {
	return []string{"go to the red square", "go to the blue square"}
}

// Vocabulary implements Data.
func (t *Toy) Vocabulary() []string {
	return append(t.Instructions(), "the red square is at 0 1, the blue square at 2 3; going. 4 5 6 7 arrived")
}

// Sample implements Data.
func (t *Toy) Sample(seed, step uint64, steps, actions int, into []Sequence) error {
	rng := rand.New(rand.NewPCG(seed, step))
	for i := range into {
		t.draw(rng, steps, actions, &into[i])
	}
	return nil
}

// Held implements Data: 16 sequences of another generator.
func (t *Toy) Held(steps, actions int) ([]Sequence, error) {
	held := make([]Sequence, 16)
	for i := range held {
		t.draw(rand.New(rand.NewPCG(0xe1d, uint64(i))), steps, actions, &held[i])
	}
	return held, nil
}

var colours = [2][3]byte{{220, 60, 50}, {60, 90, 220}}

func (t *Toy) draw(rng *rand.Rand, steps, actions int, s *Sequence) {
	*s = Sequence{}
	which := rng.IntN(2)
	var places [2][2]float64
	for i := range places {
		places[i] = [2]float64{rng.Float64(), rng.Float64()}
	}
	dims := len(t.stats.ActMin)
	at := make([]float64, dims) // in -1..1
	for i := range at {
		at[i] = 2*rng.Float64() - 1
	}
	at[dims-1] = 1
	goal := make([]float64, dims)
	for i := range goal {
		goal[i] = 0.8 * (2*places[which][i%2] - 1) * math.Cos(float64(i)/2)
	}
	var done [][]float64
	for k := range steps + actions - 1 {
		if k < steps {
			s.Observations = append(s.Observations, t.see(rng, which, places, at))
			phase := "going"
			if arrived(at, goal) {
				phase = "arrived"
			}
			s.Words = append(s.Words, fmt.Sprintf("%s: the red square is at %d %d, the blue square at %d %d; %s.", t.Instructions()[which],
				int(8*places[0][0]), int(8*places[0][1]), int(8*places[1][0]), int(8*places[1][1]), phase))
		}
		next := make([]float64, dims)
		for i := range dims - 1 {
			next[i] = at[i] + max(-0.2, min(0.2, goal[i]-at[i]))
		}
		next[dims-1] = 1
		if arrived(next, goal) {
			next[dims-1] = -1
		}
		action := make([]float64, dims)
		for i, x := range next {
			action[i] = t.stats.ActMin[i] + (x+1)/2*(t.stats.ActMax[i]-t.stats.ActMin[i])
		}
		done = append(done, action)
		at = next
	}
	for k := range steps {
		s.Actions = append(s.Actions, done[k:k+actions])
	}
}

func arrived(at, goal []float64) bool {
	for i := range len(at) - 1 {
		if math.Abs(at[i]-goal[i]) > 0.05 {
			return false
		}
	}
	return true
}

// see draws both cameras side by side: the scene with its squares, and a wrist that is dark when the gripper is open.
func (t *Toy) see(rng *rand.Rand, which int, places [2][2]float64, at []float64) model.Observation {
	side := t.side
	obs := model.Observation{
		Instruction: t.Instructions()[which], Width: 2 * side, Height: side, Image: make([]byte, 3*2*side*side),
		Views: []model.View{
			{Name: t.manifest.Cameras[0], Width: side, Height: side},
			{Name: t.manifest.Cameras[1], X: side, Width: side, Height: side},
		},
	}
	for i := range obs.Image {
		obs.Image[i] = byte(40 + rng.IntN(16))
	}
	size := side / 5
	for c, place := range places {
		left, top := int(place[0]*float64(side-size)), int(place[1]*float64(side-size))
		for y := top; y < top+size; y++ {
			for x := left; x < left+size; x++ {
				copy(obs.Image[3*(y*2*side+x):], colours[c][:])
			}
		}
	}
	for i, x := range at {
		obs.State = append(obs.State, t.stats.ActMin[i]+(x+1)/2*(t.stats.ActMax[i]-t.stats.ActMin[i]))
	}
	return obs
}
