package distill

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/continuous"
	"cobot_vla/model/nn/tape"
	"cobot_vla/model/text"
	"cobot_vla/model/vitavla"
	"cobot_vla/model/weights"
)

// vitaLesson is one of VITA-VLA's two stages.
type vitaLesson struct {
	r       *run
	v       *VITA
	config  vitavla.NetworkConfig
	words   *text.Tokenizer
	prompts map[string]*vitavla.Prompt
	eyes    *continuous.Eyes
	teacher *teacher // of the first stage
}

func newVITALesson(r *run) (_ *vitaLesson, err error) {
	l := &vitaLesson{r: r, prompts: map[string]*vitavla.Prompt{}}
	stage := r.Stage
	if r.Recipe == RecipeAlign {
		stage = AlignStage
	}
	base, err := checkpoint.OpenWeights(r.From)
	if err != nil {
		return nil, fmt.Errorf("the vision-language model to begin with: %w", err)
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	action, err := l.overlay(base)
	if err != nil {
		return nil, err
	}
	if l.config, err = baseConfig(r.From, action); err != nil {
		return nil, err
	}
	r.predictions = l.config.Predictions
	if l.words, err = text.Load(r.From); err != nil {
		return nil, err
	}
	l.eyes = continuous.NewEyes(continuous.ImageNet(l.config.Image), r.manifest.Cameras)
	if r.Recipe == RecipeAlign {
		if l.teacher, err = r.openTeacher(); err != nil {
			return nil, err
		}
	}
	b, err := r.backend()
	if err != nil {
		return nil, err
	}
	src := either{weights.Files{Weights: base}, newFresh(r.Seed, l.config.Language.Layers)}
	if l.v, err = NewVITA(b, l.config, src, r.History, stage); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return l, nil
}

// overlay lays Seer's decoder and heads, and what an earlier stage trained, over the
// base; it gives the width of Seer's space.
func (l *vitaLesson) overlay(base *checkpoint.Weights) (action int, err error) {
	heads := l.r.Teacher
	if heads == "" {
		heads = l.r.From
	}
	err = base.Overlay(filepath.Join(heads, vitavla.SeerFile), vitavla.HeadName)
	if err != nil {
		return 0, fmt.Errorf("the small action model's decoder and heads: %w", err)
	}
	if l.r.Recipe == RecipeFinetune {
		if err := base.Overlay(filepath.Join(l.r.From, vitavla.AlignFile), vitavla.TrainedName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	t, err := base.Tensor("seer.action_decoder.0.weight", -1, -1)
	if err != nil {
		return 0, err
	}
	return t.Shape[1], nil
}

// baseConfig is a base's, whose config.json may name another width of the small model's space.
func baseConfig(dir string, action int) (vitavla.NetworkConfig, error) {
	c, err := vitavla.ReadConfig(dir, 0)
	c.Action = action
	return c, err
}

// lesson is a sequence as a VITA-VLA sees it.
func (l *vitaLesson) lesson(s *Sequence) (*VITALesson, error) {
	lesson := &VITALesson{}
	instruction := s.Observations[0].Instruction
	lesson.Prompt = l.prompts[instruction]
	var err error
	if lesson.Prompt == nil {
		if lesson.Prompt, err = vitavla.NewPrompt(l.words, instruction); err != nil {
			return nil, err
		}
		l.prompts[instruction] = lesson.Prompt
	}
	pixels, err := look(l.eyes, s)
	if err != nil {
		return nil, err
	}
	l.v.Tape.Stop() // the tower is frozen
	for _, p := range pixels {
		f, err := l.v.Model.Look(p)
		if err != nil {
			return nil, err
		}
		lesson.Features = append(lesson.Features, f)
	}
	lesson.States, err = l.r.states(s)
	return lesson, err
}

func (l *vitaLesson) judge(batch []Sequence, scale float64, back bool) (float64, error) {
	return oneByOne(batch, scale, func(s *Sequence, scale float64) (float64, error) { return l.one(s, scale, back) })
}

func (l *vitaLesson) one(s *Sequence, scale float64, back bool) (float64, error) {
	lesson, err := l.lesson(s)
	if err != nil {
		return 0, err
	}
	if l.teacher != nil {
		if lesson.Teacher, err = l.teacher.features(l.r, s); err != nil {
			return 0, err
		}
		return l.v.Align(lesson, l.r.Align, scale, back)
	}
	if lesson.Labels, err = l.r.labels(s); err != nil {
		return 0, err
	}
	return l.v.Act(lesson, l.r.Loss, scale, back)
}

// act is, in the first stage, what the teacher's heads make of what is learned.
func (l *vitaLesson) act(s *Sequence) ([][7]float32, error) {
	lesson, err := l.lesson(s)
	if err != nil {
		return nil, err
	}
	mapped, err := l.v.read(lesson, false)
	if err != nil {
		return nil, err
	}
	heads := l.v.Model.Heads()
	return heads.Read(heads.Apply(mapped))
}

// save writes what learned over the base's files, which are brought along: a checkpoint that the policy loads.
func (l *vitaLesson) save() error {
	var own, heads []tensor
	for _, p := range l.v.Tape.Params() {
		if name, ok := strings.CutPrefix(p.Name, "seer."); ok {
			heads = append(heads, parameter(l.v.Tape, p, name))
		}
		if !p.Frozen {
			own = append(own, parameter(l.v.Tape, p, vitavla.FileName(p.Name)))
		}
	}
	file := vitavla.TrainedFile
	if l.r.Recipe == RecipeAlign {
		file = vitavla.AlignFile
	}
	base := []string{"model.safetensors", "tokenizer.json"}
	errs := []error{
		copyFiles(l.r.From, l.r.Out, base...),
		vitavla.WriteConfig(l.r.Out, l.config),
		l.r.write(file, own),
		l.r.bindTo(vitavla.Kind),
	}
	if l.r.Recipe == RecipeAlign {
		errs = append(errs, l.r.write(vitavla.SeerFile, heads))
	}
	return errors.Join(errs...)
}

func (l *vitaLesson) acts() bool                 { return true }
func (l *vitaLesson) optimiser() *tape.Optimiser { return l.v.Optimiser }
func (l *vitaLesson) close() error {
	err := l.v.Close()
	if l.teacher != nil {
		err = errors.Join(err, l.teacher.close())
	}
	return err
}
