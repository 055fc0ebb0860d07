//go:build hdf5

package importer

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// hdf5File reads what data sets have: matrices, lists of pictures, texts.
type hdf5File struct {
	path string
	f    *hdf5.File
}

// has says whether a path is there; the library's own error would go to stderr.
func (h *hdf5File) has(path string) bool {
	at := ""
	for _, part := range strings.Split(path, "/") {
		at += part
		if !h.f.LinkExists(at) {
			return false
		}
		at += "/"
	}
	return true
}

// list is the names in a group.
func (h *hdf5File) list(group string) (names []string, err error) {
	if !h.has(group) {
		return nil, fmt.Errorf("no group /%s", group)
	}
	g, err := h.f.OpenGroup(group)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	n, err := g.NumObjects()
	if err != nil {
		return nil, err
	}
	for i := range n {
		name, err := g.ObjectNameByIndex(i)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// dataset opens one and gives its size and its numbers' kind.
func (h *hdf5File) dataset(path string) (d *hdf5.Dataset, dims []uint, class hdf5.TypeClass, size uint, err error) {
	if !h.has(path) {
		return nil, nil, 0, 0, fmt.Errorf("no data set /%s", path)
	}
	if d, err = h.f.OpenDataset(path); err != nil {
		return nil, nil, 0, 0, err
	}
	space := d.Space()
	defer space.Close()
	if space.SimpleExtentNDims() > 0 { // a single number has no dimensions
		if dims, _, err = space.SimpleExtentDims(); err != nil {
			return nil, nil, 0, 0, errors.Join(err, d.Close())
		}
	}
	t, err := d.Datatype()
	if err != nil {
		return nil, nil, 0, 0, errors.Join(err, d.Close())
	}
	defer t.Close()
	return d, dims, t.Class(), t.Size(), nil
}

// matrix reads numbers of any kind, as rows; a list is a row of one number each, and a single number is one row.
func (h *hdf5File) matrix(path string) (rows [][]float64, err error) {
	d, dims, class, size, err := h.dataset(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	n, columns := 1, 1
	switch len(dims) {
	case 0:
	case 1:
		n = int(dims[0])
	case 2:
		n, columns = int(dims[0]), int(dims[1])
	default:
		return nil, fmt.Errorf("/%s has %d dimensions, not 2", path, len(dims))
	}
	if n*columns > 1<<26 {
		return nil, fmt.Errorf("/%s has %d numbers: too many for a vector a frame", path, n*columns)
	}
	flat, err := readNumbers(d, class, size, n*columns)
	if err != nil {
		return nil, fmt.Errorf("/%s: %w", path, err)
	}
	for k := range n {
		rows = append(rows, flat[k*columns:(k+1)*columns])
	}
	return rows, nil
}

func readNumbers(d *hdf5.Dataset, class hdf5.TypeClass, size uint, n int) ([]float64, error) {
	switch {
	case n == 0:
		return nil, nil
	case class == hdf5.T_FLOAT && size == 8:
		return readAs[float64](d, n)
	case class == hdf5.T_FLOAT && size == 4:
		return readAs[float32](d, n)
	case class == hdf5.T_INTEGER && size == 8:
		return readAs[int64](d, n)
	case class == hdf5.T_INTEGER && size == 4:
		return readAs[int32](d, n)
	case class == hdf5.T_INTEGER && size == 1:
		return readAs[uint8](d, n)
	}
	return nil, fmt.Errorf("numbers of class %d and %d bytes", class, size)
}

func readAs[T float64 | float32 | int64 | int32 | uint8](d *hdf5.Dataset, n int) ([]float64, error) {
	raw := make([]T, n)
	if err := d.Read(&raw); err != nil {
		return nil, err
	}
	out := make([]float64, n)
	for i, v := range raw {
		out[i] = float64(v)
	}
	return out, nil
}

// text reads one string, of fixed or of variable length.
func (h *hdf5File) text(path string) (s string, err error) {
	d, dims, class, size, err := h.dataset(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if class != hdf5.T_STRING || len(dims) > 1 || len(dims) == 1 && dims[0] != 1 || size > longestText {
		return "", fmt.Errorf("/%s is no text", path)
	}
	variable, err := ofVariableLength(d)
	if err != nil {
		return "", err
	}
	if variable { // the library gives a pointer to a text of its own
		at := make([]*byte, 1)
		if err := d.Read(&at); err != nil || at[0] == nil {
			return "", err
		}
		n := 0
		for n < longestText && *(*byte)(unsafe.Add(unsafe.Pointer(at[0]), n)) != 0 {
			n++
		}
		return string(unsafe.Slice(at[0], n)), nil
	}
	b := make([]byte, size)
	err = d.Read(&b)
	return strings.TrimRight(string(b), "\x00"), err
}

const longestText = 1 << 20

func ofVariableLength(d *hdf5.Dataset) (bool, error) {
	t, err := d.Datatype()
	if err != nil {
		return false, err
	}
	defer t.Close()
	return (&hdf5.VarLenType{Datatype: *t}).IsVariableStr(), nil
}

// images opens a camera's pictures.
func (h *hdf5File) images(p place) (*imageSet, error) {
	d, dims, class, size, err := h.dataset(p.name)
	if err != nil {
		return nil, err
	}
	s := &imageSet{place: p, set: d, dims: dims}
	switch {
	case len(dims) == 4 && dims[3] == 3 && class == hdf5.T_INTEGER && size == 1:
		s.pixels, s.each = true, int(dims[1]*dims[2]*3)
	case len(dims) == 2 && class == hdf5.T_INTEGER && size == 1:
		s.each = int(dims[1])
	case len(dims) == 1 && class == hdf5.T_STRING:
		s.each = int(size)
		if variable, err := ofVariableLength(d); err != nil || variable {
			return nil, errors.Join(errors.New("JPEGs of variable length, which no known collector writes"), err, d.Close())
		}
	default:
		return nil, errors.Join(fmt.Errorf("pictures of %d dimensions, class %d, %d bytes each: neither pixels nor JPEG", len(dims), class, size), d.Close())
	}
	if s.each < 1 || s.each > 1<<28 {
		return nil, errors.Join(fmt.Errorf("pictures of %d bytes", s.each), d.Close())
	}
	return s, nil
}

// readRow reads element k of the first dimension.
func readRow(d *hdf5.Dataset, dims []uint, k int, into *[]byte) error {
	one := append([]uint{1}, dims[1:]...)
	memory, err := hdf5.CreateSimpleDataspace(one, nil)
	if err != nil {
		return err
	}
	defer memory.Close()
	file := d.Space()
	defer file.Close()
	from := make([]uint, len(dims))
	from[0] = uint(k)
	if err := file.SelectHyperslab(from, nil, one, nil); err != nil {
		return err
	}
	return d.ReadSubset(into, memory, file)
}

// width0 is the length of the rows.
func width0(rows [][]float64) int {
	if len(rows) == 0 {
		return 0
	}
	return len(rows[0])
}
