package msgs

// Directions of a NavigationToken (LLaVA-VLA, section IV.D: forward, turn left, turn right, stop).
const (
	Forward   uint8 = 0
	TurnLeft  uint8 = 1
	TurnRight uint8 = 2
	Stop      uint8 = 3
)

// Modes of an ActionChunk.
const (
	Absolute uint8 = 0 // values are targets
	Delta    uint8 = 1 // values are added to the previous step's targets
)

// Schedules of an ActionChunk: when its steps are due.
const (
	Async uint8 = 0 // step k at stamp + k · period; overdue steps are skipped
	Sync  uint8 = 1 // step 0 on arrival; every step plays
)

// States of a MotionStatus.
const (
	Accepted uint8 = 0
	Running  uint8 = 1
	Done     uint8 = 2
	Aborted  uint8 = 3
	Refused  uint8 = 4
)

// Parts of the robot, as bits.
const (
	Arms uint8 = 1
	Base uint8 = 2
)

// Sources of commands, as Authority, NavigationToken and ActionChunk name them.
const (
	SourceNone     = "none"
	SourcePolicy   = "policy"
	SourceTeleop   = "teleop"
	SourceReplay   = "replay"
	SourceExternal = "external"
)

// Levels of a DiagnosticStatus.
const (
	DiagOK    uint8 = 0
	DiagWarn  uint8 = 1
	DiagError uint8 = 2
	DiagStale uint8 = 3
)
