package msgs

import (
	"embed"
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// files holds the interfaces that rosidl generates from.
//
//go:embed msg/*.msg srv/*.srv
var files embed.FS

// Definition is m's definition in the ROS 2 interface language, followed by
// those of the types it is made of: the "ros2msg" schema of the MCAP format
// (its registry of well-known schema encodings), so that any reader of a
// recording can decode it. Our own types are given as their files have them,
// with comments and constants, the standard ones by their fields alone.
func Definition(m Message) string {
	var b strings.Builder
	b.WriteString(definition(m))
	for _, d := range dependencies(m, nil) {
		fmt.Fprintf(&b, "%s\nMSG: %s\n%s", strings.Repeat("=", 80), shortName(d.TypeName()), definition(d))
	}
	return b.String()
}

// definition is one type's, without those it is made of.
func definition(m Message) string {
	if text, ok := source(m.TypeName()); ok {
		return text
	}
	var b strings.Builder
	t := reflect.TypeOf(m).Elem()
	for i := range t.NumField() {
		fmt.Fprintf(&b, "%s %s\n", rosidlType(t.Field(i)), rosidlName(t.Field(i).Name))
	}
	return b.String()
}

// source is the text of one of our own types.
func source(typeName string) (string, bool) {
	name, ok := strings.CutPrefix(typeName, "cobot_vla/")
	if !ok {
		return "", false
	}
	if strings.HasPrefix(name, "msg/") {
		text, err := files.ReadFile(name + ".msg")
		return string(text), err == nil
	}
	name, half, _ := strings.Cut(name, "_")
	text, err := files.ReadFile(name + ".srv")
	request, response, ok := strings.Cut("\n"+string(text), "\n---\n")
	switch {
	case err != nil || !ok:
		return "", false
	case half == "Request":
		return strings.TrimPrefix(request+"\n", "\n"), true
	default:
		return response, true
	}
}

// dependencies appends the message types that m is made of to found, each once,
// in the order a reader meets them.
func dependencies(m Message, found []Message) []Message {
	t := reflect.TypeOf(m).Elem()
	for i := range t.NumField() {
		d, ok := message(t.Field(i).Type)
		if !ok || contains(found, d) {
			continue
		}
		found = dependencies(d, append(found, d))
	}
	return found
}

func contains(ms []Message, m Message) bool {
	for _, other := range ms {
		if other.TypeName() == m.TypeName() {
			return true
		}
	}
	return false
}

// message is a message of the field type t, or of its elements' type.
func message(t reflect.Type) (Message, bool) {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	m, ok := reflect.New(t).Interface().(Message)
	return m, ok
}

// rosidlType is a field's type in the interface language. The tag `rosidl`
// gives what Go's types don't tell: byte, and the bound of a sequence.
func rosidlType(f reflect.StructField) string {
	if tag, ok := f.Tag.Lookup("rosidl"); ok {
		return tag
	}
	switch t := f.Type; t.Kind() {
	case reflect.Slice:
		return elementType(t.Elem()) + "[]"
	case reflect.Array:
		return fmt.Sprintf("%s[%d]", elementType(t.Elem()), t.Len())
	default:
		return elementType(t)
	}
}

func elementType(t reflect.Type) string {
	if m, ok := message(t); ok {
		return shortName(m.TypeName())
	}
	return t.Kind().String() // bool, the integers, the floats and string have one name in both
}

// rosidlName is a Go field name in the interface language: FrameID is frame_id,
// XOffset is x_offset.
func rosidlName(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		startsWord := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// shortName leaves the namespace out, as fields name types: std_msgs/Header.
func shortName(typeName string) string {
	return strings.Replace(typeName, "/msg/", "/", 1)
}
