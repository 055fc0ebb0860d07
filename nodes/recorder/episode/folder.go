package episode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	prefix    = "episode_"
	extension = ".mcap"
	bagFile   = "metadata.yaml"
)

// fileOf is the path of the episode of that name: <root>/episode_000012/episode_000012.mcap.
func fileOf(root, name string) string { return filepath.Join(root, name, name+extension) }

// number of an episode's folder; false when it is none.
func number(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}

// newFolder makes the folder of the next episode. A number is used once, whoever else makes folders here.
func newFolder(root string) (name string, err error) {
	if err := os.MkdirAll(root, 0o777); err != nil {
		return "", fmt.Errorf("episode: %w", err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return "", fmt.Errorf("episode: %w", err)
	}
	next := 1
	for _, e := range entries {
		if n, ok := number(e.Name()); ok {
			next = max(next, n+1)
		}
	}
	for ; ; next++ {
		name = Name(next)
		err := os.Mkdir(filepath.Join(root, name), 0o777)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("episode: %w", err)
		}
		return name, nil
	}
}

// Name of the episode of a number: episode_000012.
func Name(n int) string { return fmt.Sprintf("%s%06d", prefix, n) }

// namedFolder makes the folder of an episode whose name was chosen.
func namedFolder(root, name string) error {
	if _, ok := number(name); !ok {
		return fmt.Errorf("episode: name %q: it is %s and a number, as in %s", name, prefix, Name(12))
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return fmt.Errorf("episode: %w", err)
	}
	if err := os.Mkdir(filepath.Join(root, name), 0o777); err != nil {
		return fmt.Errorf("episode: %w", err)
	}
	return nil
}

// List is the paths of the episodes below root, finished or not, in their order.
func List(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	type numbered struct {
		n    int
		path string
	}
	var found []numbered
	for _, e := range entries {
		n, ok := number(e.Name())
		if !ok {
			continue
		}
		path := fileOf(root, e.Name())
		if _, err := os.Stat(path); err == nil {
			found = append(found, numbered{n, path})
		}
	}
	slices.SortFunc(found, func(a, b numbered) int { return a.n - b.n })
	paths := make([]string, len(found))
	for i, f := range found {
		paths[i] = f.path
	}
	return paths, nil
}

// syncFolder makes the names in a folder last through a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// In is the path of the episode in a folder of its own: one, or none.
func In(dir string) ([]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	path := filepath.Join(dir, filepath.Base(abs)+extension)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	return []string{path}, nil
}
