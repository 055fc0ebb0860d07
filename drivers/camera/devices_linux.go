//go:build linux && (amd64 || arm64)

package camera

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Devices lists the machine's cameras with their modes, in the order of their
// numbers. Nodes that are no cameras, or may not be opened, have a Problem.
func Devices() ([]Device, error) {
	return devicesAt("/sys/class/video4linux", func(path string) (kernel, error) { return openNode(path) })
}

// devicesAt reads the list below a sysfs folder.
func devicesAt(sysfs string, open func(path string) (kernel, error)) ([]Device, error) {
	entries, err := os.ReadDir(sysfs)
	if errors.Is(err, fs.ErrNotExist) { // no video driver is loaded
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("camera: list devices: %w", err)
	}
	var out []Device
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "video") {
			out = append(out, describe(filepath.Join(sysfs, e.Name()), open))
		}
	}
	slices.SortFunc(out, func(a, b Device) int { return videoNumber(a.Path) - videoNumber(b.Path) })
	return out, nil
}

func videoNumber(path string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "video"))
	if err != nil {
		return 1 << 20
	}
	return n
}

func describe(dir string, open func(path string) (kernel, error)) Device {
	d := Device{Path: "/dev/" + filepath.Base(dir), Name: attribute(dir, "name")}
	// device leads to the USB interface (3-1.4:1.0), its parent is the USB device.
	if real, err := filepath.EvalSymlinks(filepath.Join(dir, "device")); err == nil {
		usb := filepath.Dir(real)
		d.Serial, d.Product = attribute(usb, "serial"), attribute(usb, "product")
		if vendor := attribute(usb, "idVendor"); vendor != "" {
			d.ID = vendor + ":" + attribute(usb, "idProduct")
			d.Port, _, _ = strings.Cut(filepath.Base(real), ":")
		}
	}
	k, err := open(d.Path)
	if err != nil {
		d.Problem = err.Error()
		return d
	}
	v := video{k}
	if _, d.Problem, err = v.capability(); err == nil && d.Problem == "" {
		d.Modes, err = v.modes()
	}
	if err = errors.Join(err, k.close()); err != nil {
		d.Problem = err.Error()
	}
	return d
}

// attribute is the text of a sysfs file, "" where there is none.
func attribute(dir, name string) string {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
