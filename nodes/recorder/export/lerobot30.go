package export

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// lerobot30 writes LeRobot v3.0: many episodes a data file, a row group each, and as
// many, one after the other, in a film of every camera.
type lerobot30 struct{}

const (
	data30  = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
	video30 = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
)

func (lerobot30) begin(context.Context, *set, []string) error { return nil }

// at is the folder and file of a number.
func at30(n int) string {
	return filepath.Join(fmt.Sprintf("chunk-%03d", n/chunkSize), fmt.Sprintf("file-%03d", n%chunkSize))
}

func (lerobot30) open(s *set, shard int) (part, error) {
	return &dataFile{
		s: s, path: filepath.Join(s.dir, "data", at30(shard)+".parquet"), limit: int64(s.cfg.ShardMB) << 20, most: int64(s.cfg.VideoMB) << 20,
		filmAt: func(c Camera) string { return filepath.Join(s.dir, "videos", pictureKey(c), at30(shard)+".mp4") },
	}, nil
}

func (lerobot30) conclude(s *set) error {
	if err := s.writeTasks(); err != nil {
		return err
	}
	if err := s.writeEpisodes(); err != nil {
		return err
	}
	total := map[string]Stats{}
	for name := range s.records[0].Stats {
		var all []Stats
		for _, r := range s.records {
			all = append(all, r.Stats[name])
		}
		total[name] = merge(all)
	}
	if err := writeJSON(s.meta("stats.json"), s.shape(total)); err != nil {
		return err
	}
	i := s.info("v3.0", data30, video30)
	i.DataMB, i.VideoMB = s.cfg.ShardMB, s.cfg.VideoMB
	return writeJSON(s.meta("info.json"), i)
}

// pandasColumn describes a column to pandas, in the words of its metadata.
type pandasColumn struct {
	Name   *string `json:"name"`
	Field  *string `json:"field_name"`
	Pandas string  `json:"pandas_type"`
	NumPy  string  `json:"numpy_type"`
	Meta   *string `json:"metadata"`
}

// writeTasks writes the tasks as a pandas table whose index they are.
func (s *set) writeTasks() error {
	index, number := "task", "task_index"
	pandas, err := json.Marshal(struct {
		Index   []string          `json:"index_columns"`
		Indexes []pandasColumn    `json:"column_indexes"`
		Columns []pandasColumn    `json:"columns"`
		Creator map[string]string `json:"creator"`
		Version string            `json:"pandas_version"`
	}{
		Index:   []string{index},
		Indexes: []pandasColumn{{Pandas: "unicode", NumPy: "object", Meta: nil}},
		Columns: []pandasColumn{{&number, &number, "int64", "int64", nil}, {&index, &index, "unicode", "object", nil}},
		Creator: map[string]string{"library": "cobot_vla", "version": "1"}, Version: "2.0.0",
	})
	if err != nil {
		return err
	}
	t, err := newTable(s.meta("tasks.parquet"), []column{int64Column(number), stringColumn(index)}, map[string]string{"pandas": string(pandas)})
	if err != nil {
		return err
	}
	for i, task := range s.tasks {
		if err := t.add(cells{number: intCell(i), index: stringCell(task)}); err != nil {
			t.abandon()
			return err
		}
	}
	return t.close()
}

// writeEpisodes writes where every episode is, and its statistics.
func (s *set) writeEpisodes() error {
	columns := []column{listColumn("tasks", parquet.String(), 1)}
	for _, name := range []string{
		"episode_index", "length", "data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index",
		"meta/episodes/chunk_index", "meta/episodes/file_index",
	} {
		columns = append(columns, int64Column(name))
	}
	if s.spec.Video {
		for _, c := range s.spec.Cameras {
			key := "videos/" + pictureKey(c) + "/"
			columns = append(columns, int64Column(key+"chunk_index"), int64Column(key+"file_index"), float64Column(key+"from_timestamp"), float64Column(key+"to_timestamp"))
		}
	}
	double := parquet.Leaf(parquet.DoubleType)
	for _, name := range slices.Sorted(maps.Keys(s.records[0].Stats)) {
		depth := 1
		if s.isPicture(name) {
			depth = 3
		}
		for stat := range (Stats{}).byName() {
			columns = append(columns, listColumn("stats/"+name+"/"+stat, double, depth))
		}
		columns = append(columns, listColumn("stats/"+name+"/count", parquet.Int(64), 1))
	}
	t, err := newTable(s.meta(filepath.Join("episodes", at30(0)+".parquet")), columns, nil)
	if err != nil {
		return err
	}
	for _, r := range s.records {
		if err := t.add(s.episodeCells(r)); err != nil {
			t.abandon()
			return err
		}
	}
	return t.close()
}

func (s *set) episodeCells(r Record) cells {
	row := cells{
		"tasks":         listCell(1, parquet.ByteArrayValue([]byte(r.Task))),
		"episode_index": intCell(r.Index), "length": intCell(r.Length),
		"data/chunk_index": intCell(r.Shard / chunkSize), "data/file_index": intCell(r.Shard % chunkSize),
		"dataset_from_index": intCell(r.From), "dataset_to_index": intCell(r.From + r.Length),
		"meta/episodes/chunk_index": intCell(0), "meta/episodes/file_index": intCell(0),
	}
	if s.spec.Video {
		before := r.From - s.records[slices.IndexFunc(s.records, func(o Record) bool { return o.Shard == r.Shard })].From // frames in its films
		for _, c := range s.spec.Cameras {
			key := "videos/" + pictureKey(c) + "/"
			row[key+"chunk_index"], row[key+"file_index"] = intCell(r.Shard/chunkSize), intCell(r.Shard%chunkSize)
			row[key+"from_timestamp"] = doubleCell(float64(before) / float64(s.spec.FPS))
			row[key+"to_timestamp"] = doubleCell(float64(before+r.Length) / float64(s.spec.FPS))
		}
	}
	for name, st := range r.Stats {
		depth := 1
		if s.isPicture(name) {
			depth = 3
		}
		for stat, v := range st.byName() {
			row["stats/"+name+"/"+stat] = floats64(depth, v)
		}
		row["stats/"+name+"/count"] = listCell(1, parquet.Int64Value(int64(st.Count)))
	}
	return row
}
