package episode

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestEveryTypeComesBack(t *testing.T) {
	w, err := Create(t.TempDir(), testInfo(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	wrote := map[string]msgs.Message{}
	for i, name := range msgs.TypeNames() {
		m, _ := msgs.New(name)
		random(m, rng)
		topic := "/" + strings.ToLower(strings.ReplaceAll(name, "/", "_"))
		wrote[topic] = m
		if err := w.Stream(topic, name, ""); err != nil {
			t.Fatal(err)
		}
		if err := w.Message(topic, start.Add(time.Duration(i)*40*time.Millisecond), m); err != nil {
			t.Fatal(err)
		}
	}
	e, err := w.Finish(Result{Verdict: Keep, Ended: start.Add(time.Minute), Reason: "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	r := opened(t, e.Path)
	seen := 0
	for m, err := range r.Read() {
		if err != nil {
			t.Fatal(err)
		}
		if m.Topic == StatusTopic {
			continue
		}
		seen++
		got, err := m.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if want := wrote[m.Topic]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s", m.Type, cmp.Diff(want, got))
		}
	}
	if seen != len(wrote) {
		t.Errorf("%d of %d types came back", seen, len(wrote))
	}
	for _, c := range r.index.Schemas {
		m, ok := msgs.New(c.Name)
		if !ok || c.Encoding != "ros2msg" || string(c.Data) != msgs.Definition(m) {
			t.Errorf("schema %s in %s", c.Name, c.Encoding)
		}
	}
}

// What is known of an episode comes back as it was said, also from the file that a reader opens.
func TestDescriptionComesBack(t *testing.T) {
	w := begun(t, Options{})
	if err := tell(w, script(1, 3*time.Second)); err != nil {
		t.Fatal(err)
	}
	w.Losses([]Losses{{Topic: "/puppet/joint_left", Dropped: 3, Lost: 4}})
	e, err := w.Finish(Result{Verdict: Discard, Remark: "dropped it", Ended: start.Add(3 * time.Second), Reason: "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	r := opened(t, e.Path)
	if d := cmp.Diff(e, &r.Episode); d != "" {
		t.Error("written and read differ:", d)
	}
	want := testInfo()
	want.Name = "episode_000001"
	if d := cmp.Diff(want, r.Info); d != "" {
		t.Error(d)
	}
	s, ok := r.Stream("/puppet/joint_left")
	if !ok || s.Messages != 600 || s.Dropped != 3 || s.Lost != 4 || s.Period != 5*time.Millisecond || s.Gaps != 0 || s.LatencyMax != 2*time.Millisecond {
		t.Errorf("stream %+v", s)
	}
}

func TestFlushesInTime(t *testing.T) {
	w := begun(t, Options{})
	all := script(2, 2*time.Second)
	size, flushed := w.Size(), start
	for _, m := range all {
		if err := w.CDR(m.topic, m.arrival, m.cdr); err != nil {
			t.Fatal(err)
		}
		if w.Size() > size {
			size, flushed = w.Size(), m.arrival
		}
		if late := m.arrival.Sub(flushed); late > 600*time.Millisecond {
			t.Fatalf("nothing was flushed for %v", late)
		}
	}
	// When all streams have died, the clock alone flushes what is left.
	if err := w.Tick(all[len(all)-1].arrival.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if w.Size() == size {
		t.Error("the last messages were not flushed")
	}
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(w.Path()); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "cobot_vla record repair") {
		t.Errorf("an abandoned file: %v", err)
	}
	done, err := Repair(w.Path(), RepairOptions{})
	if err != nil || done.Cut != 0 || done.Whole {
		t.Fatalf("%+v, %v", done, err)
	}
	prefixOf(t, opened(t, w.Path()), all, len(all))
}

// The same messages give the same bytes.
func TestSameBytes(t *testing.T) {
	var files [2][]byte
	for i := range files {
		w, err := Create(t.TempDir(), testInfo(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{"/puppet/joint_left", "/puppet/joint_right", "/camera_f/color/image_raw/compressed"} {
			if err := w.Stream(topic, scriptTypes[topic], OfferedQoS([]rcl.QoS{rcl.Default})); err != nil {
				t.Fatal(err)
			}
		}
		if err := tell(w, script(3, 2*time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Finish(Result{Verdict: Keep, Ended: start.Add(2 * time.Second), Reason: "stopped"}); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(w.Path()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two recordings of the same messages differ")
	}
}

func TestNeverOverwrites(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"episode_000004", "episode_9", "episode_x", "notes"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"episode_000010", "episode_000011"} {
		w, err := Create(root, testInfo(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if w.Info().Name != want {
			t.Errorf("the next episode is %s, want %s", w.Info().Name, want)
		}
		if _, err := w.Finish(Result{}); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := List(root)
	if err != nil || len(paths) != 2 || filepath.Base(paths[0]) != "episode_000010.mcap" {
		t.Errorf("%q, %v", paths, err)
	}
}

func TestRefusals(t *testing.T) {
	w := begun(t, Options{})
	defer w.Abandon()
	for what, err := range map[string]error{
		"no definition of type piper_msgs/msg/PosCmd":                      w.Stream("/pos_cmd", "piper_msgs/msg/PosCmd", ""),
		"carries sensor_msgs/msg/JointState in this episode, not std_msgs": w.Stream("/puppet/joint_left", "std_msgs/msg/Bool", ""),
		"was not announced": w.Message("/odom", start, &msgs.Odometry{}),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if _, err := Repair(w.Path(), RepairOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("repairing a file that is being written: %v", err)
	}
	if _, err := ParseVerdict("good"); !errors.Is(err, ErrVerdict) {
		t.Errorf("%v", err)
	}
}

func TestJudge(t *testing.T) {
	w := begun(t, Options{})
	all := script(4, time.Second)
	if err := tell(w, all); err != nil {
		t.Fatal(err)
	}
	e, err := w.Finish(Result{Verdict: Keep, Remark: "nice", Ended: start.Add(time.Second), Reason: "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []Verdict{Discard, Keep, Discard} {
		judged, err := Judge(e.Path, v, "again")
		if err != nil {
			t.Fatal(err)
		}
		r := opened(t, e.Path)
		prefixOf(t, r, all, len(all))
		if d := cmp.Diff(judged, &r.Episode); d != "" {
			t.Error(d)
		}
		if want := "nice" + strings.Repeat("\nagain", i+1); r.Verdict != v || r.Remark != want {
			t.Errorf("%s, %q; want %s, %q", r.Verdict, r.Remark, v, want)
		}
	}
	// Interrupted while it writes its end, it keeps the verdict.
	text, err := os.ReadFile(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.Path, text[:len(text)-40], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Repair(e.Path, RepairOptions{}); err != nil {
		t.Fatal(err)
	}
	if r := opened(t, e.Path); r.Verdict != Discard {
		t.Errorf("verdict %s after an interruption", r.Verdict)
	}
}

// metadata.yaml says of the file what rosbag2 wants to know.
func TestBag(t *testing.T) {
	w := begun(t, Options{})
	if err := tell(w, script(5, time.Second)); err != nil {
		t.Fatal(err)
	}
	e, err := w.Finish(Result{Ended: start.Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(e.Path), "metadata.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var b bagYAML
	if err := yaml.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	i := b.Info
	if i.Version != 5 || i.Storage != "mcap" || i.Messages != e.Messages || i.Start.Nanoseconds != start.UnixNano() || len(i.Topics) != 4 ||
		i.Paths[0] != "episode_000001.mcap" || i.Duration.Nanoseconds != int64(e.Duration()) || i.Topics[0].Metadata.Format != "cdr" {
		t.Errorf("%s", text)
	}
	q := rcl.QoS{Reliability: rcl.BestEffort, Durability: rcl.TransientLocal, Depth: 7}
	if got := ParseQoS(OfferedQoS([]rcl.QoS{q, rcl.Default})); got != q {
		t.Errorf("quality %+v, want %+v", got, q)
	}
	if got := ParseQoS("no yaml: ["); got != rcl.Default {
		t.Errorf("quality of nonsense %+v", got)
	}
}

func TestStampWithoutDecoding(t *testing.T) {
	at := msgs.Time{Sec: 12, Nanosec: 34}
	h := msgs.Header{Stamp: at, FrameID: "x"}
	for _, m := range []msgs.Message{
		&msgs.JointState{Header: h}, &msgs.Clock{Clock: at}, &msgs.TFMessage{Transforms: []msgs.TransformStamped{{Header: h}}},
	} {
		cdr := msgs.Marshal(m)
		if got, ok := StampOf(m.TypeName(), cdr); !ok || !got.Equal(at.Go()) {
			t.Errorf("%s: %v, %v", m.TypeName(), got, ok)
		}
		for n := range cdr {
			StampOf(m.TypeName(), cdr[:n]) // nothing short may crash it
		}
	}
	for _, m := range []msgs.Message{&msgs.String{Data: "x"}, &msgs.TFMessage{}, &msgs.JointState{}, &msgs.Trigger_Request{}} {
		if got, ok := StampOf(m.TypeName(), msgs.Marshal(m)); ok {
			t.Errorf("%s has the stamp %v", m.TypeName(), got)
		}
	}
	big := []byte{0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 34, 0, 0, 0, 1, 0}
	if got, ok := StampOf("sensor_msgs/msg/JointState", big); !ok || !got.Equal(at.Go()) {
		t.Errorf("big-endian: %v, %v", got, ok)
	}
}

func TestMeasure(t *testing.T) {
	ms := func(stamps ...int64) []sample {
		var out []sample
		for i, s := range stamps {
			out = append(out, sample{s * 1e6, s*1e6 + int64(i+1)*1e6})
		}
		return out
	}
	var s Stream
	s.measure(ms(0, 10, 20, 50, 60, 55, 65, 75), stamps(ms(4, 18, 33, 70, 90)))
	want := Stream{
		Messages: 8, Period: 10 * time.Millisecond, Gaps: 1, Missing: 2, LongestGap: 30 * time.Millisecond, Backwards: 1,
		LatencyMin: time.Millisecond, LatencyMax: 8 * time.Millisecond, LatencyMean: 4500 * time.Microsecond,
		SkewMedian: 5 * time.Millisecond, SkewMax: 13 * time.Millisecond,
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	var back Stream
	if err := back.parse(s.metadata()); err != nil || back != s {
		t.Errorf("%+v, %v", back, err)
	}
	for _, d := range []time.Duration{0, -1, 1, -1500 * time.Millisecond, 1<<63 - 1} {
		if got, err := parseSeconds(seconds(d)); err != nil || got != d {
			t.Errorf("%v is %s, and back %v, %v", d, seconds(d), got, err)
		}
	}
}
