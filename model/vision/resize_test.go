package vision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// goldenFile is testdata/golden/preprocess.json.
type goldenFile struct {
	Composite struct {
		StaticSHA    string    `json:"static_sha"`
		GripperSHA   string    `json:"gripper_sha"`
		StaticResize string    `json:"lanczos_static_334x167_sha"`
		GripperRsz   string    `json:"lanczos_gripper_334x167_sha"`
		SHA          string    `json:"composite_334x334_sha"`
		Row0         [][3]byte `json:"row0_first8"`
		Row333       [][3]byte `json:"row333_last4"`
	}
	Square struct {
		SHA    string    `json:"uint8_CHW_sha"`
		PxSHA  string    `json:"px_f32_CHW_sha"`
		First4 []float32 `json:"px_first4"`
		Mean   float64   `json:"px_mean"`
	} `json:"square_384"`
	Anyres struct {
		Crops []int    `json:"crops"`
		SHAs  []string `json:"crop_uint8_shas"`
		Best  [2]int   `json:"best"`
	} `json:"anyres_max_9_334"`
	Table []struct {
		WH       [2]int  `json:"wh"`
		Best     [2]int  `json:"best"`
		Grid     [2]int  `json:"grid_wh"`
		Crops    int     `json:"crops"`
		Unpadded [2]int  `json:"unpadded_hw"`
		Times    float64 `json:"times"`
		Final    [2]int  `json:"final_hw"`
		Tokens   int     `json:"tokens"`
	} `json:"anyres_table"`
	Small []struct {
		Src     [3]int `json:"src"`
		Dst     [2]int `json:"dst"`
		Filter  string `json:"filter"`
		SHA     string `json:"sha"`
		Row0    []int  `json:"row0"`
		LastRow []int  `json:"last_row"`
	} `json:"small_resizes"`
}

func loadGolden(t testing.TB) goldenFile {
	t.Helper()
	data, err := os.ReadFile("../testdata/golden/preprocess.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldenFile
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// synth is the golden file's image formula.
func synth(width, height, seed int) Image {
	m := NewImage(width, height)
	for y := range height {
		for x := range width {
			for c := range 3 {
				m.Pix[(y*width+x)*3+c] = byte(7*x + 13*y + 29*c + 17*seed + 3*(x*y%31))
			}
		}
	}
	return m
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func resize(t testing.TB, m Image, w, h int, f Filter) Image {
	t.Helper()
	r, err := NewResizer(m.Size, Size{w, h}, f)
	if err != nil {
		t.Fatal(err)
	}
	out := NewImage(w, h)
	if err := r.Resize(out.Pix, w*3, m.Pix); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoldenResizes(t *testing.T) {
	g := loadGolden(t)
	if len(g.Small) != 3 {
		t.Fatalf("golden file has %d small resizes", len(g.Small))
	}
	for _, s := range g.Small {
		f := map[string]Filter{"bicubic": Bicubic, "lanczos": Lanczos}[s.Filter]
		got := resize(t, synth(s.Src[0], s.Src[1], s.Src[2]), s.Dst[0], s.Dst[1], f)
		if diff := cmp.Diff(s.Row0, ints(got.Pix[:len(s.Row0)])); diff != "" {
			t.Errorf("%v first row (-want +got):\n%s", s.Src, diff)
		}
		if diff := cmp.Diff(s.LastRow, ints(got.Pix[len(got.Pix)-len(s.LastRow):])); diff != "" {
			t.Errorf("%v last row (-want +got):\n%s", s.Src, diff)
		}
		if sha(got.Pix) != s.SHA {
			t.Errorf("%v to %v %s: another hash", s.Src, s.Dst, s.Filter)
		}
	}
	static, gripper := synth(200, 200, 1), synth(84, 84, 2)
	for _, c := range []struct{ name, got, want string }{
		{"static", sha(static.Pix), g.Composite.StaticSHA},
		{"gripper", sha(gripper.Pix), g.Composite.GripperSHA},
		{"static resized", sha(resize(t, static, 334, 167, Lanczos).Pix), g.Composite.StaticResize},
		{"gripper resized", sha(resize(t, gripper, 334, 167, Lanczos).Pix), g.Composite.GripperRsz},
	} {
		if c.got != c.want {
			t.Errorf("%s: sha %s, want %s", c.name, c.got, c.want)
		}
	}
}

func ints(b []byte) []int {
	out := make([]int, len(b))
	for i, v := range b {
		out[i] = int(v)
	}
	return out
}

// plainResize is Pillow's algorithm with nothing clever: the definition that
// the packed one is held to.
func plainResize(m Image, w, h int, f Filter) Image {
	if w > m.Width && h < m.Height {
		return plainAcross(plainDown(m, h, f), w, f)
	}
	return plainDown(plainAcross(m, w, f), h, f)
}

func plainAcross(m Image, w int, f Filter) Image {
	if w == m.Width {
		return m
	}
	out := NewImage(w, m.Height)
	for x, t := range coefficients(m.Width, w, f) {
		for y := range m.Height {
			for c := range 3 {
				sum := int32(half)
				for k, weight := range t.weights {
					sum += int32(weight) * int32(m.Pix[(y*m.Width+t.first+k)*3+c])
				}
				out.Pix[(y*w+x)*3+c] = byte(min(max(sum>>precision, 0), 255))
			}
		}
	}
	return out
}

func plainDown(m Image, h int, f Filter) Image {
	if h == m.Height {
		return m
	}
	out := NewImage(m.Width, h)
	for y, t := range coefficients(m.Height, h, f) {
		for i := range m.Width * 3 {
			sum := int32(half)
			for k, weight := range t.weights {
				sum += int32(weight) * int32(m.Pix[(t.first+k)*m.Width*3+i])
			}
			out.Pix[y*m.Width*3+i] = byte(min(max(sum>>precision, 0), 255))
		}
	}
	return out
}

// TestPillow: hashes that Pillow 9.4 gave for the golden file's image formula, at
// the sizes of cameras, crops and tiles. Where Pillow 13 runs the vertical pass
// first, they are of two calls of resize, first to the height, then to the width.
func TestPillow(t *testing.T) {
	data, err := os.ReadFile("testdata/pillow.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Src    [3]int // width, height, seed
		Dst    [2]int
		Filter string
		SHA    string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 60 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		f := map[string]Filter{"bicubic": Bicubic, "lanczos": Lanczos}[c.Filter]
		if got := resize(t, synth(c.Src[0], c.Src[1], c.Src[2]), c.Dst[0], c.Dst[1], f); sha(got.Pix) != c.SHA {
			t.Errorf("%v to %v, %s: another hash", c.Src, c.Dst, c.Filter)
		}
	}
}

// TestResizeIsPlain: packing two values into one word changes nothing, whatever
// the sizes, on images of extremes where sums overshoot.
func TestResizeIsPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		m := NewImage(1+rng.IntN(40), 1+rng.IntN(40))
		for i := range m.Pix {
			m.Pix[i] = byte(rng.IntN(2) * 255)
			if rng.IntN(4) == 0 {
				m.Pix[i] = byte(rng.IntN(256))
			}
		}
		w, h, f := 1+rng.IntN(40), 1+rng.IntN(40), Filter(rng.IntN(2))
		if got, want := resize(t, m, w, h, f), plainResize(m, w, h, f); sha(got.Pix) != sha(want.Pix) {
			t.Fatalf("%s to %dx%d, filter %d, differs from the plain loops", m.Size, w, h, f)
		}
	}
}

func TestResizeAllocatesNothing(t *testing.T) {
	m := synth(64, 48, 1)
	r, err := NewResizer(m.Size, Size{33, 16}, Lanczos)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, 33*16*3)
	if n := testing.AllocsPerRun(10, func() {
		if err := r.Resize(dst, 33*3, m.Pix); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func TestResizeRefuses(t *testing.T) {
	for _, s := range []Size{{0, 5}, {5, -1}, {1 << 20, 1}, {maxSide, maxSide}} {
		if _, err := NewResizer(s, Size{5, 5}, Bicubic); err == nil {
			t.Errorf("source %s was taken", s)
		}
		if _, err := NewResizer(Size{5, 5}, s, Bicubic); err == nil {
			t.Errorf("target %s was taken", s)
		}
	}
	r, err := NewResizer(Size{4, 4}, Size{2, 2}, Bicubic)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dst, step, src int }{{12, 6, 47}, {11, 6, 48}, {12, 5, 48}} {
		if err := r.Resize(make([]byte, c.dst), c.step, make([]byte, c.src)); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func BenchmarkResizeCamera(b *testing.B) {
	m := synth(640, 480, 1)
	r, err := NewResizer(m.Size, Size{334, 167}, Lanczos)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 334*167*3)
	for b.Loop() {
		if err := r.Resize(dst, 334*3, m.Pix); err != nil {
			b.Fatal(err)
		}
	}
}
