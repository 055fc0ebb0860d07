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
	var letter [256]string
	for r, b := range runeToByte {
		if b >= 0 {
			letter[b] = string(rune(r))
		}
	}
	for r, b := range runeToByte { // printable Latin-1 first, then the others: Qwen2's order
		if b >= 0 {
			add(string(rune(r)))
		}
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
	vocab := make(map[string]int, base)
	for id, entry := range entries {
		vocab[entry] = id
	}
	var added []map[string]any
	for i, token := range []string{"<|endoftext|>", turnStart, turnEnd} {
		added = append(added, map[string]any{"id": base + i, "content": token, "special": true, "normalized": false,
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
