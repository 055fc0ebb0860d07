// Package recorder is the node that records demonstrations: one episode a file,
// with everything that is needed to learn from it and nothing that can lose it.
// nodes/recorder/episode is the file, nodes/recorder/export turns files into
// training sets, nodes/recorder/playback puts them back onto topics.
//
// # An episode
//
// recorder/start (std_srvs/Trigger), or recorder/start_episode with task, operator
// and note, subscribes to the configured topics and waits until every required
// stream is alive, stamped by a clock that agrees with this machine's, and no clock
// jumps; else it refuses and says what is missing. Then the episode begins.
// recorder/stop keeps it, recorder/discard does not, recorder/mark marks a moment,
// recorder/end_episode also judges one that is finished. An episode that nobody
// ended has no verdict.
//
// # What it costs
//
// The node's callbacks hand messages on as they came, an image as its pointer, to a
// queue that is bounded in messages and bytes; a goroutine encodes, compresses and
// writes, another syncs. A queue that is full loses the newest message, and the
// loss is counted, shown on recorder/status, diagnosed, and kept in the file. In
// simulated time nothing is ever lost: time waits for the disk.
package recorder

import "errors"

// Errors of starting, which callers of the services get as text.
var (
	// ErrStream: a required stream is missing, silent, frozen or wrongly stamped.
	ErrStream = errors.New("recorder: stream")
	// ErrClock: a clock jumped.
	ErrClock = errors.New("recorder: clock")
	// ErrDisk: the disk has too little room.
	ErrDisk = errors.New("recorder: disk")
	// ErrTask: nobody said what the robot is to do.
	ErrTask = errors.New("recorder: no task")
	// ErrState: the recorder does something else.
	ErrState = errors.New("recorder: state")
)
