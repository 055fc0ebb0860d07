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
		name  string
		run   Wide
		want  Tile
		word  func() uint32
		limit float64
	}{
		{"int8", s.WideI8, tileI8, rng.Uint32, 0},
		{"bf16", s.WideBF16, tileBF16, func() uint32 {
			return uint32(bf16(float32(rng.NormFloat64()))) | uint32(bf16(float32(rng.NormFloat64())))<<16
		}, 1e-6},
	} {
		for _, rows := range []int{1, 31, 32, 33, 70, WideRows} {
			for _, groups := range []int{16, 48} {
				for _, panels := range []int{1, 3} {
					stride, ldc := groups+16, panels*Panel+16
					padded := (rows + WideBlock - 1) / WideBlock * WideBlock
					a, b := words(rng, padded*stride, k.word), words(rng, panels*groups*Panel, k.word)
					const untouched = 7
					c := make([]float32, (padded+1)*ldc)
					for i := range c {
						c[i] = untouched
					}
					k.run(unsafe.Pointer(&c[0]), uintptr(4*ldc), unsafe.Pointer(&a[0]), uintptr(4*stride), rows, unsafe.Pointer(&b[0]), groups, panels)
					for i, v := range c {
						if v != untouched && (i/ldc >= padded || i%ldc >= panels*Panel) {
							t.Fatalf("%s: %d rows of %d panels wrote row %d, column %d", k.name, rows, panels, i/ldc, i%ldc)
						}
					}
					want := make([]float32, rows*Panel)
					for p := range panels {
						k.want(unsafe.Pointer(&want[0]), unsafe.Pointer(&a[0]), uintptr(4*stride), rows, unsafe.Pointer(&b[p*groups*Panel]), groups)
						for r := range rows {
							got, want := c[r*ldc+p*Panel:][:Panel], want[r*Panel:(r+1)*Panel]
							if k.limit > 0 {
								near(t, k.name, got, want, k.limit*float64(groups))
								continue
							}
							for i := range want {
								if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
									t.Fatalf("%s, %d rows, %d groups: row %d, column %d of panel %d is %d, expected %d", k.name, rows, groups, r, i, p, math.Float32bits(got[i]), math.Float32bits(want[i]))
								}
							}
						}
					}
				}
			}
		}
	}
}
