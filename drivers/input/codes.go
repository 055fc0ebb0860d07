package input

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Code names a key, button or axis. Keys and buttons have the kernel's numbers,
// axes the kernel's plus axisBase, so that one number means one thing.
type Code uint16

const axisBase = 0x8000

// KeyCode and AxisCode are the kernel's numbers as codes.
func KeyCode(n uint16) Code  { return Code(n &^ axisBase) }
func AxisCode(n uint16) Code { return Code(n | axisBase) }

// IsAxis says whether the code is an axis'.
func (c Code) IsAxis() bool { return c&axisBase != 0 }

// number is the kernel's.
func (c Code) number() uint16 { return uint16(c &^ axisBase) }

// Some codes by name; ParseCode knows the others.
const (
	KeyEnter Code = 28
	KeyA     Code = 30
	KeyZ     Code = 44
	KeyW     Code = 17
	KeyS     Code = 31
	KeyEsc   Code = 1
	KeyF9    Code = 67

	BtnTrigger Code = 0x120
	BtnSouth   Code = 0x130
	BtnTL      Code = 0x136
	BtnStart   Code = 0x13b

	AbsX  Code = axisBase
	AbsY  Code = axisBase | 0x01
	AbsRX Code = axisBase | 0x03
)

// codes are the names that ParseCode knows, as
// include/uapi/linux/input-event-codes.h has them: what keyboards and gamepads have.
var codes = func() map[string]Code {
	m := map[string]Code{
		"KEY_ESC": 1, "KEY_MINUS": 12, "KEY_EQUAL": 13, "KEY_BACKSPACE": 14, "KEY_TAB": 15, "KEY_ENTER": 28,
		"KEY_LEFTCTRL": 29, "KEY_SEMICOLON": 39, "KEY_APOSTROPHE": 40, "KEY_GRAVE": 41, "KEY_LEFTSHIFT": 42,
		"KEY_BACKSLASH": 43, "KEY_COMMA": 51, "KEY_DOT": 52, "KEY_SLASH": 53, "KEY_RIGHTSHIFT": 54,
		"KEY_KPASTERISK": 55, "KEY_LEFTALT": 56, "KEY_SPACE": 57, "KEY_CAPSLOCK": 58, "KEY_NUMLOCK": 69,
		"KEY_SCROLLLOCK": 70, "KEY_KPMINUS": 74, "KEY_KPPLUS": 78, "KEY_KPDOT": 83, "KEY_F11": 87, "KEY_F12": 88,
		"KEY_KPENTER": 96, "KEY_RIGHTCTRL": 97, "KEY_KPSLASH": 98, "KEY_RIGHTALT": 100,
		"KEY_HOME": 102, "KEY_UP": 103, "KEY_PAGEUP": 104, "KEY_LEFT": 105, "KEY_RIGHT": 106,
		"KEY_END": 107, "KEY_DOWN": 108, "KEY_PAGEDOWN": 109, "KEY_INSERT": 110, "KEY_DELETE": 111, "KEY_PAUSE": 119,
		"KEY_KP7": 71, "KEY_KP8": 72, "KEY_KP9": 73, "KEY_KP4": 75, "KEY_KP5": 76, "KEY_KP6": 77,
		"KEY_KP1": 79, "KEY_KP2": 80, "KEY_KP3": 81, "KEY_KP0": 82,

		"BTN_TRIGGER": 0x120, "BTN_THUMB": 0x121, "BTN_THUMB2": 0x122, "BTN_TOP": 0x123, "BTN_TOP2": 0x124, "BTN_PINKIE": 0x125,
		"BTN_BASE": 0x126, "BTN_BASE2": 0x127, "BTN_BASE3": 0x128, "BTN_BASE4": 0x129, "BTN_BASE5": 0x12a, "BTN_BASE6": 0x12b,
		"BTN_SOUTH": 0x130, "BTN_EAST": 0x131, "BTN_C": 0x132, "BTN_NORTH": 0x133, "BTN_WEST": 0x134, "BTN_Z": 0x135,
		"BTN_TL": 0x136, "BTN_TR": 0x137, "BTN_TL2": 0x138, "BTN_TR2": 0x139, "BTN_SELECT": 0x13a, "BTN_START": 0x13b,
		"BTN_MODE": 0x13c, "BTN_THUMBL": 0x13d, "BTN_THUMBR": 0x13e,
		"BTN_DPAD_UP": 0x220, "BTN_DPAD_DOWN": 0x221, "BTN_DPAD_LEFT": 0x222, "BTN_DPAD_RIGHT": 0x223,

		"ABS_X": AxisCode(0x00), "ABS_Y": AxisCode(0x01), "ABS_Z": AxisCode(0x02), "ABS_RX": AxisCode(0x03),
		"ABS_RY": AxisCode(0x04), "ABS_RZ": AxisCode(0x05), "ABS_THROTTLE": AxisCode(0x06), "ABS_RUDDER": AxisCode(0x07),
		"ABS_WHEEL": AxisCode(0x08), "ABS_GAS": AxisCode(0x09), "ABS_BRAKE": AxisCode(0x0a),
		"ABS_HAT0X": AxisCode(0x10), "ABS_HAT0Y": AxisCode(0x11),
	}
	for _, row := range []struct {
		first Code
		keys  string
	}{{2, "1234567890"}, {16, "QWERTYUIOP"}, {30, "ASDFGHJKL"}, {44, "ZXCVBNM"}} {
		for k := range len(row.keys) {
			m["KEY_"+row.keys[k:k+1]] = row.first + Code(k)
		}
	}
	for k := range 10 { // F1 to F10
		m["KEY_F"+strconv.Itoa(k+1)] = 59 + Code(k)
	}
	return m
}()

// ParseCode reads a code: the kernel's name of it, KEY_W, BTN_TL or ABS_Y, or for
// others KEY_ or ABS_ and the kernel's number, as in KEY_0xb7.
func ParseCode(name string) (Code, error) {
	name = strings.ToUpper(strings.TrimSpace(name))
	if c, ok := codes[name]; ok {
		return c, nil
	}
	for prefix, make := range map[string]func(uint16) Code{"KEY_": KeyCode, "BTN_": KeyCode, "ABS_": AxisCode} {
		if digits, ok := strings.CutPrefix(name, prefix); ok {
			if n, err := strconv.ParseUint(digits, 0, 15); err == nil {
				return make(uint16(n)), nil
			}
		}
	}
	return 0, fmt.Errorf("input: %q is no key, button or axis: use the kernel's names (KEY_W, BTN_TL, ABS_Y), or KEY_ and its number as in KEY_0xb7", name)
}

// String is the kernel's name.
func (c Code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	if c.IsAxis() {
		return fmt.Sprintf("ABS_0x%x", c.number())
	}
	return fmt.Sprintf("KEY_0x%x", c.number())
}

var codeNames = func() map[Code]string {
	m := map[Code]string{}
	for name, c := range codes {
		m[c] = name
	}
	return m
}()

func sortedCodes[V any](m map[Code]V) []Code {
	return slices.SortedFunc(maps.Keys(m), func(a, b Code) int { return cmp.Compare(a, b) })
}
