package episode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cobot_vla/msgs"

	"github.com/foxglove/mcap/go/mcap"
)

// File is where a Writer writes: a file of the disk, opened to append.
type File interface {
	io.WriteCloser
	// Truncate takes away what is after size bytes.
	Truncate(size int64) error
	// Sync returns when what was written lasts through a power cut.
	Sync() error
}

// Options of a Writer.
type Options struct {
	// FlushInterval is how much recorded time a crash may cost at most; default 0.5 s.
	// Shorter ones compress worse.
	FlushInterval time.Duration
	// ChunkBytes is where a chunk ends before its time, uncompressed; default 4 MiB.
	// A reader that wants one message decompresses its chunk.
	ChunkBytes int64
	// Create makes the file; default: on disk, locked while it is written.
	Create func(path string) (File, error)
}

func (o Options) withDefaults() Options {
	if o.FlushInterval <= 0 {
		o.FlushInterval = 500 * time.Millisecond
	}
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = 4 << 20
	}
	if o.Create == nil {
		o.Create = createFile
	}
	return o
}

func createFile(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Writer writes one episode. Not safe for concurrent use.
type Writer struct {
	path string
	file File
	opts Options
	info Info

	out     bytes.Buffer        // what the library wrote since the last commit
	control *mcap.WriterOptions // the library looks at ChunkSize with every message
	mcap    *mcap.Writer
	sync    *syncer

	streams map[string]*recorded
	order   []*recorded
	cdr     []byte // reused

	good    contents // of the committed bytes
	size    int64    // that are committed
	open    int      // messages of the open chunk
	began   time.Time
	status  *recorded
	last    time.Time // of the status before
	failed  error
	scratch mcap.Message
}

// recorded is a stream while it is written.
type recorded struct {
	Stream
	channel   uint16
	stamper   stamper
	samples   []sample
	inFile    bool
	committed int // of samples
	reported  int // samples at the last status
	dead      bool
}

// Losses of a stream before it reaches the writer.
type Losses struct {
	Topic         string
	Dropped, Lost uint64
	Dead          bool
}

// Create makes the folder of the episode info names below root, of the next one
// where it names none, and begins its file.
func Create(root string, info Info, opts Options) (*Writer, error) {
	var err error
	if info.Name == "" {
		info.Name, err = newFolder(root)
	} else {
		err = namedFolder(root, info.Name)
	}
	if err != nil {
		return nil, err
	}
	path := fileOf(root, info.Name)
	w, err := begin(path, info, opts.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("episode: %s: %w", path, err)
	}
	return w, errors.Join(syncFolder(filepath.Dir(path)), syncFolder(root))
}

func begin(path string, info Info, opts Options) (*Writer, error) {
	file, err := opts.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{
		path: path, file: file, opts: opts, info: info, streams: map[string]*recorded{}, good: newContents(), last: info.Started,
		control: &mcap.WriterOptions{
			Chunked: true, ChunkSize: opts.ChunkBytes, IncludeCRC: true,
			Compression: mcap.CompressionZSTD, CompressionLevel: mcap.CompressionLevelFastest,
		},
	}
	w.mcap, err = mcap.NewWriter(&w.out, w.control)
	if err == nil {
		err = w.preamble()
	}
	if err == nil {
		err = w.commit()
	}
	if err == nil {
		w.status, err = w.stream(StatusTopic, (*msgs.RecorderStatus)(nil).TypeName(), "")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	w.sync = newSyncer(file)
	return w, nil
}

// preamble is what a reader must find even when nothing more came.
func (w *Writer) preamble() error {
	if err := w.mcap.WriteHeader(&mcap.Header{Profile: "ros2", Library: "cobot_vla"}); err != nil {
		return err
	}
	if err := w.mcap.WriteMetadata(&mcap.Metadata{Name: infoRecord, Metadata: w.info.metadata()}); err != nil {
		return err
	}
	at := uint64(w.info.Started.UnixNano())
	for _, f := range []struct {
		name string
		data []byte
	}{{calibrationFile, w.info.Calibration}, {parametersFile, w.info.Parameters}} {
		if err := w.mcap.WriteAttachment(&mcap.Attachment{
			LogTime: at, CreateTime: at, Name: f.name, MediaType: "application/yaml",
			DataSize: uint64(len(f.data)), Data: bytes.NewReader(f.data),
		}); err != nil {
			return err
		}
	}
	return nil
}

// Path of the file.
func (w *Writer) Path() string { return w.path }

// Info of the episode.
func (w *Writer) Info() Info { return w.info }

// Size is the bytes of the file that are flushed.
func (w *Writer) Size() int64 { return w.size }

// Stream announces a topic. qos is what its publishers offer, as OfferedQoS
// writes it. A topic that is announced again keeps its first type.
func (w *Writer) Stream(topic, typeName, qos string) error {
	_, err := w.stream(topic, typeName, qos)
	return err
}

func (w *Writer) stream(topic, typeName, qos string) (*recorded, error) {
	if s := w.streams[topic]; s != nil {
		if s.Type != typeName {
			return nil, fmt.Errorf("topic %s carries %s in this episode, not %s", topic, s.Type, typeName)
		}
		return s, nil
	}
	m, ok := msgs.New(typeName)
	if !ok {
		return nil, fmt.Errorf("topic %s: no definition of type %s", topic, typeName)
	}
	id := uint16(len(w.order) + 1) // a channel and its schema
	s := &recorded{Stream: Stream{Topic: topic, Type: typeName, QoS: qos}, channel: id, stamper: stamperOf(typeName)}
	schema := id
	for _, other := range w.order {
		if other.Type == typeName {
			schema = w.good.channels[other.channel].SchemaID
			break
		}
	}
	if schema == id {
		sc := &mcap.Schema{ID: id, Name: typeName, Encoding: "ros2msg", Data: []byte(msgs.Definition(m))}
		if err := w.mcap.WriteSchema(sc); err != nil {
			return nil, err
		}
		w.good.schemas[id] = sc
	}
	ch := &mcap.Channel{ID: id, SchemaID: schema, Topic: topic, MessageEncoding: "cdr", Metadata: map[string]string{"offered_qos_profiles": qos}}
	if err := w.mcap.WriteChannel(ch); err != nil {
		return nil, err
	}
	w.good.channels[id] = ch
	w.streams[topic] = s
	w.order = append(w.order, s)
	return s, nil
}

// Message writes m, which arrived then, on an announced topic.
func (w *Writer) Message(topic string, arrival time.Time, m msgs.Message) error {
	w.cdr = msgs.AppendCDR(w.cdr[:0], m)
	return w.CDR(topic, arrival, w.cdr)
}

// CDR writes a message's bytes.
func (w *Writer) CDR(topic string, arrival time.Time, cdr []byte) error {
	if w.failed != nil {
		return w.failed
	}
	s := w.streams[topic]
	if s == nil {
		return fmt.Errorf("episode: %s: topic %s was not announced", w.path, topic)
	}
	if w.open > 0 && arrival.Sub(w.began) >= w.opts.FlushInterval {
		if err := w.Flush(arrival); err != nil {
			return err
		}
	}
	return w.write(s, arrival, cdr)
}

func (w *Writer) write(s *recorded, arrival time.Time, cdr []byte) error {
	if w.open == 0 {
		w.began = arrival
	}
	stamp := s.stamper.of(cdr, arrival)
	w.scratch = mcap.Message{
		ChannelID: s.channel, Sequence: uint32(len(s.samples)),
		LogTime: uint64(arrival.UnixNano()), PublishTime: uint64(stamp.UnixNano()), Data: cdr,
	}
	if err := w.mcap.WriteMessage(&w.scratch); err != nil {
		return w.fail(err)
	}
	s.samples = append(s.samples, sample{stamp.UnixNano(), arrival.UnixNano()})
	w.open++
	if len(w.mcap.ChunkIndexes) > len(w.good.chunks) {
		w.open = 0
		return w.commit()
	}
	return nil
}

// Tick flushes the open chunk when it is older than the flush interval.
func (w *Writer) Tick(now time.Time) error {
	if w.open == 0 || now.Sub(w.began) < w.opts.FlushInterval {
		return w.failed
	}
	return w.Flush(now)
}

// Losses says what was lost so far; the next status will have it.
func (w *Writer) Losses(all []Losses) {
	for _, l := range all {
		if s := w.streams[l.Topic]; s != nil {
			s.Dropped, s.Lost, s.dead = l.Dropped, l.Lost, l.Dead
		}
	}
}

// Flush ends the open chunk with a status and writes it. It lasts through the
// death of the process when Flush returns, through a power cut soon after.
func (w *Writer) Flush(now time.Time) error {
	if w.failed != nil || w.open == 0 {
		return w.failed
	}
	w.control.ChunkSize = 0 // the next message ends its chunk
	defer func() { w.control.ChunkSize = w.opts.ChunkBytes }()
	return w.write(w.status, now, msgs.Marshal(w.report(now)))
}

func (w *Writer) report(now time.Time) *msgs.RecorderStatus {
	m := &msgs.RecorderStatus{
		Header: msgs.Header{Stamp: msgs.Stamp(now)}, State: "recording", Episode: w.info.Name, Task: w.info.Task,
		Elapsed: msgs.Span(now.Sub(w.info.Started)), Bytes: uint64(w.size),
	}
	since := now.Sub(w.last).Seconds()
	w.last = now
	for _, s := range w.order {
		if s == w.status {
			continue
		}
		x := msgs.StreamStatus{Topic: s.Topic, Messages: uint64(len(s.samples)), Dropped: s.Dropped, Lost: s.Lost, Dead: s.dead}
		if since > 0 {
			x.Rate = float64(len(s.samples)-s.reported) / since
		}
		if n := len(s.samples); n > 0 {
			x.Latency = time.Duration(s.samples[n-1].arrival - s.samples[n-1].stamp).Seconds()
		}
		s.reported = len(s.samples)
		m.Streams = append(m.Streams, x)
	}
	return m
}

// commit writes to the file what the library made: whole chunks. On an error
// the file is cut back to what it had before.
func (w *Writer) commit() error {
	if _, err := w.file.Write(w.out.Bytes()); err != nil {
		return w.fail(errors.Join(err, w.file.Truncate(w.size)))
	}
	w.size += int64(w.out.Len())
	w.out.Reset()
	w.good.chunks = w.mcap.ChunkIndexes
	w.good.attachments, w.good.metadata = w.mcap.AttachmentIndexes, w.mcap.MetadataIndexes
	maps.Copy(w.good.counts, w.mcap.Statistics.ChannelMessageCounts)
	for _, s := range w.order {
		s.committed, s.inFile = len(s.samples), true
	}
	if w.sync != nil {
		if err := w.sync.request(); err != nil {
			return w.fail(err)
		}
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.failed = fmt.Errorf("episode: %s: %w", w.path, err)
	return w.failed
}

// Finish ends the file. After an error of writing it ends where the last good
// chunk does, and Finish returns that error too, with an episode that can be read
// unless there is no room even for its index; then Repair finishes it later.
func (w *Writer) Finish(r Result) (*Episode, error) {
	flushed := w.Flush(r.Ended)
	synced := w.sync.close()
	e, err := w.end(r)
	return e, errors.Join(flushed, synced, err, w.file.Close())
}

func (w *Writer) end(r Result) (*Episode, error) {
	if w.failed != nil {
		w.forgetLost()
	}
	streams := w.measured()
	tail, err := w.good.tail(w.size, closing(streams, r))
	if err != nil {
		return nil, fmt.Errorf("episode: %s: %w", w.path, err)
	}
	if _, err := w.file.Write(tail); err != nil {
		return nil, fmt.Errorf("episode: %s: no room for the index; repair it when there is: %w", w.path, errors.Join(err, w.file.Truncate(w.size)))
	}
	if err := w.file.Sync(); err != nil {
		return nil, fmt.Errorf("episode: %s: %w", w.path, err)
	}
	e := newEpisode(w.path, w.info, r, streams, &w.good)
	return e, writeBag(e)
}

// forgetLost takes out the streams that were announced in the chunk that could not be written.
func (w *Writer) forgetLost() {
	w.order = slices.DeleteFunc(w.order, func(s *recorded) bool {
		if !s.inFile {
			delete(w.good.channels, s.channel)
			delete(w.good.schemas, s.channel)
		}
		return !s.inFile
	})
}

// measured is every stream with the messages that are in the file.
func (w *Writer) measured() []Stream {
	samples := make([][]sample, len(w.order))
	streams := make([]Stream, len(w.order))
	for i, s := range w.order {
		streams[i], samples[i] = s.Stream, s.samples[:s.committed]
	}
	measure(streams, samples, w.info.Reference)
	return streams
}

// measure fills in the streams' times.
func measure(streams []Stream, samples [][]sample, reference string) {
	var ref []int64
	for i, s := range streams {
		if s.Topic == reference {
			ref = stamps(samples[i])
		}
	}
	for i := range streams {
		streams[i].measure(samples[i], ref)
	}
}

// closing is the metadata records at the end of a file.
func closing(streams []Stream, r Result) []*mcap.Metadata {
	var records []*mcap.Metadata
	for _, s := range streams {
		records = append(records, &mcap.Metadata{Name: streamRecord, Metadata: s.metadata()})
	}
	return append(records, &mcap.Metadata{Name: resultRecord, Metadata: r.metadata()})
}

// Abandon closes the file as it is, as a crash would.
func (w *Writer) Abandon() error { return errors.Join(w.sync.close(), w.file.Close()) }
