//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package checkpoint

import (
	"io"
	"os"
)

// MapFile reads the whole file where mapping it is not to be had.
func MapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, err
	}
	return data, func() error { return nil }, nil
}
