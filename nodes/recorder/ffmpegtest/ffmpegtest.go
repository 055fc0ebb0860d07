// Package ffmpegtest stands in for ffmpeg in tests of machines that have none: a
// test binary that is started with ffmpeg's arguments strings JPEG files together
// and takes them apart again. Its films are nobody else's.
package ffmpegtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
)

// Programs are what a test of films runs with: this stand-in, and ffmpeg where it is.
func Programs(t testing.TB) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"stand-in": self}
	if real, err := exec.LookPath("ffmpeg"); err == nil {
		all["ffmpeg"] = real
	}
	return all
}

// Main is called first by the TestMain of packages that use Programs: where the
// binary was started as ffmpeg it does that work and exits.
func Main() {
	if !slices.Contains(os.Args, "-hide_banner") {
		return
	}
	if err := work(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// work does as it is told by the arguments that package export and importer give.
func work(args []string, in io.Reader, out io.Writer) error {
	if args[len(args)-1] != "-" {
		return join(value(args, "-framerate"), args[len(args)-1], in)
	}
	return cut(args, out)
}

func value(args []string, of string) string {
	if i := slices.Index(args, of); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// join writes the rate, and the pictures as they come: as a real encoder does, not at once.
func join(rate, path string, in io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	fmt.Fprintf(b, "%s\n", rate)
	_, err = io.Copy(b, in)
	return errors.Join(err, b.Flush(), f.Close())
}

// end of a JPEG file: the data inside never has these two bytes.
var end = []byte("\xff\xd9")

// cut writes the pixels of the frames from a time on.
func cut(args []string, out io.Writer) error {
	text, err := os.ReadFile(value(args, "-i"))
	if err != nil {
		return err
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	rate, err1 := strconv.ParseFloat(string(head), 64)
	count, err2 := strconv.Atoi(value(args, "-frames:v"))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	from := 0.0
	if s := value(args, "-ss"); s != "" {
		if from, err = strconv.ParseFloat(s, 64); err != nil {
			return err
		}
	}
	first := int(math.Ceil(from*rate - 1e-9)) // the first that is not earlier
	files := bytes.SplitAfter(body, end)
	if len(files) > 0 && len(files[len(files)-1]) == 0 {
		files = files[:len(files)-1]
	}
	for k := first; k < min(first+count, len(files)); k++ {
		m, err := jpeg.Decode(bytes.NewReader(files[k]))
		if err != nil {
			return fmt.Errorf("picture %d of %d: %w", k, len(files), err)
		}
		if _, err := out.Write(pixels(m)); err != nil {
			return err
		}
	}
	return nil
}

func pixels(m image.Image) []byte {
	var all []byte
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			r, g, b, _ := m.At(x, y).RGBA()
			all = append(all, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return all
}
