// Package vitavla is VITA-VLA: a vision-language model, VITA-1.5, that was taught
// to act by a small action model, Seer. Model is the network, Policy makes it the robot's.
//
// # The network, in the paper's order
//
// The robot's state becomes one token (seer.StateEncoder). One learnt action
// token stands three times at the end of every turn (prompt.go). Images go
// through InternViT and a connector, 49 tokens each (vision.go). A turn of the
// conversation is one step of the robot: two images, the instruction, the state,
// the three action tokens; the language model (nn/layers) reads as many turns as
// the policy has history (model.go). The action mapper brings what it made of
// the action tokens into the small model's space, whose decoder and heads, kept
// from there, say the action (model.go, seer.Heads).
//
// # What is computed once
//
// Frame features are kept as long as a turn may need them. Keys and values of
// turns stay as long as the turns before them stay: while history grows, a step
// costs one turn. When the window slides, all turns move to other places, and
// all are read again, which is exact; Config.Slide says how to do it less often.
package vitavla
