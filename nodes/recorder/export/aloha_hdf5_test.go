//go:build hdf5

package export

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
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

// byH5py prints what h5py reads: shapes, the numbers, one pixel of every frame.
const byH5py = `
import h5py, json, sys
with h5py.File(sys.argv[1]) as f:
    image = f["observations/images/cam_right_wrist"]
    print(json.dumps({
        "sim": bool(f.attrs["sim"]), "compress": bool(f.attrs["compress"]), "image": image.shape,
        "qpos": f["observations/qpos"][:].tolist(), "qvel": f["observations/qvel"][:].tolist(), "action": f["action"][:].tolist(),
        "pixel": image[:, 5, 5, :].tolist()}))
`

// h5py, which knows nothing of us, reads the same numbers.
func TestALOHAByH5py(t *testing.T) {
	const python = "/usr/bin/python3" // where Debian's python3-h5py is
	if err := exec.Command(python, "-c", "import h5py").Run(); err != nil {
		t.Skip("no h5py on this machine: apt-get install python3-h5py")
	}
	dir := t.TempDir()
	export(t, three(t), dir, Config{Format: ALOHA})
	out, err := exec.Command(python, "-c", byH5py, filepath.Join(dir, "episode_1.hdf5")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Sim, Compress      bool
		Image              []int
		Qpos, Qvel, Action [][]float64
		Pixel              [][]int
	}
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	if read.Sim || read.Compress || !slices.Equal(read.Image, []int{37, 12, 16, 3}) || len(read.Qpos) != 37 {
		t.Fatalf("%+v", read)
	}
	for k := range 37 {
		at := float64(k) / 30
		for j := range 14 {
			if math.Abs(read.Qpos[k][j]-measured(at, j)) > 1e-5 || math.Abs(read.Action[k][j]-led(at, j)) > 1e-5 || read.Qvel[k][j] != float64(j%7) {
				t.Fatalf("frame %d, joint %d: %g %g %g", k, j, read.Qpos[k][j], read.Action[k][j], read.Qvel[k][j])
			}
		}
		if math.Abs(float64(read.Pixel[k][0]-2*k)) > 12 || math.Abs(float64(read.Pixel[k][1]-160)) > 12 {
			t.Fatalf("frame %d shows %v", k, read.Pixel[k])
		}
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
