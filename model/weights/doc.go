// Package weights brings tensors onto a backend. A Source says where they come
// from (Files: a checkpoint; Synthetic: random numbers made in memory), a Loader
// hands them to an nn.Backend part by part and keeps the first error, so that a
// model's constructor reads like a list of its layers.
package weights
