package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrTokenizer: the tokenizer files are malformed or of a kind this package does not run.
var ErrTokenizer = errors.New("tokenizer is not usable")

// maxFile bounds a tokenizer file; Qwen2's tokenizer.json has 7 MB.
const maxFile = 64 << 20

// Load reads DIR/tokenizer.json or, where there is none, vocab.json, merges.txt
// and, if it is there, added_tokens.json. Without any of them the error wraps
// fs.ErrNotExist.
func Load(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return loadSlow(dir)
	}
	if err != nil {
		return nil, err
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func loadSlow(dir string) (*Tokenizer, error) {
	vocab, err := readFile(filepath.Join(dir, "vocab.json"))
	if err != nil {
		return nil, fmt.Errorf("no tokenizer.json in %s, and: %w", dir, err)
	}
	merges, err := readFile(filepath.Join(dir, "merges.txt"))
	if err != nil {
		return nil, err
	}
	added, err := readFile(filepath.Join(dir, "added_tokens.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t, err := ParseSlow(vocab, merges, added)
	if err != nil {
		return nil, fmt.Errorf("%s: vocab.json, merges.txt, added_tokens.json: %w", dir, err)
	}
	return t, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %w: not a file of at most %d bytes", path, ErrTokenizer, maxFile)
	}
	return os.ReadFile(path)
}

// fastFile is what matters of tokenizer.json.
type fastFile struct {
	Added []struct {
		ID         int64  `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Special    bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer   *typed `json:"normalizer"`
	PreTokenizer *struct {
		typed
		Steps []struct {
			typed
			Behavior string `json:"behavior"`
			Invert   bool   `json:"invert"`
			Pattern  struct {
				Regex string `json:"Regex"`
			} `json:"pattern"`
			AddPrefixSpace bool  `json:"add_prefix_space"`
			UseRegex       *bool `json:"use_regex"`
		} `json:"pretokenizers"`
	} `json:"pre_tokenizer"`
	Model struct {
		typed
		Vocab        map[string]int64 `json:"vocab"`
		Merges       json.RawMessage  `json:"merges"`
		Dropout      *float64         `json:"dropout"`
		Prefix       *string          `json:"continuing_subword_prefix"`
		Suffix       *string          `json:"end_of_word_suffix"`
		ByteFallback bool             `json:"byte_fallback"`
		IgnoreMerges bool             `json:"ignore_merges"`
	} `json:"model"`
}

type typed struct {
	Type string `json:"type"`
}

// Parse reads the bytes of a tokenizer.json. Anything in it that this package
// does not do is an error: a tokenizer that is nearly right is wrong.
func Parse(data []byte) (*Tokenizer, error) {
	var f fastFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTokenizer, err)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	merges, err := parseMerges(f.Model.Merges)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{nfc: f.Normalizer != nil}
	t.bpe.whole = f.Model.IgnoreMerges
	if err := t.build(f.Model.Vocab, merges); err != nil {
		return nil, err
	}
	for _, a := range f.Added {
		if a.SingleWord || a.LStrip || a.RStrip {
			return nil, fmt.Errorf("%w: added token %q has single_word, lstrip or rstrip, which Qwen2's have not", ErrTokenizer, a.Content)
		}
		if err := t.add(a.Content, a.ID, a.Special); err != nil {
			return nil, err
		}
	}
	t.index()
	return t, nil
}

func (f *fastFile) check() error {
	fail := func(what string, got any, want string) error {
		return fmt.Errorf("%w: %s is %v, only %s runs here", ErrTokenizer, what, got, want)
	}
	m := f.Model
	if m.Type != "BPE" && m.Type != "" {
		return fail("model.type", m.Type, "BPE")
	}
	if m.Dropout != nil && *m.Dropout != 0 || m.Prefix != nil && *m.Prefix != "" || m.Suffix != nil && *m.Suffix != "" || m.ByteFallback {
		return fail("model", "one with dropout, affixes or byte_fallback", "plain byte-level BPE")
	}
	if f.Normalizer != nil && f.Normalizer.Type != "NFC" {
		return fail("normalizer", f.Normalizer.Type, "NFC")
	}
	p := f.PreTokenizer
	if p == nil || p.Type != "Sequence" || len(p.Steps) != 2 || p.Steps[0].Type != "Split" || p.Steps[1].Type != "ByteLevel" {
		return fail("pre_tokenizer", "another", "Split and ByteLevel")
	}
	split, bytes := p.Steps[0], p.Steps[1]
	if split.Pattern.Regex != Pattern || split.Behavior != "Isolated" || split.Invert {
		return fail("pre_tokenizer pattern", fmt.Sprintf("%q %s", split.Pattern.Regex, split.Behavior), "Qwen2's, isolated")
	}
	if bytes.AddPrefixSpace || bytes.UseRegex == nil || *bytes.UseRegex {
		return fail("pre_tokenizer ByteLevel", "with add_prefix_space or use_regex", "without")
	}
	return nil
}

// parseMerges takes both spellings: ["a b", …] and [["a","b"], …].
func parseMerges(raw json.RawMessage) ([][2]string, error) {
	var pairs [][2]string
	var lists [][]string
	if json.Unmarshal(raw, &lists) == nil {
		for i, l := range lists {
			if len(l) != 2 {
				return nil, fmt.Errorf("%w: merge %d has %d parts, expected 2", ErrTokenizer, i, len(l))
			}
			pairs = append(pairs, [2]string{l[0], l[1]})
		}
		return pairs, nil
	}
	var lines []string
	if err := json.Unmarshal(raw, &lines); err != nil {
		return nil, fmt.Errorf("%w: merges are neither strings nor pairs of them", ErrTokenizer)
	}
	for i, line := range lines {
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("%w: merge %d is %q, expected two parts with a space between", ErrTokenizer, i, line)
		}
		pairs = append(pairs, [2]string{left, right})
	}
	return pairs, nil
}

// ParseSlow reads the bytes of vocab.json, merges.txt and added_tokens.json,
// which may be nil. Every added token is a special one, as in Qwen2's own files.
func ParseSlow(vocab, merges, added []byte) (*Tokenizer, error) {
	var ids, extra map[string]int64
	if err := json.Unmarshal(vocab, &ids); err != nil {
		return nil, fmt.Errorf("%w: vocabulary: %v", ErrTokenizer, err)
	}
	if added != nil {
		if err := json.Unmarshal(added, &extra); err != nil {
			return nil, fmt.Errorf("%w: added tokens: %v", ErrTokenizer, err)
		}
	}
	var pairs [][2]string
	for i, line := range strings.Split(string(merges), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || i == 0 && strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("%w: merges line %d is %q, expected two parts with a space between", ErrTokenizer, i+1, line)
		}
		pairs = append(pairs, [2]string{left, right})
	}
	t := &Tokenizer{nfc: true}
	if err := t.build(ids, pairs); err != nil {
		return nil, err
	}
	for content, id := range extra {
		if err := t.add(content, id, true); err != nil {
			return nil, err
		}
	}
	t.index()
	return t, nil
}

// build fills in the vocabulary and the merges.
func (t *Tokenizer) build(vocab map[string]int64, merges [][2]string) error {
	if len(vocab) == 0 {
		return fmt.Errorf("%w: the vocabulary is empty", ErrTokenizer)
	}
	t.base = len(vocab)
	t.bpe.vocab = make(map[string]uint32, len(vocab))
	for entry, id := range vocab {
		raw := rawBytes(entry)
		if err := t.place(raw, id, false); err != nil {
			return err
		}
		t.bpe.vocab[raw] = uint32(id)
	}
	t.bpe.merges = make(map[uint64]merge, len(merges))
	for rank, m := range merges {
		left, right := rawBytes(m[0]), rawBytes(m[1])
		a, okA := t.bpe.vocab[left]
		b, okB := t.bpe.vocab[right]
		joined, okJ := t.bpe.vocab[left+right]
		if !okA || !okB || !okJ {
			return fmt.Errorf("%w: merge %d of %q and %q: a part or the result is not in the vocabulary", ErrTokenizer, rank, m[0], m[1])
		}
		t.bpe.merges[pair(a, b)] = merge{rank: uint32(rank), id: joined}
	}
	return nil
}

// add makes an added token of a text; its id may be that of a vocabulary entry.
func (t *Tokenizer) add(content string, id int64, special bool) error {
	if content == "" {
		return fmt.Errorf("%w: added token %d is empty", ErrTokenizer, id)
	}
	if id >= 0 && id < int64(len(t.known)) && t.known[id] && t.decoded[id] == content {
		t.special[id] = t.special[id] || special
	} else if err := t.place(content, id, special); err != nil {
		return err
	}
	t.added = append(t.added, addedToken{content: content, id: int32(id)})
	return nil
}

// place gives an id its bytes. Ids must be about as dense as there are tokens,
// so that a hostile id can't ask for memory.
func (t *Tokenizer) place(raw string, id int64, special bool) error {
	if limit := int64(2*t.base + 4096); id < 0 || id >= limit {
		return fmt.Errorf("%w: token %q has id %d, expected 0 to %d for a vocabulary of %d", ErrTokenizer, raw, id, limit-1, t.base)
	}
	for int64(len(t.decoded)) <= id {
		t.decoded = append(t.decoded, "")
		t.known = append(t.known, false)
		t.special = append(t.special, false)
	}
	if t.known[id] {
		return fmt.Errorf("%w: tokens %q and %q both have id %d", ErrTokenizer, t.decoded[id], raw, id)
	}
	t.decoded[id], t.known[id], t.special[id] = raw, true, special
	return nil
}
