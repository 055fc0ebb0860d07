package emulator

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"cobot_vla/model/nn/cuda"
)

// module is a kernel of 64 threads around a body. %r1 is the thread, %rd1 the
// parameter, 256 bytes at shared.
func module(body string) string {
	return `
.version 7.0
.target sm_80
.visible .entry k(
	.param .u64 k_param_0
)
.maxntid 64, 1, 1
{
	.shared .align 16 .b8 shared[256];
	ld.param.u64 	%rd1, [k_param_0];
	mov.u32 	%r1, %tid.x;
	mul.wide.u32 	%rd2, %r1, 4;
	add.s64 	%rd3, %rd1, %rd2;
	mov.u64 	%rd4, shared;
	add.s64 	%rd5, %rd4, %rd2;
` + body + `
	ret;
}
`
}

// launch runs a body over 256 bytes and gives them.
func launch(t *testing.T, body string) ([]uint32, error) {
	t.Helper()
	d := New(Config{})
	if err := d.Load(module(body)); err != nil {
		t.Fatal(err)
	}
	f, err := d.Function("k", 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Alloc(256)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(cuda.Launch{Function: f, Grid: [3]int{1, 1, 1}, Threads: 64, Args: []uint64{uint64(p)}}); err != nil {
		return nil, err
	}
	data := make([]byte, 256)
	if err := d.Download(data, p); err != nil {
		t.Fatal(err)
	}
	out := make([]uint32, 64)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return out, nil
}

// TestItSeesMistakes that a GPU may let pass.
func TestItSeesMistakes(t *testing.T) {
	for _, c := range []struct{ name, body, says string }{
		{"behind the end", "st.global.u32 [%rd3+4], %r1;", "thread 63"},
		{"before the beginning", "ld.global.u32 %r2, [%rd3+-4];", "in no memory"},
		{"not aligned", "st.global.u32 [%rd3+2], %r1;", "no multiple of 4"},
		{"behind shared memory", "st.shared.u32 [%rd5+4], %r1;", "of 256 in shared memory"},
		{"no barrier", "st.shared.u32 [%rd5], %r1;\nxor.b32 %r2, %r1, 63;\nmul.wide.u32 %rd6, %r2, 4;\nadd.s64 %rd6, %rd4, %rd6;\nld.shared.u32 %r3, [%rd6];", "since the last barrier"},
		{"some lanes at what all must do", "setp.lt.u32 %p1, %r1, 5;\n@%p1 bra $L__A;\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;\nbra.uni $L__B;\n$L__A:\nshfl.sync.bfly.b32 %r2, %r1, 2, 31, -1;\n$L__B:\nst.global.u32 [%rd3], %r2;", "wait for each other"},
	} {
		_, err := launch(t, c.body)
		if !errors.Is(err, cuda.ErrLost) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "kernel k") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestLanesPartAndMeet: each half of a warp goes its own way through a loop, and all exchange behind it.
func TestLanesPartAndMeet(t *testing.T) {
	got, err := launch(t, `
	mov.u32 %r2, 0;
	mov.u32 %r3, 0;
$L__LOOP:
	and.b32 %r4, %r1, 3;
	setp.ge.u32 %p1, %r3, %r4;
	@%p1 bra $L__OUT;
	add.s32 %r2, %r2, 10;
	add.s32 %r3, %r3, 1;
	bra.uni $L__LOOP;
$L__OUT:
	shfl.sync.bfly.b32 %r5, %r2, 1, 31, -1;
	add.s32 %r6, %r5, %r1;
	st.global.u32 [%rd3], %r6;`)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if want := uint32(i^1)&3*10 + uint32(i); v != want {
			t.Fatalf("thread %d has %d, expected %d", i, v, want)
		}
	}
}

// TestCopiesArriveWhenTheyAreWaitedFor: before that there is no number.
func TestCopiesArriveWhenTheyAreWaitedFor(t *testing.T) {
	begin := `
	st.global.u32 [%rd3], %r1;
	bar.sync 0;
	setp.gt.u32 %p1, %r1, 15;
	@%p1 bra $L__NONE;
	mul.wide.u32 %rd6, %r1, 16;
	add.s64 %rd7, %rd4, %rd6;
	cvt.u32.u64 %r2, %rd7;
	add.s64 %rd8, %rd1, %rd6;
	cp.async.cg.shared.global [%r2], [%rd8], 16, 16;
$L__NONE:
	cp.async.commit_group;
`
	end := `
	bar.sync 0;
	ld.shared.u32 %r3, [%rd5];
	st.global.u32 [%rd3], %r3;`
	early, err := launch(t, begin+end)
	if err != nil {
		t.Fatal(err)
	}
	late, err := launch(t, begin+"cp.async.wait_group 0;"+end)
	if err != nil {
		t.Fatal(err)
	}
	for i := range late {
		if early[i] != math.MaxUint32 || late[i] != uint32(i) {
			t.Fatalf("word %d is %#x before, %d after", i, early[i], late[i])
		}
	}
}

// TestItRefuses what the driver would.
func TestItRefuses(t *testing.T) {
	d := New(Config{Info: cuda.Info{Memory: 1000}})
	if err := d.Load(module("")); err != nil {
		t.Fatal(err)
	}
	if err := d.Load(module("fly.s32 %r1, %r2;")); err == nil {
		t.Error("an unknown instruction is loaded")
	}
	if _, err := d.Function("none", 0); err == nil {
		t.Error("a kernel is found that is none")
	}
	f, err := d.Function("k", 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]cuda.Launch{
		"arguments": {Function: f, Grid: [3]int{1, 1, 1}, Threads: 64},
		"threads":   {Function: f, Grid: [3]int{1, 1, 1}, Threads: 32, Args: []uint64{0}},
		"grid":      {Function: f, Grid: [3]int{1, 0, 1}, Threads: 64, Args: []uint64{0}},
		"shared":    {Function: f, Grid: [3]int{1, 1, 1}, Threads: 64, Shared: 4, Args: []uint64{0}},
	} {
		if err := d.Launch(l); err == nil {
			t.Errorf("wrong %s: it is launched", name)
		}
	}
	if _, err := d.Alloc(1001); !errors.Is(err, cuda.ErrMemory) {
		t.Errorf("1001 of 1000 bytes: %v", err)
	}
	p, err := d.Alloc(900)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err == nil {
		t.Error("what was not freed is not missed")
	}
	if err := d.Free(p); err != nil {
		t.Error(err)
	}
	if err := d.Upload(p, make([]byte, 4)); err == nil {
		t.Error("freed memory is written")
	}
}
