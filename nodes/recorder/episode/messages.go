package episode

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"cobot_vla/msgs"

	"github.com/foxglove/mcap/go/mcap"
)

// Message is one message of an episode.
type Message struct {
	Topic, Type string
	// Stamp at capture; the arrival where the message has none.
	Stamp time.Time
	// Arrival at the recorder.
	Arrival time.Time
	// CDR is the message's bytes.
	CDR []byte
}

// Decode makes a new message of the bytes.
func (m Message) Decode() (msgs.Message, error) {
	out, ok := msgs.New(m.Type)
	if !ok {
		return nil, fmt.Errorf("episode: topic %s: no definition of type %s", m.Topic, m.Type)
	}
	if err := msgs.ReadCDR(m.CDR, out); err != nil {
		return nil, fmt.Errorf("episode: topic %s: %w", m.Topic, err)
	}
	return out, nil
}

// Read yields the messages of topics, all when none is given, in the order
// of their arrival, and of the recording where they arrived at once. It ends at
// the first error: a chunk whose bytes are not what was written.
func (r *Reader) Read(topics ...string) iter.Seq2[Message, error] {
	return r.Between(time.Time{}, time.Time{}, topics...)
}

// Between is Read for the messages that arrived from from to to; a zero time is no
// bound. It unpacks the chunks of that time alone.
func (r *Reader) Between(from, to time.Time, topics ...string) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		unpack, err := newUnpacker()
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer unpack.close()
		s := &sequence{r: r, unpack: unpack, channels: r.channels(topics), to: math.MaxUint64}
		if !from.IsZero() {
			s.from = uint64(from.UnixNano())
		}
		if !to.IsZero() {
			s.to = uint64(to.UnixNano())
		}
		for _, c := range r.index.ChunkIndexes {
			if s.wants(c) {
				s.chunks = append(s.chunks, c)
			}
		}
		slices.SortStableFunc(s.chunks, func(a, b *mcap.ChunkIndex) int { return cmp.Compare(a.MessageStartTime, b.MessageStartTime) })
		for {
			m, ok, err := s.next()
			if !ok && err == nil || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// channels are those of the topics, by number.
func (r *Reader) channels(topics []string) map[uint16]*mcap.Channel {
	all := map[uint16]*mcap.Channel{}
	for id, c := range r.index.Channels {
		if len(topics) == 0 || slices.Contains(topics, c.Topic) {
			all[id] = c
		}
	}
	return all
}

// sequence puts the messages of chunks that overlap in time in order.
type sequence struct {
	r        *Reader
	unpack   *unpacker
	channels map[uint16]*mcap.Channel
	from, to uint64             // bounds of the arrival
	chunks   []*mcap.ChunkIndex // not open yet, by the time of their first message
	ready    []mcap.Message     // of the open ones, in order
}

func (s *sequence) wants(c *mcap.ChunkIndex) bool {
	if c.MessageEndTime < s.from || c.MessageStartTime > s.to {
		return false
	}
	for id := range c.MessageIndexOffsets {
		if s.channels[id] != nil {
			return true
		}
	}
	return false
}

func (s *sequence) next() (Message, bool, error) {
	for len(s.chunks) > 0 && (len(s.ready) == 0 || s.chunks[0].MessageStartTime <= s.ready[0].LogTime) {
		if err := s.open(s.chunks[0]); err != nil {
			return Message{}, false, err
		}
		s.chunks = s.chunks[1:]
	}
	if len(s.ready) == 0 {
		return Message{}, false, nil
	}
	m := s.ready[0]
	s.ready[0] = mcap.Message{}
	s.ready = s.ready[1:]
	c := s.channels[m.ChannelID]
	typeName := ""
	if schema := s.r.index.Schemas[c.SchemaID]; schema != nil {
		typeName = schema.Name
	}
	return Message{
		Topic: c.Topic, Type: typeName, CDR: m.Data,
		Stamp: time.Unix(0, int64(m.PublishTime)), Arrival: time.Unix(0, int64(m.LogTime)),
	}, true, nil
}

func (s *sequence) open(c *mcap.ChunkIndex) error {
	op, body, err := recordAt(s.r.file, int64(c.ChunkStartOffset), s.r.size)
	if err == nil && op != mcap.OpChunk {
		err = fmt.Errorf("%w: a %s record where the index has a chunk", ErrDamaged, op)
	}
	var in inside
	if err == nil {
		_, in, err = s.unpack.open(body)
	}
	if err != nil {
		return fmt.Errorf("%s: at byte %d: %w", s.r.Path, c.ChunkStartOffset, err)
	}
	ordered := len(s.ready) == 0
	for _, m := range in.messages {
		if s.channels[m.ChannelID] != nil && m.LogTime >= s.from && m.LogTime <= s.to {
			ordered = ordered && (len(s.ready) == 0 || s.ready[len(s.ready)-1].LogTime <= m.LogTime)
			s.ready = append(s.ready, m)
		}
	}
	if !ordered {
		slices.SortStableFunc(s.ready, func(a, b mcap.Message) int { return cmp.Compare(a.LogTime, b.LogTime) })
	}
	return nil
}
