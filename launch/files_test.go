package launch

import (
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// ours is a machine without ROS: the package is compiled in.
func ours() Config {
	return Config{Env: []string{"HOME=/home/robot"}, Embedded: map[string]Share{"cobot_vla": Own()}, Files: mapped{}}
}

// variants are arguments to plan each launch file with.
var variants = map[string]map[string]map[string]string{
	"cobot_magic": {
		"default":  {},
		"external": {"cameras": "external", "policy": "replay", "arm_mode": "topics", "checkpoint": "/data/episode.mcap", "namespace": "left_lab", "dry_run": "true", "respawn": "false"},
		"words":    {"instruction": "fetch: the \"red\" cup, [now]", "checkpoint": "1.0"},
	},
	"cameras": {"default": {}},
	"policy_only": {
		"default": {},
		"sim":     {"policy": "expert", "use_sim_time": "true", "image_transport": "raw", "respawn": "false"},
	},
	"record": {
		"default": {},
		"topics":  {"arm_mode": "topics", "cameras": "external", "instruction": "fetch the bottle", "dashboard": "false"},
	},
	"sim": {
		"default": {},
		"remote":  {"inference": "elsewhere"},
		"slow":    {"seed": "7", "latency_s": "0.3", "plant": "kinematic", "schedule": "sync", "mobile": "false"},
	},
	"teleop": {
		"default": {},
		"read":    {"arm_mode": "read", "cameras": "external"},
		"sim":     {"sim": "true", "script": "reach", "sessions": "10", "record": "true", "dashboard": "true"},
		"leaders": {"leaders": "true", "record": "true", "instruction": "fold the towel"},
	},
}

func TestOurLaunchFilesPlan(t *testing.T) {
	names, err := fs.Glob(files, "*.launch.yaml")
	if err != nil || len(names) != len(variants) {
		t.Fatalf("%d files, %d with variants: %v", len(names), len(variants), err)
	}
	for file, byName := range variants {
		for _, variant := range slices.Sorted(maps.Keys(byName)) {
			t.Run(file+"/"+variant, func(t *testing.T) {
				name, err := Locate(ours(), "cobot_vla", file+".launch.yaml")
				if err != nil {
					t.Fatal(err)
				}
				f, err := Load(ours(), name)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := f.Plan(byName[variant])
				if err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata", "ours", file+"_"+variant+".plan"), plan.String())
			})
		}
	}
}

func TestOurLaunchFilesExplainTheirArguments(t *testing.T) {
	for file := range variants {
		f, err := Load(ours(), EmbeddedRoot+"cobot_vla/launch/"+file+".launch.yaml")
		if err != nil {
			t.Fatal(err)
		}
		args := f.Arguments()
		if len(args) == 0 {
			t.Errorf("%s has no arguments", file)
		}
		for _, a := range args {
			if a.Description == "" || !strings.HasSuffix(a.Description, ".") {
				t.Errorf("%s: %s wants a description, a sentence", a.Where, a.Name)
			}
			if a.Required {
				t.Errorf("%s: %s has no default", a.Where, a.Name)
			}
		}
		var b strings.Builder
		if err := f.ShowArguments(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "ours", file+".args"), b.String())
	}
}

// Every parameter in our files has a comment above it or above the block it begins.
func TestOurParametersAreCommented(t *testing.T) {
	parameter := regexp.MustCompile(`^    [a-z]\w*:`)
	names, err := fs.Glob(files, "params/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkParameterFile(name, data); err != nil {
			t.Error(err)
		}
		commented := false
		for i, line := range strings.Split(string(data), "\n") {
			switch {
			case strings.HasPrefix(line, "    #"):
				commented = true
			case parameter.MatchString(line) && !commented:
				t.Errorf("%s:%d: no comment: %s", name, i+1, line)
			case !parameter.MatchString(line):
				commented = false
			}
		}
	}
}

func TestLocate(t *testing.T) {
	cfg := ours()
	if got, err := Locate(cfg, "cobot_vla", "sim.launch.yaml"); err != nil || got != "embedded:cobot_vla/launch/sim.launch.yaml" {
		t.Error(got, err)
	}
	_, err := Locate(cfg, "cobot_vla", "simm.launch.yaml")
	if err == nil || !strings.Contains(err.Error(), "it has cameras.launch.yaml, cobot_magic.launch.yaml, policy_only.launch.yaml, record.launch.yaml, sim.launch.yaml, teleop.launch.yaml") {
		t.Error(err)
	}
	if _, err := Locate(cfg, "nav2", "x.launch.yaml"); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Error(err)
	}
	root, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	installed := Config{Env: []string{"AMENT_PREFIX_PATH=/nowhere:" + filepath.Join(root, "install")}}
	if got, err := Locate(installed, "demo", "inner.launch.yaml"); err != nil || got != filepath.Join(root, "install/share/demo/launch/inner.launch.yaml") {
		t.Error(got, err)
	}
}

func TestAnInstalledPackageWinsOverTheEmbeddedOne(t *testing.T) {
	l := newLoader(Config{
		Files:    mapped{"/t", fstest.MapFS{"install/share/ament_index/resource_index/packages/cobot_vla": {}}},
		Embedded: map[string]Share{"cobot_vla": Own()},
	})
	if got, err := l.share("cobot_vla", map[string]string{"AMENT_PREFIX_PATH": "/t/install"}); err != nil || got != "/t/install/share/cobot_vla" {
		t.Error(got, err)
	}
	if got, err := l.share("cobot_vla", nil); err != nil || got != "embedded:cobot_vla" {
		t.Error(got, err)
	}
	if _, err := l.prefix("cobot_vla", nil); err == nil {
		t.Error("a package that is not installed has no prefix")
	}
	if _, err := l.read("embedded:cobot_vla/launch/none.yaml"); err == nil || !strings.Contains(err.Error(), "embedded:cobot_vla/launch/none.yaml") {
		t.Error(err)
	}
	if _, err := l.read("embedded:cobot_vla/../../etc/passwd"); err == nil {
		t.Error("read outside the package")
	}
}
