package kernels

import "unsafe"

//go:noescape
func tileBF16AMX(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks, panels int)

//go:noescape
func tileI8AMX(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks, panels int)

func wideBF16AMX(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups, panels int) {
	tileBF16AMX(c, ldc, a, lda, panel, groups, (rows+WideBlock-1)/WideBlock, panels)
}

func wideI8AMX(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, rows int, panel unsafe.Pointer, groups, panels int) {
	tileI8AMX(c, ldc, a, lda, panel, groups, (rows+WideBlock-1)/WideBlock, panels)
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
