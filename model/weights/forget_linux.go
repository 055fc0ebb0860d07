package weights

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forget drops the whole pages within mapped, read-only data.
func forget(data []byte) {
	page := os.Getpagesize()
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(data)))) & (page - 1)
	if whole := (len(data) - skip) &^ (page - 1); whole > 0 {
		_ = unix.Madvise(data[skip:skip+whole], unix.MADV_DONTNEED)
	}
}
