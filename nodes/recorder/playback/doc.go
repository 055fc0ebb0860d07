// Package playback is the node that plays an episode again: its messages onto
// topics, at the times at which they arrived, or its motion onto the arms, through
// the arm node with every limit. It is a node of its own in the graph, beside
// whatever is to hear the messages: a policy that is fed an episode in lockstep
// gives the same tokens every time.
//
// Onto the arms it is one more source of commands: it asks the supervisor for the
// arms as "replay", approaches the episode's first pose slowly, plays, and gives
// the arms back. It stops when anybody takes them.
package playback

import "errors"

// Errors that callers may want to tell apart.
var (
	// ErrEpisode: the episode lacks what is to be played.
	ErrEpisode = errors.New("playback: episode")
	// ErrArms: the arms can't be had, don't come near, or were taken.
	ErrArms = errors.New("playback: arms")
)
