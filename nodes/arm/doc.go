// Package arm is the node that moves both PiPER arms. It takes action chunks
// from whoever holds the authority over the arms, schedules their steps, and
// streams set points to both arms' CAN drivers at 200 Hz.
//
// What leaves it has passed, in this order: names and NaN (refused whole), the
// position limits with a margin, the velocity limit with the braking bound to
// the position limit, the acceleration limit, and the distances between the arms, the robot's
// body and the table. The limiter keeps one invariant: from the state it commands, braking
// at the acceleration limit ends inside all of them. So there is always a safe
// way to stop, and when a command is refused or its source falls silent, that
// is what the arms do; then they hold, and go on being told to hold.
package arm
