package vision

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pins are the 36 resolutions of "(1x1),...,(6x6)".
func pins(crop int) [][2]int {
	var all [][2]int
	for i := 1; i <= 6; i++ {
		for j := 1; j <= 6; j++ {
			all = append(all, [2]int{i * crop, j * crop})
		}
	}
	return all
}

var anyres9 = Rules{Crop: 384, Grid: 27, AspectRatio: "anyres_max_9", Pinpoints: pins(384), MergeType: "spatial_unpad"}

func plan(t testing.TB, rules Rules, w, h int) *Plan {
	t.Helper()
	p, err := NewPlan(rules, Size{w, h})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGoldenAnyresTable(t *testing.T) {
	table := loadGolden(t).Table
	if len(table) != 12 {
		t.Fatalf("golden file has %d sizes", len(table))
	}
	for _, row := range table {
		p := plan(t, anyres9, row.WH[0], row.WH[1])
		if got := [2]int{p.Best.Width, p.Best.Height}; got != row.Best {
			t.Errorf("%v: best %v, want %v", row.WH, got, row.Best)
		}
		if got := [2]int{p.Unpadded.Height, p.Unpadded.Width}; got != row.Unpadded {
			t.Errorf("%v: unpadded %v, want %v", row.WH, got, row.Unpadded)
		}
		if got := [2]int{p.Final.Height, p.Final.Width}; got != row.Final {
			t.Errorf("%v: final %v, want %v", row.WH, got, row.Final)
		}
		if got := p.times(9); math.Abs(got-row.Times) > 5e-5 {
			t.Errorf("%v: times %v, want %v", row.WH, got, row.Times)
		}
		if p.Crops() != row.Crops || len(p.Tokens) != row.Tokens {
			t.Errorf("%v: %d crops and %d tokens, want %d and %d", row.WH, p.Crops(), len(p.Tokens), row.Crops, row.Tokens)
		}
		square := row.WH[0] == row.WH[1] && row.WH[0] <= 384
		if encoded := p.Encoded; square && encoded != 1 || !square && encoded != row.Crops {
			t.Errorf("%v: %d of %d crops encoded", row.WH, encoded, row.Crops)
		}
		checkTokens(t, p)
	}
}

// checkTokens: every token is a row that exists, and every blend is a mean of such.
func checkTokens(t *testing.T, p *Plan) {
	t.Helper()
	rows := int32(p.Encoded * p.Patches())
	for _, row := range p.Tokens {
		if row != Newline && (row < 0 || row >= rows+int32(len(p.Blends))) {
			t.Fatalf("%s: token row %d of %d and %d blends", p.Image, row, rows, len(p.Blends))
		}
	}
	for _, b := range p.Blends {
		sum := float32(0)
		for i, row := range b.Rows {
			sum += b.Weights[i]
			if row < 0 || row >= rows || b.Weights[i] < 0 {
				t.Fatalf("%s: blend %+v of %d rows", p.Image, b, rows)
			}
		}
		if math.Abs(float64(sum)-1) > 1e-6 {
			t.Fatalf("%s: blend %+v", p.Image, b)
		}
	}
}

func TestSquareTokens(t *testing.T) {
	tokens := func(aspect, merge string) []int32 {
		return plan(t, Rules{Crop: 56, Grid: 4, AspectRatio: aspect, Pinpoints: pins(56), MergeType: merge}, 30, 30).Tokens
	}
	var crop []int32
	for i := range int32(16) {
		crop = append(crop, i)
	}
	grid := append([]int32{}, crop...)
	for y := range int32(4) {
		grid = append(grid, 4*y, 4*y+1, 4*y+2, 4*y+3, Newline)
	}
	for _, test := range []struct {
		aspect, merge string
		want          []int32
	}{
		{"square", "flat", crop},
		{"pad", "spatial", crop},
		{"square", "spatial_unpad", append(append([]int32{}, crop...), Newline)},
		{"anyres_max_9", "spatial_unpad", grid},
		{"anyres", "spatial_unpad", grid},
		{"anyres", "flat", append(append([]int32{}, crop...), crop...)},
		{"anyres", "spatial", append(append([]int32{}, crop...), crop...)},
	} {
		if diff := cmp.Diff(test.want, tokens(test.aspect, test.merge)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", test.aspect, test.merge, diff)
		}
	}
}

// TestTwoTiles is the golden models' third case: 96x30 in two tiles of 4x4
// patches, one row of padding cut above and below.
func TestTwoTiles(t *testing.T) {
	p := plan(t, Rules{Crop: 56, Grid: 4, AspectRatio: "anyres_max_9", MergeType: "spatial_unpad",
		Pinpoints: [][2]int{{56, 56}, {56, 112}, {112, 56}, {112, 112}}}, 96, 30)
	if diff := cmp.Diff([]int{0, 1, 2}, p.Source); diff != "" {
		t.Errorf("crops (-want +got):\n%s", diff)
	}
	want := []int32{
		20, 21, 22, 23, 36, 37, 38, 39, Newline,
		24, 25, 26, 27, 40, 41, 42, 43, Newline,
	}
	if diff := cmp.Diff(want, p.Tokens[16:]); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

// TestShrunkGrid has the numbers of a 1380x1000 image as the original computes
// them: 12 tiles, 79 of 81 rows kept, 69x94 after the bilinear shrink.
func TestShrunkGrid(t *testing.T) {
	p := plan(t, anyres9, 1380, 1000)
	if p.Best != (Size{1536, 1152}) || p.Unpadded != (Size{108, 79}) || p.Final != (Size{94, 69}) || len(p.Tokens) != 7284 {
		t.Errorf("best %s, unpadded %s, final %s, %d tokens", p.Best, p.Unpadded, p.Final, len(p.Tokens))
	}
	if times := p.times(9); math.Abs(times-1.140355875432641) > 1e-15 {
		t.Errorf("times %v", times)
	}
	checkTokens(t, p)
}

func TestPositions(t *testing.T) {
	// torch.nn.functional.interpolate(torch.arange(5.), size 3): 0.3333, 2, 3.6667
	for i, want := range []float64{1. / 3, 2, 11. / 3} {
		p := positions(5, 3)[i]
		if got := float64(p.low)*(1-float64(p.part)) + float64(p.high)*float64(p.part); math.Abs(got-want) > 1e-6 {
			t.Errorf("position %d is %v, want %v", i, got, want)
		}
	}
}

func TestFloorDivide(t *testing.T) {
	for _, test := range []struct {
		n    int
		d    float64
		want int
	}{{79, 1.140355875432641, 69}, {108, 1.140355875432641, 94}, {1, 0.1, 9}, {6, 1.5, 4}, {3, 1.1, 2}} {
		if got := floorDivide(test.n, test.d); got != test.want {
			t.Errorf("%d // %v = %d, want %d", test.n, test.d, got, test.want)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		change func(*Rules)
		size   Size
		says   string
	}{
		{func(r *Rules) { r.AspectRatio = "highres" }, Size{9, 9}, "highres"},
		{func(r *Rules) { r.AspectRatio = "anyres_max_x" }, Size{9, 9}, "anyres_max_x"},
		{func(r *Rules) { r.AspectRatio = "anyres_max_-1" }, Size{9, 9}, "anyres_max_-1"},
		{func(r *Rules) { r.MergeType = "maxpool2x2" }, Size{9, 9}, "maxpool2x2"},
		{func(r *Rules) { r.MergeType, r.AspectRatio = "", "square" }, Size{9, 9}, "mm_patch_merge_type"},
		{func(r *Rules) { r.Pinpoints = nil }, Size{9, 9}, "none of the 0"},
		{func(r *Rules) { r.Pinpoints = [][2]int{{100, 384}} }, Size{9, 9}, "100x384"},
		{func(r *Rules) { r.Pinpoints = [][2]int{{384 << 20, 384}} }, Size{9, 9}, "size"},
		{func(r *Rules) { r.Crop = 0 }, Size{9, 9}, "crops of 0 px"},
		{func(r *Rules) {}, Size{0, 9}, "0x9"},
		{func(r *Rules) {}, Size{16000, 1}, "none of the 36"},
	} {
		rules := anyres9
		test.change(&rules)
		if _, err := NewPlan(rules, test.size); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("error %v, want one that says %q", err, test.says)
		}
	}
}

func preprocess(t testing.TB, rules Rules, m Image) (*Preprocessor, []float32) {
	t.Helper()
	p, err := NewPreprocessor(plan(t, rules, m.Width, m.Height))
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, p.Len())
	if err := p.Pixels(dst, m); err != nil {
		t.Fatal(err)
	}
	return p, dst
}

// composite is the golden file's.
func composite(t testing.TB) Image {
	t.Helper()
	c, err := NewComposer(Stack, []string{"static", "gripper"}, []Size{{200, 200}, {84, 84}})
	if err != nil {
		t.Fatal(err)
	}
	m := c.Canvas()
	if err := c.Draw(m, 0, synth(200, 200, 1)); err != nil {
		t.Fatal(err)
	}
	if err := c.Draw(m, 1, synth(84, 84, 2)); err != nil {
		t.Fatal(err)
	}
	return m
}

// planes of encoded crop i as bytes [3, Crop, Crop].
func planes(p *Preprocessor, i int) []byte {
	pix, step := p.bytes(i)
	side := p.plan.Crop
	var out []byte
	for c := range 3 {
		for y := range side {
			for x := range side {
				out = append(out, pix[y*step+3*x+c])
			}
		}
	}
	return out
}

func TestGoldenPixels(t *testing.T) {
	g := loadGolden(t)
	for _, aspect := range []string{"square", "anyres_max_9"} {
		rules := anyres9
		rules.AspectRatio = aspect
		p, pixels := preprocess(t, rules, composite(t))
		if p.plan.Encoded != 1 {
			t.Fatalf("%s: %d crops encoded, the two of a square composite are the same", aspect, p.plan.Encoded)
		}
		if got := sha(planes(p, 0)); got != g.Square.SHA {
			t.Errorf("%s: crop sha %s, want %s", aspect, got, g.Square.SHA)
		}
		var raw []byte
		mean := 0.0
		for _, v := range pixels {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			mean += float64(v) / float64(len(pixels))
		}
		if got := sha(raw); got != g.Square.PxSHA {
			t.Errorf("%s: pixels sha %s, want %s", aspect, got, g.Square.PxSHA)
		}
		if math.Abs(mean-g.Square.Mean) > 1e-6 {
			t.Errorf("%s: mean %v, want %v", aspect, mean, g.Square.Mean)
		}
		if diff := cmp.Diff(g.Square.First4, pixels[:4]); diff != "" {
			t.Errorf("%s: first pixels (-want +got):\n%s", aspect, diff)
		}
	}
	for i, want := range g.Anyres.SHAs {
		if want != g.Square.SHA {
			t.Errorf("crop %d of the golden composite is another", i)
		}
	}
}

// TestPad: the image stands in the middle of a grey square before it is resized.
func TestPad(t *testing.T) {
	rules := Rules{Crop: 56, Grid: 4, AspectRatio: "pad", MergeType: "flat"}
	for _, size := range []Size{{50, 30}, {30, 50}, {40, 40}} {
		m := synth(size.Width, size.Height, 3)
		side := max(size.Width, size.Height)
		square := NewImage(side, side)
		for i := range square.Pix {
			square.Pix[i] = 127
		}
		for y := range size.Height {
			at := ((side-size.Height)/2+y)*side + (side-size.Width)/2
			copy(square.Pix[at*3:], m.Pix[y*size.Width*3:(y+1)*size.Width*3])
		}
		want := resize(t, square, 56, 56, Bicubic)
		p, _ := preprocess(t, rules, m)
		if diff := cmp.Diff(want.Pix, p.crop.Pix); diff != "" {
			t.Errorf("%s: another crop", size)
		}
	}
}

// TestTilesOfImage: tiles are cut row-major from the image in the middle of black.
func TestTilesOfImage(t *testing.T) {
	rules := Rules{Crop: 56, Grid: 4, AspectRatio: "anyres", MergeType: "spatial_unpad", Pinpoints: [][2]int{{112, 112}}}
	m := synth(96, 30, 4)
	p, pixels := preprocess(t, rules, m)
	size, corner := p.plan.placed()
	if size != (Size{112, 35}) || corner != [2]int{0, 38} {
		t.Fatalf("placed %s at %v", size, corner)
	}
	resized := resize(t, m, 112, 35, Bicubic)
	for tile := range 4 {
		for y := range 56 {
			for x := range 56 {
				cx, cy := tile%2*56+x, tile/2*56+y-38
				want := byte(0)
				if cy >= 0 && cy < 35 {
					want = resized.Pix[(cy*112+cx)*3]
				}
				if got := pixels[(tile+1)*3*56*56+y*56+x]; got != normalised[want] {
					t.Fatalf("tile %d at %d,%d: %v, want %v", tile, x, y, got, normalised[want])
				}
			}
		}
	}
}

// TestNormalised: one table entry is the original's float32 arithmetic.
func TestNormalised(t *testing.T) {
	for v, want := range map[int]float32{0: -1, 255: 1, 17: -0.8666666746139526, 18: -0.8588235378265381, 23: -0.8196078538894653} {
		if normalised[v] != want {
			t.Errorf("%d is %v, want %v", v, normalised[v], want)
		}
	}
}

func TestPreprocessorAllocatesNothing(t *testing.T) {
	for _, aspect := range []string{"square", "pad", "anyres"} {
		rules := Rules{Crop: 56, Grid: 4, AspectRatio: aspect, MergeType: "spatial_unpad", Pinpoints: pins(56)}
		m := synth(96, 30, 4)
		p, dst := preprocess(t, rules, m)
		if n := testing.AllocsPerRun(5, func() {
			if err := p.Pixels(dst, m); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", aspect, n)
		}
		if err := p.Pixels(dst, synth(30, 96, 1)); err == nil {
			t.Errorf("%s: an image of another size was taken", aspect)
		}
		if err := p.Pixels(dst[1:], m); err == nil {
			t.Errorf("%s: a short buffer was taken", aspect)
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Add(640, 480, 384, 27, "anyres_max_9", 768, 384)
	f.Add(1, 16000, 56, 4, "anyres", 56, 5600)
	f.Add(16000, 3, 14, 1, "anyres_max_1", 1400, 14)
	f.Fuzz(func(t *testing.T, w, h, crop, grid int, aspect string, pinW, pinH int) {
		p, err := NewPlan(Rules{Crop: crop, Grid: grid, AspectRatio: aspect, MergeType: "spatial_unpad",
			Pinpoints: [][2]int{{crop, crop}, {pinW, pinH}}}, Size{w, h})
		if err != nil || len(p.Tokens) > 1<<20 {
			return
		}
		checkTokens(t, p)
	})
}
