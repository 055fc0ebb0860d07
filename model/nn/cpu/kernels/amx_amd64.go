package kernels

import "unsafe"

//go:noescape
func tileBF16AMX(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks int)

//go:noescape
func tileI8AMX(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks int)

func wideBF16AMX(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	tileBF16AMX(c, a, lda, panel, groups, (rows+WideBlock-1)/WideBlock)
}

func wideI8AMX(c, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups int) {
	tileI8AMX(c, a, lda, panel, groups, (rows+WideBlock-1)/WideBlock)
}

// WithAMX is the set of a processor with AMX, whether this is one or not: for tests under amxtest.
func WithAMX() *Set {
	s := Available()[0]
	if s.WideI8 == nil {
		s.amx()
	}
	return s
}

// amx adds the matrix unit.
func (s *Set) amx() {
	s.WideBF16, s.WideI8 = wideBF16AMX, wideI8AMX
	s.LearnBF16 = false // Intel's VDPBF16PS has half the speed of its f32; training in f32 is 14 % faster
	s.Name = "amx"
	s.Features += ", AMX int8 and bf16"
}
