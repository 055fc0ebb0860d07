package episode

import (
	"bytes"
	"maps"
	"math"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// contents is what is in a file's data section, as its index will say.
type contents struct {
	schemas     map[uint16]*mcap.Schema
	channels    map[uint16]*mcap.Channel
	chunks      []*mcap.ChunkIndex
	attachments []*mcap.AttachmentIndex
	metadata    []*mcap.MetadataIndex
	counts      map[uint16]uint64 // messages of each channel
}

func newContents() contents {
	return contents{schemas: map[uint16]*mcap.Schema{}, channels: map[uint16]*mcap.Channel{}, counts: map[uint16]uint64{}}
}

func (c *contents) statistics() *mcap.Statistics {
	s := &mcap.Statistics{
		SchemaCount: uint16(len(c.schemas)), ChannelCount: uint32(len(c.channels)),
		AttachmentCount: uint32(len(c.attachments)), MetadataCount: uint32(len(c.metadata)),
		ChunkCount: uint32(len(c.chunks)), ChannelMessageCounts: c.counts,
	}
	for _, n := range c.counts {
		s.MessageCount += n
	}
	if s.MessageCount == 0 {
		return s
	}
	s.MessageStartTime = math.MaxUint64
	for _, k := range c.chunks {
		s.MessageStartTime = min(s.MessageStartTime, k.MessageStartTime)
		s.MessageEndTime = max(s.MessageEndTime, k.MessageEndTime)
	}
	return s
}

// tail is the end of a file whose data section so far has base bytes: the given
// metadata records, then the index. The library's own Close knows no file that
// it did not begin; this serves new and repaired files alike.
func (c *contents) tail(base int64, records []*mcap.Metadata) ([]byte, error) {
	var out bytes.Buffer
	plain := &mcap.WriterOptions{SkipMagic: true}
	w, err := mcap.NewWriter(&out, plain)
	if err != nil {
		return nil, err
	}
	for _, m := range records {
		at := out.Len()
		if err := w.WriteMetadata(m); err != nil {
			return nil, err
		}
		c.metadata = append(c.metadata, &mcap.MetadataIndex{Offset: uint64(base) + uint64(at), Length: uint64(out.Len() - at), Name: m.Name})
	}
	if err := w.WriteDataEnd(&mcap.DataEnd{}); err != nil { // 0: no checksum over all of the data
		return nil, err
	}
	summary, err := c.summary(base + int64(out.Len()))
	return append(out.Bytes(), summary...), err
}

// summary is the part of a file after its data, which begins at base.
func (c *contents) summary(base int64) ([]byte, error) {
	var out bytes.Buffer
	// The writer's checksum runs from its first byte: that of the summary, as the footer wants it.
	w, err := mcap.NewWriter(&out, &mcap.WriterOptions{SkipMagic: true, IncludeCRC: true})
	if err != nil {
		return nil, err
	}
	var groups []*mcap.SummaryOffset
	group := func(op mcap.OpCode, n int, write func(i int) error) error {
		start := out.Len()
		for i := range n {
			if err := write(i); err != nil {
				return err
			}
		}
		if n > 0 {
			groups = append(groups, &mcap.SummaryOffset{
				GroupOpcode: op, GroupStart: uint64(base) + uint64(start), GroupLength: uint64(out.Len() - start),
			})
		}
		return nil
	}
	schemas, channels := slices.Sorted(maps.Keys(c.schemas)), slices.Sorted(maps.Keys(c.channels))
	for _, err := range []error{
		group(mcap.OpSchema, len(schemas), func(i int) error { return w.WriteSchema(c.schemas[schemas[i]]) }),
		group(mcap.OpChannel, len(channels), func(i int) error { return w.WriteChannel(c.channels[channels[i]]) }),
		group(mcap.OpStatistics, 1, func(int) error { return w.WriteStatistics(c.statistics()) }),
		group(mcap.OpChunkIndex, len(c.chunks), func(i int) error { return w.WriteChunkIndex(c.chunks[i]) }),
		group(mcap.OpAttachmentIndex, len(c.attachments), func(i int) error { return w.WriteAttachmentIndex(c.attachments[i]) }),
		group(mcap.OpMetadataIndex, len(c.metadata), func(i int) error { return w.WriteMetadataIndex(c.metadata[i]) }),
	} {
		if err != nil {
			return nil, err
		}
	}
	offsets := uint64(base) + uint64(out.Len())
	for _, g := range groups {
		if err := w.WriteSummaryOffset(g); err != nil {
			return nil, err
		}
	}
	if err := w.WriteFooter(&mcap.Footer{SummaryStart: uint64(base), SummaryOffsetStart: offsets}); err != nil {
		return nil, err
	}
	out.Write(mcap.Magic)
	return out.Bytes(), nil
}
