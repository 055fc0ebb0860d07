package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"cobot_vla/model/nn/cpu/kernels/amxtest"
)

func TestAMXEmulated(t *testing.T) {
	if Available()[0].WideI8 != nil {
		t.Skip("this processor has AMX: TestAMX runs on it, and nothing is left to emulate")
	}
	amxtest.Run(t, "TestAMX")
}

// TestAMX holds the machine code of the matrix unit to the portable kernels: on
// the processor where it has AMX, else under the emulator.
func TestAMX(t *testing.T) {
	if s := Available()[0]; s.WideI8 == nil && !amxtest.Traced() {
		t.Skip("this processor has no AMX; TestAMXEmulated runs the same code")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var s Set
	s.amx()
	for _, k := range []struct {
		name      string
		run, want Tile
		word      func() uint32
		limit     float64
	}{
		{"int8", s.WideI8, tileI8, rng.Uint32, 0},
		{"bf16", s.WideBF16, tileBF16, func() uint32 {
			return uint32(bf16(float32(rng.NormFloat64()))) | uint32(bf16(float32(rng.NormFloat64())))<<16
		}, 1e-6},
	} {
		for _, rows := range []int{1, 31, 32, 33, 70, WideRows} {
			for _, groups := range []int{16, 48} {
				stride := groups + 16
				padded := (rows + WideBlock - 1) / WideBlock * WideBlock
				a, b := words(rng, padded*stride, k.word), words(rng, groups*Panel, k.word)
				c := make([]float32, (padded+1)*Panel)
				guard := c[padded*Panel:]
				guard[0] = 7
				k.run(unsafe.Pointer(&c[0]), unsafe.Pointer(&a[0]), uintptr(4*stride), rows, unsafe.Pointer(&b[0]), groups)
				if guard[0] != 7 {
					t.Errorf("%s: %d rows wrote beyond %d", k.name, rows, padded)
				}
				want := make([]float32, rows*Panel)
				k.want(unsafe.Pointer(&want[0]), unsafe.Pointer(&a[0]), uintptr(4*stride), rows, unsafe.Pointer(&b[0]), groups)
				for i := range want {
					if k.limit == 0 && math.Float32bits(c[i]) != math.Float32bits(want[i]) {
						t.Fatalf("%s, %d rows, %d groups: element %d is %d, expected %d", k.name, rows, groups, i, math.Float32bits(c[i]), math.Float32bits(want[i]))
					}
				}
				if k.limit > 0 {
					near(t, k.name, c, want, k.limit*float64(groups))
				}
			}
		}
	}
}
