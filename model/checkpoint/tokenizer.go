package checkpoint

import (
	"errors"
	"io/fs"

	"cobot_vla/model/text"
)

// Tokenizer reads the directory's tokenizer. Without one the error wraps fs.ErrNotExist.
// Reading Qwen2's takes a quarter of a second, so a policy reads it beside its weights.
func (c *Checkpoint) Tokenizer() (*text.Tokenizer, error) {
	return text.Load(c.Dir)
}

// Predictable is the number of ids, from 0 on, that a model may say: those the
// tokenizer has, less the placeholder <image> and what follows it, which llava-hf
// adds. The rows of embedding and head beyond are padding to a round number, or
// were never trained; the original cuts them off after loading
// (resize_token_embeddings). tok nil, for a checkpoint without a tokenizer,
// allows all rows.
func (c *Checkpoint) Predictable(tok *text.Tokenizer) int {
	n := c.Config.Language.VocabRows
	if tok == nil {
		return n
	}
	if image, ok := tok.ID("<image>"); ok && int(image) >= tok.BaseSize() {
		n = min(n, int(image))
	}
	return min(n, tok.Len())
}

// OptionalTokenizer is Tokenizer, but nil where the directory has none.
func (c *Checkpoint) OptionalTokenizer() (*text.Tokenizer, error) {
	tok, err := c.Tokenizer()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return tok, err
}
