package piper

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cobot_vla/drivers/can"
)

// wire reads what candump prints: 2A1#0102.
func wire(t testing.TB, dump string) can.Frame {
	t.Helper()
	id, data, ok := strings.Cut(strings.ReplaceAll(dump, " ", ""), "#")
	b, err := hex.DecodeString(data)
	if !ok || err != nil || len(b) > 8 {
		t.Fatalf("bad frame %q", dump)
	}
	var n uint32
	for _, c := range id {
		n = n<<4 | uint32(strings.IndexRune("0123456789ABCDEF", c))
	}
	f := can.Frame{ID: n, Len: uint8(len(b))}
	copy(f.Data[:], b)
	return f
}

var approximately = cmpopts.EquateApprox(0, 1e-9)

func deg(d float64) float64 { return d * math.Pi / 180 }

// must drops the error of encoders that can refuse.
func must(f can.Frame, err error) can.Frame {
	if err != nil {
		panic(err)
	}
	return f
}

// Bytes are worked out by hand from the protocol document: 1 rad is not a whole
// number of 0.001°, so angles are given in degrees.
func TestFramesAgainstTheDocument(t *testing.T) {
	type decoded struct {
		value any
		err   error
	}
	one := func(v any, err error) decoded { return decoded{v, err} }
	tests := []struct {
		name   string
		wire   string
		value  any
		encode func() can.Frame
		decode func(can.Frame) decoded
	}{
		{
			name: "status: MOVE J, moving", wire: "2A1# 01 00 01 00 01 00 00 00",
			value:  Status{Ctrl: CtrlCAN, Move: MoveJ, Motion: MotionMoving},
			encode: Status{Ctrl: CtrlCAN, Move: MoveJ, Motion: MotionMoving}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeStatus(f)) },
		}, {
			name: "status: all joints lost, joint 2 beyond its limit", wire: "2A1# 02 05 00 01 00 07 02 3F",
			value:  Status{CtrlTeach, ArmJointComm, MoveP, TeachStart, MotionReached, 7, 0x02, 0x3F},
			encode: Status{CtrlTeach, ArmJointComm, MoveP, TeachStart, MotionReached, 7, 0x02, 0x3F}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeStatus(f)) },
		}, {
			name: "joints 1, 2: 90°, -1.999°", wire: "2A5# 00 01 5F 90 FF FF F8 31",
			value:  [2]float64{deg(90), deg(-1.999)},
			encode: func() can.Frame { return JointFrames([6]float64{deg(90), deg(-1.999)})[0] },
			decode: func(f can.Frame) decoded { return one(DecodeAngles(f)) },
		}, {
			name: "joints 5, 6: -70°, 120°", wire: "2A7# FF FE EE 90 00 01 D4 C0",
			value:  [2]float64{deg(-70), deg(120)},
			encode: func() can.Frame { return JointFrames([6]float64{4: deg(-70), 5: deg(120)})[2] },
			decode: func(f can.Frame) decoded { return one(DecodeAngles(f)) },
		}, {
			name: "solution of joints 3, 4", wire: "2AB# FF FF FF FF 00 00 00 01",
			value:  [2]float64{deg(-0.001), deg(0.001)},
			encode: func() can.Frame { return SolutionFrames([6]float64{2: deg(-0.001), 3: deg(0.001)})[1] },
			decode: func(f can.Frame) decoded { return one(DecodeAngles(f)) },
		}, {
			name: "gripper: 35 mm, -0.5 N·m, enabled and homed", wire: "2A8# 00 00 88 B8 FE 0C C0 00",
			value:  GripperFeedback{GripperWidth, 0.035, -0.5, GripperEnabled | GripperHomed},
			encode: GripperFeedback{GripperWidth, 0.035, -0.5, GripperEnabled | GripperHomed}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeGripper(f)) },
		}, {
			name: "gripper that reports an angle of 45°", wire: "2A8# 00 00 AF C8 00 00 40 01",
			value:  GripperFeedback{GripperAngle, deg(45), 0, GripperEnabled},
			encode: GripperFeedback{GripperAngle, deg(45), 0, GripperEnabled}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeGripper(f)) },
		}, {
			name: "high speed, joint 4: -1.5 rad/s, -2 A, 1.234 rad", wire: "254# FA 24 F8 30 00 00 04 D2",
			value:  HighSpeed{3, -1.5, -2, 1.234},
			encode: HighSpeed{3, -1.5, -2, 1.234}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeHighSpeed(f)) },
		}, {
			name: "low speed, joint 1: 23.0 V, 34 °C, 28 °C, enabled, 1.2 A", wire: "261# 00 E6 00 22 1C 40 04 B0",
			value:  LowSpeed{0, 23, 34, 28, DriverEnabled, 1.2},
			encode: LowSpeed{0, 23, 34, 28, DriverEnabled, 1.2}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeLowSpeed(f)) },
		}, {
			name: "low speed, joint 6: an absent sensor, stall and collision protection", wire: "266# 00 00 FF D8 D8 90 00 00",
			value:  LowSpeed{5, 0, -40, -40, DriverCollision | DriverStall, 0},
			encode: LowSpeed{5, 0, -40, -40, DriverCollision | DriverStall, 0}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeLowSpeed(f)) },
		}, {
			name: "link motion, joint 2", wire: "482# 03 E8 07 D0 00 01 FF FF",
			value:  LinkMotion{1, 1, 2, 0.001, 65.535},
			encode: LinkMotion{1, 1, 2, 0.001, 65.535}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeLinkMotion(f)) },
		}, {
			name: "limits of joint 2: 180°, 0°, 3000", wire: "473# 02 07 08 00 00 0B B8 00",
			value:  MotorLimits{1, deg(180), 0, 3000},
			encode: MotorLimits{1, deg(180), 0, 3000}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotorLimits(f)) },
		}, {
			name: "limits corrupted in flash: both -0.1°", wire: "473# 05 FF FF FF FF 00 00 00",
			value:  MotorLimits{4, deg(-0.1), deg(-0.1), 0},
			encode: MotorLimits{4, deg(-0.1), deg(-0.1), 0}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotorLimits(f)) },
		}, {
			name: "acknowledge: a zero was set", wire: "476# 75 01 00 00 00 00 00 00",
			value:  Acknowledge{Setting: 0x75, Zeroed: true},
			encode: Acknowledge{Setting: 0x75, Zeroed: true}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeAcknowledge(f)) },
		}, {
			name: "leave teach mode with motors on", wire: "150# 00 00 00 00 00 00 00 00",
			value:  MotionCommand{},
			encode: MotionCommand{}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotionCommand(f)) },
		}, {
			name: "emergency stop", wire: "150# 01 00 00 00 00 00 00 00",
			value:  MotionCommand{Stop: StopEmergency},
			encode: MotionCommand{Stop: StopEmergency}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotionCommand(f)) },
		}, {
			name: "transfer of a trajectory", wire: "150# 00 07 01 02 12 34 AB CD",
			value:  MotionCommand{StopNone, TrajectoryTransfer, TeachStart, 2, 0x1234, 0xABCD},
			encode: MotionCommand{StopNone, TrajectoryTransfer, TeachStart, 2, 0x1234, 0xABCD}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotionCommand(f)) },
		}, {
			name: "MOVE J at 50 %", wire: "151# 01 01 32 00 00 00 00 00",
			value:  ModeCommand{Ctrl: CtrlCAN, Move: MoveJ, Speed: 50},
			encode: ModeCommand{Ctrl: CtrlCAN, Move: MoveJ, Speed: 50}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeModeCommand(f)) },
		}, {
			name: "a leader's high follow, mounted left", wire: "151# 01 01 64 AD 00 02 00 00",
			value:  ModeCommand{CtrlCAN, MoveJ, 100, FollowMIT, 0, MountingLeft},
			encode: ModeCommand{CtrlCAN, MoveJ, 100, FollowMIT, 0, MountingLeft}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeModeCommand(f)) },
		}, {
			name: "target of joints 3, 4: -170°, 100°", wire: "156# FF FD 67 F0 00 01 86 A0",
			value: [2]float64{deg(-170), deg(100)},
			encode: func() can.Frame {
				out, err := TargetFrames([6]float64{2: deg(-170), 3: deg(100)})
				return must(out[1], err)
			},
			decode: func(f can.Frame) decoded { return one(DecodeAngles(f)) },
		}, {
			name: "second point of an arc", wire: "158# 02 00 00 00 00 00 00 00",
			value:  ArcMiddle,
			encode: ArcMiddle.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeArc(f)) },
		}, {
			name: "gripper to 70 mm at 1 N·m", wire: "159# 00 01 11 70 03 E8 01 00",
			value:  GripperCommand{0.07, 1, GripperEnable, false},
			encode: func() can.Frame { return must(GripperCommand{0.07, 1, GripperEnable, false}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeGripperCommand(f)) },
		}, {
			name: "gripper's zero is here", wire: "159# 00 00 00 00 00 00 02 AE",
			value:  GripperCommand{0, 0, GripperDisableClear, true},
			encode: func() can.Frame { return must(GripperCommand{0, 0, GripperDisableClear, true}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeGripperCommand(f)) },
		}, {
			name: "all motors on", wire: "471# FF 02 00 00 00 00 00 00",
			value:  MotorPower{MotorsAll, true},
			encode: MotorPower{MotorsAll, true}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotorPower(f)) },
		}, {
			name: "motors off, the other spelling", wire: "471# 07 01 00 00 00 00 00 00",
			value:  MotorPower{MotorsSeven, false},
			encode: MotorPower{MotorsSeven, false}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeMotorPower(f)) },
		}, {
			name: "leader and follower to zero", wire: "191# 01 00 01 00 00 00 00 00",
			value:  HomingBoth,
			encode: HomingBoth.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeLeaderHoming(f)) },
		}, {
			name: "CPV: write joint 3's kp", wire: "183# 77 6B 70 00 00 01 00 00",
			value:  CPV{2, 'w', CPVGainP, 256},
			encode: func() can.Frame { return must(CPV{2, 'w', CPVGainP, 256}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeCPV(f)) },
		}, {
			name: "make a follower with moved feedback", wire: "470# FC 10 00 20 00 00 00 00",
			value:  Linkage{RoleFollower, Offset10, NoOffset, Offset20},
			encode: Linkage{RoleFollower, Offset10, NoOffset, Offset20}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeLinkage(f)) },
		}, {
			name: "ask for joint 6's limits", wire: "472# 06 01 00 00 00 00 00 00",
			value:  LimitsQuery{Joint: 5},
			encode: LimitsQuery{Joint: 5}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeLimitsQuery(f)) },
		}, {
			name: "set joint 3's limits: 0°, -170°, 3 rad/s", wire: "474# 03 00 00 F9 5C 0B B8 00",
			value:  LimitsSetting{Joint: 2, Max: 0, Min: deg(-170), Speed: 3},
			encode: func() can.Frame { return must(LimitsSetting{Joint: 2, Max: 0, Min: deg(-170), Speed: 3}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeLimitsSetting(f)) },
		}, {
			name: "set joint 1's speed alone", wire: "474# 01 7F FF 7F FF 05 DC 00",
			value:  LimitsSetting{Joint: 0, KeepAngles: true, Speed: 1.5},
			encode: func() can.Frame { return must(LimitsSetting{Joint: 0, KeepAngles: true, Speed: 1.5}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeLimitsSetting(f)) },
		}, {
			name: "clear every joint's errors", wire: "475# 07 00 00 7F FF AE 00 00",
			value:  JointSetting{Joint: JointsAll, ClearErrors: true},
			encode: func() can.Frame { return must(JointSetting{Joint: JointsAll, ClearErrors: true}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeJointSetting(f)) },
		}, {
			name: "joint 4's acceleration 5 rad/s², zero here", wire: "475# 04 AE AE 01 F4 00 00 00",
			value:  JointSetting{Joint: 4, Zero: true, SetAccel: true, Accel: 5},
			encode: func() can.Frame { return must(JointSetting{Joint: 4, Zero: true, SetAccel: true, Accel: 5}.Frame()) },
			decode: func(f can.Frame) decoded { return one(DecodeJointSetting(f)) },
		}, {
			name: "ask for the gripper's stroke", wire: "477# 04 00 00 00 00 00 00 00",
			value:  SettingsQuery{Query: QueryGripper},
			encode: SettingsQuery{Query: QueryGripper}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeSettingsQuery(f)) },
		}, {
			name: "factory joint limits, half payload", wire: "477# 00 02 00 AE 01 00 00 00",
			value:  SettingsQuery{Restore: RestoreJointLimits, SetPayload: true, Payload: 1},
			encode: SettingsQuery{Restore: RestoreJointLimits, SetPayload: true, Payload: 1}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeSettingsQuery(f)) },
		}, {
			name: "end limits: linear velocity only", wire: "479# 01 F4 7F FF 7F FF 7F FF",
			value:  EndLimits{0.5, math.NaN(), math.NaN(), math.NaN()},
			encode: EndLimits{0.5, math.NaN(), math.NaN(), math.NaN()}.Setting,
			decode: func(f can.Frame) decoded { return one(DecodeEndLimits(f)) },
		}, {
			name: "collision levels", wire: "47B# 00 01 02 03 04 08 00 00",
			value:  CollisionLevels{0, 1, 2, 3, 4, 8},
			encode: CollisionLevels{0, 1, 2, 3, 4, 8}.Answer,
			decode: func(f can.Frame) decoded { return one(DecodeCollisionLevels(f)) },
		}, {
			name: "acceleration of joint 2", wire: "47C# 02 01 F4 00 00 00 00 00",
			value:  JointAcceleration{1, 500},
			encode: JointAcceleration{1, 500}.Frame,
			decode: func(f can.Frame) decoded { return one(DecodeJointAcceleration(f)) },
		}, {
			name: "gripper parameters: 100 %, 70 mm, friction 3", wire: "47D# 64 46 03 00 00 00 00 00",
			value:  GripperTeach{100, 0.07, 3},
			encode: GripperTeach{100, 0.07, 3}.Setting,
			decode: func(f can.Frame) decoded { return one(DecodeGripperTeach(f)) },
		}, {
			name: "assistance", wire: "488# 01 02 03 04 05 06 00 00",
			value:  AssistLevels{1, 2, 3, 4, 5, 6},
			encode: AssistLevels{1, 2, 3, 4, 5, 6}.Answer,
			decode: func(f can.Frame) decoded { return one(DecodeAssistLevels(f)) },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := wire(t, test.wire)
			if got := test.encode(); got != want {
				t.Errorf("encoded %v, want %v", got, want)
			}
			got := test.decode(want)
			if got.err != nil {
				t.Fatal(got.err)
			}
			if diff := cmp.Diff(test.value, got.value, approximately, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPoseFrames(t *testing.T) {
	// The zero pose's flange: (56.128, 0, 213.266) mm, rpy (0, 85, 0)°.
	want := [3]string{"2A2# 00 00 DB 40 00 00 00 00", "2A3# 00 03 41 12 00 00 00 00", "2A4# 00 01 4C 08 00 00 00 00"}
	pose := Pose{XYZ: [3]float64{0.056128, 0, 0.213266}, RPY: [3]float64{0, deg(85), 0}}
	var read Pose
	for i, f := range pose.Frames() {
		if f != wire(t, want[i]) {
			t.Errorf("frame %d: %v, want %v", i, f, want[i])
		}
		f.ID += uint32(Offset10)
		if err := read.Read(f); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(pose, read, approximately); diff != "" {
		t.Error(diff)
	}
	targets, err := pose.TargetFrames()
	if err != nil {
		t.Fatal(err)
	}
	if targets[2] != wire(t, "154# 00 01 4C 08 00 00 00 00") {
		t.Errorf("target %v", targets[2])
	}
	pose.XYZ[1] = 1.2
	if _, err := pose.TargetFrames(); !errors.Is(err, ErrValue) {
		t.Errorf("1.2 m accepted: %v", err)
	}
	if err := read.Read(frame(IDStatus)); !errors.Is(err, ErrIdentifier) {
		t.Errorf("status read as a pose: %v", err)
	}
}

func TestUnsendableValuesAreRefused(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, q := range []float64{nan, inf, -inf, 7} {
		if _, err := TargetFrames([6]float64{3: q}); !errors.Is(err, ErrValue) || !strings.Contains(err.Error(), "joint4") {
			t.Errorf("joint4 target %v: %v", q, err)
		}
	}
	for name, encode := range map[string]func() (can.Frame, error){
		"gripper width":  func() (can.Frame, error) { return GripperCommand{Width: nan}.Frame() },
		"gripper torque": func() (can.Frame, error) { return GripperCommand{Torque: 5.1}.Frame() },
		"limits swapped": func() (can.Frame, error) { return LimitsSetting{Max: -1, Min: 1}.Frame() },
		"limits nan":     func() (can.Frame, error) { return LimitsSetting{Max: nan, Min: 1}.Frame() },
		"limit speed":    func() (can.Frame, error) { return LimitsSetting{KeepAngles: true, Speed: 3.1}.Frame() },
		"acceleration":   func() (can.Frame, error) { return JointSetting{SetAccel: true, Accel: nan}.Frame() },
		"cpv key":        func() (can.Frame, error) { return CPV{Key: "pos"}.Frame() },
	} {
		if f, err := encode(); !errors.Is(err, ErrValue) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

func TestNaNNeverPassesForAReading(t *testing.T) {
	f := JointFrames([6]float64{math.NaN()})[0]
	if want := wire(t, "2A5# 80 00 00 00 00 00 00 00"); f != want {
		t.Errorf("%v, want %v", f, want)
	}
}

func TestShortAndStrangeFramesAreErrors(t *testing.T) {
	short := can.Frame{ID: IDStatus, Len: 5}
	if _, err := DecodeStatus(short); !errors.Is(err, ErrLength) {
		t.Errorf("5 bytes: %v", err)
	}
	if _, err := DecodeAngles(can.Frame{ID: IDJoints12, Len: 7}); !errors.Is(err, ErrLength) {
		t.Errorf("7 bytes: %v", err)
	}
	if _, err := DecodeHighSpeed(frame(0x257)); !errors.Is(err, ErrIdentifier) {
		t.Errorf("0x257: %v", err)
	}
	for _, joint := range []byte{0, 7} {
		if _, err := DecodeMotorLimits(frame(IDLimits, joint)); err == nil {
			t.Errorf("limits of joint %d accepted", joint)
		}
	}
	if _, err := DecodeMotorPower(frame(IDMotors, 7, 3)); err == nil {
		t.Error("motor power 3 accepted")
	}
}

func TestUnknownEnumsHaveNames(t *testing.T) {
	s, err := DecodeStatus(wire(t, "2A1# 2A 5A 3B 99 07 00 00 00"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{s.Ctrl.String(), s.Arm.String(), s.Move.String(), s.Teach.String(), s.Motion.String(),
		Follow(0x12).String(), LinkageRole(1).String(), Mounting(9).String(), GripperKind(7).String(), Query(77).String()} {
		if !strings.HasPrefix(text, "unknown ") || !strings.Contains(text, "0x") {
			t.Errorf("%q does not say that the value is unknown", text)
		}
	}
	if got := (DriverUndervoltage | DriverEnabled).String(); got != "undervoltage, enabled" {
		t.Errorf("flags %q", got)
	}
	if got := JointBits(0x21).String(); got != "joint1, joint6" {
		t.Errorf("joints %q", got)
	}
}

func TestEffortByFirmware(t *testing.T) {
	old, recent := Version{1, 8, 2}, Version{1, 8, 3}
	for _, test := range []struct {
		joint   int
		version Version
		want    float64 // of 2 A
	}{
		{0, recent, 2.3625}, {2, old, 9.45}, {3, old, 1.91688}, {5, recent, 1.91688}, {1, Version{}, 2.3625},
	} {
		if got := Effort(test.joint, 2, test.version); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("joint%d %v: %g N·m, want %g", test.joint+1, test.version, got, test.want)
		}
		if back := Current(test.joint, test.want, test.version); math.Abs(back-2) > 1e-9 {
			t.Errorf("joint%d %v: %g A, want 2", test.joint+1, test.version, back)
		}
	}
}

func TestFirmwareText(t *testing.T) {
	w := Firmware{Hardware: "H-V1.2-1", Software: "S-V1.8-8", Date: "250620"}
	var text []byte
	for _, f := range w.Frames() {
		text = append(text, f.Data[:]...)
	}
	if len(text) != 88 || string(text[60:68]) != "S-V1.8-8" || string(text[68:74]) != "250620" || string(text[:8]) != "H-V1.2-1" {
		t.Fatalf("text %q", text)
	}
	got, err := ParseFirmware(text)
	if err != nil || got != w {
		t.Errorf("parsed %+v, %v", got, err)
	}
	moved, err := ParseFirmware(append([]byte("0123"), text...))
	if err != nil || moved.Software != w.Software {
		t.Errorf("moved text: %+v, %v", moved, err)
	}
	for _, bad := range []string{"", "S-V", "nothing here", "S-Vx.y-z", "S-V0.0-0"} {
		if w, err := ParseFirmware([]byte(bad)); err == nil {
			t.Errorf("%q read as %+v", bad, w)
		}
	}
	if FirmwareQuery() != wire(t, "4AF# 01 00 00 00 00 00 00 00") || !IsFirmwareQuery(wire(t, "4AF# 01")) || IsFirmwareQuery(w.Frames()[0]) {
		t.Error("the query is not told from an answer")
	}
}

func TestVersionOrder(t *testing.T) {
	v, err := ParseVersion("S-V1.8-9")
	if err != nil || v != (Version{1, 8, 9}) {
		t.Fatal(v, err)
	}
	for _, older := range []Version{{1, 8, 8}, {1, 7, 12}, {0, 9, 10}} {
		if !v.After(older.Major, older.Minor, older.Patch) {
			t.Errorf("%v is not after %v", v, older)
		}
	}
	if v.After(1, 8, 9) || v.After(1, 8, 10) || v.After(2, 0, 0) {
		t.Error("order is wrong")
	}
}
