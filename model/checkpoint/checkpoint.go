package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
)

// Checkpoint is an open LLaVA checkpoint: what it is, and its weights.
type Checkpoint struct {
	Dir        string
	Config     Config
	Generation Generation
	*Weights
}

// Open reads config.json and generation_config.json and maps the weights. It
// checks the name, shape and dtype of every tensor that a model of this config
// needs, so that loading can't fail half way.
func Open(dir string) (*Checkpoint, error) {
	weights, err := OpenWeights(dir)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Weights: weights}
	if err := c.read(); err != nil {
		return nil, errors.Join(err, weights.Close())
	}
	return c, nil
}

func (c *Checkpoint) read() error {
	var err error
	if c.Config, err = ReadConfig(c.Dir, c.Weights); err != nil {
		return err
	}
	if c.Generation, err = ReadGeneration(c.Dir, c.Config); err != nil {
		return err
	}
	for _, s := range c.Config.Shapes() {
		t, err := c.Tensor(s.Name, s.Dims...)
		if err != nil {
			return err
		}
		if t.DType != F32 && t.DType != F16 && t.DType != BF16 {
			return fmt.Errorf("%s: tensor %s is %s, expected F32, F16 or BF16", t.File, c.Scheme().Name(s.Name), t.DType)
		}
	}
	return c.checkHead()
}

// Head is the output projection [VocabRows, Hidden]: lm_head, or the embedding
// when the two are tied.
func (c *Checkpoint) Head() (Tensor, error) {
	rows, hidden := c.Config.Language.VocabRows, c.Config.Language.Hidden
	if c.Config.Language.Tied {
		return c.Tensor("language.embed_tokens.weight", rows, hidden)
	}
	return c.Tensor("head.weight", rows, hidden)
}

// checkedRows of a tied head are compared with the embedding's, spread over all
// of them: enough to find another matrix, few enough not to read 270 MB.
const checkedRows = 1024

// checkHead looks whether a head that config.json calls tied, and that is in
// the file all the same, is the embedding.
func (c *Checkpoint) checkHead() error {
	if !c.Config.Language.Tied || !c.Has("head.weight") {
		return nil
	}
	rows, hidden := c.Config.Language.VocabRows, c.Config.Language.Hidden
	head, err := c.Tensor("head.weight", rows, hidden)
	if err != nil {
		return err
	}
	embed, err := c.Tensor("language.embed_tokens.weight", rows, hidden)
	if err != nil {
		return err
	}
	if head.DType != embed.DType {
		return nil
	}
	row := len(head.Data) / rows
	for i := range min(rows, checkedRows) {
		at := i * (rows / min(rows, checkedRows)) * row
		if !bytes.Equal(head.Data[at:at+row], embed.Data[at:at+row]) {
			return fmt.Errorf("%s: %s differs from the embedding in row %d, but config.json says tie_word_embeddings: one of the two is wrong", head.File, c.Scheme().Name("head.weight"), at/row)
		}
	}
	return nil
}
