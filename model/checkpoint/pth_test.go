package checkpoint

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testdata/small.pth was pickled by Python as torch.save does: parameters,
// views and transposes of shared storages, an optimizer's state, a Namespace.
const smallPth = "testdata/small.pth"

func TestConvertPth(t *testing.T) {
	to := filepath.Join(t.TempDir(), "vita_vla.safetensors")
	n, err := ConvertPth(smallPth, "", to)
	if err != nil || n != 6 {
		t.Fatalf("%d tensors, %v", n, err)
	}
	f, err := OpenFile(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]struct {
		dtype  DType
		shape  []int
		values []float32
	}{
		"model.action_mapper.0.weight": {F32, []int{3, 4}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"model.transposed":             {F32, []int{4, 3}, []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
		"model.row":                    {F32, []int{4}, []float32{4, 5, 6, 7}},
		"model.action_pred_token":      {BF16, []int{1, 4}, []float32{1, -1, 2, 0}},
		"seer.half":                    {F16, []int{2}, []float32{1, -2}},
	} {
		got, err := f.Tensor(name, want.shape...)
		if err != nil {
			t.Error(err)
			continue
		}
		values, err := got.F32()
		if err != nil || got.DType != want.dtype || !slices.Equal(values, want.values) {
			t.Errorf("%s is %s %v, %v; expected %s %v", name, got.DType, values, err, want.dtype, want.values)
		}
	}
	steps, err := f.Tensor("steps")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := steps.Int64(); err != nil || !slices.Equal(v, []int64{7}) {
		t.Errorf("steps is %v, %v", v, err)
	}
}

func TestPthByKey(t *testing.T) {
	if _, err := OpenPth(smallPth, "weights"); err == nil || !strings.Contains(err.Error(), `no dictionary "weights" in it; it has epoch, model_state_dict, optimizer_state_dict, args`) {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := OpenPth(smallPth, "optimizer_state_dict"); err == nil || !strings.Contains(err.Error(), "no tensors") {
		t.Errorf("a dictionary without tensors: %v", err)
	}
	if _, err := OpenPth("pth.go", ""); err == nil || !strings.Contains(err.Error(), "save it again") {
		t.Errorf("no archive: %v", err)
	}
}

// pthWith is an archive of a pickle and one storage of 4 floats.
func pthWith(t testing.TB, pickle []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pth")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, data := range map[string][]byte{"a/data.pkl": pickle, "a/data/0": make([]byte, 16)} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// tensorPickle is {"w": tensor of 4 floats} with that offset, shape and stride.
func tensorPickle(offset, size, stride byte) []byte {
	return []byte("\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ" +
		fmt.Sprintf("K%cK%c\x85K%c\x85", offset, size, stride) + "\x89NtRs.")
}

func TestPthRefusals(t *testing.T) {
	good := tensorPickle(0, 4, 1)
	if p, err := OpenPth(pthWith(t, good), ""); err != nil {
		t.Fatalf("a good one: %v", err)
	} else if err := p.Close(); err != nil {
		t.Error(err)
	}
	for name, pickle := range map[string][]byte{
		"beyond its storage":       tensorPickle(1, 4, 1),
		"room in its storage":      tensorPickle(0, 3, 100),
		"elements of its own":      []byte(strings.Replace(string(tensorPickle(0, 4, 0)), "K\x04\x85K\x00", "M\xff\xff\x85K\x00", 1)),
		"ends before":              good[:len(good)-1],
		"is none that tensors":     []byte("\x80\x02}i"),
		"protocol 9":               []byte("\x80\x09}."),
		"no dictionary of tensors": []byte("\x80\x02K\x01."),
		"nothing on the stack":     []byte("\x80\x02."),
		"a mark is missing":        []byte("\x80\x02}u."),
		"finds a mark":             []byte("\x80\x02(."),
		"never made":               []byte("\x80\x02h\x05."),
		"items for what takes":     []byte("\x80\x02]K\x01K\x02s."),
		"a call of what is no":     []byte("\x80\x02K\x01)R."),
		"is no storage":            []byte("\x80\x02K\x01Q."),
		"inside a string":          []byte("\x80\x02X\x05\x00\x00\x00ab"),
		"at most":                  []byte("\x80\x02X\xff\xff\xff\xff"),
		"storage 7 is not":         bytes.Replace(good, []byte("X\x01\x00\x00\x000"), []byte("X\x01\x00\x00\x007"), 1),
		"class torch.OddStorage":   bytes.Replace(good, []byte("FloatStorage"), []byte("OddStorage"), 1),
	} {
		_, err := OpenPth(pthWith(t, pickle), "")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestPickleCallsNothing: what would run a command is a name that nobody calls.
func TestPickleCallsNothing(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "called")
	evil := []byte("\x80\x02}(X\x01\x00\x00\x00acposix\nsystem\nX" + "\x05\x00\x00\x00touch" + "\x85Ru.")
	value, err := unpickle(evil, func(any) (any, error) { return nil, io.EOF }, rebuild)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := value.(*pickleDict).get("a")
	if a != (pickleObject{pickleGlobal{"posix", "system"}}) {
		t.Errorf("it became %v", a)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("something was called")
	}
	if _, err := OpenPth(pthWith(t, evil), ""); !errors.Is(err, ErrPickle) {
		t.Errorf("an archive of it: %v", err)
	}
}

func FuzzUnpickle(f *testing.F) {
	z, err := zip.OpenReader(smallPth)
	if err != nil {
		f.Fatal(err)
	}
	data, err := readEntry(z.File[0], maxPickle)
	if err := errors.Join(err, z.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(tensorPickle(0, 4, 1))
	f.Add([]byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x8c\x01b\x93)\x81}b\x8a\x02\xff\xffG\x00\x00\x00\x00\x00\x00\x00\x000u."))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &pthStorage{dtype: F32, size: 4}
		value, err := unpickle(data, func(any) (any, error) { return s, nil }, rebuild)
		if err != nil {
			if !errors.Is(err, ErrPickle) && !errors.Is(err, ErrTruncated) {
				t.Errorf("error %v is none of ours", err)
			}
			return
		}
		d, ok := value.(*pickleDict)
		if !ok {
			return
		}
		for _, v := range d.values {
			if x, ok := v.(*PthTensor); ok {
				count, last := 1, x.offset
				for i, n := range x.Shape {
					count *= n
					last += (n - 1) * x.strides[i]
				}
				if count > 0 && last >= s.size {
					t.Errorf("tensor %v %v at %d leaves its storage", x.Shape, x.strides, x.offset)
				}
			}
		}
	})
}
