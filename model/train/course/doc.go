// Package course takes a student through the steps of its training, whatever it
// learns and from what: the learning rate's time, clipping, the optimiser, the
// time that may be spent, a log with its picture, looks at held-out examples,
// checkpoints, and a state on the disk to go on from.
//
// A course that was ended, or killed, goes on when it is opened again with the same
// configuration: the state holds weights, moments and the step, and a Student's
// step is a function of these alone. Its end is then the one of a course that nobody
// disturbed, bit for bit.
package course
