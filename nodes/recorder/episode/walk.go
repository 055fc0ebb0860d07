package episode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"cobot_vla/msgs"

	"github.com/foxglove/mcap/go/mcap"
)

// recordHeader is opcode and length.
const recordHeader = 9

// walker goes through the records of a file from its beginning, without an
// index, as far as they are whole.
type walker struct {
	contents
	description
	samples map[uint16][]sample // by channel
	losses  *msgs.RecorderStatus
	chunks  *unpacker

	at      int64 // where the next record begins; all before it is whole
	dataEnd bool  // the data section ends at at
	why     error // what is wrong with the record at at
	pending *pendingChunk
}

// pendingChunk is one whose message indexes have not all been seen.
type pendingChunk struct {
	index *mcap.ChunkIndex
	want  []*mcap.MessageIndex
	seen  int
}

// walk reads what is whole. err is nil also for a file that breaks off.
func walk(f io.ReaderAt, size int64) (*walker, error) {
	unpack, err := newUnpacker()
	if err != nil {
		return nil, err
	}
	defer unpack.close()
	w := &walker{contents: newContents(), samples: map[uint16][]sample{}, chunks: unpack}
	if err := beginsAsMCAP(f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotEpisode, err)
	}
	w.at = int64(len(mcap.Magic))
	for first := true; !w.dataEnd; first = false {
		op, body, err := recordAt(f, w.at, size)
		if err == nil {
			err = w.record(op, body, first)
		}
		if errors.Is(err, errRead) || errors.Is(err, ErrNotEpisode) {
			return nil, err
		}
		if err != nil {
			w.why = err
			break
		}
	}
	if !w.hasInfo {
		return nil, fmt.Errorf("%w: it breaks off before the record %s", ErrNotEpisode, infoRecord)
	}
	return w, nil
}

func beginsAsMCAP(f io.ReaderAt) error {
	magic := make([]byte, len(mcap.Magic))
	if _, err := f.ReadAt(magic, 0); err != nil || !bytes.Equal(magic, mcap.Magic) {
		return errors.New("it does not begin as MCAP files do")
	}
	return nil
}

var (
	errRead   = errors.New("episode: reading")
	errBroken = errors.New("breaks off")
)

func recordAt(f io.ReaderAt, at, size int64) (mcap.OpCode, []byte, error) {
	var head [recordHeader]byte
	if size-at < recordHeader {
		return 0, nil, errBroken
	}
	if _, err := f.ReadAt(head[:], at); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errRead, err)
	}
	n := binary.LittleEndian.Uint64(head[1:])
	if n > uint64(size-at-recordHeader) {
		return 0, nil, errBroken
	}
	body := make([]byte, n)
	if _, err := f.ReadAt(body, at+recordHeader); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errRead, err)
	}
	return mcap.OpCode(head[0]), body, nil
}

// record takes one record. An error means that it is not what was written.
func (w *walker) record(op mcap.OpCode, body []byte, first bool) error {
	if first != (op == mcap.OpHeader) {
		return fmt.Errorf("%w: %s record out of place", ErrDamaged, op)
	}
	if w.pending != nil && op != mcap.OpMessageIndex {
		return fmt.Errorf("%w: %s record in place of a message index", ErrDamaged, op)
	}
	length := int64(recordHeader + len(body))
	switch op {
	case mcap.OpHeader:
		h, err := mcap.ParseHeader(body)
		if err != nil || h.Profile != "ros2" {
			return fmt.Errorf("%w: the header is not one of profile ros2", ErrNotEpisode)
		}
	case mcap.OpMetadata:
		if err := w.addMetadata(body); err != nil {
			return err
		}
	case mcap.OpAttachment:
		if err := w.addAttachment(body); err != nil {
			return err
		}
	case mcap.OpChunk:
		return w.addChunk(body)
	case mcap.OpMessageIndex:
		return w.checkIndex(body, length)
	case mcap.OpDataEnd:
		w.dataEnd = true
		return nil // at stays before it: the end is made anew
	default:
		return fmt.Errorf("%w: a record of kind %s, which episodes do not have", ErrDamaged, op)
	}
	w.at += length
	return nil
}

func (w *walker) addMetadata(body []byte) error {
	m, err := mcap.ParseMetadata(body)
	if err == nil && m.Name == "" {
		err = errors.New("metadata without a name")
	}
	if err == nil {
		err = w.add(m)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	w.metadata = append(w.metadata, &mcap.MetadataIndex{Offset: uint64(w.at), Length: uint64(recordHeader + len(body)), Name: m.Name})
	return nil
}

func (w *walker) addAttachment(body []byte) error {
	if len(body) < 4 || crc32.ChecksumIEEE(body[:len(body)-4]) != binary.LittleEndian.Uint32(body[len(body)-4:]) {
		return fmt.Errorf("%w: checksum of an attachment", ErrDamaged)
	}
	index := &mcap.AttachmentIndex{Offset: uint64(w.at), Length: uint64(recordHeader + len(body))}
	record := make([]byte, 0, recordHeader+len(body))
	record = append(record, byte(mcap.OpAttachment))
	record = binary.LittleEndian.AppendUint64(record, uint64(len(body)))
	record = append(record, body...)
	lexer, err := mcap.NewLexer(bytes.NewReader(record), &mcap.LexerOptions{
		SkipMagic: true,
		AttachmentCallback: func(a *mcap.AttachmentReader) error {
			data, err := io.ReadAll(a.Data())
			index.LogTime, index.CreateTime = a.LogTime, a.CreateTime
			index.DataSize, index.Name, index.MediaType = a.DataSize, a.Name, a.MediaType
			w.info.attach(a.Name, data)
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer lexer.Close()
	if _, _, err := lexer.Next(nil); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: an attachment: %w", ErrDamaged, err)
	}
	w.attachments = append(w.attachments, index)
	return nil
}

// addChunk reads a chunk's messages.
func (w *walker) addChunk(body []byte) error {
	c, in, err := w.chunks.open(body)
	if err != nil {
		return err
	}
	if err := w.take(in); err != nil {
		return err
	}
	length := uint64(recordHeader + len(body))
	w.pending = &pendingChunk{want: in.indexes(), index: &mcap.ChunkIndex{
		MessageStartTime: c.MessageStartTime, MessageEndTime: c.MessageEndTime,
		ChunkStartOffset: uint64(w.at), ChunkLength: length, MessageIndexOffsets: map[uint16]uint64{},
		Compression: mcap.CompressionZSTD, CompressedSize: uint64(len(c.Records)), UncompressedSize: c.UncompressedSize,
	}}
	w.contents.chunks = append(w.contents.chunks, w.pending.index)
	w.at += int64(length)
	w.settle()
	return nil
}

func (w *walker) take(in inside) error {
	for _, s := range in.schemas {
		w.schemas[s.ID] = s
	}
	for _, c := range in.channels {
		w.channels[c.ID] = c
	}
	for _, m := range in.messages {
		c := w.channels[m.ChannelID]
		if c == nil {
			return fmt.Errorf("%w: a message of channel %d, which is not announced", ErrDamaged, m.ChannelID)
		}
		w.counts[m.ChannelID]++
		w.samples[m.ChannelID] = append(w.samples[m.ChannelID], sample{int64(m.PublishTime), int64(m.LogTime)})
		if c.Topic == StatusTopic {
			status := new(msgs.RecorderStatus)
			if err := msgs.ReadCDR(m.Data, status); err == nil {
				w.losses = status
			}
		}
	}
	return nil
}

// checkIndex compares a message index with the chunk before it.
func (w *walker) checkIndex(body []byte, length int64) error {
	p := w.pending
	if p == nil {
		return fmt.Errorf("%w: a message index without a chunk", ErrDamaged)
	}
	got, err := mcap.ParseMessageIndex(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	want := p.want[p.seen]
	if got.ChannelID != want.ChannelID || !slices.Equal(got.Records, want.Entries()) {
		return fmt.Errorf("%w: a message index is not its chunk's", ErrDamaged)
	}
	p.index.MessageIndexOffsets[got.ChannelID] = uint64(w.at)
	p.index.MessageIndexLength += uint64(length)
	p.seen++
	w.at += length
	w.settle()
	return nil
}

// settle is done with a chunk when all its indexes were seen.
func (w *walker) settle() {
	if w.pending != nil && w.pending.seen == len(w.pending.want) {
		w.pending = nil
	}
}

// missing is the indexes of the last chunk that are not in the file, to be
// written where the walk ended.
func (w *walker) missing() ([]byte, error) {
	p := w.pending
	if p == nil {
		return nil, nil
	}
	var out bytes.Buffer
	lib, err := mcap.NewWriter(&out, &mcap.WriterOptions{SkipMagic: true})
	if err != nil {
		return nil, err
	}
	for _, index := range p.want[p.seen:] {
		at := out.Len()
		if err := lib.WriteMessageIndex(index); err != nil {
			return nil, err
		}
		p.index.MessageIndexOffsets[index.ChannelID] = uint64(w.at) + uint64(at)
		p.index.MessageIndexLength += uint64(out.Len() - at)
	}
	w.pending = nil
	return out.Bytes(), nil
}
