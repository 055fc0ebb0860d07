// Package seer is Seer, the small action model that VITA-VLA learns from: frozen
// MAE features of two cameras and a sentence's CLIP feature, a robot state, and
// GPT-2 blocks in which every step's action tokens look at what was seen so far.
// It is a policy of its own, and the teacher of package vitavla, which borrows
// its state encoder's shape and, with weights and all, its heads.
//
// # The network
//
// An image goes through a masked autoencoder's encoder (vision.go) and a
// perceiver resampler (resampler.go), which leaves a few tokens of it. A step is
// [text][state][views][classes] | [foresight tokens] | [action tokens]; what
// each may look at is one fixed matrix (layout.go). The trunk (model.go) runs
// over all steps at once; three small layers (heads.go) turn an action token into
// six numbers of an arm and one of a gripper. Foresight (foresight.go) predicts
// the pictures of the steps to come: training learns by it, control needs none of it.
package seer
