package text

import (
	"unicode"
	"unicode/utf8"
)

// Pattern is the only pre-tokenizer expression this package runs: Qwen2's. Go's
// regexp has no lookahead, so pieceEnd is written by hand; each of its steps is
// one alternative, in order, of
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)
//	[^\r\n\p{L}\p{N}]?\p{L}+
//	\p{N}
//	 ?[^\s\p{L}\p{N}]+[\r\n]*
//	\s*[\r\n]+
//	\s+(?!\S)
//	\s+
const Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// pieceEnd is where the piece that starts at i ends. Every character belongs to
// one of the classes letter, number, space or other, so there always is a piece.
func pieceEnd(s string, i int) int {
	if n := contraction(s[i:]); n > 0 {
		return i + n
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	next, _ := utf8.DecodeRuneInString(s[i+n:])

	if unicode.IsLetter(r) {
		return skip(s, i, unicode.IsLetter)
	}
	if r != '\r' && r != '\n' && !unicode.IsNumber(r) && unicode.IsLetter(next) {
		return skip(s, i+n, unicode.IsLetter)
	}
	if unicode.IsNumber(r) {
		return i + n
	}
	if isOther(r) {
		return skip(s, skip(s, i, isOther), isNewline)
	}
	if r == ' ' && i+n < len(s) && isOther(next) {
		return skip(s, skip(s, i+n, isOther), isNewline)
	}
	return spaceEnd(s, i)
}

// spaceEnd ends a piece of white space: after its last newline if it has one;
// else it leaves the last space to what follows, unless it is the only one or
// nothing follows.
func spaceEnd(s string, i int) int {
	end, newline, last := i, -1, i
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		if !unicode.IsSpace(r) {
			break
		}
		last = end
		end += n
		if isNewline(r) {
			newline = end
		}
	}
	switch {
	case newline > 0:
		return newline
	case end < len(s) && last > i:
		return last
	}
	return end
}

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of
// s, in any case; the long s (U+017F) counts as an s.
func contraction(s string) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	switch s[1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if len(s) > 2 && s[2]|0x20 == 'e' {
			return 3
		}
	case 'l':
		if len(s) > 2 && s[2]|0x20 == 'l' {
			return 3
		}
	}
	if len(s) > 2 && s[1:3] == "ſ" {
		return 3
	}
	return 0
}

func skip(s string, i int, class func(rune) bool) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !class(r) {
			break
		}
		i += n
	}
	return i
}

func isNewline(r rune) bool { return r == '\r' || r == '\n' }

func isOther(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
}
