package nn

import "errors"

// ErrDevice is behind every error which says that what a backend computes on
// is missing, not fit or gone: another one could do the work.
var ErrDevice = errors.New("no device to compute on")
