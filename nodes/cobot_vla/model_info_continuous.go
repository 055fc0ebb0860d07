package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/seer"
	"cobot_vla/model/text"
	"cobot_vla/model/vitavla"
)

// continuousInfo is what there is to say of a checkpoint of vitavla or seer.
type continuousInfo struct {
	Dir        string           `json:"dir"`
	Kind       string           `json:"kind"`
	Files      []string         `json:"files"`
	DTypes     []string         `json:"dtypes"`
	Bytes      int64            `json:"bytes"`
	Parameters map[string]int64 `json:"parameters"`
	// Network is config.json, and what the original has built in.
	Network   any               `json:"network"`
	Tokenizer *tokenizerInfo    `json:"tokenizer,omitempty"`    // vitavla's
	Knows     []string          `json:"instructions,omitempty"` // that seer has features of
	Manifest  *manifestInfo     `json:"manifest,omitempty"`
	Lacks     map[string]string `json:"lacks"`
	Tensors   []tensorInfo      `json:"tensors,omitempty"`

	shape [][2]string // of the network, for people
}

// continuousParts are the parts of both networks by the beginnings of their tensors' names.
var continuousParts = []struct{ prefix, part string }{
	{"mae.", "vision"}, {"vision.", "vision"}, {"perceiver_resampler.", "resampler"}, {"projector.", "projector"},
	{"transformer_backbone", "trunk"}, {"language.", "language"}, {"head.", "language"}, {"seer.", "decoder and heads"},
	{"action_decoder.", "decoder and heads"}, {"arm_action_decoder.", "decoder and heads"}, {"gripper_action_decoder.", "decoder and heads"},
}

// infoContinuous says what a checkpoint of vitavla or seer is.
func (c *modelInfoCmd) infoContinuous(a *app, kind string, robot calibration.Robot) error {
	i := &continuousInfo{Dir: c.Dir, Kind: kind, Parameters: map[string]int64{}, Lacks: map[string]string{}}
	weights, err := i.open()
	if err != nil {
		return err
	}
	defer weights.Close()
	if err := i.count(weights); err != nil {
		return err
	}
	if err := i.bind(robot); err != nil {
		return err
	}
	if c.Tensors {
		if i.Tensors, err = listTensors(weights); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(i)
	}
	return i.print(a.stdout)
}

// open reads what the two kinds have each in its own way.
func (i *continuousInfo) open() (*checkpoint.Weights, error) {
	if i.Kind == seer.Kind {
		files, err := seer.OpenFiles(i.Dir)
		if err != nil {
			return nil, err
		}
		i.seer(files)
		sentences, err := files.Sentences()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			i.Lacks["instructions"] = fmt.Sprintf("no %s: it understands no instruction", seer.TextFile)
		case err != nil:
			return nil, errors.Join(err, files.Close())
		}
		i.Knows = slices.Sorted(maps.Keys(sentences))
		return files.Weights, nil
	}
	files, err := vitavla.OpenFiles(i.Dir, "")
	if err != nil {
		return nil, err
	}
	i.vita(files)
	switch words, err := text.Load(i.Dir); {
	case errors.Is(err, fs.ErrNotExist):
		i.Lacks["tokenizer"] = "no tokenizer.json: it can't read its instruction; copy it from VITA-1.5"
	case err != nil:
		return nil, errors.Join(err, files.Close())
	default:
		i.Tokenizer = &tokenizerInfo{Base: words.BaseSize(), Tokens: words.Len()}
	}
	return files.Weights, nil
}

func (i *continuousInfo) add(what, format string, args ...any) {
	i.shape = append(i.shape, [2]string{what, fmt.Sprintf(format, args...)})
}

func (i *continuousInfo) seer(files *seer.Checkpoint) {
	n := files.Config
	i.Network = n
	for _, path := range []string{seer.WeightsFile, seer.VisionFile, seer.TextFile} {
		if _, err := os.Stat(filepath.Join(i.Dir, path)); err == nil {
			i.Files = append(i.Files, path)
		}
	}
	i.add("vision", "%d x %d px in patches of %d: %d x %d; %d layers of %d, %d heads", n.Image, n.Image, n.Patch, n.Grid(), n.Grid(), n.VisionLayers, n.VisionHidden, n.VisionHeads)
	i.add("resampler", "%d layers of %d heads of %d leave %d tokens of an image", n.ResamplerLayers, n.ResamplerHeads, n.ResamplerHeadDim, n.Latents)
	grippers := "the last command of the gripper, open or closed"
	if n.GripperWidth {
		grippers = "two finger positions"
	}
	i.add("trunk", "%d layers of %d, %d heads, over up to %d steps; sentences of %d numbers, %s", n.Layers, n.Hidden, n.Heads, n.Steps, n.Text, grippers)
	i.add("predicts", "%d steps", n.Predictions)
}

func (i *continuousInfo) vita(files *vitavla.Checkpoint) {
	n := files.Config
	i.Network = n
	for _, path := range files.Parts {
		i.Files = append(i.Files, filepath.Base(path))
	}
	v, l := n.Vision, n.Language
	i.add("vision", "%d x %d px (trained for %d) in patches of %d; %d layers of %d, %d heads", n.Image, n.Image, v.ImageSize, v.PatchSize, v.Layers, v.Hidden, v.Heads)
	i.add("language", "%d layers of %d, %d heads and %d of keys of %d, MLP of %d; %d rows, %d positions; connector of %d layers", l.Layers, l.Hidden, l.Heads, l.KVHeads, l.HeadDim, l.Intermediate, l.VocabRows, l.MaxPositions, n.Connector)
	i.add("predicts", "%d steps a turn, by a mapper of %d layers into the small action model's %d numbers", n.Predictions, n.Mapper, n.Action)
}

// count adds the tensors up by their part.
func (i *continuousInfo) count(weights *checkpoint.Weights) error {
	for _, name := range weights.Names() {
		t, err := weights.Tensor(name)
		if err != nil {
			return err
		}
		if d := string(t.DType); !slices.Contains(i.DTypes, d) {
			i.DTypes = append(i.DTypes, d)
		}
		part := "state, tokens and mapper"
		if k := slices.IndexFunc(continuousParts, func(p struct{ prefix, part string }) bool { return strings.HasPrefix(name, p.prefix) }); k >= 0 {
			part = continuousParts[k].part
		}
		i.Parameters[part] += int64(t.Len())
		i.Bytes += int64(len(t.Data))
	}
	return nil
}

// bind reads the manifest and compares it with the robot.
func (i *continuousInfo) bind(robot calibration.Robot) error {
	m, _, err := readManifestInfo(i.Dir, robot)
	if errors.Is(err, fs.ErrNotExist) {
		i.Lacks["manifest"] = noManifest(i.Dir)
		return nil
	}
	if err == nil && m.Kind != i.Kind {
		m.Disagrees = strings.TrimPrefix(m.Disagrees+"\n", "\n") + fmt.Sprintf("kind is %s, config.json is a %s's", m.Kind, i.Kind)
	}
	i.Manifest = m
	return err
}

func (i *continuousInfo) print(out io.Writer) error {
	f := newFacts(out)
	f.add("checkpoint", "%s: %s, %s in %s: %s", i.Dir, i.Kind, strings.Join(i.DTypes, ", "), strings.Join(i.Files, ", "), bytesText(i.Bytes))
	for _, s := range i.shape {
		f.add(s[0], "%s", s[1])
	}
	all, parts := int64(0), []string{}
	for _, part := range slices.Sorted(maps.Keys(i.Parameters)) {
		all += i.Parameters[part]
		parts = append(parts, part+" "+grouped(i.Parameters[part]))
	}
	f.add("parameters", "%s: %s", grouped(all), strings.Join(parts, ", "))
	if t := i.Tokenizer; t != nil {
		f.add("tokenizer", "%d tokens, %d without added ones", t.Tokens, t.Base)
	}
	if len(i.Knows) > 0 {
		const shown = 8
		more := ""
		if len(i.Knows) > shown {
			more = ", …"
		}
		f.add("instructions", "%d: %s%s", len(i.Knows), strings.Join(i.Knows[:min(shown, len(i.Knows))], "; "), more)
	}
	i.Manifest.print(f)
	for _, what := range []string{"instructions", "tokenizer", "manifest"} {
		if why, ok := i.Lacks[what]; ok {
			f.add(what, "%s", why)
		}
	}
	if err := f.flush(); err != nil {
		return err
	}
	return printTensors(out, i.Tensors)
}
