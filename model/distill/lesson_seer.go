package distill

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/seer"
	"cobot_vla/model/weights"
)

// seerLesson is the recipe seer: a small action model that learns all of its parts
// from demonstrations, with a table of instructions in place of CLIP's text encoder.
type seerLesson struct {
	r         *run
	s         *Seer
	config    seer.Config
	src       weights.Source
	eyes      *continuous.Eyes
	sentences seer.Sentences
	fixed     map[string][]float32 // tensors of the vision encoder that do not learn
}

func newSeerLesson(r *run) (_ *seerLesson, err error) {
	l := &seerLesson{r: r, config: seer.Tiny(r.History), sentences: seer.Sentences{}}
	l.config.GripperWidth = r.manifest.Continuous.Gripper == "width"
	first := newFresh(r.Seed, l.config.Layers)
	first.grid, first.width = l.config.Grid(), l.config.VisionHidden
	l.src = first
	if r.From != "" {
		files, err := seer.OpenFiles(r.From)
		if err != nil {
			return nil, fmt.Errorf("the small action model to begin with: %w", err)
		}
		defer func() { err = errors.Join(err, files.Close()) }()
		if files.Config.Steps != r.History || files.Config.GripperWidth != l.config.GripperWidth {
			return nil, fmt.Errorf("%s has a history of %d steps and a gripper of width: %v, asked for is %d, %v", r.From, files.Config.Steps, files.Config.GripperWidth, r.History, l.config.GripperWidth)
		}
		if l.sentences, err = files.Sentences(); err != nil {
			return nil, err
		}
		l.config, l.src = files.Config, weights.Files{Weights: files.Weights}
	}
	r.predictions = l.config.Predictions
	for _, instruction := range r.data.Instructions() {
		if _, err := l.sentences.Lookup(instruction); err == nil {
			continue
		}
		f := make([]float32, l.config.Text)
		m, err := first.Matrix("sentence "+instruction, 1, l.config.Text)
		if err != nil {
			return nil, err
		}
		m.Read(f, 0)
		l.sentences[instruction] = f
	}
	l.eyes = continuous.NewEyes(l.config.Sight(), r.manifest.Cameras)
	b, err := r.backend()
	if err != nil {
		return nil, err
	}
	if l.s, err = NewSeer(b, l.config, l.src, max(r.Batch, 1)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return l, l.keep()
}

// keep remembers the tensors of the vision encoder that do not learn.
func (l *seerLesson) keep() error {
	l.fixed = map[string][]float32{}
	for name, rows := range map[string]int{"pos_embed": 1 + l.config.Patches(), "cls_token": 1} {
		v, err := l.src.Vector("mae."+name, rows*l.config.VisionHidden)
		if err != nil {
			return err
		}
		l.fixed[name] = v
	}
	return nil
}

func (l *seerLesson) judge(batch []Sequence, scale float64, back bool) (float64, error) {
	lessons := make([]*SeerLesson, len(batch))
	for i := range batch {
		var err error
		if lessons[i], err = l.r.seerLesson(&batch[i], l.eyes, l.sentences); err != nil {
			return 0, err
		}
	}
	return l.s.Act(lessons, l.r.Loss, scale, back)
}

func (l *seerLesson) act(s *Sequence) ([][7]float32, error) {
	lesson, err := l.r.seerLesson(s, l.eyes, l.sentences)
	if err != nil {
		return nil, err
	}
	l.s.Tape.Stop()
	x, err := l.s.Model.Study([]*seer.Lesson{&lesson.Lesson})
	if err != nil {
		return nil, err
	}
	heads := l.s.Model.Heads()
	return heads.Read(heads.Apply(x))
}

// seerLesson is a sequence as a Seer sees it.
func (r *run) seerLesson(s *Sequence, eyes *continuous.Eyes, sentences seer.Sentences) (*SeerLesson, error) {
	l := &SeerLesson{}
	var err error
	if l.Text, err = sentences.Lookup(s.Observations[0].Instruction); err != nil {
		return nil, err
	}
	if l.Pixels, err = look(eyes, s); err != nil {
		return nil, err
	}
	if l.States, err = r.states(s); err != nil {
		return nil, err
	}
	l.Labels, err = r.labels(s)
	return l, err
}

// save writes a checkpoint that the policy loads.
func (l *seerLesson) save() error {
	var trunk, vision []tensor
	for _, p := range l.s.Tape.Params() {
		t := parameter(l.s.Tape, p, p.Name)
		if name, ok := strings.CutPrefix(p.Name, "mae."); ok {
			t.name = name
			vision = append(vision, t)
			continue
		}
		if isConv1D(p.Name) { // GPT-2's layers are stored inputs first
			t = transposed(t)
		}
		trunk = append(trunk, t)
	}
	for name, values := range l.fixed {
		shape := []int{1, len(values) / l.config.VisionHidden, l.config.VisionHidden}
		vision = append(vision, tensor{name: name, shape: shape, values: func() ([]float32, error) { return values, nil }})
	}
	byName := func(a, b tensor) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(trunk, byName)
	slices.SortFunc(vision, byName)
	return errors.Join(
		seer.WriteConfig(l.r.Out, l.config),
		seer.WriteSentences(l.r.Out, l.sentences),
		l.r.write(seer.VisionFile, vision),
		l.r.write(seer.WeightsFile, trunk),
		l.r.bindTo(seer.Kind),
	)
}

func isConv1D(name string) bool {
	if !strings.HasPrefix(name, "transformer_backbone.h.") || !strings.HasSuffix(name, ".weight") {
		return false
	}
	return strings.Contains(name, ".c_attn.") || strings.Contains(name, ".c_proj.") || strings.Contains(name, ".c_fc.")
}

func transposed(t tensor) tensor {
	rows, cols := t.shape[0], t.shape[1]
	values := t.values
	return tensor{name: t.name, shape: []int{cols, rows}, values: func() ([]float32, error) {
		v, err := values()
		if err != nil {
			return nil, err
		}
		out := make([]float32, len(v))
		for r := range rows {
			for c := range cols {
				out[c*rows+r] = v[r*cols+c]
			}
		}
		return out, nil
	}}
}

func (l *seerLesson) acts() bool                 { return true }
func (l *seerLesson) optimiser() *tape.Optimiser { return l.s.Optimiser }
func (l *seerLesson) close() error               { return l.s.Close() }

// teacher is a Seer that knows, on a backend of its own.
type teacher struct {
	model     *seer.Model
	config    seer.Config
	eyes      *continuous.Eyes
	sentences seer.Sentences
	close     func() error
}

func (r *run) openTeacher() (*teacher, error) {
	files, err := seer.OpenFiles(r.Teacher)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	t := &teacher{config: files.Config}
	if t.sentences, err = files.Sentences(); err != nil {
		return nil, err
	}
	b, err := r.backend()
	if err != nil {
		return nil, err
	}
	t.close = b.Close
	t.eyes = continuous.NewEyes(t.config.Sight(), r.manifest.Cameras)
	if t.model, err = seer.Build(b, t.config, weights.Files{Weights: files.Weights}, seer.Options{Sequences: 1}); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return t, nil
}

// features of every step's action tokens: what the alignment learns.
func (t *teacher) features(r *run, s *Sequence) ([]float32, error) {
	l, err := r.seerLesson(s, t.eyes, t.sentences)
	if err != nil {
		return nil, err
	}
	x, err := t.model.Study([]*seer.Lesson{&l.Lesson})
	if err != nil {
		return nil, err
	}
	return t.model.Read(x)
}
