package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// rows reads chosen columns of a parquet file, whose names may hold dots and
// slashes. each is called with a row's values by column and, in columns of
// several leaves, by the leaf's name: "observation.images.front/bytes".
func rows(path string, want []string, each func(row map[string][]parquet.Value) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, path, err)
	}
	names := map[int]string{} // by leaf
	for i, leaf := range file.Schema().Columns() {
		if !slices.Contains(want, leaf[0]) {
			continue
		}
		names[i] = leaf[0]
		if len(leaf) == 2 && (leaf[1] == "bytes" || leaf[1] == "path") {
			names[i] += "/" + leaf[1]
		}
	}
	row := map[string][]parquet.Value{}
	for _, group := range file.RowGroups() {
		if err := groupRows(group, func(r parquet.Row) error {
			clear(row)
			for _, v := range r {
				if n := names[v.Column()]; n != "" && !v.IsNull() {
					row[n] = append(row[n], v)
				}
			}
			return each(row)
		}); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// errStop ends rows early, without an error.
var errStop = errors.New("stop")

func groupRows(group parquet.RowGroup, each func(parquet.Row) error) error {
	r := group.Rows()
	defer r.Close()
	buffer := make([]parquet.Row, 16)
	for {
		n, err := r.ReadRows(buffer)
		for _, row := range buffer[:n] {
			if err := each(row); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSource, err)
		}
	}
}

func numbers(values []parquet.Value) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		switch v.Kind() {
		case parquet.Float:
			out[i] = float64(v.Float())
		case parquet.Double:
			out[i] = v.Double()
		case parquet.Int32:
			out[i] = float64(v.Int32())
		case parquet.Int64:
			out[i] = float64(v.Int64())
		}
	}
	return out
}

func integer(values []parquet.Value) int {
	if len(values) == 0 {
		return -1
	}
	return int(numbers(values[:1])[0])
}
