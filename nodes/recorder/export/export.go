package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cobot_vla/nodes/recorder/episode"
)

// Progress of an export.
type Progress struct {
	// Episode of Episodes, from 1, and its file.
	Episode, Episodes int
	Path              string
	// Frame of Frames that are written of it.
	Frame, Frames int
}

// Report of an export.
type Report struct {
	// Episodes and Frames in the set.
	Episodes, Frames int
	// Kept of an earlier export, not written again.
	Kept int
	// Skipped episodes and why: discarded, unjudged.
	Skipped []string
	// Spec of the set.
	Spec Spec
}

// Record is what a set knows of one of its episodes.
type Record struct {
	Source string           `json:"source"` // the episode's file
	Bytes  int64            `json:"bytes"`  // of it
	Index  int              `json:"index"`
	Length int              `json:"length"` // frames
	From   int              `json:"from"`   // number of its first frame in the set
	Task   string           `json:"task"`
	Stats  map[string]Stats `json:"stats"`
	Shard  int              `json:"shard"` // number of its data file, and of its films
}

// set is a training set while it is written.
type set struct {
	dir     string
	cfg     Config
	spec    Spec
	records []Record
	tasks   []string
}

// format writes sets of one kind.
type format interface {
	// begin is called before the first episode, with all of them.
	begin(ctx context.Context, s *set, episodes []string) error
	// open begins a part of the set, which holds one episode or more.
	open(s *set, shard int) (part, error)
	// conclude writes the set's own description.
	conclude(s *set) error
}

// part is a part of a set; it exists when it is closed.
type part interface {
	// add writes an episode and says whether the part is full.
	add(ctx context.Context, p *plan, r *Record, frame func(k int)) (full bool, err error)
	close() error
	// abandon leaves no trace.
	abandon()
}

// Export adds the episodes, each a file of package episode, to the set in dir,
// which it makes when there is none. What an earlier export of the same episodes
// finished is kept. progress, which may be nil, is called for every frame.
func Export(ctx context.Context, episodes []string, dir string, cfg Config, progress func(Progress)) (Report, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return Report{}, err
	}
	f, err := newFormat(cfg.Format)
	if err != nil {
		return Report{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	s := &set{dir: dir, cfg: cfg}
	var report Report
	taken, err := s.choose(episodes, &report)
	if err != nil {
		return report, err
	}
	if err := s.resume(taken); err != nil {
		return report, err
	}
	report.Kept = len(s.records)
	if err := f.begin(ctx, s, taken); err != nil {
		return report, err
	}
	if err := s.write(ctx, f, taken, progress); err != nil {
		return report, err
	}
	if err := f.conclude(s); err != nil {
		return report, fmt.Errorf("export: %w", err)
	}
	report.Spec, report.Episodes = s.spec, len(s.records)
	report.Frames = s.frames()
	return report, nil
}

// choose leaves out what nobody wants to learn from.
func (s *set) choose(episodes []string, report *Report) ([]string, error) {
	var taken []string
	for _, path := range episodes {
		r, err := episode.Open(path)
		if err != nil {
			return nil, err
		}
		verdict := r.Verdict
		if err := r.Close(); err != nil {
			return nil, err
		}
		if verdict == episode.Keep || verdict == episode.Unjudged && s.cfg.Unjudged {
			taken = append(taken, path)
			continue
		}
		report.Skipped = append(report.Skipped, fmt.Sprintf("%s: %s", path, verdict))
	}
	if len(taken) == 0 {
		return nil, fmt.Errorf("%w: none of the %d episodes is to be kept: judge them, or take unjudged ones", ErrEpisode, len(episodes))
	}
	return taken, nil
}

// workFolder of a set, where exports note what is finished.
const workFolder = ".export"

func (s *set) work(name string) string { return filepath.Join(s.dir, workFolder, name) }

// noted is what is written when a part is finished.
type noted struct {
	Spec    Spec     `json:"spec"`
	Records []Record `json:"records"`
}

func notedName(shard int) string { return fmt.Sprintf("part_%06d.json", shard) }

// resume reads what an earlier export finished.
func (s *set) resume(taken []string) error {
	if err := s.ours(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.work(""), 0o777); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for shard := 0; ; shard++ {
		text, err := os.ReadFile(s.work(notedName(shard)))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		var n noted
		if err := json.Unmarshal(text, &n); err != nil {
			return fmt.Errorf("export: %s: %w", s.work(notedName(shard)), err)
		}
		s.spec = n.Spec
		s.records = append(s.records, n.Records...)
	}
	for i, r := range s.records {
		if i >= len(taken) || !sameFile(taken[i], r) {
			return fmt.Errorf("%w: episode %d of the set in %s is %s, which is not number %d of those to export: export to another folder", ErrConfig, i, s.dir, r.Source, i)
		}
		s.taskIndex(r.Task)
	}
	if len(s.records) == 0 {
		return nil
	}
	return s.spec.asked(s.cfg)
}

// ours says what is wrong with a folder that holds something else than a set of ours.
func (s *set) ours() error {
	there, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(there) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if _, err := os.Stat(s.work("")); err != nil {
		return fmt.Errorf("%w: %s holds %s, and no set of an earlier export: export to an empty folder", ErrConfig, s.dir, there[0].Name())
	}
	return nil
}

// sameFile: a path may be written in another way, and a verdict changes the size.
func sameFile(path string, r Record) bool {
	a, err1 := filepath.Abs(path)
	return err1 == nil && a == r.Source
}

func (s *set) frames() int {
	if len(s.records) == 0 {
		return 0
	}
	last := s.records[len(s.records)-1]
	return last.From + last.Length
}

// taskIndex is the number of a task's text in the set.
func (s *set) taskIndex(task string) int {
	i := slices.Index(s.tasks, task)
	if i < 0 {
		i = len(s.tasks)
		s.tasks = append(s.tasks, task)
	}
	return i
}

// write writes the episodes that are not in the set yet.
func (s *set) write(ctx context.Context, f format, taken []string, progress func(Progress)) error {
	shard := 0
	if n := len(s.records); n > 0 {
		shard = s.records[n-1].Shard + 1
	}
	for ; len(s.records) < len(taken); shard++ {
		if err := s.writePart(ctx, f, shard, taken, progress); err != nil {
			return err
		}
	}
	return nil
}

func (s *set) writePart(ctx context.Context, f format, shard int, taken []string, progress func(Progress)) error {
	out, err := f.open(s, shard)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	from := len(s.records)
	for full := false; !full && len(s.records) < len(taken); {
		i := len(s.records)
		full, err = s.writeEpisode(ctx, out, shard, taken[i], func(k, n int) {
			progress(Progress{Episode: i + 1, Episodes: len(taken), Path: taken[i], Frame: k, Frames: n})
		})
		if err != nil {
			out.abandon()
			return err
		}
	}
	if err := out.close(); err != nil {
		out.abandon()
		return fmt.Errorf("export: %w", err)
	}
	text, err := json.Marshal(noted{s.spec, s.records[from:]})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := writeWhole(s.work(notedName(shard)), text); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func (s *set) writeEpisode(ctx context.Context, out part, shard int, path string, progress func(k, n int)) (full bool, err error) {
	r, err := episode.Open(path)
	if err != nil {
		return false, err
	}
	defer r.Close()
	p, err := prepare(r, s.cfg, &s.spec)
	if err != nil {
		return false, err
	}
	source, err := filepath.Abs(path)
	if err != nil {
		return false, fmt.Errorf("export: %w", err)
	}
	record := Record{Source: source, Index: len(s.records), Length: p.length, From: s.frames(), Task: r.Task, Shard: shard}
	if info, err := os.Stat(path); err == nil {
		record.Bytes = info.Size()
	}
	s.taskIndex(record.Task)
	full, err = out.add(ctx, p, &record, func(k int) { progress(k+1, p.length) })
	if err != nil {
		return false, err
	}
	s.records = append(s.records, record)
	return full, nil
}

// writeWhole replaces a file by one of that content, whole or not at all.
func writeWhole(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	tmp := path + ".part"
	if err := os.WriteFile(tmp, content, 0o666); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// writeJSON writes a file as people read JSON.
func writeJSON(path string, v any) error {
	text, err := marshal(v, "    ")
	if err != nil {
		return err
	}
	return writeWhole(path, text)
}

// marshal is JSON with its text as it is: <image> stays <image>.
func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

func newFormat(f Format) (format, error) {
	switch f {
	case LeRobot21:
		return lerobot21{}, nil
	case LeRobot30:
		return lerobot30{}, nil
	case LLaVAVLA:
		return &llava{}, nil
	case ALOHA:
		return newALOHA()
	}
	return nil, fmt.Errorf("%w: format %q", ErrConfig, f)
}
