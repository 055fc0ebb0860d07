package vision

import "testing"

// BenchmarkFusion is camera_fusion's work for one composite of two UVC cameras.
func BenchmarkFusion(b *testing.B) {
	c, err := NewComposer(Stack, []string{"front", "left"}, []Size{{640, 480}, {640, 480}})
	if err != nil {
		b.Fatal(err)
	}
	canvas := c.Canvas()
	data := make([]byte, 640*480*2)
	for i := range data {
		data[i] = byte(i * 7)
	}
	var frame Image
	for b.Loop() {
		for i := range 2 {
			if err := ToRGB(&frame, "yuyv", 640, 480, 1280, data); err != nil {
				b.Fatal(err)
			}
			if err := c.Draw(canvas, i, frame); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPixels is a policy's work for one composite.
func BenchmarkPixels(b *testing.B) {
	p, dst := preprocess(b, anyres9, composite(b))
	m := composite(b)
	for b.Loop() {
		if err := p.Pixels(dst, m); err != nil {
			b.Fatal(err)
		}
	}
}
