// Package dashboard is the node that shows the robot to people: a web page with
// the cameras and the image the policy sees, what it was told and what it says in
// tokens, the joints, the base's path, latencies, losses and diagnostics, and
// buttons to record, to take over and to stop; and, on a second port, the whole
// graph over the Foxglove WebSocket protocol.
//
// It watches and never holds anything up: what it hears goes into fixed places
// where newer replaces older, pictures are subscribed to and encoded only while
// somebody looks, one at a time, and a slow viewer gets fewer of them.
//
// Anybody who reaches the page may look and may press the e-stop. The other buttons
// work on the robot's own machine, and elsewhere with the token of the node's
// parameters. The node commands nothing itself: it calls the services of
// supervisor, teleop and recorder, and they decide.
package dashboard
