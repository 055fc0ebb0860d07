package text

import (
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ImageToken stands for the image in a prompt: the original's IMAGE_TOKEN_INDEX.
// It is no row of the embedding; the visual tokens are spliced in at its place.
const ImageToken int32 = -200

// Tokenizer is Qwen2's: NFC, the pre-tokenizer of Pattern, byte-level BPE, and
// added tokens that are cut out of the text before all of that. It is safe for
// concurrent use.
type Tokenizer struct {
	bpe     bpe
	nfc     bool
	base    int
	decoded []string // raw bytes of every id; "" where no token has it
	known   []bool
	special []bool
	added   []addedToken // by content, longest first within a first byte
	starts  [256]bool    // first bytes of added tokens
}

type addedToken struct {
	content string
	id      int32
}

// BaseSize is the vocabulary without added tokens: T in the id = T - digit of an
// action token, 151643 for Qwen2.
func (t *Tokenizer) BaseSize() int { return t.base }

// Len is one more than the largest id: 151646 for Qwen2. A model may have more
// rows than that; they mean nothing.
func (t *Tokenizer) Len() int { return len(t.decoded) }

// ID of an added token such as <|im_end|>, by its text.
func (t *Tokenizer) ID(content string) (int32, bool) {
	for _, a := range t.added {
		if a.content == content {
			return a.id, true
		}
	}
	return 0, false
}

// Encode gives the ids of a text. Added tokens in the text become their ids. A
// byte that is no UTF-8 counts as U+FFFD.
func (t *Tokenizer) Encode(s string) []int32 {
	return t.AppendEncode(nil, s)
}

// AppendEncode is Encode into a slice that may have room.
func (t *Tokenizer) AppendEncode(ids []int32, s string) []int32 {
	s = strings.ToValidUTF8(s, "\ufffd")
	var w workspace
	for {
		at, token := t.nextAdded(s)
		ids = t.encodePlain(ids, s[:at], &w)
		if token == nil {
			return ids
		}
		ids = append(ids, token.id)
		s = s[at+len(token.content):]
	}
}

// nextAdded finds the leftmost added token, the longest where several start
// there; at is len(s) when there is none.
func (t *Tokenizer) nextAdded(s string) (at int, token *addedToken) {
	for i := range len(s) {
		if !t.starts[s[i]] {
			continue
		}
		for k := range t.added {
			if strings.HasPrefix(s[i:], t.added[k].content) {
				return i, &t.added[k]
			}
		}
	}
	return len(s), nil
}

// encodePlain encodes text between added tokens.
func (t *Tokenizer) encodePlain(ids []int32, s string, w *workspace) []int32 {
	if t.nfc {
		s = norm.NFC.String(s)
	}
	for i := 0; i < len(s); {
		end := pieceEnd(s, i)
		ids = t.bpe.encode(ids, s[i:end], w)
		i = end
	}
	return ids
}

// Decode gives the text of ids, special tokens included. The bytes of all tokens
// are joined first; then every maximal part that is no UTF-8 becomes one U+FFFD
// (as Rust's from_utf8_lossy does). Ids that no token has, ImageToken among
// them, are left out.
func (t *Tokenizer) Decode(ids []int32) string {
	return t.decode(ids, true)
}

// DecodeText is Decode without the special tokens.
func (t *Tokenizer) DecodeText(ids []int32) string {
	return t.decode(ids, false)
}

func (t *Tokenizer) decode(ids []int32, special bool) string {
	var b strings.Builder
	for _, id := range ids {
		if id < 0 || int(id) >= len(t.decoded) || t.special[id] && !special {
			continue
		}
		b.WriteString(t.decoded[id])
	}
	return lossy(b.String())
}

// lossy replaces every maximal subpart of ill-formed UTF-8 (Unicode 3.9, table
// 3-8) by one U+FFFD; Go's own conversion would give one per byte.
func lossy(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			n = illFormed(s)
			b.WriteString("\ufffd")
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// illFormed is the length of the maximal subpart at the start of s, which is no
// whole character: as many bytes as could still begin one, at least one.
func illFormed(s string) int {
	low, high, want := byte(0x80), byte(0xbf), 0
	switch c := s[0]; {
	case c >= 0xc2 && c <= 0xdf:
		want = 1
	case c >= 0xe0 && c <= 0xef:
		want = 2
		if c == 0xe0 {
			low = 0xa0 // overlong
		} else if c == 0xed {
			high = 0x9f // surrogates
		}
	case c >= 0xf0 && c <= 0xf4:
		want = 3
		if c == 0xf0 {
			low = 0x90 // overlong
		} else if c == 0xf4 {
			high = 0x8f // beyond U+10FFFF
		}
	}
	n := 1
	for n <= want && n < len(s) && s[n] >= low && s[n] <= high {
		low, high = 0x80, 0xbf
		n++
	}
	return n
}

// index prepares what encoding looks up.
func (t *Tokenizer) index() {
	for b := range 256 {
		t.bpe.bytes[b] = -1
		if id, ok := t.bpe.vocab[string([]byte{byte(b)})]; ok {
			t.bpe.bytes[b] = int64(id)
		}
	}
	sort.Slice(t.added, func(i, j int) bool {
		a, b := t.added[i].content, t.added[j].content
		return len(a) > len(b) || len(a) == len(b) && a < b
	})
	for _, a := range t.added {
		t.starts[a.content[0]] = true
	}
}
