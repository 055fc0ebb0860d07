package calibration

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
)

// files is what this package puts into the share directory of cobot_vla.
//
//go:embed cobot_magic.yaml
var files embed.FS

//go:embed cobot_magic.yaml
var cobotMagic []byte

// Default returns the factory calibration of a Cobot-Magic, cobot_magic.yaml.
func Default() Robot {
	r, err := Parse("cobot_magic.yaml", cobotMagic)
	if err != nil {
		// The file is compiled in and a test reads it, so this can't happen in a build that passed its tests.
		panic(fmt.Sprintf("embedded calibration: %v", err))
	}
	return r
}

// Load reads one robot's calibration file and checks every number in it.
func Load(path string) (Robot, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Robot{}, fmt.Errorf("calibration: %w", err)
	}
	return Parse(path, data)
}

// Parse is Load for a file already in memory; file is its name in errors.
func Parse(file string, data []byte) (Robot, error) {
	var r Robot
	if err := DecodeStrict(file, data, &r); err != nil {
		return Robot{}, fmt.Errorf("calibration: %w", err)
	}
	if err := r.Validate(); err != nil {
		return Robot{}, fmt.Errorf("calibration: %s: %w", file, err)
	}
	return r, nil
}

// Files are the calibration files that are compiled in, for the folder
// calibration of the package's share directory.
func Files() fs.FS { return files }
