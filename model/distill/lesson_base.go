package distill

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/text"
	"cobot_vla/model/vitavla"
)

// baseLesson is the recipe vita-base: a fresh vision-language model learns to say
// what it sees, word after word. It is no VITA-1.5, and it stands in for one: what
// the two stages freeze must know something.
type baseLesson struct {
	r      *run
	t      *tape.Tape
	o      *tape.Optimiser
	m      *vitavla.Model
	config vitavla.NetworkConfig
	src    fresh
	eyes   *continuous.Eyes
	file   []byte // tokenizer.json
	words  *text.Tokenizer
	end    int32
	prompt *vitavla.Prompt
	set    *nn.Set
	scores nn.Buf

	host, dhost []float32
}

// baseMerges is how many pairs of the vocabulary become one token; longest is the most words that are said.
const (
	baseMerges = 800
	longest    = 128
)

func newBaseLesson(r *run) (*baseLesson, error) {
	l := &baseLesson{r: r}
	var err error
	if l.config, err = vitavla.Preset("vita-vla-tiny"); err != nil {
		return nil, err
	}
	l.src = newFresh(r.Seed, l.config.Language.Layers)
	texts := r.data.Vocabulary()
	for range 4 { // every conversation begins with it: few tokens are to be read each time
		texts = append(texts, vitavla.System)
	}
	if l.file, err = text.Learn(text.Learning{Texts: texts, Merges: baseMerges}); err != nil {
		return nil, err
	}
	if l.words, err = text.Parse(l.file); err != nil {
		return nil, err
	}
	l.config.Language.VocabRows = l.words.Len()
	var known bool
	if l.end, known = l.words.ID("<|im_end|>"); !known {
		return nil, errors.New("the tokenizer has no <|im_end|>")
	}
	if l.prompt, err = vitavla.NewPrompt(l.words, ""); err != nil {
		return nil, err
	}
	if l.set, err = nn.NewSet(nn.IDRange{To: int32(l.words.Len())}); err != nil {
		return nil, err
	}
	l.eyes = continuous.NewEyes(continuous.ImageNet(l.config.Image), r.manifest.Cameras)
	b, err := r.backend()
	if err != nil {
		return nil, err
	}
	l.t = tape.New(b)
	l.m, err = vitavla.Build(l.t, l.config, l.src, vitavla.Options{Turns: 1, Words: longest + 64, Speak: true})
	if err == nil {
		l.o, err = learning(l.t, []string{"vision.", "projector.", "language.", "head."})
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	l.scores = l.t.Buf(longest, l.set.Size())
	return l, nil
}

func (l *baseLesson) judge(batch []Sequence, scale float64, back bool) (float64, error) {
	return oneByOne(batch, scale, func(s *Sequence, scale float64) (float64, error) { return l.name(s, scale, back) })
}

// name is the loss of the words of one sequence.
func (l *baseLesson) name(s *Sequence, scale float64, back bool) (float64, error) {
	if len(s.Words) != len(s.Observations) {
		return 0, fmt.Errorf("a sequence of %d steps has words for %d: this recipe needs data that say what there is to see", len(s.Observations), len(s.Words))
	}
	// One step of a sequence: its others look much alike.
	i := len(s.Words) / 2
	pixels, err := l.eyes.Pixels(s.Observations[i])
	if err != nil {
		return 0, err
	}
	words := append(l.words.Encode(s.Words[i]), l.end)
	if len(words) > longest {
		return 0, fmt.Errorf("%d words to say, there is room for %d", len(words), longest)
	}
	if back {
		l.t.Record()
	} else {
		l.t.Stop()
	}
	hidden, err := l.m.Describe(l.prompt, pixels, words)
	if err != nil {
		return 0, err
	}
	scores := l.scores.View(0, len(words))
	l.m.Score(scores, hidden, l.set)
	l.host, l.dhost = sized(l.host, scores), sized(l.dhost, scores)
	if err := l.t.Read(l.host, scores); err != nil {
		return 0, err
	}
	loss := say(l.dhost, l.host, words, scores.Cols, scale)
	if !back {
		return loss, nil
	}
	l.t.Write(l.t.Gradient(scores), l.dhost)
	return loss, l.t.Backward()
}

// acts: it only speaks.
func (l *baseLesson) acts() bool { return false }

func (l *baseLesson) act(*Sequence) ([][7]float32, error) {
	return nil, errors.New("a vision-language model does not act")
}

// say is the mean cross-entropy of words; d becomes its derivative times scale.
func say(d, scores []float32, words []int32, cols int, scale float64) float64 {
	loss, part := 0.0, 1/float64(len(words))
	for r, word := range words {
		row, dr := scores[r*cols:(r+1)*cols], d[r*cols:(r+1)*cols]
		highest := float64(slices.Max(row))
		sum := 0.0
		for _, x := range row {
			sum += math.Exp(float64(x) - highest)
		}
		for i, x := range row {
			dr[i] = float32(scale * part * math.Exp(float64(x)-highest) / sum)
		}
		dr[word] -= float32(scale * part)
		loss += part * (highest + math.Log(sum) - float64(row[word]))
	}
	return loss
}

// save writes a base that the two stages begin with.
func (l *baseLesson) save() error {
	v := l.config.Vision
	var all []tensor
	for _, p := range l.o.Params() {
		t := parameter(l.t, p, checkpoint.LMMs.Name(p.Name))
		if p.Name == "projector.0.weight" { // it was loaded halved
			values := t.values
			t.values = func() ([]float32, error) {
				x, err := values()
				for i := range x {
					x[i] *= 2
				}
				return x, err
			}
		}
		all = append(all, t)
	}
	for name, n := range map[string]int{"class_embedding": 1, "position_embedding": 1 + v.Patches()} {
		canonical := "vision.embeddings." + name
		all = append(all, tensor{name: checkpoint.LMMs.Name(canonical), shape: []int{1, n, v.Hidden}, values: func() ([]float32, error) {
			return l.src.Vector(canonical, n*v.Hidden)
		}})
	}
	slices.SortFunc(all, func(a, b tensor) int { return strings.Compare(a.name, b.name) })
	return errors.Join(
		vitavla.WriteConfig(l.r.Out, l.config),
		os.WriteFile(filepath.Join(l.r.Out, "tokenizer.json"), l.file, 0o644),
		l.r.write("model.safetensors", all),
	)
}

func (l *baseLesson) optimiser() *tape.Optimiser { return l.o }
func (l *baseLesson) close() error               { return l.t.Close() }
