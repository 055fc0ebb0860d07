package kernels

import "golang.org/x/sys/cpu"

// Available lists the sets that run on this machine, the fastest first.
func Available() []*Set {
	var sets []*Set
	x := cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ {
		s := Portable()
		s.Name, s.Features = "avx512", "AVX-512"
		s.avx512()
		if x.HasAVX512VNNI {
			s.I8 = tileI8AVX512
			s.Features += ", VNNI int8"
		}
		if x.HasAVX512BF16 {
			s.BF16, s.FastBF16 = tileBF16AVX512, true
			s.Features += ", bf16"
		}
		sets = append(sets, s)
	}
	return append(sets, Portable())
}
