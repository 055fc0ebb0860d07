package text

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const golden = "../testdata/golden/text"

type expected struct {
	Cases []struct {
		Kind, Text  string
		IDs         []int32
		Decoded     string
		SkipSpecial *string `json:"decoded_skip_special"`
	}
	Decode []struct {
		IDs         []int32
		Decoded     string
		SkipSpecial *string `json:"decoded_skip_special"`
	}
	Prompts []struct {
		Instruction string
		ObsIDs      []int32 `json:"obs_ids"`
		ObsText     string  `json:"obs_text"`
		Text        string
		AsText      []int32 `json:"ids_as_text"`
		Exact       []int32 `json:"ids_exact"`
		Training    []int32 `json:"ids_training_code"`
		Server      []int32 `json:"ids_server_code"`
	}
}

func loadExpected(t testing.TB) expected {
	t.Helper()
	var e expected
	if err := json.Unmarshal(read(t, "expected.json"), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(golden, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// loadAll gives the golden tokenizer from each of its three forms.
func loadAll(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	all := map[string]*Tokenizer{}
	for _, name := range []string{"tokenizer.json", "tokenizer_strmerges.json"} {
		tok, err := Parse(read(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = tok
	}
	slow, err := ParseSlow(read(t, "vocab.json"), read(t, "merges.txt"), read(t, "added_tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	all["vocab.json"] = slow
	return all
}

func TestGoldenText(t *testing.T) {
	want := loadExpected(t)
	if len(want.Cases) != 525 || len(want.Decode) != 79 {
		t.Fatalf("golden file has %d cases and %d decode cases", len(want.Cases), len(want.Decode))
	}
	for form, tok := range loadAll(t) {
		t.Run(form, func(t *testing.T) {
			if tok.BaseSize() != 1500 || tok.Len() != 1503 {
				t.Errorf("sizes %d and %d, want 1500 and 1503", tok.BaseSize(), tok.Len())
			}
			for _, c := range want.Cases {
				got := tok.Encode(c.Text)
				if len(got) != 0 || len(c.IDs) != 0 {
					if diff := cmp.Diff(c.IDs, got); diff != "" {
						t.Errorf("%s %q: ids (-want +got):\n%s", c.Kind, c.Text, diff)
					}
				}
				checkDecode(t, tok, c.IDs, c.Decoded, c.SkipSpecial)
			}
			for _, c := range want.Decode {
				checkDecode(t, tok, c.IDs, c.Decoded, c.SkipSpecial)
			}
		})
	}
}

func checkDecode(t *testing.T, tok *Tokenizer, ids []int32, decoded string, skip *string) {
	t.Helper()
	if got := tok.Decode(ids); got != decoded {
		t.Errorf("decode %v = %q, want %q", ids, got, decoded)
	}
	if skip == nil {
		skip = &decoded
	}
	if got := tok.DecodeText(ids); got != *skip {
		t.Errorf("decode %v without special tokens = %q, want %q", ids, got, *skip)
	}
}

func TestGoldenPrompts(t *testing.T) {
	tok, err := Load(golden)
	if err != nil {
		t.Fatal(err)
	}
	prompts := loadExpected(t).Prompts
	if len(prompts) != 60 {
		t.Fatalf("golden file has %d prompts", len(prompts))
	}
	for _, p := range prompts {
		if got := tok.Decode(p.ObsIDs); got != p.ObsText {
			t.Errorf("%q: obs text %q, want %q", p.Instruction, got, p.ObsText)
		}
		for slicing, want := range map[Slicing][]int32{Exact: p.Exact, TrainingCode: p.Training, ServerCode: p.Server} {
			got, err := tok.PromptAs(slicing, p.Instruction, p.ObsIDs)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q %s (-want +got):\n%s", p.Instruction, slicing, diff)
			}
		}
	}
}
