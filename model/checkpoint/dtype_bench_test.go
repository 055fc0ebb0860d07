package checkpoint

import "testing"

// BenchmarkDecode converts one row block in cache, as loading does.
func BenchmarkDecode(b *testing.B) {
	for _, d := range []DType{F32, BF16, F16} {
		b.Run(string(d), func(b *testing.B) {
			dst := make([]float32, 1<<14)
			src := make([]byte, len(dst)*d.Size())
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if err := DecodeF32(d, dst, src); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(dst)), "ns/value")
		})
	}
}
