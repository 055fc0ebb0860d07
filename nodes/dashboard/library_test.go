package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// shelf is a library that only plays: two episodes whose pictures are of one colour, which tells the time.
type shelf struct {
	mu      sync.Mutex
	verdict map[string]string
	gate    chan struct{} // an export waits for it
}

func newShelf() *shelf {
	return &shelf{verdict: map[string]string{"episode_000001": "keep", "episode_000002": "unjudged"}, gate: make(chan struct{}, 1)}
}

func (s *shelf) Episodes() ([]Episode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []Episode{
		{Name: "episode_000003", Problem: "being recorded"},
		{Name: "episode_000002", Task: "fold the towel", Verdict: s.verdict["episode_000002"], Seconds: 10, Bytes: 5e6, Cameras: []string{"front"}, Lost: 3, Gaps: 1, Corrected: true},
		{Name: "episode_000001", Task: "fetch the bottle", Operator: "Ada", Verdict: s.verdict["episode_000001"], Seconds: 12, Bytes: 9e6, Cameras: []string{"front", "left", "right"}},
	}, nil
}

func (s *shelf) Picture(_ context.Context, name, camera string, at float64) ([]byte, error) {
	if s.verdict[name] == "" {
		return nil, fmt.Errorf("%w: %s", ErrNoEpisode, name)
	}
	m := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		m.SetRGBA(i%64, i/64, color.RGBA{uint8(20 * at), uint8(len(camera) * 30), 90, 255})
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, m, nil)
	return b.Bytes(), err
}

func (s *shelf) File(name string) (string, error) {
	if s.verdict[name] == "" {
		return "", ErrNoEpisode
	}
	path := filepath.Join(os.TempDir(), "dashboard_test.mcap")
	return path, os.WriteFile(path, []byte("an episode"), 0o644)
}

func (s *shelf) Judge(name, verdict string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict[name] == "" {
		return "", ErrNoEpisode
	}
	s.verdict[name] = verdict
	return name + ": " + verdict, nil
}

func (s *shelf) Formats() []string { return []string{"lerobot-v2.1", "lerobot-v3.0"} }

func (s *shelf) Export(ctx context.Context, format string, progress func(float64)) (string, error) {
	progress(0.5)
	select {
	case <-s.gate:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if format == "none" {
		return "", errors.New("no such format")
	}
	return "exports/" + format, nil
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

func TestEpisodes(t *testing.T) {
	r := newRig(t, nil)
	if _, text := get(t, r.page.URL+"/api/episodes"); strings.Index(text, "episode_000003") > strings.Index(text, "episode_000001") || !strings.Contains(text, `"here":true`) {
		t.Error(text)
	}
	for path, want := range map[string]int{
		"/api/episodes/episode_000001/picture?camera=front&at=3": 200,
		"/api/episodes/episode_000009/picture?camera=front&at=3": 404,
		"/api/episodes/episode_000001/picture?camera=front&at=x": 400,
		"/api/episodes/episode_000001/file":                      200,
		"/api/episodes/..%2f..%2fetc/file":                       404,
	} {
		if got, text := get(t, r.page.URL+path); got != want {
			t.Errorf("%s: %d %s, want %d", path, got, text, want)
		}
	}
	if _, a := r.press("episodes/episode_000002/judge", `{"text":"discard"}`); !a.OK || a.Message != "episode_000002: discard" {
		t.Errorf("%+v", a)
	}
	if _, a := r.press("episodes/episode_000009/judge", `{"text":"keep"}`); a.OK {
		t.Errorf("%+v", a)
	}
	if _, a := r.press("export", `{"text":"lerobot-v3.0"}`); !a.OK {
		t.Errorf("%+v", a)
	}
	if _, a := r.press("export", `{"text":"lerobot-v3.0"}`); a.OK || !strings.Contains(a.Message, "is running") {
		t.Errorf("a second export: %+v", a)
	}
	state := func() (v exportView) {
		_, text := get(t, r.page.URL+"/api/export")
		must(t, json.Unmarshal([]byte(text), &v))
		return v
	}
	r.until("half done", func() bool { v := state(); return v.Running && v.Part == 0.5 })
	r.d.library.(*shelf).gate <- struct{}{}
	r.until("exported", func() bool {
		v := state()
		return !v.Running && v.Message == "exports/lerobot-v3.0" && len(v.Formats) == 2
	})
}
