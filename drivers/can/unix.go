package can

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// unixQueue is how many frames wait for a slow reader before they are lost: a
	// second of one arm's traffic.
	unixQueue = 3000
	// unixPatience bounds the wait for the other side: its greeting, and the last
	// frames before a close.
	unixPatience = 2 * time.Second
	// unixStateEvery is how often the server looks at its bus's state for its clients.
	unixStateEvery = 20 * time.Millisecond
)

// DialUnix joins the bus that a UnixServer serves at path. The server's greeting
// tells the state of its bus; afterwards the connection carries struct can_frame
// both ways, and error frames where a controller would send them.
func DialUnix(path string) (Bus, error) {
	name := "unix:" + path
	conn, err := net.DialTimeout("unix", path, unixPatience)
	if err != nil {
		return nil, fmt.Errorf("can: %s: %w: start the simulator that serves it first", name, err)
	}
	r := newWireReader(conn)
	conn.SetReadDeadline(time.Now().Add(unixPatience))
	greeting, err := r.next()
	if err == nil && !greeting.hasState {
		err = fmt.Errorf("greeted with %v", greeting.frame)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("can: %s: whoever listens there is no CAN bus server: %w", name, err)
	}
	conn.SetReadDeadline(time.Time{})
	b := &unixBus{stream: stream{name: name, conn: conn}, out: newOutbox(unixQueue), written: make(chan struct{})}
	b.state.Store(uint32(greeting.state))
	b.start(r, func(error) bool { return false })
	go func() {
		defer close(b.written)
		b.out.run(conn) // its error is the reader's too: the connection is gone
	}()
	return b, nil
}

type unixBus struct {
	stream
	out     *outbox
	written chan struct{} // the writer has ended
}

// Send implements Bus.
func (b *unixBus) Send(f Frame) error {
	if err := b.ready(f); err != nil {
		return err
	}
	if err := b.out.put(f); err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	return nil
}

// Close implements Bus. What was sent before is still written: the last frame
// may be the one that stops the robot.
func (b *unixBus) Close() error {
	return b.shut(func() {
		b.conn.SetWriteDeadline(time.Now().Add(unixPatience))
		b.out.close()
		<-b.written
	})
}

// UnixServer lets other processes join a bus of this one, usually a virtual one
// with simulated firmware on it.
type UnixServer struct {
	path     string
	bus      string
	opener   Opener
	listener *net.UnixListener
	lost     atomic.Uint64
}

// ListenUnix makes the socket, so that clients can connect at once; Serve serves
// them. Every client becomes an endpoint of its own on the named bus. A socket
// that a dead process left behind is replaced; only its user may connect.
func ListenUnix(path string, opener Opener, bus string) (*UnixServer, error) {
	addr := &net.UnixAddr{Name: path, Net: "unix"}
	l, err := net.ListenUnix("unix", addr)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(path) {
		if err = os.Remove(path); err == nil {
			l, err = net.ListenUnix("unix", addr)
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("can: another process serves %s: stop it, or choose another path", path)
	}
	if err != nil {
		return nil, fmt.Errorf("can: unix:%s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("can: unix:%s: %w", path, err)
	}
	return &UnixServer{path: path, bus: bus, opener: opener, listener: l}, nil
}

// abandoned tells whether path is a socket that nobody answers.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return false
	}
	conn, err := net.DialTimeout("unix", path, unixPatience)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	conn.Close()
	return false
}

// Lost counts frames that a client was too slow to take, and frames of clients
// that the bus refused.
func (s *UnixServer) Lost() uint64 { return s.lost.Load() }

// Serve serves clients until ctx ends, then removes the socket.
func (s *UnixServer) Serve(ctx context.Context) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	for {
		conn, err := s.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("can: unix:%s: %w", s.path, err)
		}
		clients.Go(func() { s.serve(ctx, conn) })
	}
}

// serve is the life of one client.
func (s *UnixServer) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	bus, err := s.opener.Open(s.bus)
	if err != nil {
		return // the client is told by the missing greeting
	}
	defer bus.Close()
	out := newOutbox(unixQueue)
	greeting := bus.State()
	out.tell(greeting) // first, and written only once the bus is heard
	bus.Listen(func(f Frame) {
		if out.put(f) != nil {
			s.lost.Add(1)
		}
	})
	ctx, cancel := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() { out.run(conn); conn.Close() })
	helpers.Go(func() { report(ctx, bus, greeting, out) })
	s.forward(bus, newWireReader(conn))
	cancel()
	conn.Close()
	out.close()
	helpers.Wait()
}

// forward puts a client's frames on the bus until the client is gone.
func (s *UnixServer) forward(bus Bus, r wireReader) {
	for {
		rec, err := r.next()
		if err != nil || !rec.isFrame {
			return // the end, or bytes that no client of ours sends: either way it is done
		}
		if bus.Send(rec.frame) != nil {
			s.lost.Add(1)
		}
	}
}

// report tells a client when the state of the bus changes.
func report(ctx context.Context, bus Bus, last State, out *outbox) {
	tick := time.NewTicker(unixStateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := bus.State(); now != last && out.tell(now) == nil {
			last = now
		}
	}
}
