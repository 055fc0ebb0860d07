// Package shipped holds the checkpoints that come with the program, so that a policy runs where nothing but the
// program was installed. They are embedded, and laid out in a folder of the user's cache when a
// policy asks for one: what reads checkpoints reads folders. Beside each are the recipe, the
// log and the evaluation of its training.
package shipped

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

//go:embed llava-vla-tiny/*.json llava-vla-tiny/*.yaml llava-vla-tiny/*.safetensors
//go:embed seer-tiny/*.json seer-tiny/*.yaml seer-tiny/*.safetensors
//go:embed vita-vla-tiny/*.json vita-vla-tiny/*.yaml vita-vla-tiny/*.safetensors
var files embed.FS

// ErrNone says that no checkpoint of a kind ships.
var ErrNone = errors.New("no checkpoint of this kind ships with the program: set checkpoint to a folder")

// Name is the shipped checkpoint of a kind of policy; "" for none.
func Name(kind string) string {
	switch kind {
	case "llavavla":
		return "llava-vla-tiny"
	case "seer":
		return "seer-tiny"
	case "vitavla":
		return "vita-vla-tiny"
	}
	return ""
}

// Folder is the shipped checkpoint of a kind, written into a folder below cache unless it is there already, whole and unchanged.
func Folder(kind, cache string) (string, error) {
	name := Name(kind)
	if name == "" {
		return "", fmt.Errorf("policy %q: %w", kind, ErrNone)
	}
	entries, err := files.ReadDir(name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	contents := make([][]byte, len(entries))
	for i, e := range entries {
		if contents[i], err = files.ReadFile(path.Join(name, e.Name())); err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n", e.Name(), len(contents[i]))
		sum.Write(contents[i])
	}
	dir := filepath.Join(cache, name+"-"+hex.EncodeToString(sum.Sum(nil)[:6]))
	for i, e := range entries {
		if err := lay(filepath.Join(dir, e.Name()), contents[i]); err != nil {
			return "", fmt.Errorf("the shipped checkpoint %s: %w", name, err)
		}
	}
	return dir, nil
}

// lay writes a file so that nobody ever reads half of it, unless it is there.
func lay(file string, data []byte) error {
	switch have, err := os.ReadFile(file); {
	case err == nil && bytes.Equal(have, data):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
