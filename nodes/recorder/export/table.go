package export

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// column is one column of a parquet file. Groups of parquet are in the order of
// their names, so columns are too.
type column struct {
	name   string
	node   parquet.Node
	leaves int
}

func int64Column(name string) column   { return column{name, parquet.Int(64), 1} }
func float32Column(name string) column { return column{name, parquet.Leaf(parquet.FloatType), 1} }
func float64Column(name string) column { return column{name, parquet.Leaf(parquet.DoubleType), 1} }
func stringColumn(name string) column  { return column{name, parquet.String(), 1} }

// listColumn is a list of depth levels.
func listColumn(name string, element parquet.Node, depth int) column {
	for range depth {
		element = parquet.List(element)
	}
	return column{name, element, 1}
}

// pictureColumn is what Hugging Face's datasets call an Image.
func pictureColumn(name string) column {
	return column{name, parquet.Group{"bytes": parquet.Leaf(parquet.ByteArrayType), "path": parquet.String()}, 2}
}

// table writes a parquet file row by row.
type table struct {
	path    string
	file    *os.File
	w       *parquet.GenericWriter[any]
	columns []column
	bytes   int64 // of the rows so far, before they are compressed
	closed  bool
}

func newTable(path string, columns []column, metadata map[string]string) (*table, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, err
	}
	columns = slices.Clone(columns)
	slices.SortFunc(columns, func(a, b column) int { return cmp.Compare(a.name, b.name) })
	group := parquet.Group{}
	for _, c := range columns {
		group[c.name] = c.node
	}
	options := []parquet.WriterOption{
		parquet.NewSchema("schema", group), parquet.Compression(&zstd.Codec{}), parquet.CreatedBy("cobot_vla", "1", "1"),
	}
	for _, c := range columns {
		if c.leaves == 2 { // the bounds of pictures say nothing and are as big as they
			options = append(options, parquet.SkipPageBounds(c.name, "bytes"))
		}
	}
	for _, key := range slices.Sorted(mapKeys(metadata)) {
		options = append(options, parquet.KeyValueMetadata(key, metadata[key]))
	}
	return &table{path: path, file: f, w: parquet.NewGenericWriter[any](f, options...), columns: columns}, nil
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// cells are a row's values by column.
type cells map[string][]parquet.Value

func one(v parquet.Value) []parquet.Value { return []parquet.Value{v} }

func intCell(v int) []parquet.Value        { return one(parquet.Int64Value(int64(v))) }
func floatCell(v float64) []parquet.Value  { return one(parquet.FloatValue(float32(v))) }
func doubleCell(v float64) []parquet.Value { return one(parquet.DoubleValue(v)) }
func stringCell(s string) []parquet.Value  { return one(parquet.ByteArrayValue([]byte(s))) }
func pictureCell(b []byte, path string) []parquet.Value {
	return []parquet.Value{parquet.ByteArrayValue(b).Level(0, 0, 0), parquet.ByteArrayValue([]byte(path)).Level(0, 0, 1)}
}

// listCell is the values of one list, in depth-1 lists of one element each but the outermost.
func listCell(depth int, values ...parquet.Value) []parquet.Value {
	out := make([]parquet.Value, len(values))
	for i, v := range values {
		repetition := 1
		if i == 0 {
			repetition = 0
		}
		out[i] = v.Level(repetition, depth, 0)
	}
	return out
}

func floats32(values []float64) []parquet.Value {
	out := make([]parquet.Value, len(values))
	for i, v := range values {
		out[i] = parquet.FloatValue(float32(v))
	}
	return listCell(1, out...)
}

func floats64(depth int, values []float64) []parquet.Value {
	out := make([]parquet.Value, len(values))
	for i, v := range values {
		out[i] = parquet.DoubleValue(v)
	}
	return listCell(depth, out...)
}

// add writes a row. Every column must have its cell.
func (t *table) add(row cells) error {
	var out parquet.Row
	leaf := 0
	for _, c := range t.columns {
		values, ok := row[c.name]
		if !ok || len(values) == 0 {
			return fmt.Errorf("column %s has no value", c.name)
		}
		for _, v := range values {
			if b := v.Kind(); b == parquet.ByteArray {
				t.bytes += int64(len(v.ByteArray()))
			}
			out = append(out, v.Level(v.RepetitionLevel(), v.DefinitionLevel(), leaf+v.Column()*boolInt(c.leaves == 2)))
			t.bytes += 8
		}
		leaf += c.leaves
	}
	_, err := t.w.WriteRows([]parquet.Row{out})
	return err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// endGroup ends the row group: an episode's rows are read together.
func (t *table) endGroup() error { return t.w.Flush() }

// close finishes the file under its own name.
func (t *table) close() error {
	t.closed = true
	if err := errors.Join(t.w.Close(), t.file.Sync(), t.file.Close()); err != nil {
		return err
	}
	return os.Rename(t.path+".part", t.path)
}

// abandon removes what was written.
func (t *table) abandon() {
	if !t.closed {
		_ = t.file.Close()
	}
	_ = os.Remove(t.path + ".part")
}
