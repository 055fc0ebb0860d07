package arm

import (
	"time"

	"cobot_vla/drivers/piper"
)

// driver moves one arm: a piper.Arm over CAN, or a topicArm over somebody else's
// driver. All is called on the node's thread.
type driver interface {
	// Tick steps it, before Feedback and State are asked.
	Tick(now time.Time)
	Feedback(now time.Time) piper.Feedback
	State(now time.Time) piper.State
	// Leader is the arm that leads by hardware, where one is heard.
	Leader(now time.Time) piper.Leader
	// Command is the set point of this tick [rad], [m], [N·m].
	Command(target [6]float64, width, torque float64) error
	// ClearFault forgets what is latched when no cause is left.
	ClearFault(now time.Time) error

	// What an operator asks for; the answer says what the arm will do.

	Enable() (string, error)
	Disable() (string, error)
	EmergencyStop() (string, error)
	Reset() (string, error)
	ClearErrors() (string, error)
	RestoreSettings() (string, error)

	Close() error
}

var _ driver = (*piper.Arm)(nil)
