package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobot_vla/nodes/recorder/ffmpegtest"

	"github.com/parquet-go/parquet-go"
)

// dataRow is a row of a data file, as a reader that knows nothing of us sees it.
type dataRow struct {
	State        []float32 `parquet:"observation.state,list"`
	Velocity     []float32 `parquet:"observation.velocity,list"`
	Effort       []float32 `parquet:"observation.effort,list"`
	Action       []float32 `parquet:"action,list"`
	Front        hfImage   `parquet:"observation.images.front"`
	Right        hfImage   `parquet:"observation.images.right"`
	Timestamp    float32   `parquet:"timestamp"`
	FrameIndex   int64     `parquet:"frame_index"`
	EpisodeIndex int64     `parquet:"episode_index"`
	Index        int64     `parquet:"index"`
	TaskIndex    int64     `parquet:"task_index"`
}

type hfImage struct {
	Bytes []byte `parquet:"bytes"`
	Path  string `parquet:"path"`
}

// checkRows holds an episode's rows to the motion that was recorded.
func checkRows(t *testing.T, rows []dataRow, episode, from, task int) {
	t.Helper()
	for k, r := range rows {
		at := float64(k) / 30
		if r.FrameIndex != int64(k) || r.EpisodeIndex != int64(episode) || r.Index != int64(from+k) || r.TaskIndex != int64(task) || math.Abs(float64(r.Timestamp)-at) > 1e-6 {
			t.Fatalf("episode %d, frame %d: %+v", episode, k, r)
		}
		if len(r.State) != 16 || len(r.Action) != 16 || len(r.Velocity) != 14 {
			t.Fatalf("%d states, %d actions, %d velocities", len(r.State), len(r.Action), len(r.Velocity))
		}
		v, w := driven(at)
		for j := range 16 {
			state, action := v, v
			switch {
			case j < 14:
				state, action = measured(at, j), led(at, j)
			case j == 15:
				state, action = w, w
			}
			if math.Abs(float64(r.State[j])-state) > 1e-5 || math.Abs(float64(r.Action[j])-action) > 1e-5 {
				t.Fatalf("episode %d, frame %d, value %d: %g and %g, want %g and %g", episode, k, j, r.State[j], r.Action[j], state, action)
			}
		}
		if r.Velocity[3] != 3 || r.Effort[3] != -3 {
			t.Fatalf("velocity %v, effort %v", r.Velocity, r.Effort)
		}
		m, format, err := image.Decode(bytes.NewReader(r.Right.Bytes))
		if err != nil || format != "jpeg" || !strings.HasSuffix(r.Right.Path, ".jpg") {
			t.Fatalf("%s picture %s: %v", format, r.Right.Path, err)
		}
		red, green, _, _ := m.At(5, 5).RGBA()
		// The nearest picture: cameras take theirs up to 5 ms after the frame's time.
		if math.Abs(float64(red>>8)-2*float64(k)) > 12 || math.Abs(float64(green>>8)-160) > 12 {
			t.Fatalf("frame %d shows the colour %d %d", k, red>>8, green>>8)
		}
	}
}

func TestLeRobot21(t *testing.T) {
	dir := t.TempDir()
	r := export(t, three(t), dir, Config{Format: LeRobot21, Base: true})
	if r.Episodes != 3 || r.Frames != 31+37+25 || r.Spec.Action != Leader {
		t.Errorf("%+v", r)
	}
	from := 0
	for i, n := range []int{31, 37, 25} {
		rows, err := parquet.ReadFile[dataRow](filepath.Join(dir, fmt.Sprintf("data/chunk-000/episode_%06d.parquet", i)))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != n {
			t.Fatalf("episode %d has %d rows, want %d", i, len(rows), n)
		}
		checkRows(t, rows, i, from, i%2)
		from += n
	}
	all := files(t, dir)
	if want := "{\"task_index\":0,\"task\":\"fetch the bottle\"}\n{\"task_index\":1,\"task\":\"open the <drawer>\"}\n"; all["meta/tasks.jsonl"] != want {
		t.Errorf("tasks %s", all["meta/tasks.jsonl"])
	}
	if want := `{"episode_index":2,"tasks":["fetch the bottle"],"length":25}`; !strings.Contains(all["meta/episodes.jsonl"], want) {
		t.Errorf("episodes %s", all["meta/episodes.jsonl"])
	}
	var i info
	if err := json.Unmarshal([]byte(all["meta/info.json"]), &i); err != nil {
		t.Fatal(err)
	}
	front := i.Features["observation.images.front"]
	if i.Version != "v2.1" || i.Frames != 93 || *i.Chunks != 1 || i.FPS != 30 || i.Splits["train"] != "0:3" || front.DType != "image" || front.Shape[0] != 12 || front.Shape[1] != 16 ||
		i.Features["action"].Names[0] != "left_joint1" || i.Features["action"].Names[15] != "base_angular" || i.VideoPath != nil {
		t.Errorf("%+v", i)
	}
	lines := bufio.NewScanner(strings.NewReader(all["meta/episodes_stats.jsonl"]))
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		var s struct {
			Stats map[string]struct {
				Mean  json.RawMessage `json:"mean"`
				Count []int           `json:"count"`
			} `json:"stats"`
		}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if got := string(s.Stats["observation.images.right"].Mean); !strings.HasPrefix(got, "[[[0.") || strings.Count(got, "[[") != 3 {
			t.Errorf("picture's mean %s is not of shape [3,1,1]", got)
		}
		if s.Stats["action"].Count[0] != []int{31, 37, 25}[n] {
			t.Errorf("%+v", s.Stats["action"])
		}
	}
}

func TestLeRobot30(t *testing.T) {
	dir := t.TempDir()
	export(t, three(t), dir, Config{Format: LeRobot30, Base: true})
	rows, err := parquet.ReadFile[dataRow](filepath.Join(dir, "data/chunk-000/file-000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 93 {
		t.Fatalf("%d rows", len(rows))
	}
	type episodeRow struct {
		Episode int64     `parquet:"episode_index"`
		Tasks   []string  `parquet:"tasks,list"`
		Length  int64     `parquet:"length"`
		From    int64     `parquet:"dataset_from_index"`
		To      int64     `parquet:"dataset_to_index"`
		File    int64     `parquet:"data/file_index"`
		Mean    []float64 `parquet:"stats/observation.state/mean,list"`
	}
	episodes, err := parquet.ReadFile[episodeRow](filepath.Join(dir, "meta/episodes/chunk-000/file-000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range episodes {
		if e.Episode != int64(i) || e.To-e.From != e.Length || e.File != 0 || len(e.Mean) != 16 {
			t.Errorf("%+v", e)
		}
		checkRows(t, rows[e.From:e.To], i, int(e.From), i%2)
	}
	type taskRow struct {
		Task  string `parquet:"task"`
		Index int64  `parquet:"task_index"`
	}
	tasks, err := parquet.ReadFile[taskRow](filepath.Join(dir, "meta/tasks.parquet"))
	if err != nil || len(tasks) != 2 || tasks[1] != (taskRow{"open the <drawer>", 1}) {
		t.Errorf("%+v, %v", tasks, err)
	}
	f, err := os.Open(filepath.Join(dir, "data/chunk-000/file-000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, _ := f.Stat()
	p, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.RowGroups()); n != 3 {
		t.Errorf("%d row groups for 3 episodes", n)
	}
	if text, ok := p.Lookup("huggingface"); !ok || !strings.Contains(text, `"observation.images.front":{"_type":"Image"}`) {
		t.Errorf("metadata for datasets: %s", text)
	}
	all := files(t, dir)
	var i info
	if err := json.Unmarshal([]byte(all["meta/info.json"]), &i); err != nil {
		t.Fatal(err)
	}
	if i.Version != "v3.0" || i.DataMB != 100 || i.Chunks != nil {
		t.Errorf("%+v", i)
	}
	var stats map[string]map[string]json.RawMessage
	if err := json.Unmarshal([]byte(all["meta/stats.json"]), &stats); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"} {
		if stats["observation.state"][key] == nil || stats["observation.images.left"][key] == nil {
			t.Errorf("stats.json lacks %s", key)
		}
	}
}

// Big episodes fill data files of their own.
func TestShards(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	var episodes []string
	for range 3 {
		m := simple("x", 300*time.Millisecond)
		m.raw, m.size = true, image.Pt(320, 240)
		episodes = append(episodes, record(t, root, m))
	}
	export(t, episodes, dir, Config{Format: LeRobot30, ShardMB: 1, Quality: 100})
	all := files(t, dir)
	for i := range 2 {
		if all[fmt.Sprintf("data/chunk-000/file-%03d.parquet", i)] == "" {
			t.Errorf("no data file %d", i)
		}
	}
}

// Of v2.1 every episode has films of its own, of v3.0 they have films in common.
func TestVideo(t *testing.T) {
	episodes := three(t)
	for name, program := range ffmpegtest.Programs(t) {
		for f, want := range map[Format]int{LeRobot21: 9, LeRobot30: 3} {
			dir := t.TempDir()
			export(t, episodes, dir, Config{Format: f, Video: true, FFmpeg: program})
			films := 0
			for path, content := range files(t, dir) {
				if strings.HasSuffix(path, ".mp4") {
					films++
					if name == "ffmpeg" && !strings.Contains(content[:32], "ftyp") {
						t.Errorf("%s is no MP4", path)
					}
				}
				if strings.HasSuffix(path, ".part") {
					t.Errorf("%s was left", path)
				}
			}
			if films != want {
				t.Errorf("%s with %s: %d films of 3 episodes with 3 cameras, not %d", f, name, films, want)
			}
		}
	}
}

// filmed is where v3.0 says that an episode's pictures are.
type filmed struct {
	Chunk int64   `parquet:"videos/observation.images.left/chunk_index"`
	File  int64   `parquet:"videos/observation.images.left/file_index"`
	From  float64 `parquet:"videos/observation.images.left/from_timestamp"`
	To    float64 `parquet:"videos/observation.images.left/to_timestamp"`
	Data  int64   `parquet:"data/file_index"`
}

// Episodes follow each other in a film until it is full; another export goes on with the next.
func TestSharedVideo(t *testing.T) {
	root := t.TempDir()
	var episodes []string
	for i := range 5 {
		m := simple("x", time.Duration(300+100*i)*time.Millisecond) // 10, 13, 16, 19, 22 frames
		m.size = image.Pt(320, 240)
		episodes = append(episodes, record(t, root, m))
	}
	for name, program := range ffmpegtest.Programs(t) {
		dir := t.TempDir()
		cfg := Config{Format: LeRobot30, Video: true, FFmpeg: program}
		export(t, episodes[:3], dir, cfg)
		export(t, episodes, dir, cfg)
		got, err := parquet.ReadFile[filmed](filepath.Join(dir, "meta/episodes/chunk-000/file-000.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		want := []filmed{
			{0, 0, 0, 10. / 30, 0}, {0, 0, 10. / 30, 23. / 30, 0}, {0, 0, 23. / 30, 39. / 30, 0}, // the first export
			{0, 1, 0, 19. / 30, 1}, {0, 1, 19. / 30, 41. / 30, 1},
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %s: %v, want %v", name, got, want)
		}
		if name == "ffmpeg" {
			continue // how much it keeps back is its own affair
		}
		dir = t.TempDir()
		full := func(p *dataFile) *dataFile { p.most = 1 << 10; return p }
		s := &set{dir: dir, cfg: cfg.withDefaults()}
		var report Report
		taken, err := s.choose(episodes, &report)
		if err == nil {
			err = s.write(t.Context(), limited{full}, taken, func(Progress) {})
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range s.records {
			if r.Shard != i {
				t.Errorf("episode %d is in film %d: the one before was full", i, r.Shard)
			}
		}
	}
}

// limited is lerobot30 with other limits.
type limited struct{ to func(*dataFile) *dataFile }

func (limited) begin(context.Context, *set, []string) error { return nil }
func (limited) conclude(*set) error                         { return nil }
func (l limited) open(s *set, shard int) (part, error) {
	p, err := lerobot30{}.open(s, shard)
	return l.to(p.(*dataFile)), err
}

func TestNoFFmpeg(t *testing.T) {
	_, err := Export(t.Context(), three(t), t.TempDir(), Config{Format: LeRobot21, Video: true, FFmpeg: "no-such-program"}, nil)
	if err == nil || !strings.Contains(err.Error(), "video needs no-such-program: install it") {
		t.Error(err)
	}
}
