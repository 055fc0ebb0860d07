// Package mujoco is the simulated Cobot-Magic: a differential base, two PiPER
// arms with parallel grippers, and three cameras, in a room with a table and
// things on it. World is a plant.Plant, so the simulated firmware of
// drivers/piper and drivers/tracer moves it without knowing; it gives cameras as
// camera.Source, and the truth that a scene.Judge wants. nodes/sim owns a World.
//
// Everything acts by contact and torque: there is no weld, no equality
// constraint and no teleport in it, and an object is held by friction or it falls.
// The same Config and the same calls give the same bits.
//
// The package needs the build tag mujoco, cgo, and Debian's libmujoco-dev,
// libegl-dev and libgl1-mesa-dri. Without the tag it has the same API and New
// returns ErrNotBuilt.
//
// # Frames
//
// The world lies on the floor, z up. base_link lies on the floor under the
// middle of the wheel axle, x forward. An arm's base stands where the calibration
// mounts it; its links have the frames of AgileX's PiPER URDF (the one that
// fits firmware S-V1.6-3 and later), with joint 6's 0.09 mm offset left out, as
// the firmware's own kinematics leave it out. A gripper's tip is the calibration's
// tcp along link 6's z; the fingers open along link 6's y, finger 1 to -y and
// finger 2 to +y, each by half the width. Width 0 is pad on pad.
//
// # Motors
//
// An arm's joints follow their set points by stiff position loops with gravity
// fed forward, as a PiPER's controller does: about 10 ms late in motion, within
// 0.05° at rest under load. The gripper's force is the drive's torque by
// 20 N per N·m, at most 50 N. The base rolls on two wheels with friction and
// four casters without; its encoders see the wheels, not the floor.
//
// Firmware that ticks every 5 ms wants a Timestep of 1 or 2.5 ms, of which 5 ms is a multiple.
package mujoco
