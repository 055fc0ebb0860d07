//go:build unix

package episode

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock makes f this process's to write until it is closed; a dead process holds nothing.
func lock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %s is being written by another process", ErrInUse, f.Name())
	}
	return nil
}
