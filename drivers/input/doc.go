// Package input reads keyboards, joysticks and gamepads of this machine through
// Linux's evdev, so that a person can lead the robot. Device is the seam: System
// opens the real ones, Fakes the ones of tests, and who listens can't tell which.
//
// A device gives keys and buttons as they go down and up, and axes between -1
// and 1. Whoever moves something while a key is held relies on three promises,
// which inputtest.Conformance holds every implementation to: a release is never
// lost, not even when the kernel's queue ran over; a device that is unplugged
// says Gone; nothing comes after Close. The teleop node listens.
package input
