// Package episode is the file of one recorded episode: an MCAP file (profile
// ros2, CDR messages, ros2msg schemas, zstd chunks) in a folder of its own, with
// the metadata.yaml that makes the folder a bag of ROS 2. It owns the format:
// Writer makes the file, Open reads it, Repair finishes one that was interrupted
// at any byte, Judge changes a verdict. The recorder node writes; exporters,
// players and the command line read.
//
// # What the file holds
//
// At its start, before the first message: the metadata record cobot_vla/episode
// (task, operator, note, robot, firmware, hashes) and the attachments
// calibration.yaml and parameters.yaml, whole. Then chunks, each at most
// Options.FlushInterval long, each ending with a message on /recorder/status
// that says what was lost so far. At its end: one cobot_vla/stream record a
// topic, cobot_vla/result, the index. Where a record of a name comes twice the
// later one counts.
//
// A message's publish time is its stamp at capture (header.stamp, where the
// type has one and it is set), its log time the arrival at the recorder.
//
// # What survives
//
// A chunk is written whole and then synced, so that whatever stops the process
// or the power, every chunk before it stays. What is missing then is the end,
// and Repair makes it from the chunks.
package episode

import "errors"

// Errors that callers may want to tell apart.
var (
	// ErrNotEpisode: the file is no MCAP file of the ros2 profile with an episode in it.
	ErrNotEpisode = errors.New("episode: not an episode")
	// ErrUnfinished: the recording was interrupted; Repair finishes the file.
	ErrUnfinished = errors.New("episode: unfinished")
	// ErrInUse: another process is writing the file.
	ErrInUse = errors.New("episode: in use")
	// ErrDamaged: bytes amid the file are not what was written.
	ErrDamaged = errors.New("episode: damaged")
	// ErrVerdict: a verdict is keep or discard.
	ErrVerdict = errors.New("episode: unknown verdict")
)
