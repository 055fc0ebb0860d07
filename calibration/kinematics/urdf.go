package kinematics

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// URDF describes the robot for /robot_description: the frames of Tree, the
// limits of its calibration, masses of AgileX's URDF, and primitive shapes.
func URDF(r calibration.Robot) (string, error) {
	doc := urdfRobot{Name: r.Name, Materials: []urdfMaterial{
		{Name: "white", Color: &urdfColor{"0.90 0.91 0.93 1"}},
		{Name: "grey", Color: &urdfColor{"0.35 0.37 0.40 1"}},
		{Name: "black", Color: &urdfColor{"0.10 0.10 0.11 1"}},
	}}
	looks := shapes(r)
	doc.Links = append(doc.Links, urdfBody(BaseLink, looks[BaseLink]))
	for _, j := range Tree(r) {
		doc.Links = append(doc.Links, urdfBody(j.Child, looks[j.Child]))
		doc.Joints = append(doc.Joints, urdfConnect(j))
	}
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return "", fmt.Errorf("kinematics: urdf: %w", err)
	}
	return xml.Header + string(text) + "\n", nil
}

// solid is a link's look and mass: primitives in the link's frame.
type solid struct {
	mass   float64 // [kg]; 0 for a bare frame
	shapes []primitive
}

// primitive is a box (size x, y, z), or a cylinder along z (radius, length).
type primitive struct {
	at             Transform
	box            r3.Vec
	radius, length float64
	material       string
}

// rod is a cylinder from a to b.
func rod(a, b r3.Vec, radius float64, material string) primitive {
	axis := r3.Sub(b, a)
	length := r3.Norm(axis)
	at := Identity()
	if length > 1e-9 {
		at.Z = r3.Scale(1/length, axis)
		at.X = r3.Vec{X: 1}
		if math.Abs(at.Z.X) > 0.9 {
			at.X = r3.Vec{Y: 1}
		}
		at.X = r3.Unit(r3.Sub(at.X, r3.Scale(r3.Dot(at.X, at.Z), at.Z)))
		at.Y = r3.Cross(at.Z, at.X)
	}
	at.P = r3.Scale(0.5, r3.Add(a, b))
	return primitive{at: at, radius: radius, length: max(length, 2*radius*0.1), material: material}
}

func block(x, y, z, sx, sy, sz float64, material string) primitive {
	return primitive{at: Translation(x, y, z), box: r3.Vec{X: sx, Y: sy, Z: sz}, material: material}
}

// shapes gives every link its look. Masses: the arm's from AgileX's URDF
// (base 1.02, links .71, 1.16, .5, .38, .383, .007, gripper .45, fingers .025 kg),
// the Tracer's 28 kg from its manual (25-30), the frame's included in it.
func shapes(r calibration.Robot) map[string]solid {
	v := func(x, y, z float64) r3.Vec { return r3.Vec{X: x, Y: y, Z: z} }
	all := map[string]solid{}
	body := solid{mass: 28, shapes: []primitive{block(0, 0, 0.118, 0.70, 0.50, 0.163, "grey")}}
	for _, o := range r.Obstacles {
		c := obstacle(o)
		body.shapes = append(body.shapes, rod(c.A, c.B, c.Radius, "grey"))
	}
	all[BaseLink] = body
	for _, a := range r.Arms {
		s := a.Side
		tcp := a.Gripper.TCP
		all[s+"_link0"] = solid{1.02, []primitive{rod(v(0, 0, 0), v(0, 0, 0.09), 0.05, "black")}}
		all[s+"_link1"] = solid{0.71, []primitive{rod(v(0, -0.04, 0), v(0, 0.04, 0), 0.045, "white")}}
		all[s+"_link2"] = solid{1.16, []primitive{rod(v(0, 0, 0), v(piper[2].a, 0, 0), 0.035, "white")}}
		all[s+"_link3"] = solid{0.50, []primitive{rod(v(0, 0, 0), v(piper[3].a, -piper[3].d, 0), 0.03, "white")}}
		all[s+"_link4"] = solid{0.38, []primitive{rod(v(0, 0, -0.04), v(0, 0, 0.02), 0.03, "black")}}
		all[s+"_link5"] = solid{0.383, []primitive{rod(v(0, 0, 0), v(0, -piper[5].d, 0), 0.028, "white")}}
		all[s+"_link6"] = solid{0.007, []primitive{rod(v(0, 0, -0.004), v(0, 0, 0), 0.03, "black")}}
		all[s+"_gripper_base"] = solid{0.45, []primitive{block(0, 0, 0.035, 0.06, 0.13, 0.07, "grey")}}
		all[s+"_gripper_width"] = solid{mass: 0.001}
		for i, side := range [2]float64{-1, 1} {
			// The finger's frame is the middle of its pad; the finger lies outside it and reaches 16 mm beyond.
			all[s+"_finger"+string(rune('1'+i))] = solid{0.025, []primitive{
				block(0, side*0.008, -(tcp-0.07)/2+0.008, 0.022, 0.016, tcp-0.07+0.016, "black"),
			}}
		}
	}
	for _, c := range r.Cameras {
		all[CameraLink(c)] = solid{0.07, []primitive{block(0, 0, 0, 0.025, 0.09, 0.025, "black")}}
	}
	return all
}

// inertia of a solid about its mass's centre, the mass spread over its first shape.
func (p primitive) inertia(mass float64) (ixx, iyy, izz float64) {
	if p.radius > 0 {
		side := mass * (3*p.radius*p.radius + p.length*p.length) / 12
		return side, side, mass * p.radius * p.radius / 2
	}
	x, y, z := p.box.X*p.box.X, p.box.Y*p.box.Y, p.box.Z*p.box.Z
	return mass * (y + z) / 12, mass * (x + z) / 12, mass * (x + y) / 12
}

type urdfRobot struct {
	XMLName   xml.Name       `xml:"robot"`
	Name      string         `xml:"name,attr"`
	Materials []urdfMaterial `xml:"material"`
	Links     []urdfLink     `xml:"link"`
	Joints    []urdfJoint    `xml:"joint"`
}

type urdfMaterial struct {
	Name  string     `xml:"name,attr"`
	Color *urdfColor `xml:"color,omitempty"`
}

type urdfColor struct {
	RGBA string `xml:"rgba,attr"`
}

type urdfLink struct {
	Name     string        `xml:"name,attr"`
	Inertial *urdfInertial `xml:"inertial,omitempty"`
	Visual   []urdfVisual  `xml:"visual,omitempty"`
	Hull     []urdfVisual  `xml:"collision,omitempty"`
}

type urdfInertial struct {
	Origin  urdfOrigin  `xml:"origin"`
	Mass    urdfValue   `xml:"mass"`
	Inertia urdfInertia `xml:"inertia"`
}

type urdfInertia struct {
	XX string `xml:"ixx,attr"`
	XY string `xml:"ixy,attr"`
	XZ string `xml:"ixz,attr"`
	YY string `xml:"iyy,attr"`
	YZ string `xml:"iyz,attr"`
	ZZ string `xml:"izz,attr"`
}

type urdfVisual struct {
	Origin   urdfOrigin    `xml:"origin"`
	Geometry urdfGeometry  `xml:"geometry"`
	Material *urdfMaterial `xml:"material,omitempty"`
}

type urdfGeometry struct {
	Box      *urdfBox      `xml:"box,omitempty"`
	Cylinder *urdfCylinder `xml:"cylinder,omitempty"`
}

type urdfBox struct {
	Size string `xml:"size,attr"`
}

type urdfCylinder struct {
	Radius string `xml:"radius,attr"`
	Length string `xml:"length,attr"`
}

type urdfOrigin struct {
	XYZ string `xml:"xyz,attr"`
	RPY string `xml:"rpy,attr"`
}

type urdfValue struct {
	Value string `xml:"value,attr"`
}

type urdfJoint struct {
	Name   string     `xml:"name,attr"`
	Type   Kind       `xml:"type,attr"`
	Origin urdfOrigin `xml:"origin"`
	Parent urdfRef    `xml:"parent"`
	Child  urdfRef    `xml:"child"`
	Axis   *urdfAxis  `xml:"axis,omitempty"`
	Limit  *urdfLimit `xml:"limit,omitempty"`
	Mimic  *urdfMimic `xml:"mimic,omitempty"`
}

type urdfRef struct {
	Link string `xml:"link,attr"`
}

type urdfAxis struct {
	XYZ string `xml:"xyz,attr"`
}

type urdfLimit struct {
	Lower    string `xml:"lower,attr"`
	Upper    string `xml:"upper,attr"`
	Effort   string `xml:"effort,attr"`
	Velocity string `xml:"velocity,attr"`
}

type urdfMimic struct {
	Joint      string `xml:"joint,attr"`
	Multiplier string `xml:"multiplier,attr"`
}

func urdfBody(name string, s solid) urdfLink {
	l := urdfLink{Name: name}
	if s.mass > 0 {
		centre, ixx, iyy, izz := Identity(), 1e-6, 1e-6, 1e-6
		if len(s.shapes) > 0 {
			centre = s.shapes[0].at
			ixx, iyy, izz = s.shapes[0].inertia(s.mass)
		}
		l.Inertial = &urdfInertial{
			Origin: origin(centre), Mass: urdfValue{number(s.mass)},
			Inertia: urdfInertia{XX: number(ixx), YY: number(iyy), ZZ: number(izz), XY: "0", XZ: "0", YZ: "0"},
		}
	}
	for _, p := range s.shapes {
		v := urdfVisual{Origin: origin(p.at)}
		if p.radius > 0 {
			v.Geometry.Cylinder = &urdfCylinder{Radius: number(p.radius), Length: number(p.length)}
		} else {
			v.Geometry.Box = &urdfBox{Size: triple(p.box)}
		}
		l.Hull = append(l.Hull, v)
		v.Material = &urdfMaterial{Name: p.material}
		l.Visual = append(l.Visual, v)
	}
	return l
}

func urdfConnect(j Joint) urdfJoint {
	u := urdfJoint{Name: j.Name, Type: j.Kind, Origin: origin(j.Origin), Parent: urdfRef{j.Parent}, Child: urdfRef{j.Child}}
	if j.Kind == Fixed {
		return u
	}
	u.Axis = &urdfAxis{triple(j.Axis)}
	u.Limit = &urdfLimit{Lower: number(j.Lower), Upper: number(j.Upper), Effort: number(j.Effort), Velocity: number(j.Velocity)}
	if j.Mimic != "" {
		u.Mimic = &urdfMimic{Joint: j.Mimic, Multiplier: number(j.Multiplier)}
	}
	return u
}

func origin(t Transform) urdfOrigin {
	roll, pitch, yaw := t.RollPitchYaw()
	return urdfOrigin{XYZ: triple(t.P), RPY: triple(r3.Vec{X: roll, Y: pitch, Z: yaw})}
}

func triple(v r3.Vec) string { return number(v.X) + " " + number(v.Y) + " " + number(v.Z) }

// number writes a length or angle to a hundredth of a nanometre, without -0 or exponents.
func number(x float64) string {
	s := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.11f", x), "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}
