package text

// Byte-level BPE writes every byte as one printable character, so that its
// vocabulary is text: printable Latin-1 stands for itself, the other bytes, in
// order, for U+0100 and on (openai/gpt-2, bytes_to_unicode).

// alphabetSize is one more than the largest character of the alphabet: 68 bytes are not printable.
const alphabetSize = 256 + 68

// runeToByte gives the byte of a character; -1 for those outside the alphabet.
var runeToByte = byteAlphabet()

func byteAlphabet() (bytes [alphabetSize]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	spare := 256
	for b := range 256 {
		at := b
		if !(b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®') {
			at = spare
			spare++
		}
		bytes[at] = int16(b)
	}
	return bytes
}

// rawBytes gives the bytes that a vocabulary entry stands for. An entry with a
// character outside the alphabet stands for its own UTF-8.
func rawBytes(entry string) string {
	raw := make([]byte, 0, 32)
	for _, r := range entry {
		if r < 0 || r >= alphabetSize || runeToByte[r] < 0 {
			return entry
		}
		raw = append(raw, byte(runeToByte[r]))
	}
	return string(raw)
}
