package text

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Learning is what a tokenizer is learned from, and what it has beside words.
type Learning struct {
	// Texts whose words it shall know: instructions. The prompt's own words are always among them.
	Texts []string
	// Merges it learns at most; it stops when no pair comes twice.
	Merges int
	// Reserved entries that no text contains stand last in the base vocabulary: action tokens, id = base
	// size - digit, so the first reserved one has the highest digit.
	Reserved []string
	// Added tokens follow <|endoftext|>, <|im_start|> and <|im_end|>.
	Added []string
}

// Learn makes a tokenizer.json of Qwen2's kind: byte-level BPE whose merges are those of the most frequent
// pairs (Sennrich et al. 2016). The same texts, in any order, give the same bytes.
func Learn(l Learning) ([]byte, error) {
	words, err := countWords(l.Texts)
	if err != nil {
		return nil, err
	}
	entries := alphabet()
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e] = true
	}
	var merges [][2]string
	for len(merges) < l.Merges {
		best, count := mostFrequent(words)
		if count < 2 {
			break
		}
		merges = append(merges, best)
		if whole := best[0] + best[1]; !seen[whole] {
			seen[whole] = true
			entries = append(entries, whole)
		}
		for i := range words {
			words[i].merge(best)
		}
	}
	for _, r := range l.Reserved {
		if seen[r] || r == "" {
			return nil, fmt.Errorf("%w: reserved entry %q is empty or there already", ErrTokenizer, r)
		}
		seen[r] = true
		entries = append(entries, r)
	}
	return encodeFile(entries, merges, append([]string{"<|endoftext|>", turnStart, turnEnd}, l.Added...)), nil
}

// word is a piece of text as symbols, and how often it comes.
type word struct {
	symbols []string
	count   int
}

func (w *word) merge(pair [2]string) {
	for i := 0; i+1 < len(w.symbols); i++ {
		if w.symbols[i] == pair[0] && w.symbols[i+1] == pair[1] {
			w.symbols[i] += w.symbols[i+1]
			w.symbols = slices.Delete(w.symbols, i+1, i+2)
		}
	}
}

// mostFrequent is the pair that comes most often, the first in the alphabet of equals.
func mostFrequent(words []word) (best [2]string, count int) {
	counts := map[[2]string]int{}
	for _, w := range words {
		for i := range len(w.symbols) - 1 {
			counts[[2]string{w.symbols[i], w.symbols[i+1]}] += w.count
		}
	}
	for p, n := range counts {
		if n > count || n == count && (p[0] < best[0] || p[0] == best[0] && p[1] < best[1]) {
			best, count = p, n
		}
	}
	return best, count
}

// promptWeight is how often the words that every prompt has are counted.
const promptWeight = 1000

func countWords(texts []string) ([]word, error) {
	counts := map[string]int{}
	count := func(text string, n int) {
		for i := 0; i < len(text); {
			end := pieceEnd(text, i)
			counts[text[i:end]] += n
			i = end
		}
	}
	count("system\n"+System, promptWeight)
	count("\nuser\nassistant\n", promptWeight)
	for _, t := range texts {
		if strings.Contains(t, turnStart) || strings.Contains(t, turnEnd) {
			return nil, fmt.Errorf("%w: the text %.80q holds a control token", ErrPrompt, t)
		}
		count("\n"+norm.NFC.String(t)+"\n", 1)
	}
	letters := letters()
	var words []word
	for text, n := range counts {
		w := word{count: n}
		for i := range len(text) {
			w.symbols = append(w.symbols, letters[text[i]])
		}
		words = append(words, w)
	}
	return words, nil
}
