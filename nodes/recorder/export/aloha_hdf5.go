//go:build hdf5

package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cobot_vla/model/vision"

	"gonum.org/v1/hdf5"
)

// aloha writes the HDF5 files of ACT, mobile-ALOHA and cobot_magic's collector,
// one an episode: /observations/{qpos,qvel,effort}, /action, /base_action where
// the base is in the set, and pictures of cam_high, cam_left_wrist, cam_right_wrist.
//
// Pictures are RGB pixels, or, compressed, JPEG padded with zeros. Those readers
// decode with OpenCV, which gives the channels in reverse, and take what they get
// for RGB; so the channels are swapped before they are encoded, as the original's
// collector does.
type aloha struct{}

// newALOHA also has the library print nothing by itself.
func newALOHA() (format, error) { return aloha{}, hdf5.DisplayErrors(false) }

func (aloha) begin(context.Context, *set, []string) error { return nil }

func (aloha) open(s *set, shard int) (part, error) {
	return &alohaFile{s: s, path: filepath.Join(s.dir, fmt.Sprintf("episode_%d.hdf5", shard))}, nil
}

func (aloha) conclude(s *set) error {
	if len(s.records) == 0 {
		return nil
	}
	type about struct {
		Spec  Spec     `json:"spec"`
		Tasks []string `json:"tasks"` // of the episodes
	}
	a := about{Spec: s.spec}
	for _, r := range s.records {
		a.Tasks = append(a.Tasks, r.Task)
	}
	return writeJSON(filepath.Join(s.dir, "dataset.json"), a)
}

// alohaCamera is what ALOHA calls a camera.
func alohaCamera(name string) string {
	return cmp.Or(map[string]string{"front": "cam_high", "left": "cam_left_wrist", "right": "cam_right_wrist"}[name], "cam_"+name)
}

type alohaFile struct {
	s    *set
	path string
}

func (a *alohaFile) add(ctx context.Context, p *plan, r *Record, frame func(k int)) (full bool, err error) {
	if !p.spec.Velocity {
		return false, fmt.Errorf("%w: %s: ALOHA's files have velocity and effort, the episode has not", ErrEpisode, r.Source)
	}
	if err := a.write(ctx, p, frame); err != nil {
		if strings.HasPrefix(err.Error(), "code ") { // all that the library says
			err = fmt.Errorf("HDF5 could not write it (%w): is there room on the disk?", err)
		}
		return false, fmt.Errorf("export: %s: %s: %w", r.Source, a.path, err)
	}
	r.Stats = map[string]Stats{"state": statsOf(p.state), "action": statsOf(p.action)}
	return true, nil
}

func (a *alohaFile) write(ctx context.Context, p *plan, frame func(k int)) (err error) {
	f, err := hdf5.CreateFile(a.path+".part", hdf5.F_ACC_TRUNC)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }() // the first error says what the others follow from
	if err := a.numbers(f, p); err != nil {
		return err
	}
	images, err := f.CreateGroup("observations/images")
	if err != nil {
		return err
	}
	defer images.Close()
	if p.spec.Compress {
		return a.jpegs(ctx, f, images, p, frame)
	}
	return a.pixels(ctx, f, images, p, frame)
}

// numbers writes all but the pictures.
func (a *alohaFile) numbers(f *hdf5.File, p *plan) error {
	root, err := f.OpenGroup("/")
	if err != nil {
		return err
	}
	defer root.Close()
	for name, v := range map[string]bool{"sim": false, "compress": p.spec.Compress} {
		if err := attribute(root, name, v); err != nil {
			return err
		}
	}
	observations, err := f.CreateGroup("observations")
	if err != nil {
		return err
	}
	defer observations.Close()
	joints := len(p.spec.StateNames)
	if p.spec.Base {
		joints -= 2
		if err := matrix(&f.CommonFG, "base_action", p.state, joints, joints+2); err != nil {
			return err
		}
	}
	return errors.Join(
		matrix(&observations.CommonFG, "qpos", p.state, 0, joints),
		matrix(&observations.CommonFG, "qvel", p.velocity, 0, joints),
		matrix(&observations.CommonFG, "effort", p.effort, 0, joints),
		matrix(&f.CommonFG, "action", p.action, 0, joints),
	)
}

func attribute(g *hdf5.Group, name string, v bool) error {
	space, err := hdf5.CreateDataspace(hdf5.S_SCALAR)
	if err != nil {
		return err
	}
	defer space.Close()
	a, err := g.CreateAttribute(name, hdf5.T_NATIVE_UINT8, space)
	if err != nil {
		return err
	}
	var n uint8
	if v {
		n = 1
	}
	return errors.Join(a.Write(&n, hdf5.T_NATIVE_UINT8), a.Close())
}

// matrix writes columns from..to of rows as float32.
func matrix(g *hdf5.CommonFG, name string, rows [][]float64, from, to int) error {
	var flat []float32
	for _, r := range rows {
		for _, v := range r[from:to] {
			flat = append(flat, float32(v))
		}
	}
	return dataset(g, name, hdf5.T_NATIVE_FLOAT, []uint{uint(len(rows)), uint(to - from)}, func(d *hdf5.Dataset) error { return d.Write(&flat) })
}

func dataset(g *hdf5.CommonFG, name string, kind *hdf5.Datatype, dims []uint, write func(*hdf5.Dataset) error) error {
	space, err := hdf5.CreateSimpleDataspace(dims, nil)
	if err != nil {
		return err
	}
	defer space.Close()
	d, err := g.CreateDataset(name, kind, space)
	if err != nil {
		return err
	}
	return errors.Join(write(d), d.Close())
}

// pixels writes pictures as [frame, height, width, channel], a chunk each.
func (a *alohaFile) pixels(ctx context.Context, _ *hdf5.File, images *hdf5.Group, p *plan, frame func(k int)) error {
	var rgb vision.Image
	var sets []*hdf5.Dataset
	defer func() {
		for _, d := range sets {
			_ = d.Close()
		}
	}()
	k := 0
	for f, err := range p.frames(ctx) {
		if err != nil {
			return err
		}
		if k == 0 {
			if sets, err = pictureSets(images, p); err != nil {
				return err
			}
		}
		for i, picture := range f.pictures {
			if err := vision.Decompress(&rgb, picture); err != nil {
				return err
			}
			if err := writeFrame(sets[i], k, p.spec.Cameras[i], rgb.Pix); err != nil {
				return err
			}
		}
		frame(k)
		k++
	}
	return nil
}

func pictureSets(images *hdf5.Group, p *plan) ([]*hdf5.Dataset, error) {
	var sets []*hdf5.Dataset
	for _, c := range p.spec.Cameras {
		size := []uint{uint(p.length), uint(c.Height), uint(c.Width), 3}
		space, err := hdf5.CreateSimpleDataspace(size, nil)
		if err != nil {
			return sets, err
		}
		how, err := hdf5.NewPropList(hdf5.P_DATASET_CREATE)
		if err == nil {
			err = how.SetChunk([]uint{1, size[1], size[2], 3})
		}
		if err != nil {
			return sets, err
		}
		d, err := images.CreateDatasetWith(alohaCamera(c.Name), hdf5.T_NATIVE_UINT8, space, how)
		if err != nil {
			return sets, err
		}
		sets = append(sets, d)
		_, _ = how.Close(), space.Close()
	}
	return sets, nil
}

func writeFrame(d *hdf5.Dataset, k int, c Camera, pixels []byte) error {
	one := []uint{1, uint(c.Height), uint(c.Width), 3}
	memory, err := hdf5.CreateSimpleDataspace(one, nil)
	if err != nil {
		return err
	}
	defer memory.Close()
	file := d.Space()
	defer file.Close()
	if err := file.SelectHyperslab([]uint{uint(k), 0, 0, 0}, nil, one, nil); err != nil {
		return err
	}
	return d.WriteSubset(&pixels, memory, file)
}

// jpegs writes pictures as [frame, bytes], and their lengths as [camera, frame].
func (a *alohaFile) jpegs(ctx context.Context, f *hdf5.File, images *hdf5.Group, p *plan, frame func(k int)) error {
	all := make([][][]byte, len(p.cameras))
	var rgb vision.Image
	k := 0
	for f, err := range p.frames(ctx) {
		if err != nil {
			return err
		}
		for i, picture := range f.pictures {
			if err := vision.Decompress(&rgb, picture); err != nil {
				return err
			}
			for b := 0; b+2 < len(rgb.Pix); b += 3 {
				rgb.Pix[b], rgb.Pix[b+2] = rgb.Pix[b+2], rgb.Pix[b]
			}
			swapped, err := encodeJPEG(rgb, p.quality)
			if err != nil {
				return err
			}
			all[i] = append(all[i], swapped)
		}
		frame(k)
		k++
	}
	var lengths []int32
	for i, c := range p.spec.Cameras {
		longest := 0
		for _, b := range all[i] {
			longest = max(longest, len(b))
			lengths = append(lengths, int32(len(b)))
		}
		padded := make([]byte, longest*p.length)
		for k, b := range all[i] {
			copy(padded[k*longest:], b)
		}
		if err := dataset(&images.CommonFG, alohaCamera(c.Name), hdf5.T_NATIVE_UINT8, []uint{uint(p.length), uint(longest)},
			func(d *hdf5.Dataset) error { return d.Write(&padded) }); err != nil {
			return err
		}
	}
	return dataset(&f.CommonFG, "compress_len", hdf5.T_NATIVE_INT32, []uint{uint(len(all)), uint(p.length)},
		func(d *hdf5.Dataset) error { return d.Write(&lengths) })
}

func (a *alohaFile) close() error { return os.Rename(a.path+".part", a.path) }

func (a *alohaFile) abandon() { _ = os.Remove(a.path + ".part") }
