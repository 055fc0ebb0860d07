package episode

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/foxglove/mcap/go/mcap"
)

// Repaired is what Repair found and did.
type Repaired struct {
	*Episode
	// Whole: the file was finished; nothing was done.
	Whole bool
	// Cut is the number of bytes behind the last whole record that were taken
	// away: messages that were not flushed yet.
	Cut int64
}

// mostCut is how much Repair takes away without being told to: more than the
// chunk that was being written when the recording stopped, and its index.
const mostCut = 64 << 20

// RepairOptions of Repair.
type RepairOptions struct {
	// Force finishes a file that is damaged amid its data: everything behind the
	// damage is lost. Copy the file first.
	Force bool
}

// Repair finishes an episode whose recording was interrupted: by the death of
// its process, a full disk, a power cut at any byte. Every message that was
// flushed is kept. A finished episode is left alone. The episode has no verdict
// afterwards unless it had one.
func Repair(path string, opts RepairOptions) (Repaired, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Repaired{}, fmt.Errorf("episode: %w", err)
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return Repaired{}, err
	}
	if whole, err := Open(path); err == nil {
		defer whole.Close()
		return Repaired{Episode: &whole.Episode, Whole: true}, writeBag(&whole.Episode)
	}
	return repair(path, f, opts)
}

func repair(path string, f *os.File, opts RepairOptions) (Repaired, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Repaired{}, fmt.Errorf("episode: %w", err)
	}
	w, err := walk(f, size)
	if err != nil {
		return Repaired{}, fmt.Errorf("%s: %w", path, err)
	}
	cut := size - w.at
	if errors.Is(w.why, ErrDamaged) && cut > mostCut && !opts.Force {
		return Repaired{}, fmt.Errorf("%s: at byte %d of %d: %w: what is behind can't be kept: copy the file, then repair it by force", path, w.at, size, w.why)
	}
	if w.dataEnd { // only the end is missing
		cut = 0
	}
	records, e := w.conclude(path)
	if err := w.finish(f, records); err != nil {
		return Repaired{}, fmt.Errorf("episode: %s: %w", path, err)
	}
	return Repaired{Episode: e, Cut: cut}, writeBag(e)
}

// conclude is what the file will say of itself.
func (w *walker) conclude(path string) ([]*mcap.Metadata, *Episode) {
	var streams []Stream
	var samples [][]sample
	for _, id := range slices.Sorted(maps.Keys(w.channels)) {
		c := w.channels[id]
		s := Stream{Topic: c.Topic, QoS: c.Metadata["offered_qos_profiles"]}
		if schema := w.schemas[c.SchemaID]; schema != nil {
			s.Type = schema.Name
		}
		if w.losses != nil {
			for _, l := range w.losses.Streams {
				if l.Topic == s.Topic {
					s.Dropped, s.Lost = l.Dropped, l.Lost
				}
			}
		}
		streams, samples = append(streams, s), append(samples, w.samples[id])
	}
	measure(streams, samples, w.info.Reference)
	if !w.hasResult {
		w.result = Result{Reason: Interrupted, Ended: w.info.Started}
		if s := w.statistics(); s.MessageCount > 0 {
			w.result.Ended = time.Unix(0, int64(s.MessageEndTime))
		}
	}
	return closing(streams, w.result), newEpisode(path, w.info, w.result, streams, &w.contents)
}

// finish cuts the file behind its last whole record and writes its end.
func (w *walker) finish(f *os.File, records []*mcap.Metadata) error {
	if err := f.Truncate(w.at); err != nil {
		return err
	}
	end, err := w.ending(records)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(end, w.at); err != nil {
		return errors.Join(err, f.Truncate(w.at))
	}
	return f.Sync()
}

// ending is what makes the whole records a finished file.
func (w *walker) ending(records []*mcap.Metadata) ([]byte, error) {
	indexes, err := w.missing()
	if err != nil {
		return nil, err
	}
	tail, err := w.tail(w.at+int64(len(indexes)), records)
	return append(indexes, tail...), err
}

// Judge changes the verdict of a finished episode and adds to its remark. A crash
// meanwhile leaves a file that Repair finishes.
func Judge(path string, v Verdict, remark string) (*Episode, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return nil, err
	}
	r, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	result := r.Result
	result.Verdict = v
	result.Remark = join(result.Remark, remark)
	e := r.Episode
	e.Result = result
	if err := r.amend(f, result); err != nil {
		return nil, fmt.Errorf("episode: %s: %w", path, err)
	}
	return &e, writeBag(&e)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}

// amend writes the file's end again, with another result.
func (r *Reader) amend(f *os.File, result Result) error {
	const dataEnd = recordHeader + 4 // the record before the summary
	c := contents{
		schemas: r.index.Schemas, channels: r.index.Channels, chunks: r.index.ChunkIndexes,
		attachments: r.index.AttachmentIndexes, metadata: r.index.MetadataIndexes, counts: r.index.Statistics.ChannelMessageCounts,
	}
	at := int64(r.index.Footer.SummaryStart) - dataEnd
	tail, err := c.tail(at, []*mcap.Metadata{{Name: resultRecord, Metadata: result.metadata()}})
	if err != nil {
		return err
	}
	if err := f.Truncate(at); err != nil {
		return err
	}
	if err := f.Sync(); err != nil { // never half an old end behind half a new one
		return err
	}
	if _, err := f.WriteAt(tail, at); err != nil {
		return err
	}
	return f.Sync()
}
