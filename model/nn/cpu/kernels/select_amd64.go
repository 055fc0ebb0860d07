package kernels

import "golang.org/x/sys/cpu"

// Available lists the sets that run on this machine, the fastest first.
func Available() []*Set {
	var sets []*Set
	x := cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA
	vector := func() *Set {
		s := Portable()
		s.avx2()
		s.avx512()
		s.Name, s.Features = "avx512", "AVX-512"
		if x.HasAVX512VNNI {
			s.I8 = tileI8AVX512
			s.Features += ", VNNI"
		}
		if x.HasAVX512BF16 {
			s.bf16()
			s.Features += ", BF16"
		}
		return s
	}
	if avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ {
		if x.HasAVX512VNNI && x.HasAVX512BF16 && x.HasAMXTile && x.HasAMXInt8 && x.HasAMXBF16 && permitAMX() {
			s := vector()
			s.amx()
			sets = append(sets, s)
		}
		sets = append(sets, vector())
	}
	if avx2 {
		s := Portable()
		s.avx2()
		s.Name, s.Features = "avx2", "AVX2, FMA"
		if x.HasAVXVNNI {
			s.I8 = tileI8VNNI
			s.Features += ", VNNI"
			sets = append(sets, s)
			// The same without it, so that a machine that has it tests what others run.
			s = Portable()
			s.avx2()
			s.Name, s.Features = "avx2-novnni", "AVX2, FMA"
		}
		sets = append(sets, s)
	}
	return append(sets, Portable())
}
