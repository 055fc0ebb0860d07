package episode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
)

// maxChunk bounds what a damaged file can make a reader allocate.
const maxChunk = 1 << 28

// unpacker reads chunks and holds them to their checksums.
type unpacker struct{ zstd *zstd.Decoder }

func newUnpacker() (*unpacker, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxChunk))
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	return &unpacker{d}, nil
}

func (u *unpacker) close() { u.zstd.Close() }

// inside is what a chunk holds.
type inside struct {
	schemas  []*mcap.Schema
	channels []*mcap.Channel
	messages []mcap.Message
	offsets  []uint64 // of the messages
}

// open reads the body of a chunk record.
func (u *unpacker) open(body []byte) (*mcap.Chunk, inside, error) {
	fail := func(why string) (*mcap.Chunk, inside, error) {
		return nil, inside{}, fmt.Errorf("%w: a chunk: %s", ErrDamaged, why)
	}
	if !lengthsFit(body) { // the library takes them as they are
		return fail("its lengths")
	}
	c, err := mcap.ParseChunk(body)
	if err != nil {
		return fail(err.Error())
	}
	if c.Compression != mcap.CompressionZSTD.String() {
		return fail(fmt.Sprintf("compressed with %q, not zstd", c.Compression))
	}
	plain, err := u.zstd.DecodeAll(c.Records, nil)
	if err != nil || uint64(len(plain)) != c.UncompressedSize || crc32.ChecksumIEEE(plain) != c.UncompressedCRC {
		return fail("its checksum")
	}
	in, err := readChunk(plain)
	if err != nil {
		return fail(err.Error())
	}
	return c, in, nil
}

// lengthsFit says whether a chunk's two lengths, of the compression's name and
// of the records, are those of the record.
func lengthsFit(body []byte) bool {
	const name = 8 + 8 + 8 + 4 // after start, end, size and checksum
	if len(body) < name+4+8 {
		return false
	}
	n := uint64(binary.LittleEndian.Uint32(body[name:]))
	if n > uint64(len(body)-name-4-8) {
		return false
	}
	rest := body[name+4+n:]
	return binary.LittleEndian.Uint64(rest) == uint64(len(rest)-8)
}

func readChunk(plain []byte) (in inside, err error) {
	for at := 0; at < len(plain); {
		if len(plain)-at < recordHeader {
			return in, errors.New("a record in it breaks off")
		}
		n := binary.LittleEndian.Uint64(plain[at+1:])
		if n > uint64(len(plain)-at-recordHeader) {
			return in, errors.New("a record in it breaks off")
		}
		body := plain[at+recordHeader:][:n]
		switch op := mcap.OpCode(plain[at]); op {
		case mcap.OpSchema:
			s, err := mcap.ParseSchema(bytes.Clone(body))
			if err != nil {
				return in, err
			}
			in.schemas = append(in.schemas, s)
		case mcap.OpChannel:
			c, err := mcap.ParseChannel(body)
			if err != nil {
				return in, err
			}
			in.channels = append(in.channels, c)
		case mcap.OpMessage:
			var m mcap.Message
			if err := m.PopulateFrom(body, false); err != nil {
				return in, err
			}
			in.messages, in.offsets = append(in.messages, m), append(in.offsets, uint64(at))
		default:
			return in, fmt.Errorf("a record of kind %s in it", op)
		}
		at += recordHeader + int(n)
	}
	return in, nil
}

// indexes are the message indexes that follow the chunk, in a writer's order: of the channels.
func (in inside) indexes() []*mcap.MessageIndex {
	byChannel := map[uint16]*mcap.MessageIndex{}
	var all []*mcap.MessageIndex
	for i, m := range in.messages {
		x := byChannel[m.ChannelID]
		if x == nil {
			x = &mcap.MessageIndex{ChannelID: m.ChannelID}
			byChannel[m.ChannelID] = x
			all = append(all, x)
		}
		x.Add(m.LogTime, in.offsets[i])
	}
	slices.SortFunc(all, func(a, b *mcap.MessageIndex) int { return int(a.ChannelID) - int(b.ChannelID) })
	return all
}
