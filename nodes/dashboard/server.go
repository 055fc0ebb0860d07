package dashboard

import (
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"cobot_vla/msgs"
)

//go:embed page
var files embed.FS

// Handler serves the page, its WebSocket and its buttons.
func (d *Node) Handler() http.Handler {
	page, err := fs.Sub(files, "page")
	mux := http.NewServeMux()
	if err == nil { // the folder is compiled in
		mux.Handle("GET /", http.FileServerFS(page))
	}
	mux.HandleFunc("GET /ws", d.view)
	mux.HandleFunc("POST /api/estop", d.pressEstop)
	mux.HandleFunc("POST /api/instruction", d.controlled(func(r *http.Request, body request) (bool, string) {
		return d.instruct(body.Text)
	}))
	for action, service := range triggers {
		mux.HandleFunc("POST /api/"+action, d.controlled(func(r *http.Request, _ request) (bool, string) {
			return d.services.call(r.Context(), service)
		}))
	}
	d.libraryRoutes(mux)
	return secured(mux)
}

// triggers are the buttons that call a service.
var triggers = map[string]string{
	"release_estop":  "supervisor/release_estop",
	"take_over":      "teleop/take_over",
	"give_back":      "teleop/give_back",
	"record/start":   "recorder/start",
	"record/stop":    "recorder/stop",
	"record/discard": "recorder/discard",
	"record/mark":    "recorder/mark",
}

// secured keeps the page from being framed or made to load what is not ours.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer") // the token stands in the page's address
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// request is the body of a button's request.
type request struct {
	Text string `json:"text"`
}

// answer is what a button hears.
type answer struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

func reply(w http.ResponseWriter, status int, ok bool, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer{ok, text}) // nobody to tell when the viewer is gone
}

const longestRequest = 4096 // bytes

// controlled wraps a button that only those may press who may control the robot.
func (d *Node) controlled(do func(*http.Request, request) (bool, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if foreign(r) {
			reply(w, http.StatusForbidden, false, "the request comes from another web page")
			return
		}
		if why := d.cfg.control(r); why != "" {
			reply(w, http.StatusForbidden, false, why)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestRequest))
		var q request
		if err == nil && len(strings.TrimSpace(string(body))) > 0 {
			err = json.Unmarshal(body, &q)
		}
		if err != nil {
			reply(w, http.StatusBadRequest, false, "the request is not understood: "+err.Error())
			return
		}
		ok, text := do(r, q)
		d.n.Log().Info().Str("button", r.URL.Path).Str("from", r.RemoteAddr).Bool("ok", ok).Msg(text)
		reply(w, http.StatusOK, ok, text)
	}
}

// pressEstop stops the robot; anybody may, from any page.
func (d *Node) pressEstop(w http.ResponseWriter, r *http.Request) {
	d.n.Log().Warn().Str("from", r.RemoteAddr).Msg("e-stop pressed on the dashboard")
	if err := d.estop.Publish(&msgs.Bool{Data: true}); err != nil {
		reply(w, http.StatusInternalServerError, false, "the e-stop could not be sent: "+err.Error()+": use the robot's own")
		return
	}
	reply(w, http.StatusOK, true, "e-stop sent")
}

func (d *Node) instruct(text string) (bool, string) {
	text = strings.TrimSpace(text)
	const longest = 500
	if len(text) > longest {
		return false, "the instruction is longer than 500 bytes"
	}
	if err := d.instruction.Publish(&msgs.String{Data: text}); err != nil {
		return false, err.Error()
	}
	if text == "" {
		return true, "the policy waits for an instruction"
	}
	return true, "instructed"
}
