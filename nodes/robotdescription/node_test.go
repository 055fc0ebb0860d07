package robotdescription

import (
	"context"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// listener is somebody who comes late and hears all that the node says.
type listener struct {
	t      *testing.T
	c      *rcl.Context
	n      *rcl.Node
	urdf   []string
	static []*msgs.TFMessage
	tf     []*msgs.TFMessage
	states []*msgs.JointState
	diag   msgs.DiagnosticStatus
	arms   map[string]*rcl.Publisher[msgs.JointState]
}

func start(t *testing.T, cfg Config) *listener {
	t.Helper()
	l := &listener{t: t, c: rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})}), arms: map[string]*rcl.Publisher[msgs.JointState]{}}
	if _, err := l.c.Add("robot_description", rcl.Args{}, func(n *rcl.Node) error { _, err := New(n, cfg); return err }); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.n, err = l.c.Node("listener", rcl.Args{}); err != nil {
		t.Fatal(err)
	}
	l.run(10 * time.Millisecond)
	hear(l, "/robot_description", rcl.Latched, func(m *msgs.String) { l.urdf = append(l.urdf, m.Data) })
	hear(l, "/tf_static", rcl.Latched, func(m *msgs.TFMessage) { l.static = append(l.static, m) })
	hear(l, "/tf", rcl.Default, func(m *msgs.TFMessage) { l.tf = append(l.tf, m) })
	hear(l, "/joint_states", rcl.Default, func(m *msgs.JointState) { l.states = append(l.states, m) })
	hear(l, "/diagnostics", rcl.Default, func(m *msgs.DiagnosticArray) { l.diag = m.Status[0] })
	for _, side := range calibration.Sides {
		if l.arms[side], err = rcl.Advertise[msgs.JointState](l.n, "/puppet/joint_"+side, rcl.Default); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := l.c.Shutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
	return l
}

func hear[T any, P msgs.Ptr[T]](l *listener, topic string, qos rcl.QoS, cb func(*T)) {
	l.t.Helper()
	if _, err := rcl.Subscribe[T, P](l.n, topic, qos, func(m *T, _ rcl.Info) { cb(m) }); err != nil {
		l.t.Fatal(err)
	}
}

func (l *listener) run(d time.Duration) {
	l.t.Helper()
	over := false
	l.n.After(d, func() { over = true })
	if err := l.c.RunUntil(context.Background(), func() bool { return over }); err != nil {
		l.t.Fatal(err)
	}
}

// state is an arm's: joint k at 0.1·k rad, its gripper 5 cm open.
func state(side string, velocity bool) *msgs.JointState {
	m := &msgs.JointState{}
	for k := 6; k >= 1; k-- { // the order of names is nobody's business
		m.Name = append(m.Name, fmt.Sprintf("%s_joint%d", side, k))
		m.Position = append(m.Position, 0.1*float64(k))
	}
	m.Name, m.Position = append(m.Name, side+"_gripper"), append(m.Position, 0.05)
	if velocity {
		m.Velocity = make([]float64, 7)
		m.Velocity[6] = 0.25
	}
	return m
}

func (l *listener) tell(side string, m *msgs.JointState) {
	l.t.Helper()
	m.Header.Stamp = msgs.Stamp(l.c.Now())
	if err := l.arms[side].Publish(m); err != nil {
		l.t.Fatal(err)
	}
}

func TestDescription(t *testing.T) {
	l := start(t, DefaultConfig())
	l.run(time.Millisecond)
	robot := calibration.Default()
	want, err := kinematics.URDF(robot)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.urdf) != 1 || l.urdf[0] != want {
		t.Fatalf("%d descriptions were heard late", len(l.urdf))
	}
	var doc struct {
		XMLName xml.Name `xml:"robot"`
		Joints  []struct {
			Name  string `xml:"name,attr"`
			Type  string `xml:"type,attr"`
			Child struct {
				Link string `xml:"link,attr"`
			} `xml:"child"`
		} `xml:"joint"`
	}
	if err := xml.Unmarshal([]byte(l.urdf[0]), &doc); err != nil {
		t.Fatal(err)
	}
	// Every frame of the description is on /tf_static or /tf, on one of the two.
	l.tell("left", state("left", false))
	l.tell("right", state("right", false))
	l.run(50 * time.Millisecond)
	frames := map[string]int{}
	for _, m := range append(slices.Clone(l.static), l.tf[0]) {
		for _, f := range m.Transforms {
			frames[f.ChildFrameID]++
		}
	}
	for _, j := range doc.Joints {
		if frames[j.Child.Link] != 1 {
			t.Errorf("frame %s of joint %s is on /tf and /tf_static %d times", j.Child.Link, j.Name, frames[j.Child.Link])
		}
	}
	if len(frames) != len(doc.Joints) || len(doc.Joints) < 30 {
		t.Errorf("%d frames, %d joints", len(frames), len(doc.Joints))
	}
	for _, c := range robot.Cameras {
		if frames[kinematics.OpticalFrame(c)] != 1 {
			t.Errorf("no frame of camera %s", c.Name)
		}
	}
}

func TestGivenDescription(t *testing.T) {
	cfg := DefaultConfig()
	cfg.URDF, cfg.PublishTF = "<robot name='x'/>", false
	l := start(t, cfg)
	l.tell("left", state("left", false))
	l.run(50 * time.Millisecond)
	if len(l.urdf) != 1 || l.urdf[0] != cfg.URDF || len(l.tf) != 0 || len(l.states) == 0 || len(l.static) != 1 {
		t.Errorf("description %q, %d on /tf, %d states", l.urdf, len(l.tf), len(l.states))
	}
}

// TestFrames: the chain of frames on /tf ends where forward kinematics says.
func TestFrames(t *testing.T) {
	l := start(t, DefaultConfig())
	l.tell("left", state("left", false))
	l.run(50 * time.Millisecond)
	parent, at := map[string]string{}, map[string]kinematics.Transform{}
	for _, m := range []*msgs.TFMessage{l.static[0], l.tf[0]} {
		for _, f := range m.Transforms {
			p, q := f.Transform.Translation, f.Transform.Rotation
			parent[f.ChildFrameID] = f.Header.FrameID
			at[f.ChildFrameID] = kinematics.FromQuaternion([3]float64{p.X, p.Y, p.Z}, [4]float64{q.X, q.Y, q.Z, q.W})
		}
	}
	inBase := func(frame string) kinematics.Transform {
		out := kinematics.Identity()
		for frame != kinematics.BaseLink {
			out = at[frame].Mul(out)
			var ok bool
			if frame, ok = parent[frame]; !ok {
				t.Fatal("the chain of frames is broken")
			}
		}
		return out
	}
	a, _ := calibration.Default().Arm("left")
	k, err := kinematics.NewArm(a)
	if err != nil {
		t.Fatal(err)
	}
	links := k.Links([6]float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6})
	if metres, radians := inBase("left_link6").Distance(k.Mount().Mul(links[5])); metres > 1e-9 || radians > 1e-9 {
		t.Errorf("the flange on /tf is %g m and %g rad from forward kinematics", metres, radians)
	}
	one, two := at["left_finger1"], at["left_finger2"]
	if opening := one.P.Y - two.P.Y; math.Abs(math.Abs(opening)-0.05) > 1e-9 {
		t.Errorf("the fingers are %g m apart, the gripper is 0.05 m open", opening)
	}
	if _, ok := at["right_link1"]; ok {
		t.Error("an arm that was never heard has frames")
	}
}

func TestJointStates(t *testing.T) {
	l := start(t, DefaultConfig())
	l.tell("left", state("left", true))
	first := l.c.Now()
	l.run(10 * time.Millisecond)
	l.tell("right", state("right", true))
	l.run(25 * time.Millisecond)
	m := l.states[len(l.states)-1]
	if len(m.Name) != 14 || m.Name[0] != "left_joint6" || m.Name[13] != "right_gripper" || len(m.Position) != 14 || m.Position[13] != 0.05 || len(m.Velocity) != 14 || m.Velocity[6] != 0.25 || len(m.Effort) != 0 {
		t.Errorf("joint states %+v", m)
	}
	if !m.Header.Stamp.Go().Equal(first) {
		t.Errorf("stamp %v, the oldest arm's is %v", m.Header.Stamp.Go(), first)
	}
	// Without the velocities of one there are none; a joint without a position is left out.
	broken := state("right", false)
	broken.Position[0] = math.NaN()
	l.tell("right", broken)
	l.run(40 * time.Millisecond)
	m = l.states[len(l.states)-1]
	if len(m.Name) != 13 || slices.Contains(m.Name, "right_joint6") || len(m.Position) != 13 || m.Velocity != nil {
		t.Errorf("joint states %+v", m)
	}
	for _, f := range l.tf[len(l.tf)-1].Transforms {
		if f.ChildFrameID == "right_link6" {
			t.Error("a joint without a position has a frame")
		}
	}
	short := state("left", false)
	short.Position = short.Position[:2]
	l.tell("left", short)
	l.run(40 * time.Millisecond)
	if m = l.states[len(l.states)-1]; len(m.Name) != 2+6 {
		t.Errorf("joint states %+v", m)
	}
}

// TestSilentArms: the frames of an arm that is not heard are not made up, and its stamps don't repeat.
func TestSilentArms(t *testing.T) {
	l := start(t, DefaultConfig())
	l.run(1100 * time.Millisecond)
	if want := "left out: arm left (never heard on /puppet/joint_left), arm right (never heard on /puppet/joint_right)"; l.diag.Message != want || l.diag.Level != msgs.DiagWarn || len(l.states) != 0 {
		t.Errorf("diagnostics %s, %d states", l.diag.Message, len(l.states))
	}
	for range 10 {
		l.tell("right", state("right", false))
		l.run(5 * time.Millisecond)
	}
	if l.run(time.Second); !strings.HasPrefix(l.diag.Message, "left out: arm left (never heard on /puppet/joint_left), arm right (silent for ") {
		t.Errorf("diagnostics %s", l.diag.Message)
	}
	// 50 ms of new stamps at 50 Hz, and the last one.
	if len(l.tf) < 2 || len(l.tf) > 4 || len(l.states) < 25 || len(l.states) > 29 {
		t.Errorf("%d on /tf, %d joint states in 0.55 s", len(l.tf), len(l.states))
	}
	stamps := map[msgs.Time]bool{}
	for _, m := range l.tf {
		if stamp := m.Transforms[0].Header.Stamp; stamps[stamp] {
			t.Errorf("stamp %v repeats on /tf", stamp)
		} else {
			stamps[stamp] = true
		}
	}
	l.tell("left", state("left", false))
	l.tell("right", state("right", false))
	l.run(150 * time.Millisecond)
	if l.diag.Level != msgs.DiagOK || l.diag.Message != "2 arms" || l.diag.HardwareID != "cobot_magic" {
		t.Errorf("diagnostics %+v", l.diag)
	}
}

func TestCalibrationFile(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile("../../calibration/cobot_magic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "own.yaml")
	if err := os.WriteFile(own, []byte(strings.Replace(string(data), "name: cobot_magic", "name: number_seven", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Calibration = own
	l := start(t, cfg)
	l.run(time.Millisecond)
	if !strings.Contains(l.urdf[0], `<robot name="number_seven">`) {
		t.Errorf("description %.120s", l.urdf[0])
	}
	cfg.Calibration = filepath.Join(dir, "none.yaml")
	if _, err := l.c.Add("other", rcl.Args{}, func(n *rcl.Node) error { _, err := New(n, cfg); return err }); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Error(err)
	}
}
