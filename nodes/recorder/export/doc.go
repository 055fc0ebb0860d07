// Package export turns recorded episodes into training sets: LeRobot v2.1 and
// v3.0 (parquet, pictures inside as JPEG or beside as MP4), LLaVA-VLA's JSON with
// composite pictures and statistics.yaml, and the HDF5 files of ACT and
// mobile-ALOHA (-tags hdf5). The command line and the dashboard call Export.
//
// # Time
//
// An episode becomes frames of one rate. They begin when every stream has begun
// and end when the first ends. A frame's picture is the one captured nearest to
// it, byte for byte as the camera sent it; joints and velocities are interpolated
// between the samples around it. A frame with nothing near is a gap, and gaps are
// refused or cut out, never filled.
//
// # Interrupted
//
// A set is written in parts, each finished under another name first; what is
// finished is not written again when Export is called anew, also with more
// episodes than before. The set's own description is written last.
package export

import "errors"

// Errors that callers may want to tell apart.
var (
	// ErrConfig: the configuration contradicts itself or the folder's earlier export.
	ErrConfig = errors.New("export: configuration")
	// ErrEpisode: an episode lacks what the set needs.
	ErrEpisode = errors.New("export: episode")
	// ErrGap: a stream has nothing near a frame.
	ErrGap = errors.New("export: gap")
	// ErrNotBuilt: the format needs a build tag.
	ErrNotBuilt = errors.New("export: not in this build")
)
