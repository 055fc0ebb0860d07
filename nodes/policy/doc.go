// Package policy is the node that thinks: it takes the newest consistent
// observation, asks a model.Policy what to do, and says it in tokens and values:
// a navigation goal to the base, or manipulation steps to the arms, never both.
//
// It moves nothing without authority: before its first goal or chunk for a part
// it asks the supervisor for that part. While the base drives, it takes no
// observation; after a synchronous chunk it waits until the arms have played it.
package policy
