package cpu

import "golang.org/x/sys/unix"

const hugePage = 2 << 20

// allocate maps whole huge pages; memory that is never touched costs nothing.
func allocate(n int) ([]byte, error) {
	n = (n + hugePage - 1) &^ (hugePage - 1)
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a kernel without them gives small ones
	return b, nil
}

func release(b []byte) error { return unix.Munmap(b) }
