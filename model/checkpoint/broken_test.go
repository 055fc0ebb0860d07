package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copied is a copy of a golden checkpoint to break.
func copied(t *testing.T, model string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(golden, model))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rewrite writes the weights again with every tensor changed by edit, which may drop it.
func rewrite(t *testing.T, dir string, edit func(*Spec, []byte) ([]byte, bool)) {
	t.Helper()
	path := filepath.Join(dir, weightsFile)
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var specs []Spec
	var data [][]byte
	for _, name := range f.Names() {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		s := Spec{Name: name, DType: tensor.DType, Shape: append([]int{}, tensor.Shape...)}
		if d, keep := edit(&s, append([]byte{}, tensor.Data...)); keep {
			specs, data = append(specs, s), append(data, d)
		}
	}
	w, err := Create(path, specs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range data {
		if _, err := w.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBroken: each error names the tensor as the file spells it, the file, and
// what was expected.
func TestBroken(t *testing.T) {
	const up = "language_model.model.layers.1.mlp.up_proj.weight"
	const position = "vision_tower.vision_model.embeddings.position_embedding.weight"
	for _, test := range []struct {
		name string
		edit func(*Spec, []byte) ([]byte, bool)
		is   error
		says []string
	}{
		{"missing", func(s *Spec, d []byte) ([]byte, bool) { return d, s.Name != up },
			ErrMissing, []string{up, "expected with shape [128 64]"}},
		{"another shape", func(s *Spec, d []byte) ([]byte, bool) {
			if s.Name == up {
				s.Shape = []int{64, 128}
			}
			return d, true
		}, nil, []string{"language.layers.1.mlp.up_proj.weight", "[64 128], expected [128 64]"}},
		{"another dtype", func(s *Spec, d []byte) ([]byte, bool) {
			if s.Name == up {
				s.DType = I32
			}
			return d, true
		}, nil, []string{up, "I32, expected F32, F16 or BF16"}},
		{"the position table of another image size", func(s *Spec, d []byte) ([]byte, bool) {
			if s.Name == position {
				s.Shape[0], d = 15, d[:len(d)/16*15]
			}
			return d, true
		}, nil, []string{"vision.embeddings.position_embedding.weight", "[15 64], expected [16 64]"}},
		{"two names for one", func(s *Spec, d []byte) ([]byte, bool) {
			if s.Name == "image_newline" {
				s.Name = "model.image_newline"
			}
			if s.Name == "multi_modal_projector.linear_1.bias" {
				s.Name = "image_newline"
			}
			return d, true
		}, nil, []string{"stands for newline"}},
	} {
		dir := copied(t, "tiny/hf")
		rewrite(t, dir, test.edit)
		c, err := Open(dir)
		if err == nil {
			c.Close()
			t.Errorf("%s: was taken", test.name)
			continue
		}
		for _, part := range append(test.says, filepath.Join(dir, weightsFile)) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want one that says %q", test.name, err, part)
			}
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestHeads(t *testing.T) {
	// tied, but the file's head is another
	dir := copied(t, "tiny/lmms")
	rewrite(t, dir, func(s *Spec, d []byte) ([]byte, bool) {
		if s.Name == "lm_head.weight" {
			d[len(d)/2]++
		}
		return d, true
	})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "lm_head.weight differs from the embedding in row 500") {
		t.Errorf("a tied head of its own: %v", err)
	}

	// untied: it is the head that counts
	setTied(t, dir, false)
	c := open(t, dir)
	head, err := c.Head()
	if err != nil {
		t.Fatal(err)
	}
	if head.Name != "head.weight" {
		t.Errorf("untied head is %s", head.Name)
	}

	// untied without a head
	drop := func(s *Spec, d []byte) ([]byte, bool) { return d, s.Name != "lm_head.weight" }
	rewrite(t, dir, drop)
	if _, err := Open(dir); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "lm_head.weight (expected with shape [1000 64])") {
		t.Errorf("untied without a head: %v", err)
	}

	// config.json says nothing: what is there decides
	setTied(t, dir, nil)
	if c := open(t, dir); !c.Config.Language.Tied {
		t.Error("without a head the model must be tied")
	}
}

func setTied(t *testing.T, dir string, tied any) {
	t.Helper()
	changes := map[string]any{"tie_word_embeddings": tied}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), edit(t, "tiny/lmms", changes), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMissingFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), indexFile) {
		t.Errorf("an empty directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "safe_serialization") {
		t.Errorf("a pickle: %v", err)
	}
	dir = copied(t, "tiny/hf")
	if err := os.Remove(filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("no config.json: %v", err)
	}
}

func TestBrokenIndex(t *testing.T) {
	for _, test := range []struct{ index, says string }{
		{`{}`, "weight_map is empty"},
		{`{"weight_map":{"a":"../model.safetensors"}}`, "expected a file name"},
		{`{"weight_map":{"a":".."}}`, "expected a file name"},
		{`{"weight_map":{"a":"/etc/passwd"}}`, "expected a file name"},
		{`{"weight_map":{"a":"nowhere.safetensors"}}`, "tensor a is in nowhere.safetensors"},
		{`{"weight_map":{"a":"part.safetensors"}}`, "a in "},
		{`[`, "JSON"},
	} {
		dir := copied(t, "tiny/hf")
		if err := os.Rename(filepath.Join(dir, weightsFile), filepath.Join(dir, "part.safetensors")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, indexFile), []byte(test.index), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one that says %q", test.index, err, test.says)
		}
	}
}

// TestDerivedVision: the flat form does not describe the tower; what it is comes
// from the weights, and a tower that they can't explain is refused.
func TestDerivedVision(t *testing.T) {
	dir := copied(t, "tiny/lmms")
	config := edit(t, "tiny/lmms", map[string]any{"_test_only_vision_config": nil})
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "hidden size 64") {
		t.Errorf("a tower of 64: %v", err)
	}

	// so400m with the layer that the original deletes: headers alone, no data needed
	for _, layers := range []int{27, 26} {
		w := &Weights{scheme: LMMs, tensors: map[string]Tensor{
			"vision.embeddings.patch_embedding.weight": {Shape: []int{1152, 3, 14, 14}},
			"vision.encoder.layers.0.mlp.fc1.weight":   {Shape: []int{4304, 1152}},
		}}
		for i := range layers {
			w.tensors[fmt.Sprintf("vision.encoder.layers.%d.layer_norm1.weight", i)] = Tensor{}
		}
		c, err := ParseConfig(edit(t, "tiny/lmms", map[string]any{"_test_only_vision_config": nil, "image_grid_pinpoints": nil}), w)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, so400m, c.Vision)
	}
}

func TestCloseTwice(t *testing.T) {
	c, err := Open(filepath.Join(golden, "tiny/hf"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Tensor("newline"); !errors.Is(err, ErrMissing) {
		t.Errorf("a tensor after Close: %v", err)
	}
}
