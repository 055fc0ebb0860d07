package main

import (
	"os"
	"path/filepath"

	"cobot_vla/model/seer"
	"cobot_vla/model/vitavla"
)

// kindOf says what network a checkpoint's folder holds, by its config.json. What
// is neither of the others is looked at as LLaVA-VLA's, whose reader says what is wrong with it.
func kindOf(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	switch {
	case err == nil && vitavla.IsConfig(data):
		return vitavla.Kind
	case err == nil && seer.IsConfig(data):
		return seer.Kind
	}
	return "llavavla"
}
