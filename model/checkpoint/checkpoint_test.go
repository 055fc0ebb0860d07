package checkpoint

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const golden = "../testdata/golden"

var goldenTiny = VisionConfig{ImageSize: 56, PatchSize: 14, Channels: 3, Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, Eps: 1e-6}
var goldenOdd = VisionConfig{ImageSize: 56, PatchSize: 14, Channels: 3, Hidden: 36, Intermediate: 52, Layers: 2, Heads: 2, Eps: 1e-6}

func TestOpenGolden(t *testing.T) {
	tiny := LanguageConfig{Hidden: 64, Intermediate: 128, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, VocabRows: 1000, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6, Tied: true, EOS: []int{999}}
	odd := LanguageConfig{Hidden: 56, Intermediate: 76, Layers: 2, Heads: 7, KVHeads: 1, HeadDim: 8, VocabRows: 300, MaxPositions: 32768, Eps: 1e-6, RopeTheta: 1e6, Tied: true, EOS: []int{299}}
	for _, test := range []struct {
		dir      string
		scheme   Scheme
		dtype    DType
		vision   VisionConfig
		language LanguageConfig
	}{
		{"tiny/hf", Hub, F32, goldenTiny, tiny},
		{"tiny/lmms", LMMs, BF16, goldenTiny, tiny},
		{"odd/hf", Hub, BF16, goldenOdd, odd},
		{"odd/lmms", LMMs, F16, goldenOdd, odd},
	} {
		t.Run(test.dir, func(t *testing.T) {
			c := open(t, filepath.Join(golden, test.dir))
			if diff := cmp.Diff(test.vision, c.Config.Vision); diff != "" {
				t.Errorf("vision config (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.language, c.Config.Language); diff != "" {
				t.Errorf("language config (-want +got):\n%s", diff)
			}
			image := ImageConfig{AspectRatio: "anyres_max_9", MergeType: "spatial_unpad", Pinpoints: [][2]int{{56, 56}, {56, 112}, {112, 56}, {112, 112}}}
			if test.scheme == Hub { // (height, width) in the file
				image.Pinpoints = [][2]int{{56, 56}, {112, 56}, {56, 112}, {112, 112}}
			}
			if diff := cmp.Diff(image, c.Config.Image); diff != "" {
				t.Errorf("image config (-want +got):\n%s", diff)
			}
			if c.Scheme() != test.scheme || c.Config.Scheme != test.scheme {
				t.Errorf("schemes %s and %s, want %s", c.Scheme(), c.Config.Scheme, test.scheme)
			}
			head, err := c.Head()
			if err != nil {
				t.Fatal(err)
			}
			if head.DType != test.dtype || head.Shape[0] != test.language.VocabRows {
				t.Errorf("head is %s %v", head.DType, head.Shape)
			}
			if g := c.Generation; g.RepetitionPenalty != 1 || len(g.EOS) != 1 || g.EOS[0] != test.language.EOS[0] {
				t.Errorf("generation without its file: %+v", g)
			}
		})
	}
}

// TestLayoutsAgree: the weights of each golden model are exactly representable
// in all three dtypes, so both files must give the same float32 numbers.
func TestLayoutsAgree(t *testing.T) {
	for _, model := range []string{"tiny", "odd"} {
		hf := open(t, filepath.Join(golden, model, "hf"))
		lmms := open(t, filepath.Join(golden, model, "lmms"))
		for _, s := range hf.Config.Shapes() {
			a, b := floats(t, hf, s.Name), floats(t, lmms, s.Name)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatalf("%s: %s differs between the layouts", model, s.Name)
			}
		}
	}
}

func open(t *testing.T, dir string) *Checkpoint {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func floats(t *testing.T, c *Checkpoint, name string) []float32 {
	t.Helper()
	tensor, err := c.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tensor.F32()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compare(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
