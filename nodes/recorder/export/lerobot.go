package export

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// The two generations of LeRobot's dataset format have their columns and their
// description of features in common (lerobot, src/lerobot/datasets).

// The columns that every set of LeRobot has besides its features.
var lerobotDefaults = []string{"timestamp", "frame_index", "episode_index", "index", "task_index"}

// feature is an entry of info.json's features.
type feature struct {
	DType string   `json:"dtype"`
	Shape []int    `json:"shape"`
	Names []string `json:"names"`
	Info  *video   `json:"info,omitempty"`
}

// video is how a feature's pictures are encoded, in the words of info.json.
type video struct {
	Height   int    `json:"video.height"`
	Width    int    `json:"video.width"`
	Codec    string `json:"video.codec"`
	Format   string `json:"video.pix_fmt"`
	Depth    bool   `json:"video.is_depth_map"`
	FPS      int    `json:"video.fps"`
	Channels int    `json:"video.channels"`
	Audio    bool   `json:"has_audio"`
}

func pictureKey(c Camera) string { return "observation.images." + c.Name }

// vectors of a frame by their feature.
func vectors(spec *Spec, f frame) map[string][]float64 {
	v := map[string][]float64{"observation.state": f.state, "action": f.action}
	if spec.Velocity {
		v["observation.velocity"], v["observation.effort"] = f.velocity, f.effort
	}
	return v
}

// features of a set.
func (s *set) features() map[string]feature {
	all := map[string]feature{
		"observation.state": {DType: "float32", Shape: []int{len(s.spec.StateNames)}, Names: s.spec.StateNames},
		"action":            {DType: "float32", Shape: []int{len(s.spec.ActionNames)}, Names: s.spec.ActionNames},
		"timestamp":         {DType: "float32", Shape: []int{1}},
	}
	if s.spec.Velocity {
		joints := s.spec.StateNames
		if s.spec.Base {
			joints = joints[:len(joints)-2]
		}
		for _, name := range []string{"observation.velocity", "observation.effort"} {
			all[name] = feature{DType: "float32", Shape: []int{len(joints)}, Names: joints}
		}
	}
	for _, name := range lerobotDefaults[1:] {
		all[name] = feature{DType: "int64", Shape: []int{1}}
	}
	for _, c := range s.spec.Cameras {
		f := feature{DType: "image", Shape: []int{c.Height, c.Width, 3}, Names: []string{"height", "width", "channels"}}
		if s.spec.Video {
			f.DType = "video"
			f.Info = &video{Height: c.Height, Width: c.Width, Codec: videoCodecName, Format: "yuv420p", FPS: s.spec.FPS, Channels: 3}
		}
		all[pictureKey(c)] = f
	}
	return all
}

// columns of a data file.
func (s *set) columns() []column {
	all := []column{float32Column("timestamp")}
	for _, name := range lerobotDefaults[1:] {
		all = append(all, int64Column(name))
	}
	for name, f := range s.features() {
		switch {
		case f.DType == "image":
			all = append(all, pictureColumn(name))
		case f.DType == "float32" && name != "timestamp":
			all = append(all, listColumn(name, parquet.Leaf(parquet.FloatType), 1))
		}
	}
	return all
}

// datasetsMetadata tells Hugging Face's datasets which columns are pictures.
func (s *set) datasetsMetadata() (map[string]string, error) {
	type value struct {
		DType string `json:"dtype,omitempty"`
		Type  string `json:"_type"`
	}
	type sequence struct {
		Feature value  `json:"feature"`
		Length  int    `json:"length"`
		Type    string `json:"_type"`
	}
	features := map[string]json.RawMessage{}
	for name, f := range s.features() {
		var text []byte
		var err error
		switch {
		case f.DType == "video":
			continue
		case f.DType == "image":
			text, err = json.Marshal(value{Type: "Image"})
		case slices.Contains(lerobotDefaults, name):
			text, err = json.Marshal(value{DType: f.DType, Type: "Value"})
		default:
			text, err = json.Marshal(sequence{Feature: value{DType: f.DType, Type: "Value"}, Length: f.Shape[0], Type: "Sequence"})
		}
		if err != nil {
			return nil, err
		}
		features[name] = text
	}
	type info struct {
		Features map[string]json.RawMessage `json:"features"`
	}
	text, err := json.Marshal(struct {
		Info info `json:"info"`
	}{info{features}})
	return map[string]string{"huggingface": string(text)}, err
}

// dataFile is a data file of LeRobot with the episodes that are added to it.
type dataFile struct {
	s      *set
	path   string
	t      *table // made with the first episode, when the pictures' sizes are known
	limit  int64  // of bytes after which it is full; 0: after one episode
	films  []*film
	filmAt func(camera Camera) string
	most   int64 // bytes of a film after which it is full, too
}

func (d *dataFile) add(ctx context.Context, p *plan, r *Record, frame func(k int)) (full bool, err error) {
	rows := map[string][][]float64{}
	shades := make([]*colours, len(p.cameras))
	for i := range shades {
		shades[i] = newColours(p.length)
	}
	if err := d.openFilms(ctx, p); err != nil {
		return false, err
	}
	task := d.s.taskIndex(r.Task)
	k := 0
	for f, err := range p.frames(ctx) {
		if err == nil && d.t == nil {
			err = d.open()
		}
		if err == nil {
			err = d.row(f, k, r, task, rows)
		}
		for i := 0; err == nil && i < len(shades); i++ {
			err = shades[i].add(k, f.pictures[i])
		}
		if err != nil {
			return false, fmt.Errorf("export: %s: frame %d: %w", r.Source, k, err)
		}
		frame(k)
		k++
	}
	full = d.limit == 0 || d.t.bytes >= d.limit
	for _, f := range d.films {
		full = full || f.size() >= d.most
	}
	r.Stats = map[string]Stats{}
	for name, all := range rows {
		r.Stats[name] = statsOf(all)
	}
	for i, c := range p.spec.Cameras {
		r.Stats[pictureKey(c)] = shades[i].stats()
	}
	return full, d.t.endGroup()
}

func (d *dataFile) open() error {
	metadata, err := d.s.datasetsMetadata()
	if err != nil {
		return err
	}
	d.t, err = newTable(d.path, d.s.columns(), metadata)
	return err
}

// openFilms begins the films, one a camera, with the first episode.
func (d *dataFile) openFilms(ctx context.Context, p *plan) error {
	if !p.spec.Video || d.films != nil {
		return nil
	}
	for _, c := range p.spec.Cameras {
		f, err := newFilm(ctx, d.s.cfg.FFmpeg, d.filmAt(c), p.spec.FPS)
		if err != nil {
			return err
		}
		d.films = append(d.films, f)
	}
	return nil
}

// row writes a frame, and adds it to the rows that statistics are made of.
func (d *dataFile) row(f frame, k int, r *Record, task int, rows map[string][][]float64) error {
	at := float64(k) / float64(d.s.spec.FPS)
	out := cells{
		"timestamp": floatCell(at), "frame_index": intCell(k), "episode_index": intCell(r.Index),
		"index": intCell(r.From + k), "task_index": intCell(task),
	}
	for name, v := range map[string]float64{
		"timestamp": at, "frame_index": float64(k), "episode_index": float64(r.Index), "index": float64(r.From + k), "task_index": float64(task),
	} {
		rows[name] = append(rows[name], []float64{v})
	}
	for name, v := range vectors(&d.s.spec, f) {
		out[name] = floats32(v)
		rows[name] = append(rows[name], v)
	}
	for i, c := range d.s.spec.Cameras {
		if d.films != nil {
			if err := d.films[i].add(f.pictures[i]); err != nil {
				return err
			}
			continue
		}
		out[pictureKey(c)] = pictureCell(f.pictures[i], fmt.Sprintf("%s_%06d_%06d.jpg", c.Name, r.Index, k))
	}
	return d.t.add(out)
}

func (d *dataFile) close() error {
	for _, f := range d.films {
		if err := f.finish(); err != nil {
			return err
		}
	}
	for _, f := range d.films {
		if err := f.keep(); err != nil {
			return err
		}
	}
	return d.t.close()
}

func (d *dataFile) abandon() {
	for _, f := range d.films {
		f.abandon()
	}
	if d.t != nil {
		d.t.abandon()
	}
}

// info is info.json of either generation.
type info struct {
	Version   string             `json:"codebase_version"`
	Robot     string             `json:"robot_type"`
	Episodes  int                `json:"total_episodes"`
	Frames    int                `json:"total_frames"`
	Tasks     int                `json:"total_tasks"`
	Videos    *int               `json:"total_videos,omitempty"`
	Chunks    *int               `json:"total_chunks,omitempty"`
	ChunkSize int                `json:"chunks_size"`
	DataMB    int                `json:"data_files_size_in_mb,omitempty"`
	VideoMB   int                `json:"video_files_size_in_mb,omitempty"`
	FPS       int                `json:"fps"`
	Splits    map[string]string  `json:"splits"`
	DataPath  string             `json:"data_path"`
	VideoPath *string            `json:"video_path"`
	Features  map[string]feature `json:"features"`
}

const chunkSize = 1000 // files a folder

func (s *set) info(version, dataPath, videoPath string) info {
	i := info{
		Version: version, Robot: s.spec.Robot, Episodes: len(s.records), Frames: s.frames(), Tasks: len(s.tasks), ChunkSize: chunkSize,
		FPS: s.spec.FPS, Splits: map[string]string{"train": fmt.Sprintf("0:%d", len(s.records))}, DataPath: dataPath, Features: s.features(),
	}
	if s.spec.Video {
		i.VideoPath = &videoPath
	}
	return i
}

func (s *set) meta(name string) string { return filepath.Join(s.dir, "meta", name) }

// shaped is statistics as LeRobot's JSON has them: of a picture by channel, [3,1,1].
type shaped struct {
	Stats
	picture bool
}

// MarshalJSON writes the numbers in the feature's shape.
func (s shaped) MarshalJSON() ([]byte, error) {
	out := map[string]json.RawMessage{}
	for name, v := range s.byName() {
		var text []byte
		var err error
		if s.picture {
			nested := make([][][]float64, len(v))
			for i, x := range v {
				nested[i] = [][]float64{{x}}
			}
			text, err = json.Marshal(nested)
		} else {
			text, err = json.Marshal(v)
		}
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	out["count"] = fmt.Appendf(nil, "[%d]", s.Count)
	return json.Marshal(out)
}

func (s Stats) byName() map[string][]float64 {
	return map[string][]float64{
		"min": s.Min, "max": s.Max, "mean": s.Mean, "std": s.Std,
		"q01": s.Q01, "q10": s.Q10, "q50": s.Q50, "q90": s.Q90, "q99": s.Q99,
	}
}

func (s *set) isPicture(name string) bool {
	return slices.ContainsFunc(s.spec.Cameras, func(c Camera) bool { return pictureKey(c) == name })
}

func (s *set) shape(all map[string]Stats) map[string]shaped {
	out := map[string]shaped{}
	for name, st := range all {
		out[name] = shaped{st, s.isPicture(name)}
	}
	return out
}
