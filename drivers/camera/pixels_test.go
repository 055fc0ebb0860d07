package camera

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestDecodeRaw(t *testing.T) {
	red, grey := []byte{255, 0, 0}, []byte{0x80, 0x80, 0x80}
	for _, c := range []struct {
		encoding    string
		width, step int
		data, want  []byte // of a row
	}{
		{"rgb8", 1, 3, red, red},
		{"rgb8", 1, 4, []byte{255, 0, 0, 99}, red},
		{"bgr8", 1, 3, []byte{0, 0, 255}, red},
		{"rgba8", 1, 4, []byte{255, 0, 0, 7}, red},
		{"bgra8", 1, 4, []byte{0, 0, 255, 7}, red},
		{"mono8", 1, 1, []byte{0x80}, grey},
		{"yuyv", 2, 4, []byte{16, 128, 235, 128}, []byte{0, 0, 0, 255, 255, 255}},
		{"yuv422_yuy2", 2, 4, []byte{82, 90, 82, 240}, []byte{255, 1, 0, 255, 1, 0}}, // BT.601 red
		{"uyvy", 2, 4, []byte{128, 16, 128, 235}, []byte{0, 0, 0, 255, 255, 255}},
		{"yuv422", 2, 6, []byte{240, 41, 110, 41, 9, 9}, []byte{0, 0, 255, 0, 0, 255}}, // BT.601 blue
		{"yuyv", 2, 4, []byte{0, 128, 255, 128}, []byte{0, 0, 0, 255, 255, 255}},       // outside video range
	} {
		f := Frame{Width: c.width, Height: 2, Step: c.step, Encoding: c.encoding, Data: append(slices.Clone(c.data), c.data...)}
		rgb, err := Decode(nil, f)
		if err != nil {
			t.Errorf("%s: %v", c.encoding, err)
			continue
		}
		if want := append(slices.Clone(c.want), c.want...); !closeTo(rgb.Data, want, 1) || rgb.Encoding != "rgb8" || rgb.Step != 3*c.width {
			t.Errorf("%s: %v, want %v", c.encoding, rgb, want)
		}
	}
}

func closeTo(a, b []byte, tolerance int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if d := int(a[i]) - int(b[i]); d < -tolerance || d > tolerance {
			return false
		}
	}
	return true
}

// The fixed-point matrix is BT.601's, rounded, over all of YUV.
func TestYUVIsBT601(t *testing.T) {
	var got [6]byte
	for y := 0; y < 256; y += 3 {
		for u := 0; u < 256; u += 5 {
			for v := 0; v < 256; v += 5 {
				pair(got[:], byte(y), byte(y), byte(u), byte(v))
				l, pb, pr := (math.Max(float64(y), 16)-16)*255/219, (float64(u)-128)*255/224, (float64(v)-128)*255/224
				for i, want := range []float64{l + 1.402*pr, l - (0.114*1.772*pb+0.299*1.402*pr)/0.587, l + 1.772*pb} {
					if math.Abs(float64(got[i])-math.Min(math.Max(want, 0), 255)) > 0.5+0.2 {
						t.Fatalf("yuv %d %d %d: channel %d is %d, want %.2f", y, u, v, i, got[i], want)
					}
				}
			}
		}
	}
}

func TestDecodeReuses(t *testing.T) {
	dst := make([]byte, 100)
	f := Frame{Width: 2, Height: 2, Step: 2, Encoding: "mono8", Data: make([]byte, 4)}
	rgb, err := Decode(dst, f)
	if err != nil || &rgb.Data[0] != &dst[0] || len(rgb.Data) != 12 {
		t.Error(err, len(rgb.Data))
	}
	same := Frame{Width: 1, Height: 1, Step: 3, Encoding: "rgb8", Data: make([]byte, 3)}
	if rgb, err := Decode(dst, same); err != nil || &rgb.Data[0] != &same.Data[0] {
		t.Error("a packed RGB frame was copied", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	jpg := encoded(t, "jpeg", image.NewGray(image.Rect(0, 0, 16, 8)))
	for _, c := range []struct {
		name string
		f    Frame
		want string
	}{
		{"encoding", Frame{Width: 1, Height: 1, Step: 2, Encoding: "16UC1", Data: make([]byte, 2)}, "known are bgr8, bgra8, mono8, rgb8, rgba8, uyvy, yuv422, yuv422_yuy2, yuyv, jpeg, png"},
		{"no size", Frame{Encoding: "rgb8"}, "0x0 pixels"},
		{"negative", Frame{Width: -1, Height: -1, Step: 3, Encoding: "rgb8", Data: make([]byte, 3)}, "-1x-1"},
		{"too large", Frame{Width: MaxSide, Height: MaxSide, Step: 3 * MaxSide, Encoding: "rgb8"}, "16384x16384"},
		{"short row", Frame{Width: 2, Height: 1, Step: 5, Encoding: "rgb8", Data: make([]byte, 5)}, "expected at least 6"},
		{"missing bytes", Frame{Width: 2, Height: 2, Step: 6, Encoding: "rgb8", Data: make([]byte, 11)}, "has 11 bytes, expected 12"},
		{"extra bytes", Frame{Width: 2, Height: 2, Step: 6, Encoding: "rgb8", Data: make([]byte, 13)}, "has 13 bytes, expected 12"},
		{"odd width", Frame{Width: 3, Height: 1, Step: 6, Encoding: "yuyv", Data: make([]byte, 6)}, "odd width 3"},
		{"other size", Frame{Width: 8, Height: 8, Encoding: "jpeg", Data: jpg}, "holds 16x8 pixels, expected 8x8"},
		{"cut", Frame{Encoding: "jpeg", Data: jpg[:len(jpg)/2]}, "cut short"},
		{"no jpeg", Frame{Encoding: "jpeg", Data: []byte("GIF89a")}, "has no start"},
		{"empty", Frame{Encoding: "jpeg"}, "of 0 bytes has no start"},
		{"no png", Frame{Encoding: "png", Data: jpg}, "not a PNG"},
	} {
		_, err := Decode(nil, c.f)
		if !errors.Is(err, ErrImage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A PNG that claims to be huge costs no memory.
func TestDecodeRefusesBombs(t *testing.T) {
	data := encoded(t, "png", image.NewGray(image.Rect(0, 0, 1, 1)))
	for _, side := range []uint32{60000, 4000} {
		binary.BigEndian.PutUint32(data[16:], side)
		binary.BigEndian.PutUint32(data[20:], side)
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		_, err := Decode(nil, Frame{Encoding: "png", Data: data})
		if !errors.Is(err, ErrImage) || !strings.Contains(err.Error(), "pixels") {
			t.Error(err)
		}
	}
}

func encoded(t testing.TB, encoding string, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	err := png.Encode(&b, m)
	if encoding == "jpeg" {
		b.Reset()
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 95})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecodeCompressed(t *testing.T) {
	at := func(x, y int) color.NRGBA { return color.NRGBA{uint8(8 * x), uint8(8 * y), 100, 255} }
	kinds := map[string]func() image.Image{
		"nrgba": func() image.Image { return filled(image.NewNRGBA(image.Rect(0, 0, 24, 16)), at) },
		"rgba":  func() image.Image { return filled(image.NewRGBA(image.Rect(0, 0, 24, 16)), at) },
		"nrgba with alpha": func() image.Image {
			m := filled(image.NewNRGBA(image.Rect(0, 0, 24, 16)), at)
			m.(*image.NRGBA).Pix[3] = 254
			return m
		},
		"16 bit": func() image.Image { return filled(image.NewNRGBA64(image.Rect(0, 0, 24, 16)), at) },
		"grey": func() image.Image {
			return filled(image.NewGray(image.Rect(0, 0, 24, 16)), func(x, y int) color.NRGBA { return color.NRGBA{uint8(8 * x), uint8(8 * x), uint8(8 * x), 255} })
		},
	}
	for name, make := range kinds {
		for _, encoding := range []string{"png", "jpeg"} {
			m := make()
			rgb, err := Decode(nil, Frame{Encoding: encoding, Data: encoded(t, encoding, m)})
			if err != nil || rgb.Width != 24 || rgb.Height != 16 {
				t.Fatal(name, encoding, err)
			}
			tolerance := 0
			if encoding == "jpeg" {
				tolerance = 12
			}
			for y := range 16 {
				for x := range 24 {
					c, _ := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
					if got := rgb.Data[3*(24*y+x):][:3]; !closeTo(got, []byte{c.R, c.G, c.B}, tolerance) {
						t.Fatalf("%s as %s: pixel %d, %d is %v, want %v", name, encoding, x, y, got, c)
					}
				}
			}
		}
	}
}

type settable interface {
	image.Image
	Set(x, y int, c color.Color)
}

func filled(m settable, at func(x, y int) color.NRGBA) image.Image {
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			m.Set(x, y, at(x, y))
		}
	}
	return m
}

// withoutTables removes the Huffman tables of a JPEG image, as UVC cameras do,
// and returns them.
func withoutTables(t *testing.T, data []byte) (rest, tables []byte) {
	t.Helper()
	rest = append(rest, data[:2]...)
	for i := 2; ; {
		n := 2 + int(binary.BigEndian.Uint16(data[i+2:]))
		switch data[i+1] {
		case markDHT:
			tables = append(tables, data[i+4:i+n]...)
		case markSOS:
			return append(rest, data[i:]...), tables
		default:
			rest = append(rest, data[i:i+n]...)
		}
		i += n
	}
}

func TestMJPEGWithoutTables(t *testing.T) {
	m := filled(image.NewRGBA(image.Rect(0, 0, 32, 16)), func(x, y int) color.NRGBA { return color.NRGBA{uint8(8 * x), uint8(16 * y), 77, 255} })
	whole := encoded(t, "jpeg", m)
	bare, tables := withoutTables(t, whole)
	if len(tables) != len(standardTables)-4 {
		t.Fatalf("the encoder writes tables of %d bytes, the standard's are %d", len(tables), len(standardTables)-4)
	}
	want, err := Decode(nil, Frame{Encoding: "jpeg", Data: whole})
	if err != nil {
		t.Fatal(err)
	}
	padded := append(slices.Clone(bare), make([]byte, 300)...)
	for name, data := range map[string][]byte{"bare": bare, "padded": padded} {
		got, err := Decode(nil, Frame{Encoding: "jpeg", Data: data})
		if err != nil || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if same, err := completeJPEG(whole); err != nil || &same[0] != &whole[0] || len(same) != len(whole) {
		t.Error("a complete image was changed", err)
	}
	if len(standardTables) != 4+416 || !slices.Equal(tables, tablesInOrder(standardTables[4:], tables)) {
		t.Error("the tables differ from the encoder's")
	}
}

// tablesInOrder sorts our tables in the encoder's order: it may write others first.
func tablesInOrder(ours, order []byte) []byte {
	split := func(b []byte) map[byte][]byte {
		out := map[byte][]byte{}
		for len(b) >= 17 {
			n := 17
			for _, c := range b[1:17] {
				n += int(c)
			}
			out[b[0]], b = b[:n], b[n:]
		}
		return out
	}
	mine := split(ours)
	var out []byte
	for len(order) >= 17 {
		t := mine[order[0]]
		out = append(out, t...)
		order = order[min(len(t), len(order)):]
		if len(t) == 0 {
			break
		}
	}
	return out
}

func TestCompressedEncoding(t *testing.T) {
	for format, want := range map[string]string{"jpeg": "jpeg", "jpg": "jpeg", "PNG": "png", "rgb8; jpeg compressed bgr8": "jpeg", "bgr8; png compressed bgr8": "png", "mono8; jpeg compressed ": "jpeg", "tiff": "", "": "", "16UC1; compressedDepth png": ""} {
		got, err := CompressedEncoding(format)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", format, got, err)
		}
	}
}

func TestEncodeJPEG(t *testing.T) {
	p, err := NewPattern(PatternConfig{Name: "p", Width: 128, Height: 64, Encoding: "rgb8"})
	if err != nil {
		t.Fatal(err)
	}
	rgb := p.draw(123456789)
	for _, f := range []Frame{rgb, toYUYV(rgb), toGrey(rgb)} {
		f.Stamp = f.Stamp.AddDate(2026, 0, 0)
		j, err := EncodeJPEG(f, 90)
		if err != nil || j.Encoding != "jpeg" || j.Width != 128 || j.Step != 0 || !j.Stamp.Equal(f.Stamp) {
			t.Fatal(f.Encoding, err)
		}
		if n, err := PatternNumber(j); err != nil || n != 123456789 {
			t.Errorf("%s: %d, %v", f.Encoding, n, err)
		}
		if again, err := EncodeJPEG(j, 10); err != nil || &again.Data[0] != &j.Data[0] {
			t.Error("a JPEG frame was encoded again", err)
		}
	}
	for _, q := range []int{0, 101} {
		if _, err := EncodeJPEG(rgb, q); !errors.Is(err, ErrImage) {
			t.Error(q, err)
		}
	}
	if _, err := EncodeJPEG(Frame{Encoding: "mono8", Width: 2, Height: 2, Step: 1}, 50); !errors.Is(err, ErrImage) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("rgb8", 2, 1, 6, []byte{1, 2, 3, 4, 5, 6})
	f.Add("yuyv", 2, 2, 4, make([]byte, 8))
	f.Add("mono8", 3, 1, 3, make([]byte, 3))
	for _, e := range []string{"jpeg", "png"} {
		data := encoded(f, e, image.NewGray(image.Rect(0, 0, 5, 3)))
		f.Add(e, 0, 0, 0, data)
		f.Add(e, 5, 3, 0, data[:len(data)-3])
		f.Add(e, 4, 4, 0, data)
	}
	f.Add("jpeg", 0, 0, 0, []byte{0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xd9})
	f.Fuzz(func(t *testing.T, encoding string, width, height, step int, data []byte) {
		frame := Frame{Encoding: encoding, Width: width, Height: height, Step: step, Data: data}
		rgb, err := Decode(nil, frame)
		if err != nil {
			if !errors.Is(err, ErrImage) {
				t.Errorf("not an ErrImage: %v", err)
			}
			return
		}
		if rgb.Encoding != "rgb8" || rgb.Step != 3*rgb.Width || len(rgb.Data) != rgb.Step*rgb.Height || width != 0 && rgb.Width != width {
			t.Errorf("%dx%d in rows of %d: %d bytes", rgb.Width, rgb.Height, rgb.Step, len(rgb.Data))
		}
	})
}
