package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
)

// modelSynthCmd writes random weights.
type modelSynthCmd struct {
	Preset      string `help:"Shapes of which model: llava-onevision-0.5b (1.8 GB) or tiny (a megabyte)." default:"llava-onevision-0.5b"`
	Out         string `help:"Folder to write; a new one." required:""`
	Seed        uint64 `help:"Seed of the weights; the same seed gives the same bytes." default:"1"`
	Navigation  bool   `help:"Put <Navigation>, which marks mobile tasks, among the tokens." default:"true" negatable:""`
	Manifest    bool   `help:"Bind it to the robot too, by its limits: what it does is random, and as safe as anything."`
	Calibration string `help:"The robot's calibration file for --manifest; empty for the factory default."`
}

// Run implements the command.
func (c *modelSynthCmd) Run(a *app) error {
	if entries, err := os.ReadDir(c.Out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s has files in it: give a new folder", c.Out)
	}
	config, err := llavavla.Preset(c.Preset)
	if err != nil {
		return err
	}
	var bytes int64
	for _, s := range config.Shapes() {
		n := int64(2) // BF16
		for _, d := range s.Dims {
			n *= int64(d)
		}
		bytes += n
	}
	grows := fileGrows(filepath.Join(c.Out, "model.safetensors"), bytes)
	if _, err := await(a, "writing "+c.Out, grows, func() (struct{}, error) {
		return struct{}{}, checkpoint.Synth(c.Out, c.Preset, c.Seed)
	}); err != nil {
		return err
	}
	files, err := checkpoint.Open(c.Out)
	if err != nil {
		return err
	}
	err = c.finish(files)
	if err = errors.Join(err, files.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s of random weights, seed %d\n", c.Out, c.Preset, c.Seed)
	return err
}

// finish adds what the flags ask for.
func (c *modelSynthCmd) finish(files *checkpoint.Checkpoint) error {
	if c.Navigation {
		if err := addNavigation(files); err != nil {
			return err
		}
	}
	if !c.Manifest {
		return nil
	}
	robot, err := robotOf(c.Calibration)
	if err != nil {
		return err
	}
	var flags bindFlags
	if err := kong.ApplyDefaults(&flags); err != nil {
		return err
	}
	flags.Name, flags.FromLimits = fmt.Sprintf("random %s, seed %d", c.Preset, c.Seed), true
	_, err = flags.bind(files, robot, false)
	return err
}

// addNavigation puts <Navigation> behind the other tokens of a tokenizer.json.
// The id that config.json keeps for <image> stays free.
func addNavigation(files *checkpoint.Checkpoint) error {
	tok, err := files.Tokenizer()
	if err != nil {
		return err
	}
	id := tok.Len()
	if id == files.Config.ImageToken {
		id++
	}
	if id >= files.Config.Language.VocabRows {
		return fmt.Errorf("%s: no row of the embedding is left for %s", files.Dir, llavavla.NavigationToken)
	}
	path := filepath.Join(files.Dir, "tokenizer.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var added []json.RawMessage
	if err := json.Unmarshal(file["added_tokens"], &added); err != nil {
		return fmt.Errorf("%s: added_tokens: %w", path, err)
	}
	added = append(added, json.RawMessage(fmt.Sprintf(
		`{"id":%d,"content":%q,"special":true,"normalized":false,"single_word":false,"lstrip":false,"rstrip":false}`, id, llavavla.NavigationToken)))
	if file["added_tokens"], err = json.Marshal(added); err != nil {
		return err
	}
	if data, err = json.Marshal(file); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
