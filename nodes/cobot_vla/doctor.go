package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/cpu"

	"cobot_vla/calibration"
	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/can"
	"cobot_vla/drivers/can/cantest"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
)

// doctorCmd looks the machine over.
type doctorCmd struct {
	Calibration string   `help:"The robot's calibration file; empty for the factory default."`
	Conformance []string `help:"Run a conformance suite against hardware: can:IFACE,IFACE (two interfaces on one bus)."`
}

// finding is one line of the doctor's report.
type finding struct {
	level  string // ok, note or lacks
	what   string
	detail string
	remedy string
}

// Run implements the command.
func (c *doctorCmd) Run(a *app) error {
	robot := calibration.Default()
	if c.Calibration != "" {
		var err error
		if robot, err = calibration.Load(c.Calibration); err != nil {
			return err
		}
	}
	var all []finding
	all = append(all, examineCPU()...)
	all = append(all, examineCAN(robot)...)
	all = append(all, examineCameras()...)
	all = append(all, examineGPU()...)
	all = append(all, examineDevices()...)
	all = append(all, examineSimulator(robot)...)
	all = append(all, examineROS()...)
	all = append(all, examineGraph()...)
	all = append(all, examineRealTime()...)
	for _, f := range all {
		fmt.Fprintf(a.stdout, "%-6s %-14s %s\n", f.level, f.what, f.detail)
		if f.remedy != "" {
			fmt.Fprintf(a.stdout, "%22s→ %s\n", "", f.remedy)
		}
	}
	for _, target := range c.Conformance {
		if err := conform(a, target); err != nil {
			return err
		}
	}
	return nil
}

func examineCPU() []finding {
	var has []string
	for name, ok := range map[string]bool{
		"AVX2": cpu.X86.HasAVX2, "AVX-512": cpu.X86.HasAVX512F, "VNNI": cpu.X86.HasAVX512VNNI,
		"BF16": cpu.X86.HasAVX512BF16, "AMX": cpu.X86.HasAMXTile,
	} {
		if ok {
			has = append(has, name)
		}
	}
	slices.Sort(has)
	if len(has) == 0 {
		has = []string{"no vector extension that the kernels use"}
	}
	return []finding{{"ok", "processor", fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, strings.Join(has, " ")), ""}}
}

// examineCAN compares the machine's interfaces with those the calibration names.
func examineCAN(robot calibration.Robot) []finding {
	have, err := can.Interfaces()
	if err != nil {
		return []finding{{"lacks", "CAN", err.Error(), ""}}
	}
	wants := map[string]uint32{robot.Base.Bus: 500000}
	names := []string{robot.Base.Bus}
	for _, arm := range robot.Arms {
		wants[arm.Bus] = 1000000
		names = append(names, arm.Bus)
	}
	var out []finding
	for _, i := range have {
		if _, wanted := wants[i.Name]; !wanted {
			out = append(out, finding{"note", "CAN " + i.Name, fmt.Sprintf("%+v; the calibration does not name it", i), ""})
		}
	}
	for _, name := range names {
		out = append(out, examineBus(name, wants[name], have))
	}
	return out
}

func examineBus(name string, bitrate uint32, have []can.Interface) finding {
	up := fmt.Sprintf("sudo ip link set %s up type can bitrate %d", name, bitrate)
	for _, i := range have {
		if i.Name != name {
			continue
		}
		switch {
		case !i.Up:
			return finding{"lacks", "CAN " + name, "the interface is down", up}
		case i.Bitrate != 0 && i.Bitrate != bitrate:
			return finding{"lacks", "CAN " + name, fmt.Sprintf("%d bit/s, but it needs %d", i.Bitrate, bitrate), "sudo ip link set " + name + " down && " + up}
		}
		return finding{"ok", "CAN " + name, fmt.Sprintf("%v, %d bit/s", i.State, i.Bitrate), ""}
	}
	return finding{"lacks", "CAN " + name, "no such interface", "plug the adapter in and name it by a udev rule, or set `bus` in the calibration; then " + up}
}

func examineCameras() []finding {
	devices, err := camera.Devices()
	if err != nil || len(devices) == 0 {
		return []finding{{"lacks", "cameras", "no V4L2 device", "plug a UVC camera in, or run realsense2_camera and start with cameras:=external"}}
	}
	var out []finding
	for _, d := range devices {
		out = append(out, finding{"ok", "camera", d.String(), d.Problem})
	}
	return out
}

func examineGPU() []finding {
	version, err := os.ReadFile("/proc/driver/nvidia/version")
	if err != nil {
		return []finding{{"note", "GPU", "no NVIDIA driver: policies run on the processor", ""}}
	}
	line, _, _ := strings.Cut(string(version), "\n")
	return []finding{{"ok", "GPU", line, ""}}
}

// examineSimulator builds a world and takes a picture.
func examineSimulator(robot calibration.Robot) []finding {
	task := scene.Tasks()[0]
	world, err := mujoco.New(mujoco.DefaultConfig(robot, task.Sample(1, 1)))
	switch {
	case errors.Is(err, mujoco.ErrNotBuilt):
		return []finding{{"lacks", "simulator", "this program was built without MuJoCo", "make demo builds one with it"}}
	case err != nil:
		return []finding{{"lacks", "simulator", err.Error(), ""}}
	}
	defer world.Close()
	start := time.Now()
	if _, err := world.Render(mujoco.FilmCamera, 320, 240); err != nil {
		return []finding{{"lacks", "simulator", "physics works, pictures do not: " + err.Error(), "sudo apt-get install libegl1 libgl1-mesa-dri"}}
	}
	return []finding{{"ok", "simulator", fmt.Sprintf("MuJoCo, first picture after %v", time.Since(start).Round(time.Millisecond)), ""}}
}

func examineROS() []finding {
	distros, _ := filepath.Glob("/opt/ros/*/setup.sh")
	if len(distros) == 0 {
		return []finding{{"note", "ROS 2", "not installed: nodes talk inside one process", "see the README for `colcon build` on Humble"}}
	}
	var out []finding
	for _, d := range distros {
		out = append(out, finding{"ok", "ROS 2", filepath.Base(filepath.Dir(d)), ""})
	}
	return out
}

// conform runs a seam's conformance suite against real hardware.
func conform(a *app, target string) error {
	kind, names, _ := strings.Cut(target, ":")
	first, second, two := strings.Cut(names, ",")
	if kind != "can" || !two {
		return fmt.Errorf("doctor: conformance %q: write can:IFACE,IFACE, two interfaces that are wired to one bus", target)
	}
	pair := func() (x, y can.Bus, err error) {
		s := can.System{}
		if x, err = s.Open(first); err != nil {
			return nil, nil, err
		}
		if y, err = s.Open(second); err != nil {
			_ = x.Close()
		}
		return x, y, err
	}
	failed := 0
	for _, check := range cantest.Checks() {
		if err := check.Run(pair); err != nil {
			failed++
			fmt.Fprintf(a.stdout, "FAIL   %s: %v\n", check.Name, err)
			continue
		}
		fmt.Fprintf(a.stdout, "pass   %s\n", check.Name)
	}
	if failed > 0 {
		return fmt.Errorf("doctor: %s fails %d checks", target, failed)
	}
	return nil
}
