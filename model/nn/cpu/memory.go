package cpu

import (
	"fmt"
	"unsafe"
)

// arena hands out memory for weights, caches and activations: zeroed, aligned to
// 64 bytes, in huge pages where the system has them (a weight is read once a
// token, and at 4 KB a page the page tables would not fit a core's caches).
type arena struct {
	chunks [][]byte // as they came from the system
	free   []byte   // what is left of the last one
	used   int64
}

const (
	chunkSize = 64 << 20
	align     = 64
)

func (a *arena) bytes(n int) ([]byte, error) {
	n = (n + align - 1) &^ (align - 1)
	if n > len(a.free) {
		chunk, err := allocate(max(n, chunkSize))
		if err != nil {
			return nil, fmt.Errorf("%d MB for weights and activations: %w", max(n, chunkSize)>>20, err)
		}
		a.chunks = append(a.chunks, chunk)
		if n >= chunkSize/2 { // a large piece of its own; what was left stays in use
			a.used += int64(n)
			return chunk[:n:n], nil
		}
		a.free = chunk
	}
	piece := a.free[:n:n]
	a.free = a.free[n:]
	a.used += int64(n)
	return piece, nil
}

func (a *arena) close() error {
	var first error
	for _, c := range a.chunks {
		if err := release(c); err != nil && first == nil {
			first = err
		}
	}
	a.chunks, a.free = nil, nil
	return first
}

// space is memory that is used again and again: what lies between two products. In
// pages of 4 KB the rows of a tile lie in more of them than a core remembers the addresses of.
type space struct{ mem []byte }

// bytes is n of them, with anything in them; what was there before is gone where there is not room enough.
func (s *space) bytes(n int) []byte {
	if n > len(s.mem) {
		_ = s.release() // what can't be given back is lost, and no more than that
		mem, err := allocate(n + n/2)
		if err != nil {
			return make([]byte, n) // the system has no pages to map; Go may have
		}
		s.mem = mem
	}
	return s.mem[:n]
}

func (s *space) release() error {
	if s.mem == nil {
		return nil
	}
	err := release(s.mem)
	s.mem = nil
	return err
}

// as is the same memory as numbers.
func as[T any](b []byte) []T {
	var t T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(t)))
}
