//go:build hdf5

package importer

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobot_vla/calibration"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
	"cobot_vla/nodes/recorder/export"
)

// What is exported as ALOHA's HDF5 and imported again has every number; pictures
// are the pixels that were written, or near them where they are JPEG.
func TestALOHAThereAndBack(t *testing.T) {
	_, paths := recorded(t)
	for _, compress := range []bool{false, true} {
		dir := exported(t, paths, export.Config{Format: export.ALOHA, Base: true, Compress: compress})
		r, err := Import(t.Context(), dir, t.TempDir(), Config{Task: "fold"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Paths) != 3 {
			t.Fatalf("%+v", r)
		}
		for i, path := range r.Paths {
			got, want := said(t, path), said(t, paths[i])
			delete(want, "/instruction")
			same(t, got, want, false)
			if m := got["/instruction"][0].(*msgs.String); m.Data != "fold" {
				t.Errorf("task %q", m.Data)
			}
			checkShades(t, got, i, 20+5*i, 3, 0, 1, 2)
		}
	}
	if _, err := Import(t.Context(), exported(t, paths[:1], export.Config{Format: export.ALOHA}), t.TempDir(), Config{}, nil); err == nil || !strings.Contains(err.Error(), "say the task") && !strings.Contains(err.Error(), "does not say the task") {
		t.Errorf("without a task: %v", err)
	}
}

// robotwinFiles writes files of both RoboTwin layouts with h5py, as its collectors do.
const robotwinFiles = `
import h5py, numpy, sys, json
jpegs = [open(sys.argv[2] + "/%d_%d.jpg" % (c, k), "rb").read() for c in range(3) for k in range(12)]
longest = max(map(len, jpegs))
at = lambda c: numpy.array(jpegs[12*c:12*c+12], dtype="S%d" % longest)
state = numpy.array([[0.01*k + 0.1*j for j in range(14)] for k in range(12)], dtype=sys.argv[3])
with h5py.File(sys.argv[1] + "/episode0.hdf5", "w") as f:
    f["joint_action/vector"] = state
    for c, n in enumerate(["head_camera", "left_camera", "right_camera"]):
        f["observation/%s/rgb" % n] = at(c)
    f["observation/front_camera/rgb"] = at(0)
with h5py.File(sys.argv[1] + "/episode_0000001.hdf5", "w") as f:
    f.attrs["source_format"] = "robotwin"
    f["instructions"] = json.dumps({"seen": ["hand over the block", "give it"]})
    f["additional_info/frequency"] = 15
    for g, s in (("state", state), ("action", numpy.roll(state, -1, axis=0))):
        f[g + "/left_arm_joint_states"], f[g + "/left_ee_joint_states"] = s[:, :6].astype("f4"), s[:, 6].astype("f4")
        f[g + "/right_arm_joint_states"], f[g + "/right_ee_joint_states"] = s[:, 7:13].astype("f4"), s[:, 13:14].astype("f4")
    for c, n in enumerate(["cam_head", "cam_left_wrist", "cam_right_wrist"]):
        f["vision/%s/colors" % n] = at(c)
`

func TestRoboTwin(t *testing.T) {
	python := "/usr/bin/python3" // where Debian's python3-h5py is
	if err := exec.Command(python, "-c", "import h5py").Run(); err != nil {
		t.Skip("no h5py on this machine: apt-get install python3-h5py")
	}
	dir, pictures := t.TempDir(), t.TempDir()
	for c := range 3 {
		for k := range 12 {
			s := shade(0, k, c)
			s.R, s.B = s.B, s.R // as its encoder does
			if err := os.WriteFile(filepath.Join(pictures, fmt.Sprintf("%d_%d.jpg", c, k)), jpegOf(t, s), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kind := range []string{"f4", "f8"} {
		if out, err := exec.Command(python, "-c", robotwinFiles, dir, pictures, kind).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		r, err := Import(t.Context(), dir, t.TempDir(), Config{Task: "hand over the block"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Paths) != 2 || r.Frames != 24 {
			t.Fatalf("%+v", r)
		}
		stroke := calibration.Default().Arms[0].Gripper.Stroke
		for i, path := range r.Paths {
			got := said(t, path)
			checkShades(t, got, 0, 12, 4, 0, 1, 2)
			for k, m := range got["/puppet/joint_right"] {
				j := m.(*msgs.JointState)
				if math.Abs(j.Position[2]-(0.01*float64(k)+0.9)) > 1e-6 || math.Abs(j.Position[6]-stroke*(0.01*float64(k)+1.3)) > 1e-6 {
					t.Fatalf("frame %d: %v", k, j.Position)
				}
			}
			if leads := len(got["/master/joint_left"]); leads != 12*i {
				t.Errorf("layout %d: %d actions", i, leads)
			}
		}
		e, err := episode.Open(r.Paths[1])
		if err != nil {
			t.Fatal(err)
		}
		if d := e.Duration().Seconds(); math.Abs(d-11.0/15) > 1e-6 {
			t.Errorf("%.3f s", d)
		}
		_ = e.Close()
	}
	// The later layout says its task itself.
	alone := t.TempDir()
	if err := os.Rename(filepath.Join(dir, "episode_0000001.hdf5"), filepath.Join(alone, "episode_0000001.hdf5")); err != nil {
		t.Fatal(err)
	}
	r, err := Import(t.Context(), alone, t.TempDir(), Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := episode.Open(r.Paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Task != "hand over the block" {
		t.Errorf("task %q", e.Task)
	}
}

// A file cut off anywhere, or of something else, is an error.
func TestHDF5Damaged(t *testing.T) {
	_, paths := recorded(t)
	dir := exported(t, paths[:1], export.Config{Format: export.ALOHA})
	whole, err := os.ReadFile(filepath.Join(dir, "episode_0.hdf5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 8, len(whole) / 4, len(whole) / 2, len(whole) - 1} {
		cut := t.TempDir()
		if err := os.WriteFile(filepath.Join(cut, "episode_0.hdf5"), whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		root := t.TempDir()
		if _, err := Import(t.Context(), cut, root, Config{Task: "x"}, nil); err == nil {
			t.Errorf("%d of %d bytes were imported", n, len(whole))
		}
		if all, _ := episode.List(root); len(all) > 0 {
			t.Errorf("%d bytes left %v", n, all)
		}
	}
}
