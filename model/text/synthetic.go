package text

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Synthetic makes a tokenizer.json with a vocabulary of base entries and the
// three special tokens of Qwen2 after it, for checkpoints of random weights.
// Its ids of single bytes are Qwen2's; its merges make whole words of the
// prompt's, and the rest of the vocabulary is filler that no text contains.
// base must be at least 512.
func Synthetic(base int) []byte {
	entries := make([]string, 0, base)
	seen := map[string]bool{}
	add := func(entry string) {
		if !seen[entry] && len(entries) < base {
			seen[entry] = true
			entries = append(entries, entry)
		}
	}
	letter := letters()
	for _, e := range alphabet() {
		add(e)
	}
	var merges [][2]string
	prompt := "system\n" + System + "user\nassistant\n"
	for i := 0; i < len(prompt); {
		end := pieceEnd(prompt, i)
		whole := letter[prompt[i]]
		for i++; i < end; i++ {
			next := letter[prompt[i]]
			if !seen[whole+next] && len(entries) < base {
				merges = append(merges, [2]string{whole, next})
				add(whole + next)
			}
			whole += next
		}
	}
	for i := 0; len(entries) < base; i++ {
		add(fmt.Sprintf("<filler_%d>", i))
	}
	return encodeFile(entries, merges, []string{"<|endoftext|>", turnStart, turnEnd})
}

// letters are the characters that bytes are written as.
func letters() (letter [256]string) {
	for r, b := range runeToByte {
		if b >= 0 {
			letter[b] = string(rune(r))
		}
	}
	return letter
}

// alphabet is the vocabulary's start: printable Latin-1 first, then the others, Qwen2's order.
func alphabet() (entries []string) {
	for r, b := range runeToByte {
		if b >= 0 {
			entries = append(entries, string(rune(r)))
		}
	}
	return entries
}

// encodeFile is a tokenizer.json of entries, in the order of their ids, and special tokens after them.
func encodeFile(entries []string, merges [][2]string, special []string) []byte {
	vocab := make(map[string]int, len(entries))
	for id, entry := range entries {
		vocab[entry] = id
	}
	var added []map[string]any
	for i, token := range special {
		added = append(added, map[string]any{"id": len(entries) + i, "content": token, "special": true, "normalized": false,
			"single_word": false, "lstrip": false, "rstrip": false})
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	// Maps, slices and strings always encode.
	_ = encoder.Encode(map[string]any{
		"version":      "1.0",
		"added_tokens": added,
		"normalizer":   map[string]any{"type": "NFC"},
		"pre_tokenizer": map[string]any{"type": "Sequence", "pretokenizers": []any{
			map[string]any{"type": "Split", "pattern": map[string]any{"Regex": Pattern}, "behavior": "Isolated", "invert": false},
			map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
		}},
		"decoder": map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model":   map[string]any{"type": "BPE", "vocab": vocab, "merges": merges},
	})
	return out.Bytes()
}
