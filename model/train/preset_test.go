package train

import (
	"strings"
	"testing"

	"cobot_vla/model/text"
)

// TestPresetTakesTheDataImages: a fresh model has the image side and the patches that data were prepared for.
func TestPresetTakesTheDataImages(t *testing.T) {
	toy, err := NewToy(168)
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Parse(toy.Binding().Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g     Geometry
		patch int
		wrong string
	}{
		{g: Geometry{Side: 168, Crops: 1, Visual: 145}, patch: 14},
		{g: Geometry{Side: 168, Crops: 1, Visual: 37}, patch: 28},
		{g: Geometry{Side: 84, Crops: 1, Visual: 37}, patch: 14},
		{g: Geometry{Side: 168, Crops: 2, Visual: 145}, wrong: "2 of 168 px"},
		{g: Geometry{Side: 168, Crops: 1, Visual: 144}, wrong: "144 visual tokens"},
		{g: Geometry{Side: 100, Crops: 1, Visual: 145}, wrong: "100 px"},
	} {
		got, err := preset(PresetTiny, words, c.g)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%+v: error %v, expected %q", c.g, err, c.wrong)
			}
			continue
		}
		if err != nil || got.Vision.PatchSize != c.patch || got.Vision.ImageSize != c.g.Side {
			t.Errorf("%+v: patches of %d in %d px: %v", c.g, got.Vision.PatchSize, got.Vision.ImageSize, err)
		}
	}
}
