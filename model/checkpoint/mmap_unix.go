//go:build linux || darwin || freebsd || netbsd || openbsd

package checkpoint

import (
	"os"

	"golang.org/x/sys/unix"
)

// MapFile maps a whole file read-only. The pages are the page cache's: two
// processes with the same weights hold them once. Truncating the file while it
// is mapped kills the process; replacing it (as Create does) does not.
func MapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	if size == 0 {
		return nil, func() error { return nil }, nil
	}
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
