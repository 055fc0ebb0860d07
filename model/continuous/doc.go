// Package continuous holds what policies share that predict numbers instead of
// tokens (VITA-VLA, Seer): what the numbers mean on a robot (Robot), which of the
// predicted steps is done (Selector), and how cameras become what a network sees (Eyes).
package continuous
