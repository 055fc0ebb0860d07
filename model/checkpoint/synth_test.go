package checkpoint

import (
	"crypto/sha256"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestSynthTiny(t *testing.T) {
	dir, again, other := t.TempDir(), t.TempDir(), t.TempDir()
	for d, seed := range map[string]uint64{dir: 7, again: 7, other: 8} {
		if err := Synth(d, PresetTiny, seed); err != nil {
			t.Fatal(err)
		}
	}
	if hash(t, dir) != hash(t, again) {
		t.Error("the same seed gives other bytes")
	}
	if hash(t, dir) == hash(t, other) {
		t.Error("another seed gives the same bytes")
	}
	c := open(t, dir)
	p, err := presetNamed(PresetTiny)
	if err != nil {
		t.Fatal(err)
	}
	want := p.config
	want.Scheme, want.ModelType = LMMs, "llava"
	compare(t, want, c.Config)
	if c.Scheme() != LMMs || c.Generation.RepetitionPenalty != 1.1 {
		t.Errorf("scheme %s, generation %+v", c.Scheme(), c.Generation)
	}
	tok, err := c.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Predictable(tok); n != 993 {
		t.Errorf("%d of 1000 rows can be predicted, want the tokenizer's 993", n)
	}
	var sum, squares float64
	values := floats(t, c, "language.embed_tokens.weight")
	for _, v := range values {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(values))
	if mean, std := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 1e-3 || math.Abs(std-0.02) > 1e-3 {
		t.Errorf("embedding has mean %v and deviation %v, want 0 and 0.02", mean, std)
	}
}

func hash(t *testing.T, dir string) [32]byte {
	t.Helper()
	h := sha256.New()
	for _, name := range []string{"config.json", "generation_config.json", "tokenizer.json", weightsFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.Copy(h, f); err != nil {
			t.Fatal(err)
		}
	}
	return [32]byte(h.Sum(nil))
}

// TestOneVisionShapes counts the parameters of the real model as transformers
// counts them: with 152000 rows, tied, and the unused post_layernorm.
func TestOneVisionShapes(t *testing.T) {
	p, err := presetNamed(PresetOneVision)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.config.check(); err != nil {
		t.Fatal(err)
	}
	p.config.Language.VocabRows = 152000
	count := func(shapes []Shape) int {
		n := 0
		for _, s := range shapes {
			size := 1
			for _, d := range s.Dims {
				size *= d
			}
			n += size
		}
		return n
	}
	vision := count(p.config.Vision.Shapes()) + 2*p.config.Vision.Hidden
	language := count(p.config.Language.Shapes())
	all := count(p.config.Shapes()) + 2*p.config.Vision.Hidden
	if vision != 397_747_744 || language != 494_090_112 || all != 893_675_552 {
		t.Errorf("%d vision, %d language, %d altogether", vision, language, all)
	}
}

func TestSynthRefuses(t *testing.T) {
	if err := Synth(t.TempDir(), "llava-7b", 1); err == nil {
		t.Error("an unknown preset was taken")
	}
}
