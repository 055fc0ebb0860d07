package main

import (
	"encoding/json"
	"fmt"
	"os"

	"cobot_vla/model/train/course"
)

// readJSON reads a file of JSON into v.
func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON writes one, whole or not at all.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return course.Replace(path, append(data, '\n'))
}
