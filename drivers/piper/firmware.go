package piper

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"cobot_vla/drivers/can"
)

// Version is the number in a firmware text such as S-V1.8-9. The zero value is unknown.
type Version struct{ Major, Minor, Patch int }

// Known says whether the version was read.
func (v Version) Known() bool { return v != Version{} }

// After says whether v is newer than S-V major.minor-patch.
func (v Version) After(major, minor, patch int) bool {
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor), cmp.Compare(v.Patch, patch)) > 0
}

func (v Version) String() string {
	if !v.Known() {
		return "unknown firmware"
	}
	return fmt.Sprintf("S-V%d.%d-%d", v.Major, v.Minor, v.Patch)
}

// ParseVersion reads a text such as S-V1.8-9.
func ParseVersion(text string) (Version, error) {
	wrong := fmt.Errorf("piper: firmware text %q is not of the form S-V1.8-9", text)
	rest, ok := strings.CutPrefix(text, "S-V")
	if !ok {
		return Version{}, wrong
	}
	major, rest, ok1 := strings.Cut(rest, ".")
	minor, patch, ok2 := strings.Cut(rest, "-")
	if !ok1 || !ok2 {
		return Version{}, wrong
	}
	var v Version
	var err error
	for _, field := range []struct {
		text string
		to   *int
	}{{major, &v.Major}, {minor, &v.Minor}, {patch, &v.Patch}} {
		if *field.to, err = strconv.Atoi(field.text); err != nil || *field.to < 0 {
			return Version{}, wrong
		}
	}
	if !v.Known() {
		return Version{}, wrong
	}
	return v, nil
}

// The firmware text is 11 frames of 8 bytes on 0x4AF.
const (
	firmwareFrames = 11
	firmwareSize   = firmwareFrames * 8
	hardwareAt     = 0  // "H-V1.2-1"
	softwareAt     = 60 // "S-V1.8-8"
	dateAt         = 68 // "250620"
	dateEnd        = 74
	versionSize    = 8
)

// Firmware is what the arm says of itself.
type Firmware struct {
	Hardware string // e.g. H-V1.2-1
	Software string // e.g. S-V1.8-8
	Date     string // six digits
}

// Version of the software; zero when its text can't be read.
func (w Firmware) Version() Version {
	v, err := ParseVersion(w.Software)
	if err != nil {
		return Version{}
	}
	return v
}

// FirmwareQuery asks for the firmware text.
func FirmwareQuery() can.Frame { return frame(IDFirmware, 1) }

// IsFirmwareQuery tells the query, which others on the bus may send, from an answer.
func IsFirmwareQuery(f can.Frame) bool {
	return f.ID == IDFirmware && f.Len >= 1 && f.Data == [8]byte{1}
}

// Frames encodes the firmware text.
func (w Firmware) Frames() [firmwareFrames]can.Frame {
	var text [firmwareSize]byte
	copy(text[hardwareAt:hardwareAt+versionSize], w.Hardware)
	copy(text[softwareAt:softwareAt+versionSize], w.Software)
	copy(text[dateAt:dateEnd], w.Date)
	var out [firmwareFrames]can.Frame
	for i := range out {
		out[i] = frame(IDFirmware, text[8*i:8*i+8]...)
	}
	return out
}

// ParseFirmware reads the 88 bytes of a firmware text. The software's text is at byte 60;
// some firmware moves it, so it is searched for otherwise.
func ParseFirmware(text []byte) (Firmware, error) {
	field := func(from, to int) string {
		from, to = min(from, len(text)), min(to, len(text))
		return string(bytes.TrimRightFunc(text[from:to], func(r rune) bool { return r == 0 || r == ' ' || r == utf8.RuneError }))
	}
	at := softwareAt
	if _, err := ParseVersion(field(at, at+versionSize)); err != nil {
		at = bytes.Index(text, []byte("S-V"))
	}
	if at < 0 {
		return Firmware{}, fmt.Errorf("piper: no S-V… in the firmware text %q", text)
	}
	w := Firmware{Hardware: field(hardwareAt, versionSize), Software: field(at, at+versionSize), Date: field(at+versionSize, at+dateEnd-softwareAt)}
	if _, err := ParseVersion(w.Software); err != nil {
		return Firmware{}, err
	}
	return w, nil
}
