package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/mujoco/scene"
)

// taskStart is a task of the simulator, and the places of its things before anything moved.
type taskStart struct {
	task  scene.Task
	start scene.Scene
}

// seedsOf remembers the ledgers of folders of demonstrations: they say from which seed an episode started.
type seedsOf map[string]map[string]attempt

// start is how an episode began; nil where no ledger says.
func (s seedsOf) start(file string) (*taskStart, error) {
	episode := filepath.Dir(file)
	folder := filepath.Dir(episode)
	known, read := s[folder]
	if !read {
		l, err := openLedger(filepath.Join(folder, ledgerFile))
		if err != nil {
			return nil, err
		}
		known = map[string]attempt{}
		l.each(func(t attempt) { known[t.Episode] = t })
		s[folder] = known
	}
	t, ok := known[filepath.Base(episode)]
	if !ok {
		return nil, nil
	}
	task, err := scene.ByName(t.Task)
	if err != nil {
		return nil, nil // a task of somebody else's simulator
	}
	return &taskStart{task: task, start: task.Sample(t.Seed, 1)}, nil
}

// sayer puts in words what there is to see at every step of an episode: what is asked for, how far it is, where the hand is, in
// centimetres before, to the left of and above the robot's base, and where the task's things are from the hand, in millimetres.
// The camera at the wrist sees the latter better than any camera sees the former, and it is what a hand must know to take hold.
type sayer struct {
	instruction string
	arm         *kinematics.Arm
	start       *taskStart
	held        bool // closed on something, now or before
}

// closedBelow is a gripper that was told to close [m].
const closedBelow = 0.03

// step says what there is to see where the joints are measured [rad] and the gripper is told to go to a width [m].
func (s *sayer) step(joints [6]float64, width float64) string {
	closed := width < closedBelow
	s.held = s.held || closed
	phase := "reaching"
	switch {
	case closed:
		phase = "holding"
	case s.held:
		phase = "leaving"
	}
	words := s.instruction + "; " + phase
	if s.start == nil {
		return words
	}
	robot := s.start.start.Robot
	hand := s.arm.Mount().Apply(s.arm.FK(joints).P)
	words += fmt.Sprintf("; hand %d %d %d", centimetres(hand.X), centimetres(hand.Y), centimetres(hand.Z))
	for _, o := range s.start.start.Objects {
		fixed := o.Name != s.start.task.Handled || o.Kind == scene.Bell || o.Kind == scene.Cabinet
		if !fixed && s.held { // it is in the hand, or where it was put
			continue
		}
		at := o.Pose.Position
		words += fmt.Sprintf("; %s %d %d %d", strings.ReplaceAll(o.Name, "_", " "),
			millimetres(at[0]-robot.X-hand.X), millimetres(at[1]-robot.Y-hand.Y), millimetres(at[2]-hand.Z))
	}
	return words
}

func centimetres(x float64) int { return int(math.Round(100 * x)) }

// millimetres are told in steps of five: what a camera sees, and few words.
func millimetres(x float64) int { return 5 * int(math.Round(200*x)) }
