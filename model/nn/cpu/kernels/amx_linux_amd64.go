package kernels

import "syscall"

// permitAMX asks Linux for the tiles' state, which a process must before its
// first tile instruction (arch_prctl ARCH_REQ_XCOMP_PERM, feature 18). The
// permission is the process's: threads inherit it.
func permitAMX() bool {
	const requestPermission, tileData = 0x1023, 18
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
