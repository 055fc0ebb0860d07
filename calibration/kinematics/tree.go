package kinematics

import (
	"math"
	"strings"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// BaseLink is the robot's root frame: on the floor midway between the drive wheels, x forward.
const BaseLink = "base_link"

// Kind of a Joint, as URDF names it.
type Kind string

// The kinds in use.
const (
	Fixed     Kind = "fixed"
	Revolute  Kind = "revolute"
	Prismatic Kind = "prismatic"
)

// Joint connects two frames of the robot.
type Joint struct {
	Name          string
	Kind          Kind
	Parent, Child string
	Origin        Transform // the child in the parent at position 0
	Axis          r3.Vec    // in the child
	Lower, Upper  float64   // [rad] or [m]
	Velocity      float64   // [rad/s] or [m/s]
	Effort        float64   // [N·m] or [N]
	Mimic         string    // the joint that moves it, for fingers
	Multiplier    float64
}

// At is the child in the parent at a position [rad] or [m].
func (j Joint) At(position float64) Transform {
	switch j.Kind {
	case Revolute:
		return j.Origin.Mul(turnAbout(j.Axis, position))
	case Prismatic:
		t := j.Origin
		t.P = r3.Add(t.P, t.Rotate(r3.Scale(position, j.Axis)))
		return t
	}
	return j.Origin
}

// turnAbout turns by an angle about a unit axis (Rodrigues).
func turnAbout(axis r3.Vec, angle float64) Transform {
	s, c := math.Sincos(angle)
	turn := func(v r3.Vec) r3.Vec {
		return r3.Add(r3.Add(r3.Scale(c, v), r3.Scale(s, r3.Cross(axis, v))), r3.Scale((1-c)*r3.Dot(axis, v), axis))
	}
	return Transform{X: turn(r3.Vec{X: 1}), Y: turn(r3.Vec{Y: 1}), Z: turn(r3.Vec{Z: 1})}
}

// Efforts are AgileX's URDF's placeholders for the joints; the finger's force is chosen.
const (
	jointEffort  = 100
	fingerEffort = 10
)

// Tree lists the robot's frames, parents before children:
//
//	base_link
//	├─ left_link0 ─ left_link1 … left_link6 (the flange) ─ left_gripper_base
//	│                                        ├─ camera_l_link ─ camera_l_color_optical_frame
//	│     left_gripper_base ─┬─ left_gripper_tip     the TCP, the grasp centre
//	│                        ├─ left_gripper_width   moves by the opening: the joint that /joint_states reports
//	│                        └─ left_finger1, left_finger2   half of it each, towards -y and +y
//	├─ right_… the same
//	└─ camera_f_link ─ camera_f_color_optical_frame
//
// URDF, /tf_static and /tf are all made from it.
func Tree(r calibration.Robot) []Joint {
	var tree []Joint
	fixed := func(parent, child string, at Transform) {
		tree = append(tree, Joint{Name: child + "_fixed", Kind: Fixed, Parent: parent, Child: child, Origin: at})
	}
	for _, a := range r.Arms {
		link := func(i int) string { return a.Side + "_link" + string(rune('0'+i)) }
		fixed(BaseLink, link(0), FromPose(a.Mount))
		for i, j := range a.Joints {
			tree = append(tree, Joint{
				Name: j.Name, Kind: Revolute, Parent: link(i), Child: link(i + 1),
				Origin: piper[i].at(0), Axis: r3.Vec{Z: 1},
				Lower: j.Lower, Upper: j.Upper, Velocity: j.MaxVelocity, Effort: jointEffort,
			})
		}
		g := a.Gripper
		palm := a.Side + "_gripper_base"
		fixed(link(6), palm, Identity())
		fixed(palm, a.Side+"_gripper_tip", Translation(0, 0, g.TCP))
		slide := Joint{
			Name: g.Name, Kind: Prismatic, Parent: palm, Child: a.Side + "_gripper_width",
			Origin: Translation(0, 0, g.TCP), Axis: r3.Vec{Y: 1}, Upper: g.Stroke, Velocity: g.MaxVelocity, Effort: fingerEffort,
		}
		tree = append(tree, slide)
		for i, direction := range [2]float64{-1, 1} {
			f := slide
			f.Child = a.Side + "_finger" + string(rune('1'+i))
			f.Name = f.Child + "_joint"
			f.Axis.Y = direction
			f.Mimic, f.Multiplier = g.Name, 0.5
			f.Upper, f.Velocity = g.Stroke/2, g.MaxVelocity/2
			tree = append(tree, f)
		}
	}
	for _, c := range r.Cameras {
		fixed(c.Parent, CameraLink(c), FromPose(c.Mount))
		fixed(CameraLink(c), OpticalFrame(c), RPY(-math.Pi/2, 0, -math.Pi/2))
	}
	return tree
}

// CameraLink is the frame of a camera's body, e.g. camera_f_link: x forward, y left, z up.
func CameraLink(c calibration.Camera) string { return frameBase(c) + "_link" }

// OpticalFrame is the frame of its image, e.g. camera_f_color_optical_frame: z forward, x right, y down.
func OpticalFrame(c calibration.Camera) string { return frameBase(c) + "_color_optical_frame" }

func frameBase(c calibration.Camera) string {
	return strings.ReplaceAll(strings.TrimPrefix(c.Namespace, "/"), "/", "_")
}

// Frame is a named transform: the child in its parent.
type Frame struct {
	Parent, Child string
	Transform
}

// StaticFrames are what /tf_static carries: everything that never moves.
func StaticFrames(tree []Joint) []Frame {
	var frames []Frame
	for _, j := range tree {
		if j.Kind == Fixed {
			frames = append(frames, Frame{Parent: j.Parent, Child: j.Child, Transform: j.Origin})
		}
	}
	return frames
}

// MovingFrames are what /tf carries for the joints whose position is known, by
// name: [rad], and the opening width [m] for grippers. A joint that position
// does not know is left out: its frame is unknown, not zero.
func MovingFrames(tree []Joint, position func(name string) (float64, bool)) []Frame {
	var frames []Frame
	for _, j := range tree {
		if j.Kind == Fixed {
			continue
		}
		name, scale := j.Name, 1.0
		if j.Mimic != "" {
			name, scale = j.Mimic, j.Multiplier
		}
		if q, ok := position(name); ok {
			frames = append(frames, Frame{Parent: j.Parent, Child: j.Child, Transform: j.At(scale * q)})
		}
	}
	return frames
}
