//go:build hdf5

package export

import (
	"bytes"
	"image/jpeg"
	"math"
	"path/filepath"
	"testing"

	"gonum.org/v1/hdf5"
)

func TestALOHA(t *testing.T) {
	episodes := three(t)
	for _, compress := range []bool{false, true} {
		dir := t.TempDir()
		r := export(t, episodes, dir, Config{Format: ALOHA, Base: true, Compress: compress})
		if r.Episodes != 3 {
			t.Fatalf("%+v", r)
		}
		f, err := hdf5.OpenFile(filepath.Join(dir, "episode_1.hdf5"), hdf5.F_ACC_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]func(k, j int) float64{
			"observations/qpos": func(k, j int) float64 { return measured(float64(k)/30, j) },
			"observations/qvel": func(_, j int) float64 { return float64(j % 7) },
			"action":            func(k, j int) float64 { return led(float64(k)/30, j) },
			"base_action": func(k, j int) float64 {
				v, w := driven(float64(k) / 30)
				return []float64{v, w}[j]
			},
		} {
			dims, values := readFloats(t, f, name)
			if dims[0] != 37 || name != "base_action" && dims[1] != 14 {
				t.Errorf("%s is %v", name, dims)
			}
			for n, v := range values {
				if w := want(n/int(dims[1]), n%int(dims[1])); math.Abs(float64(v)-w) > 1e-5 {
					t.Fatalf("%s[%d] is %g, want %g", name, n, v, w)
				}
			}
		}
		d, err := f.OpenDataset("observations/images/cam_right_wrist")
		if err != nil {
			t.Fatal(err)
		}
		dims, _, _ := d.Space().SimpleExtentDims()
		size := 1
		for _, n := range dims {
			size *= int(n)
		}
		pixels := make([]byte, size)
		if err := d.Read(&pixels); err != nil {
			t.Fatal(err)
		}
		// Frame 10 of the right camera: red 20, green 160.
		var red, green int
		if compress {
			row := pixels[10*int(dims[1]) : 11*int(dims[1])]
			m, err := jpeg.Decode(bytes.NewReader(row))
			if err != nil {
				t.Fatal(err)
			}
			_, g, b, _ := m.At(5, 5).RGBA() // swapped
			red, green = int(b>>8), int(g>>8)
		} else {
			if len(dims) != 4 || dims[1] != 12 || dims[2] != 16 || dims[3] != 3 {
				t.Fatalf("pictures are %v", dims)
			}
			at := ((10*12+5)*16 + 5) * 3
			red, green = int(pixels[at]), int(pixels[at+1])
		}
		if math.Abs(float64(red-20)) > 12 || math.Abs(float64(green-160)) > 12 {
			t.Errorf("compressed %v: the colour is %d %d", compress, red, green)
		}
		_, _ = d.Close(), f.Close()
	}
}

func readFloats(t *testing.T, f *hdf5.File, name string) ([]uint, []float32) {
	t.Helper()
	d, err := f.OpenDataset(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer d.Close()
	dims, _, err := d.Space().SimpleExtentDims()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, dims[0]*dims[1])
	if err := d.Read(&values); err != nil {
		t.Fatal(err)
	}
	return dims, values
}
