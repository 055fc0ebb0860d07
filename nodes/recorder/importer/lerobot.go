package importer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cobot_vla/calibration"

	"github.com/parquet-go/parquet-go"
)

// lerobot is a data set of LeRobot, of either generation.
type lerobot struct {
	dir      string
	cfg      Config
	info     lerobotInfo
	episodes []lerobotEpisode
	columns  map[string]columns // by feature
	cameras  []string
	keys     []string // of the cameras' features
}

// lerobotInfo is what is read of meta/info.json.
type lerobotInfo struct {
	Version   string             `json:"codebase_version"`
	FPS       float64            `json:"fps"`
	ChunkSize int                `json:"chunks_size"`
	DataPath  string             `json:"data_path"`
	VideoPath string             `json:"video_path"`
	Features  map[string]feature `json:"features"`
}

type feature struct {
	DType string          `json:"dtype"`
	Shape []int           `json:"shape"`
	Names json.RawMessage `json:"names"` // a list, a list of lists, or an object of lists
}

// lerobotEpisode is where an episode is.
type lerobotEpisode struct {
	index, length int
	task          string
	chunk, file   int // of its data, v3.0
	videos        map[string]videoPart
}

// videoPart is an episode's part of a video.
type videoPart struct {
	chunk, file int
	from        float64 // [s]
}

const (
	stateKey    = "observation.state"
	velocityKey = "observation.velocity"
	effortKey   = "observation.effort"
	actionKey   = "action"
	imagePrefix = "observation.images."
)

func openLeRobot(dir string, cfg Config, robot calibration.Robot) (source, error) {
	l := &lerobot{dir: dir, cfg: cfg, columns: map[string]columns{}}
	text, err := os.ReadFile(filepath.Join(dir, "meta", "info.json"))
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if err := json.Unmarshal(text, &l.info); err != nil {
		return nil, fmt.Errorf("%w: %s: meta/info.json: %w", ErrSource, dir, err)
	}
	if !strings.HasPrefix(l.info.Version, "v2.") && !strings.HasPrefix(l.info.Version, "v3.") {
		return nil, fmt.Errorf("%w: %s is LeRobot %q; v2.x and v3.x are read: convert it with lerobot's own scripts", ErrSource, dir, l.info.Version)
	}
	for _, key := range []string{stateKey, velocityKey, effortKey, actionKey} {
		f, ok := l.info.Features[key]
		if !ok {
			continue
		}
		if len(f.Shape) != 1 {
			return nil, fmt.Errorf("%w: %s: %s has the shape %v: a vector is wanted", ErrSource, dir, key, f.Shape)
		}
		if l.columns[key], err = findColumns(robot, f.names(), f.Shape[0]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", dir, key, err)
		}
	}
	if _, ok := l.columns[stateKey]; !ok {
		return nil, fmt.Errorf("%w: %s has no feature %s", ErrSource, dir, stateKey)
	}
	var names []string
	for key, f := range l.info.Features {
		if f.DType == "image" || f.DType == "video" {
			names = append(names, strings.TrimPrefix(key, imagePrefix))
		}
	}
	var theirs []string
	if l.cameras, theirs, err = cfg.views(robot, names); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, n := range theirs {
		key := imagePrefix + n
		if _, ok := l.info.Features[key]; !ok {
			key = n
		}
		l.keys = append(l.keys, key)
	}
	if strings.HasPrefix(l.info.Version, "v2.") {
		err = l.list2()
	} else {
		err = l.list3()
	}
	return l, err
}

// names of a vector's numbers, however they are nested.
func (f feature) names() []string {
	var flat []string
	if json.Unmarshal(f.Names, &flat) == nil {
		return flat
	}
	var lists [][]string
	if json.Unmarshal(f.Names, &lists) == nil {
		return slices.Concat(lists...)
	}
	var named map[string][]string
	if json.Unmarshal(f.Names, &named) == nil && len(named) == 1 {
		for _, v := range named {
			return v
		}
	}
	return nil
}

// list2 lists the episodes of v2.x.
func (l *lerobot) list2() error {
	name := filepath.Join(l.dir, "meta", "episodes.jsonl")
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e struct {
			Index  int      `json:"episode_index"`
			Tasks  []string `json:"tasks"`
			Length int      `json:"length"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
		}
		out := lerobotEpisode{index: e.Index, length: e.Length, task: strings.Join(e.Tasks, "; "), videos: map[string]videoPart{}}
		for _, key := range l.keys {
			out.videos[key] = videoPart{}
		}
		l.episodes = append(l.episodes, out)
	}
	return lines.Err()
}

// list3 lists the episodes of v3.x.
func (l *lerobot) list3() error {
	files, err := filepath.Glob(filepath.Join(l.dir, "meta", "episodes", "chunk-*", "file-*.parquet"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%w: %s has no meta/episodes: %v", ErrSource, l.dir, err)
	}
	want := []string{"episode_index", "length", "tasks", "data/chunk_index", "data/file_index"}
	for _, key := range l.keys {
		for _, of := range []string{"chunk_index", "file_index", "from_timestamp"} {
			want = append(want, "videos/"+key+"/"+of)
		}
	}
	slices.Sort(files)
	for _, name := range files {
		if err := rows(name, want, func(row map[string][]parquet.Value) error {
			e := lerobotEpisode{
				index: integer(row["episode_index"]), length: integer(row["length"]),
				chunk: integer(row["data/chunk_index"]), file: integer(row["data/file_index"]), videos: map[string]videoPart{},
			}
			var tasks []string
			for _, t := range row["tasks"] {
				tasks = append(tasks, string(t.ByteArray()))
			}
			e.task = strings.Join(tasks, "; ")
			for _, key := range l.keys {
				v := videoPart{chunk: integer(row["videos/"+key+"/chunk_index"]), file: integer(row["videos/"+key+"/file_index"])}
				if from := numbers(row["videos/"+key+"/from_timestamp"]); len(from) == 1 {
					v.from = from[0]
				}
				e.videos[key] = v
			}
			l.episodes = append(l.episodes, e)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (l *lerobot) count() int { return len(l.episodes) }

func (l *lerobot) name(i int) string { return fmt.Sprintf("%s#%d", l.dir, l.episodes[i].index) }

// place fills in one of info.json's paths, which are Python format strings.
func (l *lerobot) place(pattern string, e lerobotEpisode, key string, chunk, file int) string {
	numbers := map[string]int{
		"episode_chunk": e.index / max(1, l.info.ChunkSize), "episode_index": e.index, "chunk_index": chunk, "file_index": file,
	}
	var b strings.Builder
	for pattern != "" {
		head, rest, ok := strings.Cut(pattern, "{")
		b.WriteString(head)
		if !ok {
			break
		}
		field, tail, _ := strings.Cut(rest, "}")
		name, format, _ := strings.Cut(field, ":")
		if name == "video_key" {
			b.WriteString(key)
		} else {
			width, _ := strconv.Atoi(strings.TrimSuffix(format, "d"))
			fmt.Fprintf(&b, "%0*d", width, numbers[name])
		}
		pattern = tail
	}
	return filepath.Join(l.dir, filepath.FromSlash(b.String()))
}

// data calls each for every row of an episode, in order.
func (l *lerobot) data(e lerobotEpisode, want []string, each func(row map[string][]parquet.Value) error) error {
	seen := 0
	err := rows(l.place(l.info.DataPath, e, "", e.chunk, e.file), append(want, "episode_index"), func(row map[string][]parquet.Value) error {
		if integer(row["episode_index"]) != e.index {
			if seen == e.length {
				return errStop
			}
			return nil
		}
		seen++
		return each(row)
	})
	if err == nil && seen != e.length {
		err = fmt.Errorf("%w: %s: episode %d has %d rows, its description says %d", ErrSource, l.dir, e.index, seen, e.length)
	}
	return err
}

func (l *lerobot) open(i int) (*demonstration, error) {
	e := l.episodes[i]
	d := &demonstration{task: e.task, fps: l.info.FPS, cameras: l.cameras}
	if l.cfg.Task != "" {
		d.task = l.cfg.Task
	}
	if l.cfg.FPS > 0 && l.cfg.FPS != d.fps {
		return nil, fmt.Errorf("%w: %s says %g frames a second, not %g", ErrConfig, l.dir, d.fps, l.cfg.FPS)
	}
	vectors := map[string][][]float64{}
	var want []string
	for key := range l.columns {
		want = append(want, key)
	}
	if err := l.data(e, want, func(row map[string][]parquet.Value) error {
		for _, key := range want {
			v := numbers(row[key])
			if len(v) != l.info.Features[key].Shape[0] {
				return fmt.Errorf("%w: episode %d: %s has %d numbers, not %d", ErrSource, e.index, key, len(v), l.info.Features[key].Shape[0])
			}
			vectors[key] = append(vectors[key], v)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	joints := func(key string) [][]float64 { return pick(vectors[key], l.columns[key].joints) }
	d.state, d.vel, d.effort, d.action = joints(stateKey), joints(velocityKey), joints(effortKey), joints(actionKey)
	d.base = pick(vectors[stateKey], l.columns[stateKey].base)
	if d.base == nil {
		d.base = pick(vectors[actionKey], l.columns[actionKey].base)
	}
	d.pictures = func(ctx context.Context) iter.Seq2[[]picture, error] { return l.pictures(ctx, e) }
	return d, nil
}

// pictures of an episode, from the parquet file or through ffmpeg.
func (l *lerobot) pictures(ctx context.Context, e lerobotEpisode) iter.Seq2[[]picture, error] {
	return func(yield func([]picture, error) bool) {
		films := make([]*film, len(l.keys))
		defer func() {
			for _, f := range films {
				if f != nil {
					f.close()
				}
			}
		}()
		var want []string
		for i, key := range l.keys {
			f := l.info.Features[key]
			if f.DType != "video" {
				want = append(want, key)
				continue
			}
			size, err := f.size()
			v := e.videos[key]
			if err == nil {
				films[i], err = openFilm(ctx, l.cfg.FFmpeg, l.place(l.info.VideoPath, e, key, v.chunk, v.file), v.from, l.info.FPS, e.length, size)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		stopped := false
		err := l.data(e, want, func(row map[string][]parquet.Value) error {
			out := make([]picture, len(l.keys))
			for i, key := range l.keys {
				if films[i] != nil {
					pixels, err := films[i].next()
					if err != nil {
						return err
					}
					out[i] = picture{pixels: pixels}
					continue
				}
				b := row[key+"/bytes"]
				if len(b) != 1 {
					return fmt.Errorf("%w: %s is not in the file itself", ErrSource, key)
				}
				out[i] = picture{file: bytes.Clone(b[0].ByteArray())}
			}
			if !yield(out, nil) {
				stopped = true
				return errStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}
