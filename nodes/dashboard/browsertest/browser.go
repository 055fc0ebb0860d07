//go:build browser

// Package browsertest opens pages in a headless Chromium, as a person would: it
// clicks, looks and takes pictures. It needs the build tag browser and Debian's
// chromium; -screenshots names a folder for the pictures.
package browsertest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// patience is how long what must come may take; nothing is measured by it.
const patience = 60 * time.Second

var (
	chromium    = flag.String("chromium", "chromium", "the browser's executable")
	screenshots = flag.String("screenshots", "", "folder for pictures of the page")
)

// Browser is a headless Chromium with one page, spoken to by the DevTools protocol.
type Browser struct {
	t       *testing.T
	conn    *websocket.Conn
	session string

	mu      sync.Mutex
	ids     int
	answers map[int]chan json.RawMessage
	errors  []string // of the page's scripts
}

// Open starts the browser, which ends with the test.
func Open(t *testing.T) *Browser {
	t.Helper()
	path, err := exec.LookPath(*chromium)
	if err != nil {
		t.Fatalf("%v: apt-get install chromium, or say -chromium=…", err)
	}
	profile, err := os.MkdirTemp("", "browser")
	must(t, err)
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb",
		"--remote-debugging-port=0", "--user-data-dir="+profile, "about:blank")
	out, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for range 50 { // its children write until they notice
			if os.RemoveAll(profile) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	address := ""
	lines := bufio.NewScanner(out)
	for address == "" && lines.Scan() {
		_, address, _ = strings.Cut(lines.Text(), "DevTools listening on ")
	}
	if address == "" {
		t.Fatal("the browser said no address")
	}
	go func() {
		for lines.Scan() { // its pipe must not fill
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, address, nil)
	must(t, err)
	conn.SetReadLimit(-1)
	b := &Browser{t: t, conn: conn, answers: map[int]chan json.RawMessage{}}
	done := make(chan struct{})
	go func() { defer close(done); b.read() }()
	t.Cleanup(func() { _ = conn.CloseNow(); <-done })
	target := field[string](b.Call("Target.createTarget", map[string]any{"url": "about:blank"}), "targetId")
	b.session = field[string](b.Call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true}), "sessionId")
	b.Call("Page.enable", nil)
	b.Call("Runtime.enable", nil)
	b.Call("Log.enable", nil)
	return b
}

func field[T any](m json.RawMessage, name string) (v T) {
	all := map[string]json.RawMessage{}
	_ = json.Unmarshal(m, &all)
	_ = json.Unmarshal(all[name], &v)
	return v
}

func (b *Browser) read() {
	for {
		_, data, err := b.conn.Read(context.Background())
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Result json.RawMessage
			Error  json.RawMessage
			Params json.RawMessage
		}
		if json.Unmarshal(data, &m) != nil {
			continue
		}
		b.mu.Lock()
		if m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`) {
			b.errors = append(b.errors, string(m.Params))
		}
		if ch := b.answers[m.ID]; ch != nil && m.ID != 0 {
			delete(b.answers, m.ID)
			if m.Error != nil {
				m.Result = m.Error
			}
			ch <- m.Result
		}
		b.mu.Unlock()
	}
}

// Call is a command of the DevTools protocol.
func (b *Browser) Call(method string, params any) json.RawMessage {
	b.t.Helper()
	b.mu.Lock()
	b.ids++
	id, ch := b.ids, make(chan json.RawMessage, 1)
	b.answers[id] = ch
	b.mu.Unlock()
	if params == nil {
		params = map[string]any{}
	}
	m := map[string]any{"id": id, "method": method, "params": params}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	must(b.t, err)
	must(b.t, b.conn.Write(context.Background(), websocket.MessageText, text))
	select {
	case r := <-ch:
		return r
	case <-time.After(patience):
		b.t.Fatalf("%s is not answered", method)
		return nil
	}
}

// Eval runs a script in the page and gives its value.
func Eval[T any](b *Browser, script string) T {
	b.t.Helper()
	r := b.Call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true})
	if e := field[json.RawMessage](r, "exceptionDetails"); e != nil {
		b.t.Fatalf("%s: %s", script, e)
	}
	return field[T](field[json.RawMessage](r, "result"), "value")
}

// Until waits until a script is true.
func (b *Browser) Until(what, script string) {
	b.t.Helper()
	for end := time.Now().Add(patience); !Eval[bool](b, script); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			b.Shot("failed")
			b.t.Fatalf("%s: never came true: %s", what, script)
		}
	}
}

// Click presses where a person would.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.Press(selector)
	b.Call("Input.dispatchMouseEvent", map[string]any{"type": "mouseReleased", "x": b.At(selector)[0], "y": b.At(selector)[1], "button": "left", "clickCount": 1})
}

// At is the middle of an element [px].
func (b *Browser) At(selector string) []float64 {
	return Eval[[]float64](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`, selector))
}

// Press holds the mouse button down on an element.
func (b *Browser) Press(selector string) {
	b.t.Helper()
	p := b.At(selector)
	b.Call("Input.dispatchMouseEvent", map[string]any{"type": "mousePressed", "x": p[0], "y": p[1], "button": "left", "clickCount": 1})
}

// Size of the window, or of a phone.
func (b *Browser) Size(width, height int, scale float64, phone bool) {
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone})
}

// Scheme is dark or light.
func (b *Browser) Scheme(name string) {
	b.Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}})
}

// Shot keeps a picture of the page.
func (b *Browser) Shot(name string) {
	b.t.Helper()
	Eval[bool](b, "scrollTo(0, 0); true")
	b.keep(name, map[string]any{"format": "png"})
}

// ShotOf keeps a picture of one element.
func (b *Browser) ShotOf(name, selector string) {
	b.t.Helper()
	r := Eval[[]float64](b, fmt.Sprintf(`(() => { scrollTo(0, 0); const r = document.querySelector(%q).getBoundingClientRect(); return [r.x, r.y, r.width, r.height] })()`, selector))
	b.keep(name, map[string]any{"format": "png", "captureBeyondViewport": true, "clip": map[string]any{"x": r[0], "y": r[1], "width": r[2], "height": r[3], "scale": 1}})
}

func (b *Browser) keep(name string, how map[string]any) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	r := b.Call("Page.captureScreenshot", how)
	data, err := base64.StdEncoding.DecodeString(field[string](r, "data"))
	must(b.t, err)
	must(b.t, os.MkdirAll(*screenshots, 0o755))
	must(b.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), data, 0o644))
}

// Errors of the page's scripts so far.
func (b *Browser) Errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
