package vision

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestToRGB(t *testing.T) {
	for _, test := range []struct {
		encoding string
		step     int
		data     []byte
		want     []byte
	}{
		{"rgb8", 6, []byte{1, 2, 3, 4, 5, 6}, []byte{1, 2, 3, 4, 5, 6}},
		{"rgb8", 8, []byte{1, 2, 3, 4, 5, 6, 99, 99}, []byte{1, 2, 3, 4, 5, 6}},
		{"bgr8", 6, []byte{1, 2, 3, 4, 5, 6}, []byte{3, 2, 1, 6, 5, 4}},
		{"rgba8", 8, []byte{1, 2, 3, 0, 4, 5, 6, 128}, []byte{1, 2, 3, 4, 5, 6}},
		{"bgra8", 8, []byte{1, 2, 3, 0, 4, 5, 6, 128}, []byte{3, 2, 1, 6, 5, 4}},
		{"mono8", 3, []byte{7, 8, 99}, []byte{7, 7, 7, 8, 8, 8}},
		// video range: 16 is black, 235 is white, below and above are clipped
		{"yuyv", 4, []byte{16, 128, 235, 128}, []byte{0, 0, 0, 255, 255, 255}},
		{"yuv422_yuy2", 4, []byte{0, 128, 255, 128}, []byte{0, 0, 0, 255, 255, 255}},
		// BT.601 colour bars at 100 %: red 81 90 240, blue 41 240 110, green 145 54 34
		{"yuyv", 4, []byte{81, 90, 81, 240}, []byte{254, 0, 0, 254, 0, 0}},
		{"uyvy", 4, []byte{240, 41, 110, 41}, []byte{0, 0, 255, 0, 0, 255}},
		{"yuv422", 4, []byte{54, 145, 34, 126}, []byte{0, 255, 1, 0, 233, 0}},
	} {
		var m Image
		if err := ToRGB(&m, test.encoding, 2, 1, test.step, test.data); err != nil {
			t.Errorf("%s: %v", test.encoding, err)
			continue
		}
		if diff := cmp.Diff(test.want, m.Pix); diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", test.encoding, test.data, diff)
		}
	}
}

func TestToRGBRefuses(t *testing.T) {
	for _, test := range []struct {
		encoding            string
		width, height, step int
		bytes               int
		says                string
	}{
		{"bayer_rggb8", 2, 2, 2, 4, "bayer_rggb8"},
		{"8UC3", 2, 2, 6, 12, "8UC3"},
		{"rgb8", 2, 2, 5, 10, "at least 6"},
		{"rgb8", 2, 2, 6, 11, "11 bytes, expected 12"},
		{"rgb8", 2, 2, 6, 13, "13 bytes, expected 12"},
		{"rgb8", 0, 2, 6, 0, "0x2"},
		{"rgb8", 2, -1, 6, 0, "2x-1"},
		{"rgb8", 1 << 30, 1 << 30, 1 << 31, 0, "size"},
		{"rgb8", 2, 2, 1 << 40, 12, "rows of"},
		{"yuyv", 3, 1, 6, 6, "odd width 3"},
	} {
		var m Image
		err := ToRGB(&m, test.encoding, test.width, test.height, test.step, make([]byte, test.bytes))
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestToRGBReusesBytes(t *testing.T) {
	m := NewImage(8, 8)
	data := make([]byte, 4*4*2)
	if n := testing.AllocsPerRun(10, func() {
		if err := ToRGB(&m, "yuyv", 4, 4, 8, data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecompress(t *testing.T) {
	rect := image.Rect(3, 5, 11, 9) // bounds need not start at 0
	colour := color.NRGBA{200, 100, 50, 255}
	images := map[string]image.Image{}
	for name, m := range map[string]interface {
		image.Image
		Set(x, y int, c color.Color)
	}{
		"rgba": image.NewRGBA(rect), "nrgba": image.NewNRGBA(rect), "gray": image.NewGray(rect),
		"rgba64": image.NewRGBA64(rect), "paletted": image.NewPaletted(rect, color.Palette{color.Black, colour}),
	} {
		for y := rect.Min.Y; y < rect.Max.Y; y++ {
			for x := rect.Min.X; x < rect.Max.X; x++ {
				m.Set(x, y, colour)
			}
		}
		images[name] = m
	}
	transparent := image.NewNRGBA(rect)
	for i := range transparent.Pix {
		transparent.Pix[i] = []byte{200, 100, 50, 10}[i%4]
	}
	images["transparent"] = transparent

	for name, src := range images {
		want := [3]byte{200, 100, 50}
		if name == "gray" {
			want = [3]byte{124, 124, 124}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, src); err != nil {
			t.Fatal(err)
		}
		checkFlat(t, "png "+name, b.Bytes(), want, 0)
		if name == "transparent" {
			continue
		}
		b.Reset()
		if err := jpeg.Encode(&b, src, nil); err != nil {
			t.Fatal(err)
		}
		checkFlat(t, "jpeg "+name, b.Bytes(), want, 3)
	}
	for name, data := range map[string][]byte{"nothing": nil, "gif": []byte("GIF89a"), "cut jpeg": {0xff, 0xd8, 0xff, 0xe0}} {
		var m Image
		if err := Decompress(&m, data); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func checkFlat(t *testing.T, name string, data []byte, want [3]byte, tolerance int) {
	t.Helper()
	m := NewImage(100, 100)
	if err := Decompress(&m, data); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if m.Size != (Size{8, 4}) {
		t.Errorf("%s: size %s", name, m.Size)
	}
	for i, p := range m.Pix {
		if d := int(p) - int(want[i%3]); d > tolerance || d < -tolerance {
			t.Errorf("%s: byte %d is %d, want %d", name, i, p, want[i%3])
			return
		}
	}
}

func FuzzToRGB(f *testing.F) {
	f.Add("rgb8", 2, 1, 6, []byte{1, 2, 3, 4, 5, 6})
	f.Add("yuyv", 2, 1, 4, []byte{1, 2, 3, 4})
	f.Add("mono8", 1<<30, 1<<30, 1<<62, []byte{1})
	f.Add("bgra8", -1, 1, 4, []byte{})
	f.Fuzz(func(t *testing.T, encoding string, width, height, step int, data []byte) {
		var m Image
		if ToRGB(&m, encoding, width, height, step, data) == nil && len(m.Pix) > 3*len(data) {
			t.Errorf("%d bytes made from %d", len(m.Pix), len(data))
		}
	})
}

func FuzzDecompress(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	var j bytes.Buffer
	if err := jpeg.Encode(&j, image.NewRGBA(image.Rect(0, 0, 16, 16)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(j.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Image
		if err := Decompress(&m, data); err == nil && len(m.Pix) != m.Width*m.Height*3 {
			t.Errorf("%d bytes for %s", len(m.Pix), m.Size)
		}
	})
}
