package ros2

import "github.com/rs/zerolog"

// Options of a Transport; the zero value is domain 0 on the network.
type Options struct {
	// Domain keeps graphs apart: participants of one domain meet. 0 to 232; default
	// 0. It wins over ROS_DOMAIN_ID.
	Domain int
	// Localhost keeps all traffic on this machine, as ROS_LOCALHOST_ONLY does (which
	// it sets for this process, since rcl reads nothing else). Default false.
	Localhost bool
	// Log receives what rcl and the middleware log, and what goes wrong besides
	// errors: quality of service that does not fit, malformed requests. Default: discard.
	Log *zerolog.Logger
}
