package data

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/token"
	"cobot_vla/model/vision"
)

const (
	magic    = "CVLADATA"
	version  = 1
	preamble = 64 // bytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// places are where a file's parts lie; each part begins where the one before ends.
type places struct {
	samples  uint64
	records  uint64 // offset; pixels begin behind the preamble
	meta     uint64 // offset
	size     uint64 // of the file
	checksum uint32 // over records and meta
}

func (p places) bytes() []byte {
	b := append(make([]byte, 0, preamble), magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, p.checksum)
	for _, v := range []uint64{p.samples, p.records, p.meta, p.size} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = b[:preamble-4]
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parsePlaces reads a preamble; size is the file's.
func parsePlaces(b []byte, size int) (p places, err error) {
	if len(b) < preamble || string(b[:len(magic)]) != magic {
		return p, fmt.Errorf("%w: it does not begin as one", ErrFile)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return p, fmt.Errorf("%w: of version %d, this program reads %d: prepare it again", ErrFile, v, version)
	}
	if sum := crc32.Checksum(b[:preamble-4], castagnoli); sum != binary.LittleEndian.Uint32(b[preamble-4:]) {
		return p, fmt.Errorf("%w: its first %d bytes are damaged", ErrFile, preamble)
	}
	p.checksum = binary.LittleEndian.Uint32(b[12:])
	for i, v := range []*uint64{&p.samples, &p.records, &p.meta, &p.size} {
		*v = binary.LittleEndian.Uint64(b[16+8*i:])
	}
	switch {
	case p.size != uint64(size):
		return p, fmt.Errorf("%w: it has %d bytes, %d were written: it was cut", ErrFile, size, p.size)
	case p.records < preamble || p.meta < p.records || p.size < p.meta || p.samples > p.size:
		return p, fmt.Errorf("%w: its parts lie at %d, %d and %d of %d bytes", ErrFile, p.records, p.meta, p.size, size)
	}
	return p, nil
}

// meta is the JSON at the end of a file.
type meta struct {
	Task       string              `json:"task"`
	Manifest   checkpoint.Manifest `json:"manifest"`
	Statistics []byte              `json:"statistics"`
	Tokenizer  []byte              `json:"tokenizer"`
	Rules      vision.Rules        `json:"rules"`
	Crops      int                 `json:"crops"`
	Image      vision.Size         `json:"image"`
	Episodes   []stretch           `json:"episodes"`
}

// stretch is the samples of one episode.
type stretch struct {
	Name        string `json:"name"`
	Seed        uint64 `json:"seed,omitempty"`
	Instruction string `json:"instruction"`
	Mobile      bool   `json:"mobile,omitempty"`
	Samples     int    `json:"samples"`
}

func (m meta) spec() Spec {
	return Spec{Manifest: m.Manifest, Statistics: m.Statistics, Tokenizer: m.Tokenizer, Rules: m.Rules}
}

func (m meta) bytes() ([]byte, error) { return json.Marshal(m) }

// shape of a record.
type shape struct {
	state, steps, labels int // numbers of proprioception, of a chunk, and the most labels
}

func shapeOf(m checkpoint.Manifest) shape {
	s := shape{state: len(m.Proprioception), steps: m.Action.Chunk * len(m.Action.Names)}
	s.labels = s.steps
	if m.Navigation != nil {
		s.labels++
		if m.Navigation.Tokens == "values" {
			s.labels++
		}
	}
	return s
}

// size of a record: stamp, checksum of the pixels, direction, labels; the value of a drive, state, steps; ids; digits.
func (s shape) size() int {
	n := 8 + 4 + 2 + 2 + 8 + 8*s.state + 8*s.steps + 4*s.labels + 2*s.state
	return (n + 7) / 8 * 8
}

// noDirection says that a record's decision is steps.
const noDirection = math.MaxUint16

// record is a sample without its picture.
type record struct {
	stamp     int64
	pixels    uint32 // checksum
	direction uint16 // of a drive, or noDirection
	value     float64
	state     []float64
	steps     []float64
	ids       []uint32
	digits    []uint16
}

func (r *record) append(b []byte, s shape) []byte {
	end := len(b) + s.size()
	b = binary.LittleEndian.AppendUint64(b, uint64(r.stamp))
	b = binary.LittleEndian.AppendUint32(b, r.pixels)
	b = binary.LittleEndian.AppendUint16(b, r.direction)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.ids)))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.value))
	for _, v := range r.state {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for i := range s.steps {
		v := 0.0
		if i < len(r.steps) {
			v = r.steps[i]
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for i := range s.labels {
		id := uint32(0)
		if i < len(r.ids) {
			id = r.ids[i]
		}
		b = binary.LittleEndian.AppendUint32(b, id)
	}
	for _, d := range r.digits {
		b = binary.LittleEndian.AppendUint16(b, d)
	}
	return append(b, make([]byte, end-len(b))...)
}

// read takes a record of shape s from its bytes; its slices are reused.
func (r *record) read(b []byte, s shape) error {
	r.stamp = int64(binary.LittleEndian.Uint64(b))
	r.pixels = binary.LittleEndian.Uint32(b[8:])
	r.direction = binary.LittleEndian.Uint16(b[12:])
	labels := int(binary.LittleEndian.Uint16(b[14:]))
	r.value = math.Float64frombits(binary.LittleEndian.Uint64(b[16:]))
	b = b[24:]
	if labels > s.labels || r.direction != noDirection && r.direction > uint16(token.Stop) {
		return fmt.Errorf("%w: a record with %d labels and direction %d", ErrFile, labels, r.direction)
	}
	floats := func(dst []float64, n int) []float64 {
		dst = dst[:0]
		for range n {
			dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)))
			b = b[8:]
		}
		return dst
	}
	r.state = floats(r.state, s.state)
	r.steps = floats(r.steps, s.steps)
	if r.direction != noDirection {
		r.steps = r.steps[:0]
	}
	r.ids = r.ids[:0]
	for i := range s.labels {
		if i < labels {
			r.ids = append(r.ids, binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	b = b[4*s.labels:]
	r.digits = r.digits[:0]
	for i := range s.state {
		r.digits = append(r.digits, binary.LittleEndian.Uint16(b[2*i:]))
	}
	return nil
}

// action is the record's decision; its steps are the record's.
func (r *record) action(dims int) model.Action {
	if r.direction != noDirection {
		return model.Action{Navigation: &model.Navigation{Direction: uint8(r.direction), Value: r.value}}
	}
	var a model.Action
	for at := 0; at+dims <= len(r.steps); at += dims {
		a.Steps = append(a.Steps, r.steps[at:at+dims])
	}
	return a
}
