// Package nn is the seam between the models and the machine they run on.
//
// A Backend owns memory and arithmetic: it loads each weight once, packed as it
// likes, holds activations (Buf), keys and values (Cache) and token ids
// (Tokens), and runs whole sublayers over them. A model is written once against
// Backend, reads like its paper, and runs on nn/ref (plain loops, the
// definition), nn/cpu (assembly) or a GPU.
//
// # Conventions
//
// A Buf is a row-major matrix of numbers, one row a position; only ranges of
// rows can be viewed. There is no broadcasting, no general elementwise
// operation and no dtype: precision belongs to the backend. A method is added
// only when a model in the tree needs it and two existing ones can't do it.
//
// # Order and errors
//
// Operations enqueue and return nothing; they take effect in the order of the
// calls. The first error (a shape that does not fit, a full cache, a lost
// device) is kept, everything after it is skipped, and Sync, Read and
// ReadTokens return it. One goroutine at a time may use a backend.
//
// # Positions live on the device
//
// A Cache knows how many positions each of its layers holds, and Tokens knows
// how many ids it holds. Appending is relative to them, so that every decode
// step is the same sequence of calls with the same arguments: a GPU may record
// it once and replay it.
package nn
