// Package teleop is the node by which a person leads the robot: the arms by
// leader arms, the base by keyboard, gamepad, dashboard or any other program's
// velocity.
//
// Arms are led in two ways. Linked by hardware, leader and follower share a CAN
// bus and the follower's own firmware copies the leader; the arm node then runs in
// mode read, and this node only watches how well it copies. Linked by software,
// leaders' joint states arrive on master/joint_left and master/joint_right, whoever
// reads them, and this node commands the followers by action chunks through the
// arm node, which keeps every limit. A follower first approaches its leader slowly
// and copies it only once it is near (acquire before follow); a leader that falls
// silent leaves its follower holding.
//
// The base moves only while a key or the gamepad's dead-man button is held, or
// while fresh velocities come in on teleop/cmd_vel.
//
// Nothing moves without the supervisor's authority. One key, button or service call
// takes it, also from a running policy, and gives it back; until then
// teleop/correction says true when it was taken from another source, so that a
// recorder knows which part of an episode is a person's.
package teleop
