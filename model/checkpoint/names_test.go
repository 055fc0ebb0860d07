package checkpoint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestSchemesRoundTrip: every tensor of a model has a name in each scheme, and
// comes back from it.
func TestSchemesRoundTrip(t *testing.T) {
	c := open(t, filepath.Join(golden, "tiny/lmms"))
	for _, scheme := range []Scheme{LMMs, Hub, Transformers} {
		var all []string
		for _, name := range append(c.Names(), "head.weight", "vision.post_layernorm.bias") {
			file := scheme.Name(name)
			if file == name {
				t.Errorf("%s has no name for %s", scheme, name)
			}
			if back, ok := Canonical(file); !ok || back != name {
				t.Errorf("%s: %s reads as %s, %v, want %s", scheme, file, back, ok, name)
			}
			all = append(all, file)
		}
		if got := SchemeOf(all); got != scheme {
			t.Errorf("names of %s look like %q", scheme, got)
		}
	}
}

func TestCanonical(t *testing.T) {
	for file, want := range map[string]string{
		"model.vision_tower.vision_tower.vision_model.encoder.layers.3.mlp.fc1.bias": "vision.encoder.layers.3.mlp.fc1.bias",
		"vision_tower.vision_model.embeddings.position_embedding.weight":             "vision.embeddings.position_embedding.weight",
		"model.vision_tower.embeddings.patch_embedding.bias":                         "vision.embeddings.patch_embedding.bias",
		"model.vision_tower.vision_model.post_layernorm.weight":                      "vision.post_layernorm.weight",
		"multi_modal_projector.linear_2.weight":                                      "projector.2.weight",
		"model.multi_modal_projector.linear_1.bias":                                  "projector.0.bias",
		"model.mm_projector.0.weight":                                                "projector.0.weight",
		"model.language_model.layers.0.mlp.up_proj.weight":                           "language.layers.0.mlp.up_proj.weight",
		"language_model.model.norm.weight":                                           "language.norm.weight",
		"language_model.lm_head.weight":                                              "head.weight",
		"lm_head.weight":                                                             "head.weight",
		"image_newline":                                                              "newline",
		"model.image_newline":                                                        "newline",
		"model.image_newline_2":                                                      "model.image_newline_2",
		"optimizer.state":                                                            "optimizer.state",
		"action_mapper.0.weight":                                                     "action_mapper.0.weight",
	} {
		got, known := Canonical(file)
		if got != want || known != (file != want) {
			t.Errorf("%s reads as %s, %v, want %s", file, got, known, want)
		}
	}
}

// TestThirdScheme writes the golden weights under transformers' newer names and
// reads them back; and split into two files with an index.
func TestThirdScheme(t *testing.T) {
	from := open(t, filepath.Join(golden, "odd/hf"))
	single, sharded := t.TempDir(), t.TempDir()
	config, err := os.ReadFile(filepath.Join(golden, "odd/hf/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{single, sharded} {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := from.Names()
	writeTensors(t, filepath.Join(single, weightsFile), from, names, Transformers)

	index := map[string]string{}
	for i, part := range [][]string{names[:len(names)/2], names[len(names)/2:]} {
		file := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}[i]
		for _, name := range writeTensors(t, filepath.Join(sharded, file), from, part, Transformers) {
			index[name] = file
		}
	}
	if err := WriteIndex(sharded, index, from.Bytes()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{single, sharded} {
		c := open(t, dir)
		if c.Scheme() != Transformers || c.Bytes() != from.Bytes() {
			t.Errorf("scheme %s, %d bytes, want %d", c.Scheme(), c.Bytes(), from.Bytes())
		}
		for _, name := range names {
			compare(t, floats(t, from, name), floats(t, c, name))
		}
	}
}

// writeTensors copies tensors into a file under a scheme's names, which it returns.
func writeTensors(t *testing.T, path string, from *Checkpoint, names []string, scheme Scheme) []string {
	t.Helper()
	var specs []Spec
	var written []string
	for _, name := range names {
		tensor, err := from.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, Spec{Name: scheme.Name(name), DType: tensor.DType, Shape: tensor.Shape})
		written = append(written, scheme.Name(name))
	}
	w, err := Create(path, specs, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		tensor, _ := from.Tensor(name)
		if _, err := w.Write(tensor.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return written
}

// TestKeymap: the mapping agrees with the one that came with the reference outputs.
func TestKeymap(t *testing.T) {
	data, err := os.ReadFile("testdata/keymap.json")
	if err != nil {
		t.Fatal(err)
	}
	var pairs map[string]string // llava-hf name to lmms-lab name
	if err := json.Unmarshal(data, &pairs); err != nil {
		t.Fatal(err)
	}
	if len(pairs) < 60 {
		t.Fatalf("%d pairs", len(pairs))
	}
	for hub, lmms := range pairs {
		canonical, _ := Canonical(hub)
		if got := LMMs.Name(canonical); got != lmms {
			t.Errorf("%s is %s for lmms-lab, want %s", hub, got, lmms)
		}
		if got := Hub.Name(canonical); got != hub {
			t.Errorf("%s comes back as %s", hub, got)
		}
	}
}
