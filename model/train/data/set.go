package data

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"cobot_vla/model"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/train"
)

// Set is prepared files as training draws from them.
type Set struct {
	cfg   Config
	files []*File
	// drawn lists the samples to draw, one file after another; a sample that is to be drawn more often
	// stands there more often. held are those that are never drawn.
	drawn, held []sampleRef
	groups      []int // where each file's samples end in drawn
	geometry    train.Geometry
	views       []rect
	words       [][]phrase // of each file: what its task is asked for in
	workers     []*worker
}

// sampleRef is a sample of a file.
type sampleRef struct {
	file   uint16
	driven bool
	index  uint32
}

// phrase is an instruction, and whether it is one of a mobile task.
type phrase struct {
	text   string
	mobile bool
}

var _ train.Data = (*Set)(nil)

// OpenSet opens prepared files. They must be for the same manifest, statistics, tokenizer and rules.
func OpenSet(paths []string, cfg Config) (_ *Set, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("data: no prepared file is named")
	}
	s := &Set{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, path := range paths {
		f, err := Open(path)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
	}
	for _, f := range s.files[1:] {
		if what := s.files[0].Spec().differs(f.Spec()); what != "" {
			return nil, fmt.Errorf("%w: %s and %s differ in %s: prepare them together", ErrSpec, s.files[0].path, f.path, what)
		}
	}
	if err := s.index(); err != nil {
		return nil, err
	}
	if err := s.measure(); err != nil {
		return nil, err
	}
	for range max(runtime.NumCPU(), 1) {
		s.workers = append(s.workers, &worker{s: s, reader: s.files[0].reader.Fork(), rng: rand.New(rand.NewPCG(0, 0))})
	}
	return s, nil
}

// Close closes the files.
func (s *Set) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.files = nil
	return errors.Join(errs...)
}

// Holds says whether episode i of n is held out: every so manieth.
func (c Config) Holds(i, n int) bool {
	if c.Held == 0 || n < 2 {
		return false
	}
	count := min(max(int(c.Held*float64(n)+0.5), 1), n-1)
	return (i+1)*count/n > i*count/n
}

// index lists the samples.
func (s *Set) index() error {
	for k, f := range s.files {
		phrases := map[phrase]bool{}
		var words []phrase
		for e := range f.Episodes() {
			episode, from, to := f.Episode(e)
			if p := (phrase{episode.Instruction, episode.Mobile}); !phrases[p] {
				phrases[p] = true
				words = append(words, p)
			}
			held := s.cfg.Holds(e, f.Episodes())
			for i := from; i < to; i++ {
				var r record
				if err := f.record(i, &r); err != nil {
					return err
				}
				ref := sampleRef{file: uint16(k), driven: r.direction != noDirection, index: uint32(i)}
				switch {
				case held:
					s.held = append(s.held, ref)
				case ref.driven:
					for range s.cfg.Driving {
						s.drawn = append(s.drawn, ref)
					}
				default:
					s.drawn = append(s.drawn, ref)
				}
			}
		}
		s.words = append(s.words, words)
		s.groups = append(s.groups, len(s.drawn))
	}
	if len(s.drawn) == 0 {
		return fmt.Errorf("%w: there is no sample to train on in %s", ErrSpec, s.files[0].path)
	}
	return nil
}

// measure finds what all examples have in common.
func (s *Set) measure() error {
	f := s.files[0]
	plan, err := f.reader.Plan(f.Image())
	if err != nil {
		return err
	}
	s.geometry = train.Geometry{Side: plan.Crop, Crops: plan.Encoded, Visual: len(plan.Tokens)}
	if m := f.meta.Manifest; m.ProprioceptionInput == "mlp" {
		s.geometry.State = len(m.Proprioception)
	}
	for _, f := range s.files {
		if f.Image() != s.files[0].Image() {
			return fmt.Errorf("%w: pictures of %s in %s, of %s in %s: prepare them together", ErrSpec, s.files[0].Image(), s.files[0].path, f.Image(), f.path)
		}
	}
	obs := model.Observation{State: f.reader.Statistics().Mean}
	for _, words := range s.words {
		for _, p := range words {
			obs.Instruction, obs.Mobile = p.text, p.mobile
			prompt, err := f.reader.Prompt(obs)
			if err != nil {
				return err
			}
			s.geometry.Longest = max(s.geometry.Longest, len(prompt.Before)+len(prompt.After)+f.shape.labels)
		}
	}
	s.views, err = viewsOf(f)
	return err
}

// Geometry of the examples.
func (s *Set) Geometry() train.Geometry { return s.geometry }

// Binding that the files were prepared for.
func (s *Set) Binding() train.Binding {
	spec := s.files[0].Spec()
	return train.Binding{Manifest: spec.Manifest, Statistics: spec.Statistics, Tokenizer: spec.Tokenizer}
}

// Len is how many different examples are drawn from, the same one drawn more often counted as often.
func (s *Set) Len() int { return len(s.drawn) }

// Sample draws the examples of a step: a function of seed and step. Every sample
// is drawn once before any is drawn again, in an order of its own each time round.
func (s *Set) Sample(seed, step uint64, into []train.Example) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.workers))
	for w, worker := range s.workers {
		wg.Go(func() {
			for i := w; i < len(into); i += len(s.workers) {
				at := step*uint64(len(into)) + uint64(i)
				worker.rng = rand.New(rand.NewPCG(seed, at))
				if err := worker.fill(&into[i], s.pick(seed, at), true); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// pick is the at'th sample to draw.
func (s *Set) pick(seed, at uint64) sampleRef {
	list := s.drawn
	if s.cfg.Balanced {
		k := at % uint64(len(s.groups))
		at /= uint64(len(s.groups))
		from := 0
		if k > 0 {
			from = s.groups[k-1]
		}
		if from < s.groups[k] {
			list = s.drawn[from:s.groups[k]]
			seed ^= k << 32
		}
	}
	n := uint64(len(list))
	return list[permute(at%n, n, seed+0x9e3779b97f4a7c15*(at/n+1))]
}

// permute is where i of 0..n-1 goes in a permutation that depends on key: four rounds of a
// Feistel network over the next power of four, walked until it is within n.
func permute(i, n, key uint64) uint64 {
	half := uint(1)
	for uint64(1)<<(2*half) < n {
		half++
	}
	mask := uint64(1)<<half - 1
	for {
		l, r := i>>half, i&mask
		for round := range uint64(4) {
			l, r = r, l^(mix(r^mix(key+round))&mask)
		}
		if i = l<<half | r; i < n {
			return i
		}
	}
}

// mix is splitmix64's finish.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Held are the examples that are never drawn, as they were recorded.
func (s *Set) Held() train.Held { return held{s, &worker{s: s, reader: s.files[0].reader.Fork()}} }

type held struct {
	s *Set
	w *worker
}

func (h held) Len() int { return len(h.s.held) }

func (h held) At(i int, e *train.Example) error {
	if i < 0 || i >= len(h.s.held) {
		return fmt.Errorf("%w: held-out example %d of %d", ErrSpec, i, len(h.s.held))
	}
	return h.w.fill(e, h.s.held[i], false)
}

// worker makes examples, one at a time.
type worker struct {
	s      *Set
	reader *llavavla.Reader
	rng    *rand.Rand
	record record
}

// fill makes an example of a sample.
func (w *worker) fill(e *train.Example, ref sampleRef, augment bool) error {
	f := w.s.files[ref.file]
	if err := f.record(int(ref.index), &w.record); err != nil {
		return err
	}
	r := &w.record
	pixels, err := f.pixels(int(ref.index), *r)
	if err != nil {
		return err
	}
	stretch := f.meta.Episodes[f.episodeOf(int(ref.index))]
	obs := model.Observation{Instruction: stretch.Instruction, Mobile: stretch.Mobile, State: r.state, Bins: r.digits}
	e.Pixels = append(e.Pixels[:0], pixels...)
	if augment {
		w.disturb(e.Pixels, &obs, w.s.words[ref.file])
	}
	prompt, err := w.reader.Prompt(obs)
	if err != nil {
		return fmt.Errorf("%s: sample %d: %w", f.path, ref.index, err)
	}
	e.Before = append(e.Before[:0], prompt.Before...)
	e.After = append(e.After[:0], prompt.After...)
	e.State = append(e.State[:0], prompt.State...)
	e.StateFrom, e.StateTo = w.reader.StateAt()
	e.Weights = nil
	a := r.action(len(f.meta.Manifest.Action.Names))
	e.Labels, e.Values, err = w.reader.Answer(a, obs.Mobile, e.Labels[:0], slices.Grow(e.Values[:0], f.shape.labels))
	if err != nil {
		return fmt.Errorf("%s: sample %d: %w", f.path, ref.index, err)
	}
	return nil
}
