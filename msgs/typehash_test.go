package msgs

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Every standard type is the one that ROS 2 defines: its name, its fields' names,
// order and types have the hash that ROS 2 computes from its own files.
func TestStandardTypesAreTheStandards(t *testing.T) {
	golden := goldenLines(t, "testdata/type_hashes.txt")
	for _, name := range TypeNames() {
		want, ok := golden[name]
		delete(golden, name)
		if ok == strings.HasPrefix(name, "cobot_vla/") {
			t.Errorf("%s: a hash for it is there: %v", name, ok)
		}
		if got := typeHash(fresh(name)); ok && got != want {
			t.Errorf("%s: hash %s, want %s; it is\n%s", name, got, want, describe(fresh(name)))
		}
	}
	for name := range golden {
		t.Errorf("%s is not in the registry", name)
	}
}

// typeHash is RIHS01 of REP 2011: SHA-256 over the type's description, and those
// of the types it is made of by name, in JSON with a space after , and :.
func typeHash(m Message) string {
	var referenced []string
	for _, d := range dependencies(m, nil) {
		referenced = append(referenced, d.TypeName())
	}
	slices.Sort(referenced)
	for i, name := range referenced {
		referenced[i] = describe(fresh(name))
	}
	text := fmt.Sprintf(`{"type_description": %s, "referenced_type_descriptions": [%s]}`, describe(m), strings.Join(referenced, ", "))
	return fmt.Sprintf("RIHS01_%x", sha256.Sum256([]byte(text)))
}

func describe(m Message) string {
	var fields []string
	t := reflect.TypeOf(m).Elem()
	for i := range t.NumField() {
		fields = append(fields, describeField(t.Field(i).Name, rosidlType(t.Field(i))))
	}
	if len(fields) == 0 {
		fields = []string{describeField("StructureNeedsAtLeastOneMember", "uint8")}
	}
	return fmt.Sprintf(`{"type_name": "%s", "fields": [%s]}`, m.TypeName(), strings.Join(fields, ", "))
}

// Numbers of type_description_interfaces/msg/FieldType; 48 more are an array, 96
// a bounded and 144 an unbounded sequence.
var fieldTypes = map[string]int{
	"int8": 2, "uint8": 3, "int16": 4, "uint16": 5, "int32": 6, "uint32": 7, "int64": 8, "uint64": 9,
	"float32": 10, "float64": 11, "bool": 15, "byte": 16, "string": 17,
}

func describeField(name, typ string) string {
	elem, count, isMany := strings.Cut(typ, "[")
	id, capacity, nested := fieldTypes[elem], 0, ""
	if pkg, name, ok := strings.Cut(elem, "/"); ok {
		id, nested = 1, pkg+"/msg/"+name
	}
	switch {
	case !isMany:
	case count == "]":
		id += 144
	case strings.HasPrefix(count, "<="):
		id += 96
		fmt.Sscanf(count, "<=%d", &capacity)
	default:
		id += 48
		fmt.Sscanf(count, "%d", &capacity)
	}
	return fmt.Sprintf(`{"name": "%s", "type": {"type_id": %d, "capacity": %d, "string_capacity": 0, "nested_type_name": "%s"}}`,
		rosidlName(name), id, capacity, nested)
}
