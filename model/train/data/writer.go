package data

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"cobot_vla/model"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/vision"
)

// Writer writes a prepared file. Until Close there is no file of its name, and none after an error or Abort.
type Writer struct {
	path   string
	file   *os.File
	out    *bufio.Writer
	reader *llavavla.Reader
	shape  shape
	meta   meta
	size   uint64 // of the pixels
	crops  []byte
	record []byte // all of them
	failed error
}

// Create begins the file of one task.
func Create(path, task string, s Spec) (*Writer, error) {
	reader, err := s.Reader()
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	w := &Writer{
		path: path, file: file, out: bufio.NewWriterSize(file, 1<<20), reader: reader, shape: shapeOf(s.Manifest),
		meta: meta{Task: task, Manifest: s.Manifest, Statistics: s.Statistics, Tokenizer: s.Tokenizer, Rules: s.Rules},
	}
	if _, err := w.out.Write(make([]byte, preamble)); err != nil {
		return nil, errors.Join(fmt.Errorf("data: %w", err), w.Abort())
	}
	return w, nil
}

// Add appends an episode, whole or not at all: after an error that wraps ErrSpec the file goes on without it.
func (w *Writer) Add(e Episode) error {
	if w.failed != nil {
		return w.failed
	}
	var pixels, records []byte
	for i, s := range e.Samples {
		r, crops, err := w.sample(e, s)
		if err != nil {
			return fmt.Errorf("%w: episode %s: sample %d: %w", ErrSpec, e.Name, i, err)
		}
		pixels = append(pixels, crops...)
		records = r.append(records, w.shape)
	}
	if len(e.Samples) == 0 {
		return nil
	}
	if _, err := w.out.Write(pixels); err != nil {
		w.failed = fmt.Errorf("data: %w", err)
		return w.failed
	}
	w.size += uint64(len(pixels))
	w.record = append(w.record, records...)
	w.meta.Episodes = append(w.meta.Episodes, stretch{
		Name: e.Name, Seed: e.Seed, Instruction: e.Instruction, Mobile: e.Mobile, Samples: len(e.Samples),
	})
	return nil
}

// sample makes the record and the crops of a sample.
func (w *Writer) sample(e Episode, s Sample) (r record, crops []byte, err error) {
	m := w.meta.Manifest
	if m.ImageWidth > 0 && (s.Image.Width != m.ImageWidth || s.Image.Height != m.ImageHeight) {
		return r, nil, fmt.Errorf("a picture of %s, the manifest's are %dx%d", s.Image.Size, m.ImageWidth, m.ImageHeight)
	}
	if w.meta.Image == (vision.Size{}) {
		plan, err := w.reader.Plan(s.Image.Size)
		if err != nil {
			return r, nil, err
		}
		w.meta.Image, w.meta.Crops = s.Image.Size, plan.Encoded
	}
	if s.Image.Size != w.meta.Image {
		return r, nil, fmt.Errorf("a picture of %s after one of %s", s.Image.Size, w.meta.Image)
	}
	if w.crops, err = w.reader.Crops(w.crops[:0], s.Image); err != nil {
		return r, nil, err
	}
	obs := model.Observation{Instruction: e.Instruction, Mobile: e.Mobile, State: s.State}
	if _, err := w.reader.Prompt(obs); err != nil {
		return r, nil, err
	}
	digits, err := w.reader.Grammar().Tokenizer().State(w.reader.Statistics(), s.State)
	if err != nil {
		return r, nil, err
	}
	ids, _, err := w.reader.Answer(s.Action, e.Mobile, nil, nil)
	if err != nil {
		return r, nil, err
	}
	r = record{stamp: int64(s.Stamp), pixels: crc32.Checksum(w.crops, castagnoli), direction: noDirection, state: s.State, digits: digits}
	for _, id := range ids {
		r.ids = append(r.ids, uint32(id))
	}
	if n := s.Action.Navigation; n != nil {
		r.direction, r.value = uint16(n.Direction), n.Value
	}
	for _, step := range s.Action.Steps {
		r.steps = append(r.steps, step...)
	}
	return r, w.crops, nil
}

// Samples so far.
func (w *Writer) Samples() int { return len(w.record) / w.shape.size() }

// Close finishes the file and gives it its name.
func (w *Writer) Close() (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("data: %s: %w", w.path, err), w.Abort())
		}
	}()
	if w.failed != nil {
		return w.failed
	}
	end, err := w.meta.bytes()
	if err != nil {
		return err
	}
	sum := crc32.Update(crc32.Checksum(w.record, castagnoli), castagnoli, end)
	p := places{samples: uint64(w.Samples()), records: preamble + w.size, checksum: sum}
	p.meta = p.records + uint64(len(w.record))
	p.size = p.meta + uint64(len(end))
	for _, b := range [][]byte{w.record, end} {
		if _, err := w.out.Write(b); err != nil {
			return err
		}
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(p.bytes(), 0); err != nil {
		return err
	}
	if err := errors.Join(w.file.Chmod(0o644), w.file.Sync(), w.file.Close()); err != nil {
		return err
	}
	return os.Rename(w.file.Name(), w.path)
}

// Abort forgets the file.
func (w *Writer) Abort() error {
	_ = w.file.Close()
	return os.Remove(w.file.Name())
}
