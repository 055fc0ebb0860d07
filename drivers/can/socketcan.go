package can

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socketPatience bounds a write to the kernel, which normally takes none of it:
// a full queue is an error, not a place to wait.
const socketPatience = time.Millisecond

// socketBus is a SocketCAN interface. It works on any connection that carries
// struct can_frame, so that only the dialling needs the hardware.
type socketBus struct {
	stream
	release func() // gives the ownership of the interface back

	sending sync.Mutex
	record  [wireSize]byte
}

func newSocketBus(name string, conn net.Conn, state State, release func()) *socketBus {
	b := &socketBus{stream: stream{name: name, conn: conn}, release: sync.OnceFunc(release)}
	b.state.Store(uint32(state))
	b.start(newWireReader(conn), b.interrupted)
	return b
}

// interrupted keeps the reader alive while somebody takes the interface down and up again.
func (b *socketBus) interrupted(err error) bool {
	if !errors.Is(err, syscall.ENETDOWN) || b.closed.Load() {
		return false
	}
	b.state.Store(uint32(Down))
	return true
}

// Send implements Bus.
func (b *socketBus) Send(f Frame) error {
	if err := b.ready(f); err != nil {
		if errors.Is(err, ErrBusOff) {
			err = fmt.Errorf("%w: check the cable and its termination, then: ip link set %s down && ip link set %s up", err, b.name, b.name)
		}
		return err
	}
	if err := b.write(f); err != nil {
		return fmt.Errorf("%s: %w", b.name, sendError(err))
	}
	b.state.CompareAndSwap(uint32(Down), uint32(Up))
	return nil
}

func (b *socketBus) write(f Frame) error {
	b.sending.Lock()
	defer b.sending.Unlock()
	if err := b.conn.SetWriteDeadline(time.Now().Add(socketPatience)); err != nil {
		return err
	}
	_, err := b.conn.Write(appendWire(b.record[:0], f))
	return err
}

// sendError gives the kernel's reasons our names.
func sendError(err error) error {
	for _, c := range []struct {
		is   error
		name error
	}{
		{syscall.ENOBUFS, ErrBufferFull},
		{os.ErrDeadlineExceeded, ErrBufferFull},
		{syscall.ENETDOWN, ErrDown},
		{syscall.ENODEV, ErrClosed},
		{syscall.ENXIO, ErrClosed},
		{syscall.EPIPE, ErrClosed},
		{net.ErrClosed, ErrClosed},
	} {
		if errors.Is(err, c.is) {
			return fmt.Errorf("%w: %w", c.name, err)
		}
	}
	return err
}

// Close implements Bus.
func (b *socketBus) Close() error {
	err := b.shut(func() {})
	b.release()
	return err
}
