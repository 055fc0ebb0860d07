package launch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// outputs writes what launch and its processes say to the screen and to files.
type outputs struct {
	mu     sync.Mutex
	screen io.Writer
	dir    string
	now    func() time.Time
	files  map[string]*os.File
	err    error // the first of writing
}

func newOutputs(r *Runner) *outputs {
	o := &outputs{screen: r.Screen, dir: r.LogDir, now: r.Now, files: map[string]*os.File{}}
	if o.now == nil {
		o.now = time.Now
	}
	if o.screen == nil {
		o.screen = io.Discard
	}
	return o
}

// log writes a line of launch itself: to the screen and launch.log.
func (o *outputs) log(level, name, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := fmt.Sprintf("[%s] [%s]: %s", level, name, text)
	o.write(o.screen, line)
	if o.dir != "" {
		o.file("launch.log", o.stamp()+" "+line)
	}
}

// stamp is seconds since the epoch, as in ROS's launch.log.
func (o *outputs) stamp() string {
	t := o.now()
	return fmt.Sprintf("%d.%07d", t.Unix(), t.Nanosecond()/100)
}

func (o *outputs) write(w io.Writer, line string) {
	if _, err := io.WriteString(w, line+"\n"); err != nil && o.err == nil {
		o.err = fmt.Errorf("launch output: %w", err)
	}
}

func (o *outputs) file(name, line string) {
	f := o.files[name]
	if f == nil {
		err := os.MkdirAll(o.dir, 0o755)
		if err == nil {
			f, err = os.OpenFile(filepath.Join(o.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		}
		if err != nil {
			if o.err == nil {
				o.err = fmt.Errorf("launch output: %w", err)
			}
			return
		}
		o.files[name] = f
	}
	o.write(f, line)
}

func (o *outputs) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *outputs) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.files {
		if err := f.Close(); err != nil && o.err == nil {
			o.err = err
		}
	}
	o.files = map[string]*os.File{}
}

// line writes one line of a process's stdout or stderr where its output goes.
func (o *outputs) line(p *Process, source, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	labelled := "[" + p.Name + "] " + text
	screen := p.Output == OutputScreen || p.Output == OutputBoth || p.Output == OutputFull || p.Output == OutputLog && source == "stderr"
	log := p.Output == OutputLog || p.Output == OutputBoth || p.Output == OutputFull
	own := p.Output == OutputOwnLog || p.Output == OutputFull
	if screen || o.dir == "" {
		o.write(o.screen, labelled)
	}
	if o.dir == "" {
		return
	}
	if log {
		o.file("launch.log", o.stamp()+" "+labelled)
	}
	if own {
		name := strings.ReplaceAll(p.Name, "/", "_")
		o.file(name+"-"+source+".log", labelled)
		o.file(name+".log", labelled)
	}
}

// writer cuts what a process writes into lines.
func (o *outputs) writer(p *Process, source string) *lineWriter {
	return &lineWriter{emit: func(line string) { o.line(p, source, line) }}
}

// maxLine is where a line without end is cut [bytes].
const maxLine = 64 << 10

type lineWriter struct {
	mu   sync.Mutex
	rest []byte
	emit func(line string)
}

var errFlushed = errors.New("write after the end of the process")

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.emit == nil {
		return 0, errFlushed
	}
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.rest = append(w.rest, p...)
			if len(w.rest) >= maxLine {
				w.emit(string(w.rest))
				w.rest = w.rest[:0]
			}
			break
		}
		w.emit(string(append(w.rest, bytes.TrimSuffix(p[:i], []byte{'\r'})...)))
		w.rest, p = w.rest[:0], p[i+1:]
	}
	return n, nil
}

// flush writes the last line, where it had no end; the writer is done.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 && w.emit != nil {
		w.emit(string(w.rest))
	}
	w.rest, w.emit = nil, nil
}
