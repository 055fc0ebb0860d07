package episode

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"cobot_vla/msgs"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Unix(1_700_000_000, 0)

// said is one message that was given to a writer.
type said struct {
	topic   string
	arrival time.Time
	cdr     []byte
}

// script is the messages of an episode with a camera, two arms and marks, in the
// order of their arrival.
func script(seed uint64, length time.Duration) []said {
	rng := rand.New(rand.NewPCG(seed, 1))
	var all []said
	add := func(topic string, at time.Duration, m msgs.Message) {
		all = append(all, said{topic, start.Add(at), msgs.Marshal(m)})
	}
	for at := time.Duration(0); at < length; at += 5 * time.Millisecond {
		h := msgs.Header{Stamp: msgs.Stamp(start.Add(at - 2*time.Millisecond)), FrameID: "base_link"}
		for _, side := range []string{"left", "right"} {
			j := &msgs.JointState{Header: h, Name: []string{side + "_joint1", side + "_gripper"}, Position: []float64{rng.NormFloat64(), rng.Float64()}}
			add("/puppet/joint_"+side, at, j)
		}
		if at%(35*time.Millisecond) == 0 {
			data := make([]byte, 200+rng.IntN(2000))
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			add("/camera_f/color/image_raw/compressed", at, &msgs.CompressedImage{Header: h, Format: "rgb8; jpeg compressed bgr8", Data: data})
		}
	}
	return all
}

var scriptTypes = map[string]string{
	"/puppet/joint_left": "sensor_msgs/msg/JointState", "/puppet/joint_right": "sensor_msgs/msg/JointState",
	"/camera_f/color/image_raw/compressed": "sensor_msgs/msg/CompressedImage",
}

func testInfo() Info {
	return Info{
		Task: "fetch the bottle", Operator: "Ada", Note: "first try", Robot: "cobot_magic",
		Reference: "/camera_f/color/image_raw/compressed", Started: start,
		Firmware:    map[string]string{"arm left": "S-V1.6-3"},
		Calibration: []byte("version: 1\nname: cobot_magic\n"), Parameters: []byte("/**:\n  ros__parameters: {}\n"),
	}
}

// begun makes a writer in a new folder, with the streams of the script.
func begun(t *testing.T, opts Options) *Writer {
	t.Helper()
	w, err := Create(t.TempDir(), testInfo(), opts)
	if err != nil {
		t.Fatal(err)
	}
	announce(t, w)
	return w
}

func announce(t *testing.T, w *Writer) {
	t.Helper()
	for topic, typeName := range scriptTypes {
		if err := w.Stream(topic, typeName, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// tell gives the messages to the writer, until it fails.
func tell(w *Writer, all []said) error {
	for _, m := range all {
		if err := w.CDR(m.topic, m.arrival, m.cdr); err != nil {
			return err
		}
	}
	return nil
}

// opened opens a finished episode.
func opened(t *testing.T, path string) *Reader {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// prefixOf fails unless the episode's messages are the first of the script, at
// least as many as least, with the times that they had.
func prefixOf(t *testing.T, r *Reader, all []said, least int) {
	t.Helper()
	i := 0
	for m, err := range r.Read() {
		if err != nil {
			t.Fatal(err)
		}
		if m.Topic == StatusTopic {
			continue
		}
		if i == len(all) {
			t.Fatalf("more messages than the %d that were written", len(all))
		}
		if want := all[i]; m.Topic != want.topic || !m.Arrival.Equal(want.arrival) || !bytes.Equal(m.CDR, want.cdr) {
			t.Fatalf("message %d is %s of %v, want %s of %v", i, m.Topic, m.Arrival, want.topic, want.arrival)
		}
		if want := all[i].arrival.Add(-2 * time.Millisecond); !m.Stamp.Equal(want) {
			t.Fatalf("message %d is stamped %v, want %v", i, m.Stamp, want)
		}
		i++
	}
	if i < least {
		t.Fatalf("%d messages can be read, %d were flushed", i, least)
	}
	var counted uint64
	for _, s := range r.Streams {
		if s.Topic != StatusTopic {
			counted += s.Messages
		}
	}
	if counted != uint64(i) {
		t.Fatalf("the streams count %d messages, there are %d", counted, i)
	}
}

// random fills a message with values, so that every field is told apart.
func random(m msgs.Message, rng *rand.Rand) { fill(reflect.ValueOf(m).Elem(), rng) }

func fill(v reflect.Value, rng *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rng)
		}
	case reflect.Slice:
		n := 1 + rng.IntN(3)
		if v.Type().Elem().Kind() == reflect.Struct { // some are bounded
			n = 1
		}
		s := reflect.MakeSlice(v.Type(), n, n)
		for i := range s.Len() {
			fill(s.Index(i), rng)
		}
		v.Set(s)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), rng)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", rng.Uint32()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(rng.NormFloat64())))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(rng.IntN(127)))
	default:
		v.SetUint(uint64(rng.IntN(255)))
	}
}
