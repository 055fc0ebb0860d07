package calibration

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// What the hardware can do at all (PiPER interface manual V2, Tracer user
// manual 1.2); a calibration may ask for less, never for more.
const (
	hardJointVelocity     = 3.0 // [rad/s]
	hardJointAcceleration = 5.0 // [rad/s²]
	hardStroke            = 0.1 // the large gripper [m]
	hardTorque            = 5.0 // [N·m]
	hardLinear            = 2.3 // unloaded top speed [m/s]
	hardAngular           = 3.2 // [rad/s]; ours: half a turn a second
)

// Validate checks every number. The error lists everything that is wrong, each
// with its field, its value and what to do.
func (r Robot) Validate() error {
	var c check
	if r.Version != 1 {
		c.fail("version is %d; this program reads version 1", r.Version)
	}
	c.name("name", r.Name)
	r.checkArms(&c)
	r.Base.check(&c)
	r.checkCameras(&c)
	for i, o := range r.Obstacles {
		p := fmt.Sprintf("obstacles[%d]", i)
		c.name(p+".name", o.Name)
		for k := range 3 {
			c.within(fmt.Sprintf("%s.a[%d]", p, k), o.A[k], -3, 3, "m")
			c.within(fmt.Sprintf("%s.b[%d]", p, k), o.B[k], -3, 3, "m")
		}
		c.within(p+".radius", o.Radius, 0.001, 1, "m")
	}
	c.unique()
	return errors.Join(c.errs...)
}

func (r Robot) checkArms(c *check) {
	if len(r.Arms) != 2 {
		c.fail("arms lists %d arms; a Cobot-Magic has two, left and right in this order", len(r.Arms))
		return
	}
	for i, a := range r.Arms {
		p := fmt.Sprintf("arms[%d]", i)
		if a.Side != Sides[i] {
			c.fail("%s.side is %q; arms are listed left, right", p, a.Side)
		}
		c.bus(p+".bus", a.Bus, r.Base.Bus)
		c.pose(p+".mount", a.Mount)
		if len(a.Joints) != 6 {
			c.fail("%s.joints lists %d joints; a PiPER has 6", p, len(a.Joints))
			continue
		}
		for k, j := range a.Joints {
			q := fmt.Sprintf("%s.joints[%d]", p, k)
			c.unit(q+".name", j.Name)
			c.within(q+".lower", j.Lower, -math.Pi, math.Pi, "rad")
			c.within(q+".upper", j.Upper, -math.Pi, math.Pi, "rad")
			if !(j.Lower < j.Upper) {
				c.fail("%s (%s): lower %g rad is not below upper %g rad", q, j.Name, j.Lower, j.Upper)
			}
			c.positive(q+".max_velocity", j.MaxVelocity, hardJointVelocity, "rad/s")
			c.positive(q+".max_acceleration", j.MaxAcceleration, hardJointAcceleration, "rad/s²")
			c.within(q+".zero", j.Zero, -0.2, 0.2, "rad")
			if v := a.Park[k]; !(v >= j.Lower && v <= j.Upper) {
				c.fail("%s.park[%d] is %g rad, outside %s's limits %g..%g rad; choose a pose within them", p, k, v, j.Name, j.Lower, j.Upper)
			}
		}
		g := a.Gripper
		c.unit(p+".gripper.name", g.Name)
		c.positive(p+".gripper.stroke", g.Stroke, hardStroke, "m")
		c.positive(p+".gripper.max_velocity", g.MaxVelocity, 1, "m/s")
		c.positive(p+".gripper.max_acceleration", g.MaxAcceleration, 20, "m/s²")
		c.positive(p+".gripper.torque", g.Torque, hardTorque, "N·m")
		c.within(p+".gripper.tcp", g.TCP, 0, 0.5, "m")
	}
	if r.Arms[0].Bus == r.Arms[1].Bus {
		c.fail("arms[0].bus and arms[1].bus are both %q; each arm answers on a bus of its own", r.Arms[0].Bus)
	}
}

func (b Base) check(c *check) {
	c.bus("base.bus", b.Bus, "")
	c.positive("base.track", b.Track, 2, "m")
	c.within("base.linear_scale", b.LinearScale, 0.5, 2, "")
	c.within("base.angular_scale", b.AngularScale, 0.5, 2, "")
	c.positive("base.max_linear", b.MaxLinear, hardLinear, "m/s")
	c.positive("base.max_angular", b.MaxAngular, hardAngular, "rad/s")
	c.positive("base.max_linear_accel", b.MaxLinearAccel, 10, "m/s²")
	c.positive("base.max_angular_accel", b.MaxAngularAccel, 20, "rad/s²")
	c.positive("base.hard_deceleration", b.HardDeceleration, 10, "m/s²")
	c.positive("base.hard_angular_deceleration", b.HardAngularDeceleration, 20, "rad/s²")
	if b.HardDeceleration < b.MaxLinearAccel {
		c.fail("base.hard_deceleration %g m/s² is gentler than base.max_linear_accel %g m/s²; an e-stop must brake harder than driving", b.HardDeceleration, b.MaxLinearAccel)
	}
	if b.HardAngularDeceleration < b.MaxAngularAccel {
		c.fail("base.hard_angular_deceleration %g rad/s² is gentler than base.max_angular_accel %g rad/s²; an e-stop must brake harder than driving", b.HardAngularDeceleration, b.MaxAngularAccel)
	}
}

func (r Robot) checkCameras(c *check) {
	want := []string{"front", "left", "right"}
	parents := map[string]bool{"base_link": true}
	for _, side := range Sides {
		parents[side+"_link6"] = true
	}
	if len(r.Cameras) == 0 || len(r.Cameras) > len(want) {
		c.fail("cameras lists %d cameras; a Cobot-Magic has front, left, right", len(r.Cameras))
		return
	}
	for i, cam := range r.Cameras {
		p := fmt.Sprintf("cameras[%d]", i)
		if cam.Name != want[i] {
			c.fail("%s.name is %q; cameras are listed front, left, right", p, cam.Name)
		}
		c.unit(p+".namespace", cam.Namespace)
		if !strings.HasPrefix(cam.Namespace, "/") || strings.HasSuffix(cam.Namespace, "/") {
			c.fail("%s.namespace is %q; write it as /camera_f", p, cam.Namespace)
		}
		if !parents[cam.Parent] {
			c.fail("%s.parent is %q; a camera is mounted on base_link, left_link6 or right_link6", p, cam.Parent)
		}
		c.pose(p+".mount", cam.Mount)
		if cam.Width < 16 || cam.Width > 8192 || cam.Height < 16 || cam.Height > 8192 {
			c.fail("%s is %d×%d px; sides are 16..8192 px", p, cam.Width, cam.Height)
		}
		c.positive(p+".fx", cam.FX, 1e5, "px")
		c.positive(p+".fy", cam.FY, 1e5, "px")
		c.within(p+".cx", cam.CX, 0, float64(cam.Width), "px")
		c.within(p+".cy", cam.CY, 0, float64(cam.Height), "px")
		for k, d := range cam.Distortion {
			c.within(fmt.Sprintf("%s.distortion[%d]", p, k), d, -100, 100, "")
		}
	}
}

// check gathers what is wrong.
type check struct {
	errs  []error
	units []string // names that must be unique on the robot
}

func (c *check) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *check) within(field string, v, lo, hi float64, unit string) {
	if !(v >= lo && v <= hi) { // NaN fails too
		c.fail("%s is %g%s; it must lie within %g..%g%s", field, v, space(unit), lo, hi, space(unit))
	}
}

func (c *check) positive(field string, v, hi float64, unit string) {
	if !(v > 0 && v <= hi) {
		c.fail("%s is %g%s; it must be above 0 and at most %g%s", field, v, space(unit), hi, space(unit))
	}
}

func (c *check) pose(field string, p Pose) {
	for k, axis := range [3]string{"x", "y", "z"} {
		c.within(field+".xyz "+axis, p.XYZ[k], -3, 3, "m")
	}
	for k, axis := range [3]string{"roll", "pitch", "yaw"} {
		c.within(field+".rpy "+axis, p.RPY[k], -2*math.Pi, 2*math.Pi, "rad")
	}
}

// name checks a name that may not be empty and may not hold what would break a topic, frame or file.
func (c *check) name(field, v string) {
	if v == "" || strings.ContainsFunc(v, func(r rune) bool {
		return r != '_' && r != '/' && !('a' <= r && r <= 'z') && !('A' <= r && r <= 'Z') && !('0' <= r && r <= '9')
	}) {
		c.fail("%s is %q; use letters, digits and underscores", field, v)
	}
}

// unit is name for what must be unique on the robot.
func (c *check) unit(field, v string) {
	c.name(field, v)
	c.units = append(c.units, v)
}

// bus checks an interface's name; Linux allows nearly everything in one.
func (c *check) bus(field, v, base string) {
	if v == "" || len(v) > 64 || strings.ContainsAny(v, " \t\n") {
		c.fail("%s is %q; name a CAN interface, e.g. can_left", field, v)
	}
	if v == base && base != "" {
		c.fail("%s is %q, which is also base.bus; the base's frames collide with the arms' ids, never share a bus", field, v)
	}
}

func (c *check) unique() {
	seen := map[string]bool{}
	for _, u := range c.units {
		if seen[u] && u != "" {
			c.fail("the name %q is used twice; joints, grippers and camera namespaces are unique on the robot", u)
		}
		seen[u] = true
	}
}

func space(unit string) string {
	if unit == "" {
		return ""
	}
	return " " + unit
}
