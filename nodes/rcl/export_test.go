package rcl

// Parts is the number of what n closes with itself.
func Parts(n *Node) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.parts)
}
