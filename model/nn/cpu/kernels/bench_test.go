package kernels

import (
	"testing"
	"unsafe"
)

// The speeds that the layers can reach: a tile of 12 rows from the first-level cache.
func BenchmarkTile(b *testing.B) {
	for _, s := range Available() {
		for _, k := range []struct {
			name     string
			run      Tile
			perGroup int
		}{{"f32", s.F32, 1}, {"bf16", s.BF16, 2}, {"int8", s.I8, 4}} {
			for _, rows := range []int{1, 2, 4, 12} {
				b.Run(s.Name+"/"+k.name+"/"+string(rune('0'+rows/10))+string(rune('0'+rows%10)), func(b *testing.B) {
					const groups = 224
					a, panel, c := make([]uint32, TileRows*groups), make([]uint32, groups*Panel), make([]float32, TileRows*Panel)
					for b.Loop() {
						k.run(unsafe.Pointer(&c[0]), unsafe.Pointer(&a[0]), 4*groups, rows, unsafe.Pointer(&panel[0]), groups)
					}
					flop := float64(2*rows*Panel*groups*k.perGroup) * float64(b.N)
					b.ReportMetric(flop/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					b.ReportMetric(float64(groups*GroupBytes)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
				})
			}
		}
	}
}
