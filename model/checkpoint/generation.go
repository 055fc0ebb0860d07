package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Generation is what generation_config.json says of decoding. Sampling keys are
// not kept: a policy decodes greedily, as the original's server does.
type Generation struct {
	// RepetitionPenalty p of transformers: the score s of an id that was generated
	// before becomes s/p where positive, s*p where negative. It works in greedy
	// decoding too. 1 is none.
	RepetitionPenalty float64
	// EOS ends an answer; empty when neither file names one.
	EOS []int
}

// ReadGeneration reads DIR/generation_config.json; without the file there is no
// penalty and the end token is config.json's.
func ReadGeneration(dir string, config Config) (Generation, error) {
	path := filepath.Join(dir, "generation_config.json")
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Generation{RepetitionPenalty: 1, EOS: config.Language.EOS}, nil
	}
	if err != nil {
		return Generation{}, err
	}
	g, err := ParseGeneration(data)
	if err != nil {
		return Generation{}, fmt.Errorf("%s: %w", path, err)
	}
	if g.EOS == nil {
		g.EOS = config.Language.EOS
	}
	return g, nil
}

// ParseGeneration is ReadGeneration on bytes.
func ParseGeneration(data []byte) (Generation, error) {
	var raw struct {
		RepetitionPenalty *float64        `json:"repetition_penalty"`
		EOS               json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Generation{}, err
	}
	g := Generation{RepetitionPenalty: value(raw.RepetitionPenalty, 1)}
	if !(g.RepetitionPenalty > 0 && g.RepetitionPenalty <= 100) {
		return Generation{}, fmt.Errorf("repetition_penalty is %v, expected a number above 0, 1 for none", g.RepetitionPenalty)
	}
	var err error
	if g.EOS, err = parseIDs(raw.EOS); err != nil {
		return Generation{}, fmt.Errorf("eos_token_id: %w", err)
	}
	return g, nil
}
