package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/nodes/policy"
)

// policies are opened once for many episodes: one for each that runs at a time.
type policies struct {
	free chan *kept
	all  []*kept
}

// newPolicies makes room for n at a time. Where several run, each computes on one thread.
func newPolicies(n int, precision string) *policies {
	p := &policies{free: make(chan *kept, n)}
	for range n {
		k := &kept{precision: precision}
		if n > 1 {
			k.threads = 1
		}
		p.all = append(p.all, k)
		p.free <- k
	}
	return p
}

// take gives one to an episode; put gives it back.
func (p *policies) take() (k *kept, put func()) {
	k = <-p.free
	return k, func() { p.free <- k }
}

func (p *policies) close() error {
	var errs []error
	for _, k := range p.all {
		if k.policy != nil {
			errs = append(errs, k.policy.Close())
		}
	}
	return errors.Join(errs...)
}

// kept is a policy that outlives the graph it runs in.
type kept struct {
	precision string
	threads   int
	policy    model.Policy
	version   string
}

// open gives it to a graph, and makes it the first time.
func (k *kept) open(kind, dir, robot string, on policy.Compute) (model.Policy, string, error) {
	if k.policy == nil {
		if k.precision != "" {
			on.Precision = k.precision
		}
		if k.threads != 0 {
			on.Threads = k.threads
		}
		var err error
		if k.policy, k.version, err = openPolicy(kind, dir, robot, on); err != nil {
			return nil, "", err
		}
	}
	k.policy.Reset()
	return unclosed{k.policy}, k.version, nil
}

// unclosed is a policy that its graph does not close.
type unclosed struct{ model.Policy }

func (unclosed) Close() error { return nil }

// bindAny is the kind of a checkpoint's policy.
func bindAny(dir string) (string, error) {
	m, err := checkpoint.ReadManifest(filepath.Join(dir, manifestFile))
	return m.Kind, err
}

// digestOf tells a checkpoint's content apart: manifest, statistics, words, shape and weights. "" has none.
func digestOf(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if e.IsDir() || !slices.Contains([]string{".json", ".yaml", ".safetensors"}, ext) {
			continue
		}
		fmt.Fprintln(h, e.Name())
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
