package can

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOneOwnerPerInterface(t *testing.T) {
	dir := t.TempDir()
	first, err := own(dir, "can_left")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own(dir, "can_left"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d (", os.Getpid())) {
		t.Errorf("second owner: %v, want one that names process %d", err, os.Getpid())
	}
	other, err := own(dir, "can_right")
	if err != nil {
		t.Fatalf("the other interface: %v", err)
	}
	other.release()
	first.release()
	again, err := own(dir, "can_left")
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	again.release()
	if left, err := os.ReadFile(filepath.Join(dir, "cobot_vla-can_left.lock")); err != nil || len(left) != 0 {
		t.Errorf("after release the file says %q, %v", left, err)
	}
	if _, err := own(filepath.Join(dir, "absent"), "can_left"); err == nil {
		t.Error("a lock in a folder that does not exist")
	}
}

// A process that dies, however, frees its interface.
func TestOwnershipEndsWithTheProcess(t *testing.T) {
	flock, err := exec.LookPath("flock")
	if err != nil {
		t.Skip("no flock(1) to hold the lock in another process")
	}
	path := filepath.Join(t.TempDir(), "cobot_vla-can0.lock")
	script := fmt.Sprintf("echo $$ >%s; echo locked; read x", path)
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(flock, path, "sh", "-c", script)
	in, _ := holder.StdinPipe()
	out, _ := holder.StdoutPipe()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	pid, _ := os.ReadFile(path)
	if _, err := own(filepath.Dir(path), "can0"); err == nil || !strings.Contains(err.Error(), "process "+strings.TrimSpace(string(pid))+" (sh)") {
		t.Errorf("while another process holds it: %v, want one that names %s", err, pid)
	}
	in.Close()
	holder.Wait()
	owner, err := own(filepath.Dir(path), "can0")
	if err != nil {
		t.Fatalf("after the other process ended: %v", err)
	}
	owner.release()
}

func TestInterfacesOfThisMachine(t *testing.T) {
	all, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Name == "" || i.Name == "lo" {
			t.Errorf("%+v is no CAN interface", i)
		}
	}
	s := System{LockDir: t.TempDir()}
	if _, err := s.Open("can_absent"); err == nil || !strings.Contains(err.Error(), "no interface can_absent") {
		t.Errorf("open an interface that does not exist: %v", err)
	}
	if files, _ := os.ReadDir(s.LockDir); len(files) != 0 {
		t.Errorf("it left %v behind", files)
	}
}

func TestDevicePath(t *testing.T) {
	sys := t.TempDir()
	if err := os.Mkdir(filepath.Join(sys, "can0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../3-1.4:1.0", filepath.Join(sys, "can0", "device")); err != nil {
		t.Fatal(err)
	}
	if got := devicePath(sys, "can0"); got != "3-1.4:1.0" {
		t.Errorf("got %q", got)
	}
	if got := devicePath(sys, "vcan0"); got != "" {
		t.Errorf("a virtual interface has the path %q", got)
	}
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func attribute(kind uint16, value ...[]byte) []byte {
	var body []byte
	for _, v := range value {
		body = append(body, v...)
	}
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, body...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func link(arphrd uint16, flags uint32, attributes ...[]byte) []byte {
	body := binary.NativeEndian.AppendUint16([]byte{0, 0}, arphrd)
	body = append(append(append(body, u32(7)...), u32(flags)...), u32(0)...)
	for _, a := range attributes {
		body = append(body, a...)
	}
	b := append(u32(uint32(16+len(body))), binary.NativeEndian.AppendUint16(nil, unix.RTM_NEWLINK)...)
	b = append(b, make([]byte, 10)...) // flags, sequence, port
	return append(b, body...)
}

func canInfo(kind string, data ...[]byte) []byte {
	return attribute(unix.IFLA_LINKINFO|unix.NLA_F_NESTED,
		attribute(unix.IFLA_INFO_KIND, []byte(kind), []byte{0}),
		attribute(unix.IFLA_INFO_DATA, data...))
}

// An answer of the kernel's layout: an Ethernet, a CAN adapter in bus-off, one that is
// down, a virtual one, and a serial adapter about which the kernel knows nothing.
func linkAnswer() []byte {
	name := func(s string) []byte { return attribute(unix.IFLA_IFNAME, []byte(s), []byte{0}) }
	timing := func(bitrate uint32) []byte { return attribute(unix.IFLA_CAN_BITTIMING, u32(bitrate), make([]byte, 28)) }
	state := func(s uint32) []byte { return attribute(unix.IFLA_CAN_STATE, u32(s)) }
	var b []byte
	for _, l := range [][]byte{
		link(unix.ARPHRD_ETHER, unix.IFF_UP, name("eth0")),
		link(unix.ARPHRD_CAN, unix.IFF_UP, name("can_left"), canInfo("can", timing(1_000_000), state(unix.CAN_STATE_BUS_OFF))),
		link(unix.ARPHRD_CAN, 0, name("can_base"), canInfo("can", state(unix.CAN_STATE_STOPPED), timing(500_000))),
		link(unix.ARPHRD_CAN, unix.IFF_UP, name("vcan0"), canInfo("vcan")),
		link(unix.ARPHRD_CAN, unix.IFF_UP, name("slcan0")),
	} {
		b = append(b, l...)
	}
	return b
}

func TestParseLinks(t *testing.T) {
	got, err := parseLinks(linkAnswer())
	if err != nil {
		t.Fatal(err)
	}
	want := []Interface{
		{Name: "can_left", Kind: "can", Up: true, State: BusOff, Bitrate: 1_000_000},
		{Name: "can_base", Kind: "can", State: Down, Bitrate: 500_000},
		{Name: "vcan0", Kind: "vcan", Up: true},
		{Name: "slcan0", Up: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := parseLinks(linkAnswer()[:70]); err == nil {
		t.Error("an answer that was cut is taken for whole")
	}
}

func FuzzParseLinks(f *testing.F) {
	whole := linkAnswer()
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(link(unix.ARPHRD_CAN, 0, attribute(unix.IFLA_LINKINFO), []byte{3, 0, 1, 0}, []byte{0xFF, 0xFF, 18, 0}))
	f.Fuzz(func(t *testing.T, answer []byte) {
		all, err := parseLinks(answer)
		if err != nil && all != nil {
			t.Fatalf("both %v and %v", all, err)
		}
	})
}
