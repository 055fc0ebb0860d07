package episode

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	cuts  = flag.Int("cuts", 150, "how often an episode is cut at a random byte")
	kills = flag.Int("kills", 4, "how often a process that records is killed")
	into  = flag.String("record-into", "", "for the process that is killed: where it records")
)

// flush is what was said when so many bytes were on the disk.
type flush struct {
	size int64
	said int
}

// recordedWith gives all to a new writer and notes what was flushed when. It
// returns the writer still open.
func recordedWith(t *testing.T, all []said, opts Options) (*Writer, []flush) {
	t.Helper()
	w := begun(t, opts)
	flushes := []flush{{w.Size(), 0}}
	for i, m := range all {
		before := w.Size()
		if err := w.CDR(m.topic, m.arrival, m.cdr); err != nil {
			t.Fatal(err)
		}
		if w.Size() > before { // by a status before this message, or as the last of its chunk
			said := i
			if w.open == 0 {
				said = i + 1
			}
			flushes = append(flushes, flush{w.Size(), said})
		}
	}
	return w, flushes
}

// flushedBy is the number of messages that a file of that size must give back.
func flushedBy(flushes []flush, size int64) int {
	said := 0
	for _, f := range flushes {
		if f.size <= size {
			said = f.said
		}
	}
	return said
}

// A power cut at any byte: whatever was flushed up to there can be read.
func TestCutAnywhere(t *testing.T) {
	all := script(11, 3*time.Second)
	w, flushes := recordedWith(t, all, Options{})
	if len(flushes) < 6 {
		t.Fatalf("only %d flushes", len(flushes))
	}
	e, err := w.Finish(Result{Verdict: Keep, Ended: start.Add(3 * time.Second), Reason: "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	flushes = append(flushes, flush{int64(len(whole)) - 1, len(all)}) // the last chunk is before the index
	rng := rand.New(rand.NewPCG(11, 12))
	var at []int64
	for _, f := range flushes {
		at = append(at, f.size-1, f.size, f.size+1)
	}
	for range *cuts {
		at = append(at, flushes[0].size+rng.Int64N(int64(len(whole))-flushes[0].size+1))
	}
	dir := t.TempDir()
	for i, n := range at {
		path := filepath.Join(dir, fmt.Sprintf("%d.mcap", i))
		text := whole[:n]
		if i%3 == 2 { // a power cut may leave a file longer than what was written of it
			text = append(slices.Clone(text), make([]byte, rng.IntN(5000))...)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		done, err := Repair(path, RepairOptions{})
		if n < flushes[0].size { // amid the description: Create had not returned
			if err != nil && !errors.Is(err, ErrNotEpisode) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		r := opened(t, path)
		prefixOf(t, r, all, flushedBy(flushes, n))
		if !done.Whole && r.Task != "fetch the bottle" || string(r.Calibration) != string(testInfo().Calibration) {
			t.Fatalf("cut at %d: %+v", n, r.Info)
		}
		if again, err := Repair(path, RepairOptions{}); err != nil || !again.Whole {
			t.Fatalf("repaired twice: %+v, %v", again, err)
		}
		_ = r.Close()
	}
}

// Bytes that changed on the disk: an error, or what is before them, never a crash
// and never a message that was not said.
func TestNoise(t *testing.T) {
	all := script(13, 1500*time.Millisecond)
	w, _ := recordedWith(t, all, Options{})
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(w.Path())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(13, 14))
	path := filepath.Join(t.TempDir(), "noise.mcap")
	readable := 0
	for i := range *cuts {
		text := slices.Clone(whole)
		for range 1 + i%3 {
			text[rng.IntN(len(text))] ^= byte(1 + rng.IntN(255))
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Repair(path, RepairOptions{}); err != nil {
			if !errors.Is(err, ErrNotEpisode) && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			continue
		}
		r := opened(t, path)
		prefixOf(t, r, all, 0)
		_ = r.Close()
		readable++
	}
	if readable < *cuts/2 {
		t.Errorf("only %d of %d could be read", readable, *cuts)
	}
}

func FuzzRepair(f *testing.F) {
	w, err := Create(f.TempDir(), testInfo(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := w.Stream("/puppet/joint_left", scriptTypes["/puppet/joint_left"], ""); err != nil {
		f.Fatal(err)
	}
	for _, m := range script(15, 20*time.Millisecond) {
		if m.topic == "/puppet/joint_left" {
			if err := w.CDR(m.topic, m.arrival, m.cdr); err != nil {
				f.Fatal(err)
			}
		}
	}
	if _, err := w.Finish(Result{}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(w.Path())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(whole[:8])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := walk(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		records, _ := w.conclude("fuzz.mcap")
		end, err := w.ending(records)
		if err != nil {
			t.Fatal(err)
		}
		text = append(slices.Clone(text[:w.at]), end...)
		r, err := read("fuzz.mcap", bytes.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range r.Read() {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// disk is a file on a disk that gets full.
type disk struct {
	*os.File
	left *int64
}

var errFull = fmt.Errorf("write: %w", syscall.ENOSPC)

func (d disk) Write(p []byte) (int, error) {
	n := min(int64(len(p)), *d.left)
	*d.left -= n
	n2, err := d.File.Write(p[:n])
	if err == nil && n2 < len(p) {
		err = errFull
	}
	return n2, err
}

func (d disk) Truncate(size int64) error {
	at, err := d.Seek(0, 2)
	if err != nil {
		return err
	}
	*d.left += at - size
	return d.File.Truncate(size)
}

// A full disk: the recording ends, all that was flushed can be read, at once or
// after Repair when there is room again.
func TestFullDisk(t *testing.T) {
	all := script(17, 2*time.Second)
	rng := rand.New(rand.NewPCG(17, 18))
	atOnce, later := 0, 0
	for range 25 {
		left := 10_000 + rng.Int64N(80_000)
		create := func(path string) (File, error) {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
			return disk{f, &left}, err
		}
		w := begun(t, Options{Create: create})
		flushed := 0
		var failed error
		for i, m := range all {
			before := w.Size()
			if failed = w.CDR(m.topic, m.arrival, m.cdr); failed != nil {
				break
			}
			if w.Size() > before {
				flushed = i
			}
		}
		_, err := w.Finish(Result{Verdict: Keep, Reason: "the disk is full", Ended: start.Add(time.Second)})
		if !errors.Is(err, syscall.ENOSPC) || failed != nil && !strings.Contains(failed.Error(), w.Path()) {
			t.Fatalf("with %d bytes: %v, %v", left, failed, err)
		}
		r, err := Open(w.Path())
		if errors.Is(err, ErrUnfinished) {
			later++
			if _, err := Repair(w.Path(), RepairOptions{}); err != nil {
				t.Fatal(err)
			}
			r, err = Open(w.Path())
		} else {
			atOnce++
		}
		if err != nil {
			t.Fatal(err)
		}
		prefixOf(t, r, all, flushed)
		if r.Reason != "the disk is full" && r.Reason != Interrupted {
			t.Errorf("reason %q", r.Reason)
		}
		_ = r.Close()
	}
	if atOnce == 0 || later == 0 {
		t.Errorf("%d could be read at once, %d after repair: both should happen", atOnce, later)
	}
}

// TestKilled is the process that TestKill kills: it records as fast as it can and
// says what it flushed.
func TestKilled(t *testing.T) {
	if *into == "" {
		t.Skip("only for the process that is killed")
	}
	w, err := Create(*into, testInfo(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	announce(t, w)
	for i, m := range script(19, time.Hour/120) {
		before := w.Size()
		if err := w.CDR(m.topic, m.arrival, m.cdr); err != nil {
			t.Fatal(err)
		}
		if w.Size() > before {
			fmt.Println("flushed", i)
		}
	}
	time.Sleep(time.Minute)
}

// kill -9 of a process that records, again and again in the same folder: its episode
// can be read up to the last flush, and those before it are as they were.
func TestKill(t *testing.T) {
	rng := rand.New(rand.NewPCG(uint64(*kills), 20))
	all := script(19, time.Hour/120)
	root := t.TempDir()
	messages := map[string]uint64{} // of the episodes so far
	for k := range *kills {
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-record-into="+root)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, until, flushed := bufio.NewScanner(out), 1+rng.IntN(30), 0
		for n := 0; n < until && lines.Scan(); n++ {
			if _, err := fmt.Sscanf(lines.Text(), "flushed %d", &flushed); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
		}
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			_, _ = fmt.Sscanf(lines.Text(), "flushed %d", &flushed)
		}
		_ = child.Wait()
		paths, err := List(root)
		if err != nil || len(paths) != k+1 {
			t.Fatalf("%q, %v", paths, err)
		}
		for path, n := range messages {
			e, err := Open(path)
			if err != nil || e.Messages != n {
				t.Fatalf("%s had %d messages: %v", path, n, err)
			}
			_ = e.Close()
		}
		done, err := Repair(paths[k], RepairOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := opened(t, paths[k])
		messages[paths[k]] = r.Messages
		prefixOf(t, r, all, flushed)
		if done.Whole || r.Reason != Interrupted || r.Verdict != Unjudged || flushed == 0 {
			t.Errorf("%+v with %d flushed", done, flushed)
		}
	}
}
