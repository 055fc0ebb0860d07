package text

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadForms(t *testing.T) {
	if _, err := Load(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory gives %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"vocab.json", "merges.txt", "added_tokens.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := tok.ID("<|im_end|>"); !ok || id != 1502 {
		t.Errorf("<|im_end|> is %d, %v", id, ok)
	}
	if err := os.Remove(filepath.Join(dir, "merges.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "merges.txt") {
		t.Errorf("without merges.txt: %v", err)
	}
}

// TestParseRefuses: what would tokenize differently is an error that says what is wrong.
func TestParseRefuses(t *testing.T) {
	good := string(read(t, "tokenizer_strmerges.json"))
	for _, test := range []struct{ name, old, new, says string }{
		{"other normaliser", `"NFC"`, `"NFKC"`, "normalizer"},
		{"other digits", `\\p{N}| ?`, `\\p{N}{1,3}| ?`, "pattern"},
		{"prefix space", `"add_prefix_space":false`, `"add_prefix_space":true`, "add_prefix_space"},
		{"other model", `"BPE"`, `"Unigram"`, "model.type"},
		{"byte fallback", `"byte_fallback":false`, `"byte_fallback":true`, "byte_fallback"},
		{"stripping token", `"lstrip":false`, `"lstrip":true`, "lstrip"},
		{"far id", `"id":1502`, `"id":4000000000`, "4000000000"},
		{"negative id", `"id":1502`, `"id":-1`, "-1"},
		{"same id", `"id":1502`, `"id":7`, "both have id 7"},
		{"merge of nothing", `"Ġ t"`, `"Ġ zzz"`, "merge 0"},
		{"merge of one", `"Ġ t"`, `"Ġt"`, "merge 0"},
		{"merge of three", `"Ġ t"`, `"Ġ t h"`, "merge 0"},
		{"cut off", `}`, ``, ""},
	} {
		compact := strings.NewReplacer("\n", "", `": `, `":`).Replace(good)
		bad := strings.Replace(compact, test.old, test.new, 1)
		if bad == compact {
			t.Fatalf("%s: the golden file has no %s", test.name, test.old)
		}
		_, err := Parse([]byte(bad))
		if !errors.Is(err, ErrTokenizer) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(read(f, "tokenizer_strmerges.json")[:2000], []byte("a b"), []byte("{}"))
	f.Add([]byte(`{"model":{"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`), []byte("a b\n"), []byte(`{"<x>":3}`))
	f.Add([]byte(`{"a":0,"b":1,"ab":2}`), []byte("#version: 0.2\na b\n"), []byte(`{"<x>":3,"":4}`))
	f.Add([]byte(`{"a":9223372036854775807}`), []byte{}, []byte(nil))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, parse := range []func() (*Tokenizer, error){
			func() (*Tokenizer, error) { return Parse(a) },
			func() (*Tokenizer, error) { return ParseSlow(a, b, c) },
		} {
			tok, err := parse()
			if err != nil {
				continue
			}
			tok.Decode(tok.Encode("ab <x>"))
			if tok.Len() > 2*tok.BaseSize()+4096 {
				t.Errorf("%d ids for %d entries", tok.Len(), tok.BaseSize())
			}
		}
	})
}

// FuzzEncode: every text becomes ids that give back its normal form.
func FuzzEncode(f *testing.F) {
	tok := loadAll(f)["tokenizer.json"]
	for i, c := range loadExpected(f).Cases {
		if i%16 == 0 {
			f.Add(c.Text)
		}
	}
	f.Add("\xff\xc3(\xe2\x82")
	f.Fuzz(func(t *testing.T, s string) {
		ids := tok.Encode(s)
		for _, id := range ids {
			if id < 0 || int(id) >= tok.Len() {
				t.Fatalf("%q: id %d", s, id)
			}
		}
		back := tok.Decode(ids)
		if again := tok.Decode(tok.Encode(back)); again != back {
			t.Errorf("%q: %q, then %q", s, back, again)
		}
	})
}
