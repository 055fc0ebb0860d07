package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs that read training sets and know nothing of us.
var (
	//go:embed independent/duckdb.cjs
	duckdbScript string
	//go:embed independent/h5py_frames.py
	h5pyScript string
)

// independent reads a training set with such a program.
type independent struct {
	name    string
	program string
	env     []string
	script  string
	missing string // how to get it, when it is not here; "" when it is
}

// duckdb reads parquet files. modules is a node_modules with @duckdb/node-api in it.
func duckdb(modules string) independent {
	r := independent{name: "DuckDB", program: "node", env: []string{"NODE_PATH=" + modules}, script: duckdbScript}
	if _, err := exec.LookPath(r.program); err != nil {
		r.missing = "no node here: apt-get install nodejs npm"
	} else if _, err := os.Stat(filepath.Join(modules, "@duckdb", "node-api")); err != nil {
		r.missing = "no @duckdb/node-api in " + modules + ": `make readers` installs it"
	}
	return r
}

// h5py reads HDF5 files.
func h5py() independent {
	r := independent{name: "h5py", program: "/usr/bin/python3", script: h5pyScript} // where Debian's python3-h5py is
	if err := exec.Command(r.program, "-c", "import h5py").Run(); err != nil {
		r.missing = "no h5py for " + r.program + ": apt-get install python3-h5py"
	}
	return r
}

// foreignFrame is a frame as such a program reads it.
type foreignFrame struct {
	Reader      string            `json:"reader"` // name and version, in the first line alone
	Episode     int               `json:"episode"`
	Frame       int               `json:"frame"`
	Number      int               `json:"number"`    // in the set
	Timestamp   float32           `json:"timestamp"` // [s]; LeRobot's
	Task        *string           `json:"task"`      // of the frame and of the episode; nil for HDF5, which has none
	EpisodeTask *string           `json:"episode_task"`
	Length      int               `json:"length"` // of the episode
	From        int               `json:"from"`   // number of the episode's first frame
	State       []float32         `json:"state"`
	Velocity    []float32         `json:"velocity"`
	Effort      []float32         `json:"effort"`
	Action      []float32         `json:"action"`
	Pictures    map[string]string `json:"pictures"` // MD5, by camera, of the file (LeRobot) or the pixels (HDF5)
}

// read calls each for every frame of the set, in the order the program gives them, and
// says which version it was.
func (r independent) read(ctx context.Context, set string, each func(foreignFrame) error) (version string, err error) {
	set, err = filepath.Abs(set)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, r.program, "-", set)
	cmd.Env = append(os.Environ(), r.env...)
	cmd.Stdin = strings.NewReader(r.script)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	version, err = frames(out, each)
	if err != nil { // it need not say the rest
		_ = cmd.Process.Kill()
	}
	if failed := cmd.Wait(); err == nil && failed != nil {
		err = fmt.Errorf("%s: %w: %s", r.name, failed, strings.TrimSpace(said.String()))
	}
	return version, err
}

func frames(out io.Reader, each func(foreignFrame) error) (version string, err error) {
	lines := json.NewDecoder(out)
	var f foreignFrame
	if err := lines.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return "", nil // it says why itself
		}
		return "", err
	}
	version = f.Reader
	for {
		var f foreignFrame
		if err := lines.Decode(&f); errors.Is(err, io.EOF) {
			return version, nil
		} else if err != nil {
			return version, err
		}
		if err := each(f); err != nil {
			return version, err
		}
	}
}
