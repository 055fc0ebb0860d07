package text

import "strings"

// Byte-level BPE writes every byte as one printable character, so that its
// vocabulary is text: printable Latin-1 stands for itself, the other bytes, in
// order, for U+0100 and on (openai/gpt-2, bytes_to_unicode).

var byteToRune, runeToByte = byteAlphabet()

func byteAlphabet() (runes [256]rune, bytes map[rune]byte) {
	bytes = make(map[rune]byte, 256)
	spare := rune(256)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®') {
			r = spare
			spare++
		}
		runes[b] = r
		bytes[r] = byte(b)
	}
	return runes, bytes
}

// rawBytes gives the bytes that a vocabulary entry stands for. An entry with a
// character outside the alphabet stands for its own UTF-8.
func rawBytes(entry string) string {
	var b strings.Builder
	b.Grow(len(entry))
	for _, r := range entry {
		c, ok := runeToByte[r]
		if !ok {
			return entry
		}
		b.WriteByte(c)
	}
	return b.String()
}
