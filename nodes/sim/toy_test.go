package sim

import (
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
)

// TestToyGraspHoldsAndLetsGo drives the left fingers around the bottle by inverse kinematics.
func TestToyGraspHoldsAndLetsGo(t *testing.T) {
	robot := calibration.Default()
	task, err := scene.ByName("fetch_bottle")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Sample(1, 0)
	bottle, ok := s.Object("bottle")
	if !ok {
		t.Fatal("no bottle in the scene")
	}
	s.Robot = scene.Start{X: bottle.Pose.Position[0] - 0.73, Y: bottle.Pose.Position[1] - 0.25}
	w, err := newToy(robot, s)
	if err != nil {
		t.Fatal(err)
	}
	arm, err := kinematics.NewArm(robot.Arms[0])
	if err != nil {
		t.Fatal(err)
	}
	base := flat(s.Robot.X, s.Robot.Y, 0)
	grasp := base.Mul(arm.Mount()).Inverse().Mul(kinematics.Translation(bottle.Pose.Position[0], bottle.Pose.Position[1], bottle.Pose.Position[2]+0.09)).Mul(kinematics.RPY(0, 1.92, 0))
	q, err := arm.IK(grasp, [6]float64{0, 1.5, -1, 0, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	drive := func(q [6]float64, width float64) {
		w.Arm("left").Drive(plant.ArmDrive{Power: plant.Holding, Joints: q, GripperOn: true, Width: width, Torque: 1})
		for range 500 {
			if err := w.Step(2 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
	height := func() float64 { p, _ := w.Pose("bottle"); return p.Position[2] }
	start := height()
	drive(q, 0.07)
	drive(q, 0)
	if width := w.Arm("left").State().Width; width < 0.05 || len(w.Contacts("bottle")) != 3 {
		t.Fatalf("fingers at %.3f m, contacts %v", width, w.Contacts("bottle"))
	}
	lifted := q
	lifted[1] -= 0.25
	drive(lifted, 0)
	if up := height() - start; up < 0.05 {
		t.Fatalf("lifted by %.3f m", up)
	}
	if c := w.Contacts("bottle"); len(c) != 2 {
		t.Errorf("in the air it touches %v", c)
	}
	drive(lifted, 0.07)
	at := height()
	drive(q, 0.07)
	if height() != at {
		t.Error("open fingers carry the bottle")
	}
}
