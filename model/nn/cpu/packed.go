package cpu

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
)

// A file of converted weights is, little-endian:
//
//	"cobotnn1"           8 bytes
//	length of the index  8 bytes
//	the index            JSON
//	data                 every piece at a multiple of 4096 bytes from the start of the file
//
// Pieces are a weight's panels, its scales and its biases, as they lie in memory.
const (
	packedMagic = "cobotnn1"
	packedAlign = 4096
	// maxIndex bounds what a broken file can make us allocate.
	maxIndex = 16 << 20
)

// ErrPacked: the converted weights are broken, or of something else.
var ErrPacked = errors.New("converted weights can't be used")

type packedIndex struct {
	// Element of the weights: f32, bf16 or int8.
	Element string `json:"element"`
	// Source is what the weights were converted from, as the caller identifies it.
	Source  string         `json:"source"`
	Weights []packedWeight `json:"weights"`
}

type packedWeight struct {
	Name    string  `json:"name"`
	Out     int     `json:"out"`
	In      int     `json:"in"`
	Element element `json:"element"`
	Gated   bool    `json:"gated,omitempty"`
	HasBias bool    `json:"has_bias,omitempty"`
	// Offsets in the file. Scale is 0 for a weight without scales.
	Data  int64 `json:"data"`
	Scale int64 `json:"scale,omitempty"`
	Bias  int64 `json:"bias"`
}

var elementNames = [...]string{"f32", "bf16", "int8"}

func (p Precision) element() element {
	switch p {
	case F32:
		return elementF32
	case BF16:
		return elementBF16
	}
	return elementI8
}

// Element is the type weights are kept in: f32, bf16 or int8.
func (p Precision) Element() string { return elementNames[p.element()] }

// PackedName is what files of converted weights of a precision are called: INT8 and W8A16 share theirs.
func (p Precision) PackedName() string { return "packed-" + p.Element() + ".bin" }

// WritePacked writes every weight loaded so far, whole or not at all. source
// identifies what they were made from; Config.PackedSource is compared with it.
func (b *Backend) WritePacked(path, source string) (err error) {
	if b.err != nil {
		return b.err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, tmp.Close()); err == nil {
			err = os.Rename(tmp.Name(), path)
		}
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	index := packedIndex{Element: b.config.Precision.Element(), Source: source}
	// The index's own length decides where data begins; offsets are written 16 digits wide at most.
	at := int64(packedAlign) * int64(1+len(b.weights)/16)
	place := func(bytes int) int64 {
		here := at
		at += (int64(bytes) + packedAlign - 1) / packedAlign * packedAlign
		return here
	}
	for _, w := range b.weights {
		p := packedWeight{Name: w.name, Out: w.out, In: w.in, Element: w.element, Gated: w.gated, HasBias: w.hasBias}
		p.Data = place(len(w.data))
		if w.scale != nil {
			p.Scale = place(4 * len(w.scale))
		}
		p.Bias = place(4 * len(w.bias))
		index.Weights = append(index.Weights, p)
	}
	head, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if len(b.weights) == 0 || int64(16+len(head)) > index.Weights[0].Data {
		return fmt.Errorf("%w: %d weights with an index of %d bytes", ErrPacked, len(b.weights), len(head))
	}
	out := bufio.NewWriterSize(tmp, 1<<20)
	written := int64(0)
	write := func(offset int64, data []byte) error {
		for ; written < offset; written++ {
			if err := out.WriteByte(0); err != nil {
				return err
			}
		}
		n, err := out.Write(data)
		written += int64(n)
		return err
	}
	prefix := binary.LittleEndian.AppendUint64([]byte(packedMagic), uint64(len(head)))
	if err := errors.Join(write(0, prefix), write(16, head)); err != nil {
		return err
	}
	for i, w := range b.weights {
		p := index.Weights[i]
		err := write(p.Data, w.data)
		if w.scale != nil {
			err = errors.Join(err, write(p.Scale, unsafeBytes(w.scale)))
		}
		if err = errors.Join(err, write(p.Bias, unsafeBytes(w.bias))); err != nil {
			return err
		}
	}
	return out.Flush()
}

// packedFile is converted weights to load from.
type packedFile struct {
	path   string
	file   *os.File
	size   int64
	byName map[string]packedWeight
}

func openPacked(path, source string, precision Precision) (*packedFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &packedFile{path: path, file: file, byName: map[string]packedWeight{}}
	if err := p.read(source, precision); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return p, nil
}

func (p *packedFile) read(source string, precision Precision) error {
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	p.size = info.Size()
	var head [16]byte
	if _, err := io.ReadFull(p.file, head[:]); err != nil || string(head[:8]) != packedMagic {
		return fmt.Errorf("%w: it does not begin with %q", ErrPacked, packedMagic)
	}
	n := binary.LittleEndian.Uint64(head[8:])
	if n > maxIndex || int64(n) > p.size-16 {
		return fmt.Errorf("%w: an index of %d bytes in a file of %d", ErrPacked, n, p.size)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(p.file, data); err != nil {
		return fmt.Errorf("%w: %w", ErrPacked, err)
	}
	var index packedIndex
	if err := json.Unmarshal(data, &index); err != nil {
		return fmt.Errorf("%w: %w", ErrPacked, err)
	}
	if want := precision.Element(); index.Element != want {
		return fmt.Errorf("%w: they are %s, precision %s takes %s", ErrPacked, index.Element, precision, want)
	}
	if source != "" && index.Source != source {
		return fmt.Errorf("%w: they were made from another checkpoint (%s, this one is %s): convert again, or delete the file", ErrPacked, index.Source, source)
	}
	for _, w := range index.Weights {
		p.byName[w.Name] = w
	}
	return nil
}

func (p *packedFile) close() error { return p.file.Close() }

// find loads w from the file; false when it is not there.
func (p *packedFile) find(b *Backend, w *weight) (bool, error) {
	f, ok := p.byName[w.name]
	if !ok {
		return false, nil
	}
	if f.Out != w.out || f.In != w.in || f.Element != w.element || f.Gated != w.gated || f.HasBias != w.hasBias {
		return false, fmt.Errorf("%s: %w: %s is [%d, %d] %v, expected [%d, %d] %v", p.path, ErrPacked, w.name, f.Out, f.In, f.Element, w.out, w.in, w.element)
	}
	w.allocate(b)
	if b.err != nil {
		return false, b.err
	}
	pieces := []struct {
		at   int64
		into []byte
	}{{f.Data, w.data}, {f.Scale, unsafeBytes(w.scale)}, {f.Bias, unsafeBytes(w.bias)}}
	for _, piece := range pieces {
		if piece.at < 0 || piece.at > p.size-int64(len(piece.into)) {
			return false, fmt.Errorf("%s: %w: %s lies at %d..%d of %d bytes: the file was cut", p.path, ErrPacked, w.name, piece.at, piece.at+int64(len(piece.into)), p.size)
		}
		j := &readJob{file: p.file, at: piece.at, into: piece.into}
		b.pool.do(j, (len(piece.into)+readStep-1)/readStep, 100_000)
		if err := j.err.Load(); err != nil {
			return false, fmt.Errorf("%s: %s: %w", p.path, w.name, *err)
		}
	}
	return true, nil
}

// readJob reads a piece of a file, one step a task.
type readJob struct {
	file *os.File
	at   int64
	into []byte
	err  atomic.Pointer[error] // of any task; which one does not matter
}

const readStep = 1 << 20

func (j *readJob) task(_, t int) {
	part := j.into[t*readStep : min((t+1)*readStep, len(j.into))]
	if _, err := j.file.ReadAt(part, j.at+int64(t)*readStep); err != nil {
		j.err.Store(&err)
	}
}
