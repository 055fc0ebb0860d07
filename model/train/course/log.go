package course

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// LogFile has a line for every step and look.
const LogFile = "log.jsonl"

// line of log.jsonl: a step, or a look at held-out examples.
type line struct {
	Step     int        `json:"step"`
	Loss     *float64   `json:"loss,omitempty"`
	GradNorm float64    `json:"grad_norm,omitempty"`
	Rate     float64    `json:"rate,omitempty"`
	Seconds  float64    `json:"seconds,omitempty"`
	Tokens   int        `json:"tokens,omitempty"`
	Held     *Diagnosis `json:"held,omitempty"`
}

// runLog writes log.jsonl.
type runLog struct {
	file *os.File
	out  *bufio.Writer
}

// openLog keeps the lines up to a step: what a killed run did after its last state is done again.
func openLog(dir string, step int) (*runLog, error) {
	path := filepath.Join(dir, LogFile)
	lines, err := readLog(path)
	if err != nil {
		return nil, err
	}
	var kept bytes.Buffer
	enc := json.NewEncoder(&kept)
	for _, l := range lines {
		if l.Step <= step {
			if err := enc.Encode(l); err != nil {
				return nil, err
			}
		}
	}
	if err := Replace(path, kept.Bytes()); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &runLog{file: file, out: bufio.NewWriter(file)}, nil
}

func (l *runLog) add(p *Progress) error {
	s := line{Step: p.Step, GradNorm: p.GradNorm, Rate: p.Rate, Seconds: math.Round(p.Took.Seconds()*1000) / 1000, Tokens: p.Tokens, Held: p.Held}
	if !math.IsNaN(p.Loss) {
		s.Loss = &p.Loss
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = l.out.Write(append(data, '\n'))
	return err
}

func (l *runLog) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.out.Flush(), l.file.Close())
	l.file = nil
	return err
}

// readLog reads the lines; one that was cut by a kill, the last, is left out.
func readLog(path string) ([]line, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []line
	for n, text := range bytes.Split(data, []byte("\n")) {
		if len(text) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			if !bytes.HasSuffix(data, []byte("\n")) && bytes.HasSuffix(data, text) {
				break
			}
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}
