package msgs

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
)

// cycloneSamples are the values that testdata/cyclonedds.txt has bytes for.
func cycloneSamples() map[string]Message {
	header := Header{Stamp: Time{Sec: 1700000000, Nanosec: 123456789}, FrameID: "base_link"}
	info := &CameraInfo{
		Header: header, Height: 480, Width: 640, DistortionModel: "plumb_bob",
		D: []float64{0.1, -0.2, 0.003, 0.004, 0}, BinningX: 1, BinningY: 2,
		Roi: RegionOfInterest{XOffset: 3, YOffset: 4, Height: 5, Width: 6, DoRectify: true},
	}
	for i := range info.K {
		info.K[i], info.R[i] = float64(i)+0.5, float64(-i)
	}
	for i := range info.P {
		info.P[i] = float64(i) * 0.25
	}
	return map[string]Message{
		"joint_state": &JointState{
			Header: header, Name: []string{"joint0", "joint1", "gripper"},
			Position: []float64{0.5, -1.25, 0.0625}, Effort: []float64{1, 2, -3},
		},
		"joint_state_empty": &JointState{},
		"joint_state_gaps": &JointState{
			Header: Header{Stamp: Time{Sec: -1, Nanosec: 1}, FrameID: "ab"}, Name: []string{"a", ""}, Velocity: []float64{1.5},
		},
		"image": &Image{
			Header: Header{Stamp: Time{Sec: 1, Nanosec: 2}, FrameID: "camera_f"}, Height: 2, Width: 3, Encoding: "rgb8", Step: 9,
			Data: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 255},
		},
		"camera_info": info,
		"tf_message": &TFMessage{Transforms: []TransformStamped{
			{Header: header, ChildFrameID: "arm", Transform: Transform{Translation: Vector3{1, 2, 3}, Rotation: Quaternion{0, 0, 0, 1}}},
			{
				Header: Header{Stamp: Time{Sec: 5, Nanosec: 6}, FrameID: "odom"}, ChildFrameID: "base",
				Transform: Transform{Translation: Vector3{-1, 0.5, 0}, Rotation: Quaternion{0.5, 0.5, 0.5, -0.5}},
			},
		}},
		"diagnostic_array": &DiagnosticArray{Header: header, Status: []DiagnosticStatus{
			{Level: DiagError, Name: "arm left", Message: "bus off", HardwareID: "piper", Values: []KeyValue{{"can", "can0"}, {"", "x"}}},
			{Level: DiagOK, Name: "base"},
		}},
		"get_parameters_response": &GetParameters_Response{Values: []ParameterValue{
			{Type: ParameterInteger, IntegerValue: -7},
			{
				Type: ParameterStringArray, BoolValue: true, DoubleValue: 2.5, StringValue: "s", ByteArrayValue: []byte{1, 2, 3},
				BoolArrayValue: []bool{true, false}, IntegerArrayValue: []int64{-1, 1}, DoubleArrayValue: []float64{0.5},
				StringArrayValue: []string{"one", "three"},
			},
		}},
		"describe_parameters_response": &DescribeParameters_Response{Descriptors: []ParameterDescriptor{
			{
				Name: "rate_hz", Type: ParameterDouble, Description: "d", ReadOnly: true,
				FloatingPointRange: []FloatingPointRange{{FromValue: 0, ToValue: 1, Step: 0.1}},
			},
			{
				Name: "n", Type: ParameterInteger, AdditionalConstraints: "even", DynamicTyping: true,
				IntegerRange: []IntegerRange{{FromValue: -5, ToValue: 5, Step: 2}},
			},
		}},
		"available_transitions": &GetAvailableTransitions_Response{AvailableTransitions: []TransitionDescription{
			{Transition{TransitionActivate, "activate"}, State{StateInactive, "inactive"}, State{StateActive, "active"}},
			{Transition{TransitionCleanup, "cleanup"}, State{StateInactive, "inactive"}, State{StateUnconfigured, "unconfigured"}},
		}},
		"joy": &Joy{
			Header: Header{Stamp: Time{Sec: 1, Nanosec: 2}, FrameID: "pad"}, Axes: []float32{0.5, -1, 0.25}, Buttons: []int32{1, 0, -1},
		},
		"action_chunk": &ActionChunk{
			Header: header, Sequence: 0x0102030405060708, Source: SourcePolicy, Names: []string{"left_joint0", "right_gripper"},
			Mode: Delta, Schedule: Sync, Period: Duration{Nanosec: 100_000_000}, MaxAge: Duration{Sec: -1, Nanosec: 500_000_000},
			FirstStep: 2, StepsTotal: 5, Values: []float64{0.1, 0.2, 0.3, 0.4}, Tokens: []uint32{151642, 151387, 7, 9},
			Inference: Duration{Sec: 1, Nanosec: 5},
		},
		"action_chunk_empty": &ActionChunk{Inference: Duration{Sec: 1, Nanosec: 5}},
		"proprio_tokens": &ProprioTokens{
			Header: header, Names: []string{"a", "bb", "ccc"}, Values: []float64{1, 2, 3}, Bins: []uint16{1, 128, 256}, StatisticsVersion: "v1",
		},
		"trigger_request":  &Trigger_Request{},
		"trigger_response": &Trigger_Response{Success: true, Message: "done"},
	}
}

// An independent implementation of the wire format, which ROS 2 runs on, and
// this one must give the same bytes and read each other's.
func TestBytesEqualCycloneDDS(t *testing.T) {
	samples := cycloneSamples()
	golden := goldenLines(t, "testdata/cyclonedds.txt")
	if len(golden) != len(samples) {
		t.Fatalf("%d golden lines for %d samples", len(golden), len(samples))
	}
	for name, text := range golden {
		t.Run(name, func(t *testing.T) {
			m, ok := samples[name]
			if !ok {
				t.Fatal("no such sample")
			}
			theirs, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Clone(theirs[:len(theirs)-int(theirs[3])])
			want[3] = 0 // we write no padding at the end, so we count none
			if got := Marshal(m); !bytes.Equal(got, want) {
				t.Errorf("wrote\n%x, Cyclone DDS\n%x", got, want)
			}
			got, _ := New(m.TypeName())
			if err := ReadCDR(theirs, got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Errorf("read %+v, want %+v", got, m)
			}
		})
	}
}

// goldenLines reads lines of two words, with comments after #.
func goldenLines(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := map[string]string{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		key, value, ok := strings.Cut(s.Text(), " ")
		if !ok || lines[key] != "" {
			t.Fatalf("%s: line %q is not a new key and its value", path, s.Text())
		}
		lines[key] = value
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
