package tracer

import "time"

// Bitrate of the base's bus [bit/s].
const Bitrate = 500_000

// Identifiers of protocol V2 (Tracer user manual 1.2; ugv_sdk 0.8.0).
const (
	IDMotionCommand = 0x111 // velocity, every 20 ms
	IDLightCommand  = 0x121
	IDSystem        = 0x211 // system state, 20 ms
	IDMotion        = 0x221 // velocity, 20 ms
	IDLight         = 0x231 // 20 ms
	IDRemote        = 0x241 // the RC transmitter's sticks and switches
	IDMotorRight    = 0x251 // speed, 20 ms
	IDMotorLeft     = 0x252
	IDDriverRight   = 0x261 // driver status, 100 ms
	IDDriverLeft    = 0x262
	IDOdometer      = 0x311 // wheel travel, 20 ms
	IDBattery       = 0x361 // battery management
	IDBatteryAlarm  = 0x362
	IDModeRequest   = 0x421
	IDClearFault    = 0x441
	// Firmware text. The SDK's header names 0x411 for the question and 0x4A1 for the
	// answer; a real base of the family answers 0x4A1 to 0x4A1 and ignores 0x411.
	IDVersion    = 0x4A1
	IDVersionOld = 0x411

	// Protocol V1's system and motion state; V1 has no 0x221.
	idSystemV1 = 0x151
	idMotionV1 = 0x131
)

// period of an identifier; 0 when it is not periodic or its period is not documented.
func period(id uint32) time.Duration {
	switch id {
	case IDSystem, IDMotion, IDLight, IDMotorRight, IDMotorLeft, IDOdometer:
		return 20 * time.Millisecond
	case IDDriverRight, IDDriverLeft:
		return 100 * time.Millisecond
	}
	return 0
}

// isArm tells identifiers that PiPER arms send and no Tracer does: feedback
// 0x2A1..0x2A8 (also moved by 0x10 or 0x20), motors 3 to 6, a leader's targets.
func isArm(id uint32) bool {
	switch {
	case id >= 0x2A1 && id <= 0x2A8, id >= 0x2B1 && id <= 0x2B8, id >= 0x2C1 && id <= 0x2C8:
		return true
	case id >= 0x253 && id <= 0x256, id >= 0x263 && id <= 0x266, id >= 0x155 && id <= 0x157:
		return true
	}
	return false
}
