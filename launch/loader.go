package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Files is where launch files, parameter files and installed packages are read.
type Files interface {
	// ReadFile returns a file's bytes.
	ReadFile(name string) ([]byte, error)
	// Executable says whether name is a file that may be executed.
	Executable(name string) bool
}

// Config says where a launch file finds things.
type Config struct {
	// Env is the environment of the launch, as os.Environ gives it: $(env) reads
	// it, set_env and unset_env change a copy, processes inherit the result.
	// AMENT_PREFIX_PATH in it says where packages are installed, PATH where
	// $(find-exec) looks.
	Env []string
	// Embedded holds the share directories of packages that are compiled in, by
	// package name. They serve where the package is not installed: what is
	// installed wins, so that people can edit it.
	Embedded map[string]Share
	// Files is the file system; nil is the machine's.
	Files Files
}

// OSFiles is the machine's file system.
type OSFiles struct{}

// ReadFile implements Files.
func (OSFiles) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// Executable implements Files.
func (OSFiles) Executable(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// EmbeddedRoot starts the paths of files that are compiled into the program:
// embedded:PACKAGE/params/x.yaml. Only the reader and the runner understand
// them; a node gets a copy of the file.
const EmbeddedRoot = "embedded:"

// loader finds files and packages for one launch.
type loader struct {
	cfg Config
}

func newLoader(cfg Config) *loader {
	if cfg.Files == nil {
		cfg.Files = OSFiles{}
	}
	return &loader{cfg: cfg}
}

// isEmbedded says whether a path leads into the program.
func isEmbedded(name string) bool { return strings.HasPrefix(name, EmbeddedRoot) }

func (l *loader) read(name string) ([]byte, error) {
	rest, ok := strings.CutPrefix(name, EmbeddedRoot)
	if !ok {
		return l.cfg.Files.ReadFile(name)
	}
	pkg, file, _ := strings.Cut(path.Clean(rest), "/")
	folder, file, _ := strings.Cut(file, "/")
	fsys, ok := l.cfg.Embedded[pkg][folder]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, err := fs.ReadFile(fsys, file)
	var perr *fs.PathError
	if errors.As(err, &perr) {
		perr.Path = name
	}
	return data, err
}

// prefix finds where a package is installed, as ament does: the first entry of
// AMENT_PREFIX_PATH whose resource index has it.
func (l *loader) prefix(pkg string, env map[string]string) (string, error) {
	if pkg == "" || strings.ContainsAny(pkg, "/\\") {
		return "", fmt.Errorf("%w: %q is not the name of a package", ErrSubstitution, pkg)
	}
	for prefix := range strings.SplitSeq(env["AMENT_PREFIX_PATH"], ":") {
		if prefix == "" {
			continue
		}
		if _, err := l.cfg.Files.ReadFile(path.Join(prefix, "share/ament_index/resource_index/packages", pkg)); err == nil {
			return prefix, nil
		}
	}
	where := "AMENT_PREFIX_PATH is empty"
	if p := env["AMENT_PREFIX_PATH"]; p != "" {
		where = "AMENT_PREFIX_PATH is " + p
	}
	return "", fmt.Errorf("%w: package %q is not installed (%s): source the setup.bash of the workspace that has it", ErrSubstitution, pkg, where)
}

// share finds a package's share directory: installed, else compiled in.
func (l *loader) share(pkg string, env map[string]string) (string, error) {
	prefix, err := l.prefix(pkg, env)
	if err == nil {
		return path.Join(prefix, "share", pkg), nil
	}
	if _, ok := l.cfg.Embedded[pkg]; ok {
		return EmbeddedRoot + pkg, nil
	}
	return "", err
}

// executable finds a package's executable: lib/<pkg>/<name> below its prefix.
func (l *loader) executable(pkg, name string, env map[string]string) (string, error) {
	prefix, err := l.prefix(pkg, env)
	if err != nil {
		return "", err
	}
	file := path.Join(prefix, "lib", pkg, name)
	if name == "" || strings.Contains(name, "/") || !l.cfg.Files.Executable(file) {
		return "", fmt.Errorf("%w: package %q has no executable %q (%s)", ErrSubstitution, pkg, name, file)
	}
	return file, nil
}

// lookPath finds an executable on PATH, or takes a path as it is.
func (l *loader) lookPath(name string, env map[string]string) (string, error) {
	if strings.Contains(name, "/") {
		if l.cfg.Files.Executable(name) {
			return name, nil
		}
		return "", fmt.Errorf("%w: %s is not an executable file", ErrSubstitution, name)
	}
	for dir := range strings.SplitSeq(env["PATH"], ":") {
		if file := path.Join(dir, name); dir != "" && name != "" && l.cfg.Files.Executable(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("%w: no executable %q on PATH", ErrSubstitution, name)
}

// Locate finds a launch file of a package by its name, as `ros2 launch PACKAGE
// FILE` does: anywhere below the package's share directory, and only one.
func Locate(cfg Config, pkg, name string) (string, error) {
	l := newLoader(cfg)
	share, err := l.share(pkg, envMap(cfg.Env))
	if err != nil {
		return "", err
	}
	var found, others []string
	walk := func(root string, fsys fs.FS) error {
		return fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
			case path.Base(p) == name:
				found = append(found, path.Join(root, p))
			case strings.HasSuffix(p, ".launch.yaml"):
				others = append(others, path.Base(p))
			}
			return nil
		})
	}
	if isEmbedded(share) {
		for _, folder := range slices.Sorted(maps.Keys(cfg.Embedded[pkg])) {
			err = errors.Join(err, walk(path.Join(share, folder), cfg.Embedded[pkg][folder]))
		}
	} else {
		err = walk(share, os.DirFS(share))
	}
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		slices.Sort(others)
		return "", fmt.Errorf("%w: package %s has no launch file %q; it has %s", ErrArgument, pkg, name, strings.Join(others, ", "))
	case len(found) > 1:
		return "", fmt.Errorf("%w: package %s has several files %q: %s: give the path", ErrArgument, pkg, name, strings.Join(found, ", "))
	}
	return found[0], nil
}

// absolute makes a path absolute; one that leads into the program is already.
func absolute(name string) (string, error) {
	if isEmbedded(name) {
		return path.Clean(name), nil
	}
	return filepath.Abs(name)
}

func envMap(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, e := range env {
		if k, v, ok := strings.Cut(e, "="); ok && k != "" {
			m[k] = v
		}
	}
	return m
}
