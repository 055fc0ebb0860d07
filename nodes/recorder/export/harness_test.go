package export

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/ffmpegtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	ffmpegtest.Main()
	goleak.VerifyTestMain(m)
}

var start = time.Unix(1_700_000_000, 0)

// take is how a test's episode is made.
type made struct {
	task    string
	length  time.Duration
	verdict episode.Verdict
	leader  bool // leader arms spoke
	command bool // the arm node commanded
	foreign bool // joints are called joint0 to joint6
	raw     bool // the cameras' pictures are raw; png: compressed without loss
	png     bool
	size    image.Point
	lost    func(topic string, at time.Duration) bool
}

func simple(task string, length time.Duration) made {
	return made{task: task, length: length, verdict: episode.Keep, leader: true, size: image.Pt(16, 12)}
}

// The robot's motion: joint j of the robot, t seconds after the episode's start.
func measured(t float64, j int) float64  { return 0.5 * math.Sin(t+float64(j)) }
func led(t float64, j int) float64       { return 0.5 * math.Sin(t+0.05+float64(j)) }
func commanded(t float64, j int) float64 { return 0.5 * math.Sin(t+0.02+float64(j)) }
func driven(t float64) (v, w float64)    { return 0.1 * t, -0.2 }

// lag between a stamp and its arrival.
const lag = 2 * time.Millisecond

// record makes an episode below root: arms and odometry at 200 Hz, three cameras at 30.
func record(t testing.TB, root string, m made) string {
	t.Helper()
	text, err := fs.ReadFile(calibration.Files(), "cobot_magic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w, err := episode.Create(root, episode.Info{Task: m.task, Robot: "cobot_magic", Started: start, Calibration: text}, episode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	robot := calibration.Default()
	say := func(topic string, at time.Duration, msg msgs.Message) {
		t.Helper()
		if m.lost != nil && m.lost(topic, at) {
			return
		}
		if err := w.Stream(topic, msg.TypeName(), ""); err != nil {
			t.Fatal(err)
		}
		if err := w.Message(topic, start.Add(at+lag), msg); err != nil {
			t.Fatal(err)
		}
	}
	frame := 0
	for at := time.Duration(0); at <= m.length; at += 5 * time.Millisecond {
		h := msgs.Header{Stamp: msgs.Stamp(start.Add(at))}
		s := at.Seconds()
		for i, arm := range robot.Arms {
			state := joints(h, arm, m.foreign, func(j int) float64 { return measured(s, 7*i+j) })
			state.Velocity, state.Effort = make([]float64, 7), make([]float64, 7)
			for j := range 7 {
				state.Velocity[j], state.Effort[j] = float64(j), float64(-j)
			}
			say("/puppet/joint_"+arm.Side, at, state)
			if m.leader {
				say("/master/joint_"+arm.Side, at, joints(h, arm, m.foreign, func(j int) float64 { return led(s, 7*i+j) }))
			}
		}
		if m.command {
			c := &msgs.JointState{Header: h, Name: robot.ActionNames()}
			for j := range c.Name {
				c.Position = append(c.Position, commanded(s, j))
			}
			say("/arms/command", at, c)
		}
		o := &msgs.Odometry{Header: h}
		o.Twist.Twist.Linear.X, o.Twist.Twist.Angular.Z = driven(s)
		say("/odom", at, o)
		if at >= time.Duration(frame)*time.Second/30 {
			for i, c := range robot.Cameras {
				topic := c.Namespace + "/color/image_raw"
				if !m.raw {
					say(topic+"/compressed", at, &msgs.CompressedImage{Header: h, Data: compressed(t, m, frame, i)})
					continue
				}
				p := picture(m.size, frame, i)
				data := make([]byte, 0, 3*m.size.X*m.size.Y)
				for k := 0; k < len(p.Pix); k += 4 {
					data = append(data, p.Pix[k:k+3]...)
				}
				say(topic, at, &msgs.Image{Header: h, Encoding: "rgb8", Width: uint32(m.size.X), Height: uint32(m.size.Y), Step: uint32(3 * m.size.X), Data: data})
			}
			frame++
		}
	}
	e, err := w.Finish(episode.Result{Verdict: m.verdict, Ended: start.Add(m.length), Reason: "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	return e.Path
}

func joints(h msgs.Header, arm calibration.Arm, foreign bool, value func(int) float64) *msgs.JointState {
	m := &msgs.JointState{Header: h, Name: arm.Names()}
	for j := range m.Name {
		if foreign {
			m.Name[j] = fmt.Sprintf("joint%d", j)
		}
		m.Position = append(m.Position, value(j))
	}
	return m
}

// picture of a camera: its colour tells the camera and the frame.
func picture(size image.Point, frame, camera int) *image.RGBA {
	m := image.NewRGBA(image.Rectangle{Max: size})
	for i := range size.X * size.Y {
		m.SetRGBA(i%size.X, i/size.X, color.RGBA{uint8(2 * frame), uint8(80 * camera), uint8(i), 255})
	}
	return m
}

func compressed(t testing.TB, m made, frame, camera int) []byte {
	t.Helper()
	var b bytes.Buffer
	encode := func() error { return jpeg.Encode(&b, picture(m.size, frame, camera), &jpeg.Options{Quality: 90}) }
	if m.png {
		encode = func() error { return png.Encode(&b, picture(m.size, frame, camera)) }
	}
	if err := encode(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// three is a small training session.
func three(t testing.TB) []string {
	root := t.TempDir()
	return []string{
		record(t, root, simple("fetch the bottle", time.Second)),
		record(t, root, simple("open the <drawer>", 1200*time.Millisecond)),
		record(t, root, simple("fetch the bottle", 800*time.Millisecond)),
	}
}

func export(t testing.TB, episodes []string, dir string, cfg Config) Report {
	t.Helper()
	r, err := Export(context.Background(), episodes, dir, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// files of a folder, without what exports note for themselves; of HDF5, which holds
// the second it was made in, the size.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, workFolder) {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(text)
		if filepath.Ext(name) == ".hdf5" {
			all[filepath.ToSlash(name)] = fmt.Sprint(len(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
