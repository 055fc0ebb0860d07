package export

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
)

// lerobot21 writes LeRobot v2.1: a file an episode, which openpi, GR00T and
// others read.
type lerobot21 struct{}

const (
	data21  = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
	video21 = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
)

func (lerobot21) begin(context.Context, *set, []string) error { return nil }

func (lerobot21) open(s *set, shard int) (part, error) {
	chunk := fmt.Sprintf("chunk-%03d", shard/chunkSize)
	name := fmt.Sprintf("episode_%06d", shard)
	return &dataFile{
		s: s, path: filepath.Join(s.dir, "data", chunk, name+".parquet"),
		filmAt: func(c Camera) string { return filepath.Join(s.dir, "videos", chunk, pictureKey(c), name+".mp4") },
	}, nil
}

func (lerobot21) conclude(s *set) error {
	i := s.info("v2.1", data21, video21)
	chunks, videos := (len(s.records)+chunkSize-1)/chunkSize, 0
	if s.spec.Video {
		videos = len(s.records) * len(s.spec.Cameras)
	}
	i.Chunks, i.Videos = &chunks, &videos
	type task struct {
		Index int    `json:"task_index"`
		Task  string `json:"task"`
	}
	type episode struct {
		Index  int      `json:"episode_index"`
		Tasks  []string `json:"tasks"`
		Length int      `json:"length"`
	}
	type stats struct {
		Index int               `json:"episode_index"`
		Stats map[string]shaped `json:"stats"`
	}
	var tasks, episodes, numbers bytes.Buffer
	lines := func(b *bytes.Buffer, v any) error {
		text, err := marshal(v, "")
		b.Write(text)
		return err
	}
	for n, t := range s.tasks {
		if err := lines(&tasks, task{n, t}); err != nil {
			return err
		}
	}
	for _, r := range s.records {
		if err := lines(&episodes, episode{r.Index, []string{r.Task}, r.Length}); err != nil {
			return err
		}
		if err := lines(&numbers, stats{r.Index, s.shape(r.Stats)}); err != nil {
			return err
		}
	}
	for name, b := range map[string]*bytes.Buffer{"tasks.jsonl": &tasks, "episodes.jsonl": &episodes, "episodes_stats.jsonl": &numbers} {
		if err := writeWhole(s.meta(name), b.Bytes()); err != nil {
			return err
		}
	}
	return writeJSON(s.meta("info.json"), i)
}
