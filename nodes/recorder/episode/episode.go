package episode

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"time"

	"github.com/foxglove/mcap/go/mcap"
)

// Episode is a finished episode.
type Episode struct {
	// Path of the file.
	Path string
	Info
	Result
	// Streams, by topic.
	Streams []Stream
	// Messages in the file, and the arrivals of the first and the last.
	Messages    uint64
	First, Last time.Time
}

// Duration from the first message to the last.
func (e *Episode) Duration() time.Duration { return e.Last.Sub(e.First) }

// Stream of a topic; false when the episode has none.
func (e *Episode) Stream(topic string) (Stream, bool) {
	i := slices.IndexFunc(e.Streams, func(s Stream) bool { return s.Topic == topic })
	if i < 0 {
		return Stream{}, false
	}
	return e.Streams[i], true
}

func newEpisode(path string, info Info, r Result, streams []Stream, c *contents) *Episode {
	s := c.statistics()
	e := &Episode{Path: path, Info: info, Result: r, Streams: streams, Messages: s.MessageCount}
	if s.MessageCount > 0 {
		e.First, e.Last = time.Unix(0, int64(s.MessageStartTime)), time.Unix(0, int64(s.MessageEndTime))
	}
	slices.SortFunc(e.Streams, func(a, b Stream) int { return cmp.Compare(a.Topic, b.Topic) })
	return e
}

// Reader reads a finished episode.
type Reader struct {
	Episode
	file  io.ReaderAt
	close func() error
	size  int64
	mcap  *mcap.Reader
	index *mcap.Info
}

// Open opens a finished episode; ErrUnfinished says that it needs Repair.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("episode: %w", err), f.Close())
	}
	r, err := read(path, f, size)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.close = f.Close
	return r, nil
}

func read(path string, f io.ReaderAt, size int64) (*Reader, error) {
	if err := beginsAsMCAP(f); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotEpisode, path, err)
	}
	lib, err := mcap.NewReader(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotEpisode, path, err)
	}
	if p := lib.Header().Profile; p != "ros2" {
		return nil, fmt.Errorf("%w: %s: its profile is %q, not ros2", ErrNotEpisode, path, p)
	}
	if finished, err := hasEnd(f, size); err != nil || !finished {
		return nil, cmp.Or(err, fmt.Errorf("%w: %s has no index: finish it with `cobot_vla record repair`", ErrUnfinished, path))
	}
	index, err := lib.Info()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: the index: %w", ErrDamaged, path, err)
	}
	r := &Reader{file: f, size: size, mcap: lib, index: index}
	r.Path = path
	if err := r.describe(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return r, nil
}

// footerSize is the footer record and the magic behind it.
const footerSize = recordHeader + 8 + 8 + 4 + 8

// hasEnd says whether the file ends as a finished one does, with an index whose checksum is right.
func hasEnd(f io.ReaderAt, size int64) (bool, error) {
	end := make([]byte, footerSize)
	if size < footerSize {
		return false, nil
	}
	if _, err := f.ReadAt(end, size-footerSize); err != nil {
		return false, fmt.Errorf("episode: %w", err)
	}
	if end[0] != byte(mcap.OpFooter) || !bytes.HasSuffix(end, mcap.Magic) {
		return false, nil
	}
	footer, err := mcap.ParseFooter(end[recordHeader:])
	if err != nil || footer.SummaryStart == 0 || footer.SummaryStart > uint64(size-footerSize) {
		return false, nil
	}
	summary := make([]byte, size-int64(footer.SummaryStart)-12) // without checksum and magic
	if _, err := f.ReadAt(summary, int64(footer.SummaryStart)); err != nil {
		return false, fmt.Errorf("episode: %w", err)
	}
	return crc32.ChecksumIEEE(summary) == footer.SummaryCRC, nil
}

// describe reads what is known of the episode besides its messages.
func (r *Reader) describe() error {
	d := description{}
	for _, at := range r.index.MetadataIndexes {
		m, err := r.mcap.GetMetadata(at.Offset)
		if err != nil {
			return fmt.Errorf("metadata %s: %w", at.Name, err)
		}
		if err := d.add(m); err != nil {
			return err
		}
	}
	if !d.hasInfo {
		return fmt.Errorf("no metadata record %s: was it recorded by another program?", infoRecord)
	}
	for _, at := range r.index.AttachmentIndexes {
		if err := r.attachment(at, &d.info); err != nil {
			return fmt.Errorf("attachment %s: %w", at.Name, err)
		}
	}
	c := contents{counts: r.index.Statistics.ChannelMessageCounts, chunks: r.index.ChunkIndexes}
	for i := range d.streams {
		for _, ch := range r.index.Channels {
			if ch.Topic == d.streams[i].Topic {
				d.streams[i].QoS = ch.Metadata["offered_qos_profiles"]
			}
		}
	}
	r.Episode = *newEpisode(r.Path, d.info, d.result, d.streams, &c)
	return nil
}

func (r *Reader) attachment(at *mcap.AttachmentIndex, info *Info) error {
	a, err := r.mcap.GetAttachmentReader(at.Offset)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(a.Data())
	if err != nil {
		return err
	}
	info.attach(a.Name, data)
	return nil
}

func (i *Info) attach(name string, data []byte) {
	switch name {
	case calibrationFile:
		i.Calibration = data
	case parametersFile:
		i.Parameters = data
	}
}

// description gathers metadata records in the order of the file.
type description struct {
	info               Info
	result             Result
	streams            []Stream
	hasInfo, hasResult bool
}

func (d *description) add(m *mcap.Metadata) error {
	switch m.Name {
	case infoRecord:
		err := d.info.parse(m.Metadata)
		d.hasInfo = d.hasInfo || err == nil
		return err
	case resultRecord:
		err := d.result.parse(m.Metadata)
		d.hasResult = d.hasResult || err == nil
		return err
	case streamRecord:
		var s Stream
		if err := s.parse(m.Metadata); err != nil {
			return err
		}
		d.streams = slices.DeleteFunc(d.streams, func(old Stream) bool { return old.Topic == s.Topic })
		d.streams = append(d.streams, s)
	}
	return nil
}

// Close closes the file.
func (r *Reader) Close() error {
	r.mcap.Close()
	return r.close()
}
