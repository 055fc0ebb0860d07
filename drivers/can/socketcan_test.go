package can

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kernel is a connection as SocketCAN gives one: reads and writes fail when a test says so.
type kernel struct {
	net.Conn
	reads    chan any // []byte or error
	closed   chan struct{}
	writeErr error
	written  [][]byte
}

func newKernel() *kernel { return &kernel{reads: make(chan any), closed: make(chan struct{})} }

func (k *kernel) Read(b []byte) (int, error) {
	select {
	case r := <-k.reads:
		if err, ok := r.(error); ok {
			return 0, &net.OpError{Op: "read", Net: "can", Err: err}
		}
		return copy(b, r.([]byte)), nil
	case <-k.closed:
		return 0, net.ErrClosed
	}
}

func (k *kernel) Write(b []byte) (int, error) {
	if k.writeErr != nil {
		return 0, &net.OpError{Op: "write", Net: "can", Err: k.writeErr}
	}
	k.written = append(k.written, append([]byte(nil), b...))
	return len(b), nil
}

func (k *kernel) SetWriteDeadline(time.Time) error { return nil }

func (k *kernel) Close() error {
	select {
	case <-k.closed:
		return net.ErrClosed
	default:
		close(k.closed)
		return nil
	}
}

func TestSocketBusFollowsTheInterface(t *testing.T) {
	k, released := newKernel(), 0
	bus := newSocketBus("can0", k, Up, func() { released++ })
	heard := make(chan Frame, 1)
	bus.Listen(func(f Frame) { heard <- f })
	data := appendWire(nil, Frame{ID: 0x2A1, Len: 1, Data: [8]byte{7}})
	remote := append([]byte(nil), data...)
	remote[3] |= 0x40         // a remote frame with the flag in its little-endian place
	barrier := func() Frame { // a frame that is heard says that all before it was read
		k.reads <- data
		return <-heard
	}
	if f := barrier(); f != (Frame{ID: 0x2A1, Len: 1, Data: [8]byte{7}}) {
		t.Errorf("heard %v", f)
	}
	state := func(want State) {
		t.Helper()
		if got := bus.State(); got != want {
			t.Errorf("state is %v, want %v", got, want)
		}
	}
	send := func(want error) {
		t.Helper()
		if err := bus.Send(Frame{ID: 1}); !errors.Is(err, want) {
			t.Errorf("send: %v, want %v", err, want)
		}
	}
	state(Up)
	k.reads <- appendWireState(nil, Passive)
	barrier()
	state(Passive)
	send(nil)

	k.reads <- appendWireState(nil, BusOff)
	k.reads <- remote // read after the error frame, and nothing to tell
	k.reads <- remote
	state(BusOff)
	send(ErrBusOff)
	if err := bus.Send(Frame{}); !strings.Contains(err.Error(), "ip link set can0 down && ip link set can0 up") {
		t.Errorf("bus-off without a remedy: %v", err)
	}
	barrier() // traffic: somebody restarted the controller
	state(Up)

	k.reads <- syscall.ENETDOWN
	k.reads <- remote
	k.reads <- remote
	state(Down)
	k.writeErr = syscall.ENETDOWN
	send(ErrDown)
	k.writeErr = nil
	send(nil) // it is up again, and says so before anybody talks
	state(Up)

	k.writeErr = syscall.ENOBUFS
	send(ErrBufferFull)
	k.writeErr = os.ErrDeadlineExceeded
	send(ErrBufferFull)
	k.writeErr = nil

	k.reads <- syscall.ENODEV // the adapter was pulled out
	<-bus.done
	state(Down)
	send(ErrClosed)
	if err := bus.Send(Frame{}); !strings.Contains(err.Error(), "no such device") {
		t.Errorf("a lost adapter is called %v", err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	bus.Close()
	if released != 1 {
		t.Errorf("the interface was released %d times", released)
	}
	for _, w := range k.written {
		if string(w) != string(appendWire(nil, Frame{ID: 1})) {
			t.Errorf("wrote %x", w)
		}
	}
}

// Somebody who does not read fills the queue; Send says so and does not wait.
func TestSocketBusFullQueue(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	bus := newSocketBus("can0", ours, Up, func() {})
	defer bus.Close()
	if err := bus.Send(Frame{ID: 1}); !errors.Is(err, ErrBufferFull) {
		t.Errorf("send: %v, want %v", err, ErrBufferFull)
	}
}

// SocketPair gives the external test two socket buses that talk to each other.
func SocketPair(dir string) (a, b Bus, err error) {
	l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprint("s", time.Now().UnixNano())))
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	near, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	far, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	return newSocketBus("can0", near, Up, func() {}), newSocketBus("can0", far, Up, func() {}), nil
}
