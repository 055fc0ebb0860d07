// Package sim is the node that is the world: a simulated Cobot-Magic whose arms
// and base answer on CAN as the real ones do, in a scene with a task. It owns
// /clock, publishes the ground truth and the verdict on the task, and gives the
// cameras' pictures; everything else on the graph is what runs on a robot.
//
// The plant is MuJoCo's physics, or, in a program built without it, ideal
// kinematics with a toy grasp: good for the whole node graph, not for judging a policy.
package sim
