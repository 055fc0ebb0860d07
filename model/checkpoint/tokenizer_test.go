package checkpoint

import (
	"os"
	"path/filepath"
	"testing"

	"cobot_vla/model/text"
)

func TestPredictable(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(golden, "text", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c := &Checkpoint{Config: Config{Language: LanguageConfig{VocabRows: 2000}}}
	for added, want := range map[string]int{
		`{"<|endoftext|>":1500,"<|im_start|>":1501,"<|im_end|>":1502}`:                                    1503,
		`{"<|endoftext|>":1500,"<|im_start|>":1501,"<|im_end|>":1502,"<image>":1503,"<video>":1504}`:      1503,
		`{"<|endoftext|>":1500,"<|im_start|>":1501,"<|im_end|>":1502,"<extra>":1503,"<Navigation>":1504}`: 1505,
		`{"<|far|>":2500}`: 2000,
	} {
		tok, err := text.ParseSlow(read("vocab.json"), read("merges.txt"), []byte(added))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Predictable(tok); got != want {
			t.Errorf("%s: %d ids, want %d", added, got, want)
		}
	}
	if got := c.Predictable(nil); got != 2000 {
		t.Errorf("without a tokenizer: %d ids", got)
	}
	c.Dir = t.TempDir()
	if tok, err := c.OptionalTokenizer(); tok != nil || err != nil {
		t.Errorf("no tokenizer files: %v, %v", tok, err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "tokenizer.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OptionalTokenizer(); err == nil {
		t.Error("a broken tokenizer was taken")
	}
}

// TestWriteConfig: a config written in the flat form means the same, whichever
// form it was read from.
func TestWriteConfig(t *testing.T) {
	for _, model := range []string{"tiny/hf", "tiny/lmms", "odd/hf", "odd/lmms"} {
		c := open(t, filepath.Join(golden, model))
		dir := t.TempDir()
		if err := WriteConfig(dir, c.Config); err != nil {
			t.Fatal(err)
		}
		if err := WriteGeneration(dir, Generation{RepetitionPenalty: 1.25, EOS: []int{3, 4}}); err != nil {
			t.Fatal(err)
		}
		got, err := ReadConfig(dir, c.Weights)
		if err != nil {
			t.Fatal(err)
		}
		want := c.Config
		want.Scheme, want.ModelType = LMMs, "llava"
		compare(t, want, got)
		generation, err := ReadGeneration(dir, got)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, Generation{RepetitionPenalty: 1.25, EOS: []int{3, 4}}, generation)
	}
	if err := WriteConfig(t.TempDir(), Config{}); err == nil {
		t.Error("an empty config was written")
	}
}
