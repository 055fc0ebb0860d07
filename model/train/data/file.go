package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sort"
	"time"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/vision"
)

// File is a prepared file, mapped. It is safe for concurrent use.
type File struct {
	path    string
	data    []byte
	unmap   func() error
	places  places
	meta    meta
	shape   shape
	picture int   // bytes of a sample's pixels
	starts  []int // first sample of each episode
	reader  *llavavla.Reader
}

// Open maps a prepared file.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	data, unmap, err := checkpoint.MapFile(f, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	file, err := parse(path, data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), unmap())
	}
	file.unmap = unmap
	return file, nil
}

// parse understands a file's bytes.
func parse(path string, data []byte) (*File, error) {
	f := &File{path: path, data: data, unmap: func() error { return nil }}
	var err error
	if f.places, err = parsePlaces(data, len(data)); err != nil {
		return nil, err
	}
	p := f.places
	if sum := crc32.Checksum(data[p.records:], castagnoli); sum != p.checksum {
		return nil, fmt.Errorf("%w: its records are damaged", ErrFile)
	}
	if err := json.Unmarshal(data[p.meta:], &f.meta); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if f.reader, err = f.meta.spec().Reader(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	f.shape = shapeOf(f.meta.Manifest)
	side := f.meta.Rules.Crop
	f.picture = f.meta.Crops * side * side * 3
	n := int(p.samples)
	if f.meta.Crops < 0 || f.picture < 0 || n*f.picture != int(p.records)-preamble || n*f.shape.size() != int(p.meta-p.records) {
		return nil, fmt.Errorf("%w: %d samples do not make its %d bytes", ErrFile, n, p.size)
	}
	at := 0
	for _, e := range f.meta.Episodes {
		if e.Samples < 1 || e.Samples > n-at {
			return nil, fmt.Errorf("%w: episode %s has %d samples of %d", ErrFile, e.Name, e.Samples, n)
		}
		f.starts = append(f.starts, at)
		at += e.Samples
	}
	if at != n {
		return nil, fmt.Errorf("%w: the episodes have %d samples of %d", ErrFile, at, n)
	}
	if n == 0 {
		return f, nil
	}
	plan, err := f.reader.Plan(f.meta.Image)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if plan.Encoded != f.meta.Crops {
		return nil, fmt.Errorf("%w: %d crops of a picture of %s, its rules make %d", ErrFile, f.meta.Crops, f.meta.Image, plan.Encoded)
	}
	return f, nil
}

// Close unmaps the file: nothing it gave may be used any more.
func (f *File) Close() error { return f.unmap() }

// Path of the file.
func (f *File) Path() string { return f.path }

// Task that it demonstrates.
func (f *File) Task() string { return f.meta.Task }

// Spec it was prepared for.
func (f *File) Spec() Spec { return f.meta.spec() }

// Image is the size of the composites.
func (f *File) Image() vision.Size { return f.meta.Image }

// Len is the number of samples, Episodes that of episodes.
func (f *File) Len() int      { return int(f.places.samples) }
func (f *File) Episodes() int { return len(f.meta.Episodes) }

// Episode is an episode without its samples, and which samples are its: [from, to).
func (f *File) Episode(i int) (e Episode, from, to int) {
	s := f.meta.Episodes[i]
	return Episode{Name: s.Name, Seed: s.Seed, Instruction: s.Instruction, Mobile: s.Mobile}, f.starts[i], f.starts[i] + s.Samples
}

// episodeOf is the episode of a sample.
func (f *File) episodeOf(i int) int {
	return sort.Search(len(f.starts), func(k int) bool { return f.starts[k] > i }) - 1
}

// Pixels are the crops of a sample, in the map: read them only.
func (f *File) Pixels(i int) ([]byte, error) {
	var r record
	if err := f.record(i, &r); err != nil {
		return nil, err
	}
	return f.pixels(i, r)
}

func (f *File) pixels(i int, r record) ([]byte, error) {
	at := preamble + i*f.picture
	pixels := f.data[at : at+f.picture : at+f.picture]
	if crc32.Checksum(pixels, castagnoli) != r.pixels {
		return nil, fmt.Errorf("%w: %s: the picture of sample %d is damaged", ErrFile, f.path, i)
	}
	return pixels, nil
}

func (f *File) record(i int, r *record) error {
	if i < 0 || i >= f.Len() {
		return fmt.Errorf("%w: sample %d of %d", ErrSpec, i, f.Len())
	}
	n := f.shape.size()
	at := int(f.places.records) + i*n
	return r.read(f.data[at:at+n], f.shape)
}

// Sample is one without its picture, and the ids that the file has for it: what the model should say, and the
// digits of its state.
func (f *File) Sample(i int) (s Sample, ids []uint32, digits []uint16, err error) {
	var r record
	if err := f.record(i, &r); err != nil {
		return s, nil, nil, err
	}
	s = Sample{Stamp: time.Duration(r.stamp), State: r.state, Action: r.action(len(f.meta.Manifest.Action.Names))}
	return s, r.ids, r.digits, nil
}
