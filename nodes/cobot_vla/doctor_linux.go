package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// examineRealTime says whether the control loop may be given priority over other programs.
func examineRealTime() []finding {
	var rt unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTPRIO, &rt); err != nil {
		return nil
	}
	if unix.Geteuid() == 0 {
		return []finding{{"ok", "real time", "root may use real-time priorities", ""}}
	}
	if rt.Cur == 0 {
		return []finding{{"note", "real time", "this user may not use real-time priorities", "add `@realtime - rtprio 90` to /etc/security/limits.d/realtime.conf and join the group"}}
	}
	return []finding{{"ok", "real time", fmt.Sprintf("priorities up to %d are allowed", rt.Cur), ""}}
}
