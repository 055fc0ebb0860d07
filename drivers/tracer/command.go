package tracer

import (
	"bytes"
	"math"

	"cobot_vla/drivers/can"
)

// Command encodes a motion command, 0x111. It rounds toward zero, so that what is
// sent never exceeds v, saturates at the field, and sends zero for what is not a number.
func (v Velocity) Command() can.Frame {
	f := frame(IDMotionCommand)
	putI16(&f, 0, towardZero(v.Linear))
	putI16(&f, 2, towardZero(v.Angular))
	return f
}

// towardZero is x in thousandths; a value that is a thousandth but for its last bits counts as that.
func towardZero(x float64) int16 {
	k := x / milli
	if math.IsNaN(k) {
		return 0
	}
	if near := math.Round(k); math.Abs(k-near) < 1e-6 {
		k = near
	}
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Trunc(k))))
}

// RequestMode encodes a change of control mode, 0x421. The manual gives it one
// byte; the SDK, which works, sends eight.
func RequestMode(m ControlMode) can.Frame { return frame(IDModeRequest, byte(m)) }

// DecodeModeRequest reads 0x421.
func DecodeModeRequest(f can.Frame) (ControlMode, error) {
	if err := check(f, 1, IDModeRequest); err != nil {
		return 0, err
	}
	return ControlMode(f.Data[0]), nil
}

// ClearFault encodes 0x441: 0 clears all faults, 1 to 4 those of one motor.
func ClearFault(motor uint8) can.Frame { return frame(IDClearFault, motor) }

// DecodeClearFault reads 0x441.
func DecodeClearFault(f can.Frame) (motor uint8, err error) {
	if err := check(f, 1, IDClearFault); err != nil {
		return 0, err
	}
	return f.Data[0], nil
}

// QueryVersion asks for the firmware's text at one of the two identifiers.
func QueryVersion(id uint32) can.Frame { return frame(id, 1) }

// IsVersionQuery tells the question from the answer's frames, which carry text.
func IsVersionQuery(f can.Frame) bool {
	return (f.ID == IDVersion || f.ID == IDVersionOld) && f.Len >= 1 && f.Data == [8]byte{1}
}

// VersionFrames cuts the firmware's text into the frames of an answer, at least ten.
func VersionFrames(id uint32, text string) []can.Frame {
	n := max(10, (len(text)+7)/8)
	frames := make([]can.Frame, n)
	for i := range frames {
		frames[i] = frame(id)
		if 8*i < len(text) {
			copy(frames[i].Data[:], text[8*i:])
		}
	}
	return frames
}

// versionText makes the bytes of an answer readable: printable runs, one space apart.
func versionText(b []byte) string {
	runs := bytes.FieldsFunc(b, func(r rune) bool { return r <= ' ' || r > '~' })
	return string(bytes.Join(runs, []byte(" ")))
}
