// Package importer makes recorded episodes of other people's data sets: LeRobot
// v2.x and v3.0, the HDF5 files of ACT and mobile-ALOHA, and RoboTwin's two
// layouts (HDF5 needs -tags hdf5). Everything that reads episodes then reads these:
// training, export, replay, the dashboard. The command line calls Import.
//
// # What an imported episode holds
//
// State goes to /puppet/joint_left and _right, the action to /master/joint_left and
// _right, a base's velocity to /odom, pictures to the cameras' topics: a JPEG or PNG
// byte for byte as it was, pixels as pixels. Stamps are the frames' times; export at
// the same rate gives the same numbers back. The calibration is the one that the
// configuration names: it gives joints and cameras their names, as data sets only
// number theirs.
//
// # Interrupted
//
// What is finished is noted beside the episodes and not imported again.
package importer

import "errors"

// Errors that callers may want to tell apart.
var (
	// ErrConfig: the configuration can't be followed.
	ErrConfig = errors.New("import: configuration")
	// ErrSource: the data set is none of the known formats, or lacks something.
	ErrSource = errors.New("import: data set")
	// ErrNotBuilt: the format needs a build tag.
	ErrNotBuilt = errors.New("import: not in this build")
)
