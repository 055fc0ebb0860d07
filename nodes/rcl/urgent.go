package rcl

// Urgent asks that the node's callbacks come first on this machine: they get an
// OS thread of their own with real-time priority, whose timers fire on time while
// every core computes. It is for control loops that use little of a core; call it
// when the node is built. Without the permission (see `ulimit -r`) or on other
// systems than Linux the node runs on as before, and the error says what is missing.
//
// A process with urgent nodes needs spare scheduler slots: GOMAXPROCS above the number of cores.
func (n *Node) Urgent() error {
	q, ok := n.queue.(*realQueue)
	if !ok || q.clock != nil {
		return nil // simulated time is never late
	}
	return q.hurry()
}

// thread is an OS thread of one's own that sleeps precisely.
type thread interface {
	// sleep returns after d nanoseconds at most, or when woken.
	sleep(d int64)
	wake()
	close()
}
