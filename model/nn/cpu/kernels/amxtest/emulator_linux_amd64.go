package amxtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// Run runs one test of this binary, by its whole name, under the emulator. It
// skips where the system does not let a process trace another.
func Run(t *testing.T, test string) {
	t.Helper()
	runtime.LockOSThread() // ptrace belongs to the thread
	defer runtime.UnlockOSThread()
	var out strings.Builder
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.timeout=2m")
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		reader.Close()
		writer.Close()
		if errors.Is(err, syscall.EPERM) {
			t.Skipf("this system does not let a process trace another (%v)", err)
		}
		t.Fatal(err)
	}
	writer.Close()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		buf := make([]byte, 4096)
		for {
			n, err := reader.Read(buf)
			out.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	e := &emulator{pid: cmd.Process.Pid, threads: map[int]*tiles{}}
	status, err := e.run()
	if err != nil {
		_ = cmd.Process.Kill()
	}
	_ = cmd.Process.Release()
	<-copied
	reader.Close()
	if err != nil {
		t.Fatalf("emulator: %v\n%s", err, out.String())
	}
	if status != 0 || !strings.Contains(out.String(), "--- PASS: "+test) {
		t.Errorf("%s under the emulator: status %d\n%s", test, status, out.String())
	}
	if e.executed == 0 {
		t.Errorf("%s executed no tile instruction", test)
	}
	t.Logf("%d tile instructions emulated", e.executed)
}

// Traced says that this process runs under Run.
func Traced() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && strings.Contains(string(status), "TracerPid:") && !strings.Contains(string(status), "TracerPid:\t0\n")
}

// tiles is the state of one thread.
type tiles struct {
	configured bool
	rows       [8]int
	bytes      [8]int // of a row
	data       [8][16][64]byte
}

type emulator struct {
	pid      int
	memory   *os.File
	threads  map[int]*tiles
	executed int
}

// run follows the process to its end and gives its exit status.
func (e *emulator) run() (int, error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(e.pid, &status, 0, nil); err != nil {
		return 0, err
	}
	const exitKill = 0x100000
	if err := syscall.PtraceSetOptions(e.pid, syscall.PTRACE_O_TRACECLONE|exitKill); err != nil {
		return 0, err
	}
	var err error
	if e.memory, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", e.pid), os.O_RDWR, 0); err != nil {
		return 0, err
	}
	defer e.memory.Close()
	if err := syscall.PtraceCont(e.pid, 0); err != nil {
		return 0, err
	}
	for {
		thread, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		if err != nil {
			return 0, err
		}
		switch {
		case status.Exited() || status.Signaled():
			if thread != e.pid {
				continue
			}
			if status.Signaled() {
				return 0, fmt.Errorf("killed by %v", status.Signal())
			}
			return status.ExitStatus(), nil
		case !status.Stopped():
			continue
		}
		signal := status.StopSignal()
		switch signal {
		case syscall.SIGTRAP, syscall.SIGSTOP:
			signal = 0 // a new thread, or its parent
		case syscall.SIGILL:
			if err := e.execute(thread); err != nil {
				return 0, err
			}
			signal = 0
		}
		if err := syscall.PtraceCont(thread, int(signal)); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, err
		}
	}
}

// execute does the instruction that a thread stopped at, and the tile instructions that follow it directly.
func (e *emulator) execute(thread int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	var memory [128]byte
	n, err := e.memory.ReadAt(memory[:], int64(regs.Rip))
	code := memory[:n]
	if len(code) < longest {
		return fmt.Errorf("code at %#x: %w", regs.Rip, err)
	}
	state := e.threads[thread]
	if state == nil {
		state = &tiles{}
		e.threads[thread] = state
	}
	for first := true; len(code) >= longest; first = false {
		in, err := decode(code, &regs)
		if err != nil && first {
			return fmt.Errorf("illegal instruction at %#x, % x: %w", regs.Rip, code[:longest], err)
		}
		if err != nil {
			break
		}
		if err := e.apply(state, in); err != nil {
			return fmt.Errorf("%+v: %w", in, err)
		}
		e.executed++
		regs.Rip += uint64(in.length)
		code = code[in.length:]
	}
	return syscall.PtraceSetRegs(thread, &regs)
}

// longest a tile instruction is: C4 and two bytes, opcode, ModRM, SIB, four of displacement.
const longest = 10

// instruction is a decoded tile instruction.
type instruction struct {
	opcode, prefix byte // prefix: 0 none, 1 66, 2 F3, 3 F2
	memory         bool // the operand is in memory
	reg, rm, v     int
	address        uint64 // of memory
	stride         uint64 // the index register, which spaces the rows
	length         int
}

// decode reads a three-byte VEX instruction of map 0F38.
func decode(code []byte, regs *syscall.PtraceRegs) (instruction, error) {
	var in instruction
	if code[0] != 0xc4 || code[1]&0x1f != 2 || code[2]&0x84 != 0 || code[3] < 0x49 || code[3] > 0x5e {
		return in, errors.New("it is no tile instruction")
	}
	index, base := int(^code[1]>>6&1)<<3, int(^code[1]>>5&1)<<3
	in.prefix, in.v = code[2]&3, int(^code[2]>>3&15)
	in.opcode = code[3]
	modrm := code[4]
	in.reg, in.rm = int(modrm>>3&7), int(modrm&7)
	in.length = 5
	if modrm>>6 == 3 {
		return in, nil
	}
	in.memory = true
	number := in.rm | base
	scale := 0
	if in.rm == 4 {
		sib := code[5]
		in.length++
		index |= int(sib >> 3 & 7)
		scale = int(sib >> 6)
		if index != 4 {
			in.stride = register(regs, index) << scale
		}
		number = int(sib&7) | base
	}
	in.address = register(regs, number)
	switch modrm >> 6 {
	case 0:
		if number&7 == 5 {
			return in, errors.New("this form of address is not emulated")
		}
	case 1:
		in.address += uint64(int64(int8(code[in.length])))
		in.length++
	case 2:
		in.address += uint64(int64(int32(binary.LittleEndian.Uint32(code[in.length:]))))
		in.length += 4
	}
	return in, nil
}

func register(r *syscall.PtraceRegs, n int) uint64 {
	return [16]uint64{r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15}[n]
}

func (e *emulator) apply(s *tiles, in instruction) error {
	switch {
	case in.opcode == 0x49 && in.memory && in.prefix == 0:
		return e.configure(s, in.address)
	case !s.configured:
		return errors.New("the tiles are not configured")
	case in.opcode == 0x49 && in.prefix == 0:
		*s = tiles{}
	case in.opcode == 0x49 && in.prefix == 3:
		s.data[in.reg] = [16][64]byte{}
	case in.opcode == 0x4b && in.memory && in.prefix == 3:
		return e.load(s, in)
	case in.opcode == 0x4b && in.memory && in.prefix == 2:
		for r := range s.rows[in.reg] {
			if _, err := e.memory.WriteAt(s.data[in.reg][r][:s.bytes[in.reg]], int64(in.address+uint64(r)*in.stride)); err != nil {
				return err
			}
		}
	case in.opcode == 0x5c && !in.memory && in.prefix == 2:
		s.dotBF16(in.reg, in.rm, in.v)
	case in.opcode == 0x5e && !in.memory:
		// F2 both signed, F3 the first signed, 66 the second signed, none neither.
		s.dotBytes(in.reg, in.rm, in.v, in.prefix >= 2, in.prefix == 3 || in.prefix == 1)
	default:
		return errors.New("it is no tile instruction that is emulated")
	}
	return nil
}

// load reads the rows of a tile, in one piece with what lies between them.
func (e *emulator) load(s *tiles, in instruction) error {
	rows, bytes := s.rows[in.reg], s.bytes[in.reg]
	s.data[in.reg] = [16][64]byte{}
	if rows == 0 || int64(in.stride) < int64(bytes) || in.stride > 1<<20 {
		return fmt.Errorf("%d rows, %d apart, are not emulated", rows, int64(in.stride))
	}
	piece := make([]byte, (rows-1)*int(in.stride)+bytes)
	if _, err := e.memory.ReadAt(piece, int64(in.address)); err != nil {
		return err
	}
	for r := range rows {
		copy(s.data[in.reg][r][:bytes], piece[r*int(in.stride):])
	}
	return nil
}

func (e *emulator) configure(s *tiles, address uint64) error {
	var config [64]byte
	if _, err := e.memory.ReadAt(config[:], int64(address)); err != nil {
		return err
	}
	if config[0] != 1 || config[1] != 0 {
		return fmt.Errorf("palette %d, start row %d", config[0], config[1])
	}
	*s = tiles{configured: true}
	for t := range 8 {
		s.bytes[t], s.rows[t] = int(binary.LittleEndian.Uint16(config[16+2*t:])), int(config[48+t])
		if s.bytes[t] > 64 || s.rows[t] > 16 {
			return fmt.Errorf("tile %d of %d rows of %d bytes", t, s.rows[t], s.bytes[t])
		}
	}
	return nil
}

func (s *tiles) dotBytes(dst, a, b int, aSigned, bSigned bool) {
	value := func(x byte, signed bool) int32 {
		if signed {
			return int32(int8(x))
		}
		return int32(x)
	}
	for m := range s.rows[dst] {
		for n := range s.bytes[dst] / 4 {
			at := s.data[dst][m][4*n:]
			sum := binary.LittleEndian.Uint32(at)
			for k := range s.bytes[a] / 4 {
				for i := range 4 {
					sum += uint32(value(s.data[a][m][4*k+i], aSigned) * value(s.data[b][k][4*n+i], bSigned))
				}
			}
			binary.LittleEndian.PutUint32(at, sum)
		}
	}
}

// dotBF16 sums even and odd products apart, and adds both to the tile at the end.
func (s *tiles) dotBF16(dst, a, b int) {
	value := func(x []byte) float64 {
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(x)) << 16))
	}
	for m := range s.rows[dst] {
		for n := range s.bytes[dst] / 4 {
			var sum [2]float32
			for k := range s.bytes[a] / 4 {
				for i := range 2 {
					sum[i] = float32(float64(sum[i]) + value(s.data[a][m][4*k+2*i:])*value(s.data[b][k][4*n+2*i:]))
				}
			}
			at := s.data[dst][m][4*n:]
			total := math.Float32frombits(binary.LittleEndian.Uint32(at)) + (sum[0] + sum[1])
			binary.LittleEndian.PutUint32(at, math.Float32bits(total))
		}
	}
}
