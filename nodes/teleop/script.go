package teleop

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Script is what a scripted leader does: poses at times, with minimum-jerk motion
// between them, and velocities of the base that hold from their frame to the next.
type Script struct {
	// Name of the script.
	Name string `yaml:"name"`
	// Frames in the order of their times; the first is at 0.
	Frames []Frame `yaml:"frames"`
}

// Frame is one moment of a script.
type Frame struct {
	// At is when [s].
	At float64 `yaml:"at"`
	// Left and Right are the leaders' poses: six joints [rad] and the gripper's width [m].
	Left  [axes]float64 `yaml:"left,flow"`
	Right [axes]float64 `yaml:"right,flow"`
	// Linear and Angular are the base's velocity from here on [m/s], [rad/s].
	Linear  float64 `yaml:"linear"`
	Angular float64 `yaml:"angular"`
}

//go:embed scripts/*.yaml
var scripts embed.FS

// LoadScript reads a script that ships with the program by its name, or a file.
func LoadScript(name string) (Script, error) {
	text, err := scripts.ReadFile("scripts/" + name + ".yaml")
	if err != nil {
		if text, err = os.ReadFile(name); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("there is no such file, and the scripts that ship with the program are %s", strings.Join(scriptNames(), ", "))
			}
			return Script{}, fmt.Errorf("teleop: script %q: %w", name, err)
		}
	}
	s, err := ParseScript(text)
	if err != nil {
		return s, fmt.Errorf("teleop: script %s: %w", name, err)
	}
	return s, nil
}

func scriptNames() []string {
	var names []string
	files, _ := fs.Glob(scripts, "scripts/*.yaml") // its only error is a bad pattern
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, "scripts/"), ".yaml"))
	}
	return names
}

// longestScript is the longest a script may take [s].
const longestScript = 3600

// ParseScript reads a script from YAML; unknown fields are errors.
func ParseScript(text []byte) (Script, error) {
	var s Script
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		return s, err
	}
	if len(s.Frames) < 2 {
		return s, fmt.Errorf("%d frames: a script has at least two", len(s.Frames))
	}
	last := 0.0
	for i, f := range s.Frames {
		switch {
		case i == 0 && f.At != 0:
			return s, fmt.Errorf("frame 0 is at %g s, not 0", f.At)
		case i > 0 && !(f.At > last):
			return s, fmt.Errorf("frame %d at %g s comes not after frame %d at %g s", i, f.At, i-1, last)
		case f.At > longestScript:
			return s, fmt.Errorf("frame %d is at %g s, later than %d s", i, f.At, longestScript)
		case !finite(f.Linear) || !finite(f.Angular):
			return s, fmt.Errorf("frame %d: %g m/s, %g rad/s is no velocity", i, f.Linear, f.Angular)
		}
		for j := range axes {
			for _, v := range []float64{f.Left[j], f.Right[j]} {
				if !finite(v) || math.Abs(v) > 2*math.Pi {
					return s, fmt.Errorf("frame %d: axis %d at %g is no pose", i, j+1, v)
				}
			}
		}
		last = f.At
	}
	return s, nil
}

// Length of the script.
func (s Script) Length() time.Duration { return seconds(s.Frames[len(s.Frames)-1].At) }

// moment is what a script wants at one time.
type moment struct {
	arms [2]pose // left, right
	base velocity
}

// at is the script at a time; before it and after it, its ends with the base standing.
func (s Script) at(t time.Duration) moment {
	sec := t.Seconds()
	last := len(s.Frames) - 1
	if sec >= s.Frames[last].At {
		return moment{arms: [2]pose{s.Frames[last].Left, s.Frames[last].Right}}
	}
	if sec <= 0 {
		return moment{arms: [2]pose{s.Frames[0].Left, s.Frames[0].Right}}
	}
	i := 0
	for s.Frames[i+1].At <= sec {
		i++
	}
	a, b := s.Frames[i], s.Frames[i+1]
	u := (sec - a.At) / (b.At - a.At)
	share := u * u * u * (10 + u*(6*u-15)) // minimum jerk
	m := moment{base: velocity{a.Linear, a.Angular}}
	for j := range axes {
		m.arms[0][j] = a.Left[j] + share*(b.Left[j]-a.Left[j])
		m.arms[1][j] = a.Right[j] + share*(b.Right[j]-a.Right[j])
	}
	return m
}

// Vary is the script as a person would do it another time: every frame but the
// first and the last a little elsewhere, everything a little faster or slower.
func (s Script) Vary(seed uint64) Script {
	r := rand.New(rand.NewPCG(seed, 0x7e1e09))
	out := Script{Name: s.Name, Frames: make([]Frame, len(s.Frames))}
	copy(out.Frames, s.Frames)
	pace := 0.9 + 0.2*r.Float64()
	for i := range out.Frames {
		f := &out.Frames[i]
		f.At *= pace
		if i == 0 || i == len(out.Frames)-1 {
			continue
		}
		for j := range axes - 1 {
			f.Left[j] += spread(r) * math.Min(math.Abs(f.Left[j]), 1)
			f.Right[j] += spread(r) * math.Min(math.Abs(f.Right[j]), 1)
		}
	}
	return out
}

// spread is a small random share, at most 0.1.
func spread(r *rand.Rand) float64 { return math.Max(-0.1, math.Min(0.1, 0.04*r.NormFloat64())) }
