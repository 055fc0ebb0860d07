package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// Library is the recorded episodes, as the page shows them. The program gives one to
// New; its calls may take long and come from many goroutines.
type Library interface {
	// Episodes lists them, the newest first, unfinished ones with their Problem.
	Episodes() ([]Episode, error)
	// Picture is what a camera saw nearest to so many seconds into an episode: a JPEG or PNG file.
	Picture(ctx context.Context, name, camera string, at float64) ([]byte, error)
	// File is the path of an episode's file.
	File(name string) (string, error)
	// Judge changes an episode's verdict: keep or discard.
	Judge(name, verdict string) (string, error)
	// Formats of training sets that Export makes.
	Formats() []string
	// Export makes a training set of all episodes that are to be kept, and says where
	// it is. progress is told the part that is done, 0..1.
	Export(ctx context.Context, format string, progress func(float64)) (string, error)
}

// OpenLibrary opens the episodes below a folder.
type OpenLibrary func(directory string) Library

// ErrNoEpisode is what a Library says of a name that it does not have.
var ErrNoEpisode = errors.New("no such episode")

// Episode is one of the list.
type Episode struct {
	Name     string   `json:"name"`
	Task     string   `json:"task"`
	Operator string   `json:"operator"`
	Verdict  string   `json:"verdict"` // keep, discard or unjudged
	Started  string   `json:"started"`
	Seconds  float64  `json:"seconds"`
	Messages uint64   `json:"messages"`
	Lost     uint64   `json:"lost"`
	Gaps     uint64   `json:"gaps"`
	Bytes    int64    `json:"bytes"`
	Cameras  []string `json:"cameras"`
	// Corrected says that a person took over from a policy in it.
	Corrected bool   `json:"corrected"`
	Problem   string `json:"problem,omitempty"`
}

// exporter runs one export at a time, in the background.
type exporter struct {
	mu      sync.Mutex
	running bool
	part    float64
	message string
	failed  bool
}

// exportView is how far an export is.
type exportView struct {
	Running bool     `json:"running"`
	Part    float64  `json:"part"`
	Message string   `json:"message"`
	Failed  bool     `json:"failed"`
	Formats []string `json:"formats"`
}

// routes are the library's; without one the page shows no list.
func (d *Node) libraryRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/episodes", d.listEpisodes)
	mux.HandleFunc("GET /api/episodes/{name}/picture", d.episodePicture)
	mux.HandleFunc("GET /api/episodes/{name}/file", d.episodeFile)
	mux.HandleFunc("GET /api/export", d.exportState)
	mux.HandleFunc("POST /api/episodes/{name}/judge", d.controlled(func(r *http.Request, q request) (bool, string) {
		if d.library == nil {
			return false, noLibrary
		}
		text, err := d.library.Judge(r.PathValue("name"), q.Text)
		if err != nil {
			return false, err.Error()
		}
		return true, text
	}))
	mux.HandleFunc("POST /api/export", d.controlled(func(_ *http.Request, q request) (bool, string) { return d.startExport(q.Text) }))
}

const noLibrary = "this dashboard has no folder of episodes"

func (d *Node) listEpisodes(w http.ResponseWriter, _ *http.Request) {
	var all []Episode
	if d.library != nil {
		var err error
		if all, err = d.library.Episodes(); err != nil {
			reply(w, http.StatusInternalServerError, false, err.Error())
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Here     bool      `json:"here"`
		Episodes []Episode `json:"episodes"`
	}{d.library != nil, all})
}

func (d *Node) episodePicture(w http.ResponseWriter, r *http.Request) {
	if d.library == nil {
		http.Error(w, noLibrary, http.StatusNotFound)
		return
	}
	at, err := strconv.ParseFloat(r.URL.Query().Get("at"), 64)
	if err != nil || !finite(at) {
		http.Error(w, "at is no number of seconds", http.StatusBadRequest)
		return
	}
	file, err := d.library.Picture(r.Context(), r.PathValue("name"), r.URL.Query().Get("camera"), at)
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, ErrNoEpisode) {
			status = http.StatusNotFound
		}
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", http.DetectContentType(file))
	w.Header().Set("Cache-Control", "max-age=3600") // what was seen does not change
	_, _ = w.Write(file)
}

func (d *Node) episodeFile(w http.ResponseWriter, r *http.Request) {
	if d.library == nil {
		http.Error(w, noLibrary, http.StatusNotFound)
		return
	}
	path, err := d.library.File(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", r.PathValue("name")+".mcap"))
	http.ServeFile(w, r, path)
}

func (d *Node) exportState(w http.ResponseWriter, _ *http.Request) {
	v := exportView{}
	if d.library != nil {
		v.Formats = d.library.Formats()
	}
	d.export.mu.Lock()
	v.Running, v.Part, v.Message, v.Failed = d.export.running, d.export.part, d.export.message, d.export.failed
	d.export.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// startExport begins an export and returns at once.
func (d *Node) startExport(format string) (bool, string) {
	if d.library == nil {
		return false, noLibrary
	}
	e := &d.export
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		return false, "an export is running: wait for it"
	}
	e.running, e.part, e.failed, e.message = true, 0, false, "exporting"
	d.n.Go(func(ctx context.Context) {
		where, err := d.library.Export(ctx, format, func(part float64) {
			e.mu.Lock()
			e.part = part
			e.mu.Unlock()
		})
		e.mu.Lock()
		defer e.mu.Unlock()
		e.running, e.message = false, where
		if err != nil {
			e.failed, e.message = true, err.Error()
		}
	})
	return true, "exporting as " + format
}
