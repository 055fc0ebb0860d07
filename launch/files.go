package launch

import (
	"embed"
	"io/fs"
)

//go:embed *.launch.yaml params
var files embed.FS

// Share holds the folders of a package's share directory, e.g. launch, params.
type Share map[string]fs.FS

// Own is what this package puts into the share directory of cobot_vla: the
// folders launch and params. The caller adds others, e.g. calibration.
func Own() Share {
	params, err := fs.Sub(files, "params")
	if err != nil { // params is no valid path: impossible
		params = files
	}
	return Share{"launch": files, "params": params}
}
