package calibration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// DecodeStrict reads one YAML document into v, a pointer to a struct with yaml
// tags. Every key must be known and every key without omitempty must be there;
// an error names the file, the line and the key. Aliases are refused, so a small
// file can't become a large value. file is used in errors only.
func DecodeStrict(file string, data []byte, v any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: empty file", file)
		}
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one YAML document; keep one", file)
	}
	if err := checkKeys(&doc, reflect.TypeOf(v).Elem(), ""); err != nil {
		return fmt.Errorf("%s:%w", file, err)
	}
	if err := doc.Decode(v); err != nil {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return nil
}

// Encode writes v as the YAML document that DecodeStrict reads, under a comment:
// header's lines, given without #.
func Encode(header string, v any) ([]byte, error) {
	body, err := yaml.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out []byte
	for line := range strings.Lines(strings.TrimSpace(header)) {
		out = append(out, "# "+strings.TrimSpace(line)+"\n"...)
	}
	return append(out, body...), nil
}

// checkKeys walks the document beside the type it will be decoded into. path
// names the place for people: arms[0].joints[3].
func checkKeys(n *yaml.Node, t reflect.Type, path string) error {
	if n.Kind == yaml.DocumentNode {
		return checkKeys(n.Content[0], t, path)
	}
	if n.Kind == yaml.AliasNode {
		return at(n, "%s is an alias; write the value out", where(path))
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Tag == "!!null" {
		return at(n, "%s has no value", where(path))
	}
	switch t.Kind() {
	case reflect.Struct:
		return checkStruct(n, t, path)
	case reflect.Slice, reflect.Array:
		if n.Kind != yaml.SequenceNode {
			return at(n, "%s is not a list", where(path))
		}
		if t.Kind() == reflect.Array && len(n.Content) != t.Len() {
			return at(n, "%s has %d elements; it takes %d", where(path), len(n.Content), t.Len())
		}
		for i, e := range n.Content {
			if err := checkKeys(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	default:
		if n.Kind != yaml.ScalarNode {
			return at(n, "%s is not a single value", where(path))
		}
	}
	return nil
}

func checkStruct(n *yaml.Node, t reflect.Type, path string) error {
	if n.Kind != yaml.MappingNode {
		return at(n, "%s is not a mapping of keys to values", where(path))
	}
	fields := make(map[string]reflect.Type, t.NumField())
	var order []string
	optional := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields[name] = f.Type
		order = append(order, name)
		optional[name] = strings.Contains(rest, "omitempty")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		ft, ok := fields[key.Value]
		if !ok || key.Kind != yaml.ScalarNode {
			return at(key, "unknown key %q in %s; known keys: %s", key.Value, where(path), strings.Join(order, ", "))
		}
		if seen[key.Value] {
			return at(key, "key %q twice in %s", key.Value, where(path))
		}
		seen[key.Value] = true
		if err := checkKeys(value, ft, join(path, key.Value)); err != nil {
			return err
		}
	}
	for _, name := range order {
		if !seen[name] && !optional[name] {
			return at(n, "%s lacks the key %q", where(path), name)
		}
	}
	return nil
}

func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%d: %s", n.Line, fmt.Sprintf(format, args...))
}

func where(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
