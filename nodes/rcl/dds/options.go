package dds

import (
	"time"

	"github.com/rs/zerolog"
)

// Options of a Transport; the zero value is ROS 2's default: domain 0 on the
// network.
type Options struct {
	// Domain keeps graphs apart: participants of one domain meet. 0 to 232; default
	// 0. From 102 on its UDP ports (7400 + 250 x domain) are among those that Linux
	// hands out to others.
	Domain int
	// Localhost keeps all traffic on the loopback interface, as ROS_LOCALHOST_ONLY
	// does: other machines see nothing. Default false. At most 120 processes of a
	// domain find each other so.
	Localhost bool
	// Interface is the network interface to use, by name or by address; default "":
	// Cyclone DDS picks one. Name it on a machine with several networks.
	Interface string
	// Peers are addresses of machines to look for besides multicast, for networks
	// that don't carry it; default none. The others must name this machine as well,
	// or be found by it; include 127.0.0.1 where multicast is off.
	Peers []string
	// Lease is how long others believe in this process after its last sign of life;
	// default 10 s, ROS 2's. Shorter notices a crash sooner and mistakes a stall for
	// one more easily.
	Lease time.Duration
	// Linger is how long a publisher that is closed goes on serving subscribers that
	// have not confirmed its last messages; default 200 ms. Closing the transport
	// waits for it.
	Linger time.Duration
	// ReceiveBuffer is the size of the sockets' receive buffers in bytes; default
	// 4 MiB, one 1280x720 colour image and a half. The kernel grants at most
	// net.core.rmem_max: with less, large messages arrive late, in parts sent again.
	ReceiveBuffer int
	// Datagram is the largest UDP payload in bytes, 1400 to 65500; default 65500.
	// Large ones cost least on a wire and on loopback; where packets get lost, as on
	// WiFi, 1400 loses less with each.
	Datagram int
	// Fragment is the size in bytes of the parts that larger messages travel in,
	// below Datagram; default 63000, or 100 less than a smaller Datagram.
	Fragment int
	// Extra is Cyclone DDS configuration, XML or a file:// URI, that is applied last
	// and overrides all of the above: what CYCLONEDDS_URI holds. Default none.
	Extra string
	// Log receives what goes wrong besides errors: quality of service that does not
	// fit, types that differ, malformed requests. Default: discard.
	Log *zerolog.Logger
}
