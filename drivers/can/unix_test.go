package can_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/can/cantest"
)

// serve serves bus can0 of n until the test ends and returns the socket's path.
func serve(t testing.TB, n can.Opener) (path string, server *can.UnixServer) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "can0.sock")
	server, err := can.ListenUnix(path, n, "can0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return path, server
}

func dial(t testing.TB, path string) can.Bus {
	t.Helper()
	bus, err := can.DialUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	return bus
}

// until waits for a condition that another goroutine brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 5 s in vain: %s", what)
		}
	}
}

func TestUnixConformance(t *testing.T) {
	cantest.Conformance(t, func() (a, b can.Bus, err error) {
		path, _ := serve(t, can.NewNetwork())
		if a, err = can.DialUnix(path); err != nil {
			return nil, nil, err
		}
		b, err = can.DialUnix(path)
		return a, b, err
	})
}

func TestUnixAndVirtualEndsConform(t *testing.T) {
	for name, swap := range map[string]bool{"unix to virtual": false, "virtual to unix": true} {
		t.Run(name, func(t *testing.T) {
			cantest.Conformance(t, func() (a, b can.Bus, err error) {
				n := can.NewNetwork()
				path, _ := serve(t, n)
				if a, err = can.DialUnix(path); err != nil {
					return nil, nil, err
				}
				b, err = n.Open("can0")
				if swap {
					a, b = b, a
				}
				return a, b, err
			})
		})
	}
}

func TestUnixTellsTheStateOfTheBus(t *testing.T) {
	n := can.NewNetwork()
	path, server := serve(t, n)
	wire := n.Bus("can0")
	early := dial(t, path)
	for _, s := range []can.State{can.Warning, can.Passive, can.BusOff, can.Up} {
		wire.SetState(s)
		until(t, "state "+s.String(), func() bool { return early.State() == s })
		if late := dial(t, path); late.State() != s {
			t.Errorf("who joins when the bus is %v sees %v", s, late.State())
		}
	}
	wire.SetState(can.BusOff)
	until(t, "bus-off", func() bool { return early.State() == can.BusOff })
	if err := early.Send(frame(1)); !errors.Is(err, can.ErrBusOff) {
		t.Errorf("send on a dead bus: %v, want %v", err, can.ErrBusOff)
	}
	if server.Lost() != 0 {
		t.Errorf("%d frames lost", server.Lost())
	}
}

func TestUnixCountsWhatTheBusRefuses(t *testing.T) {
	n := can.NewNetwork()
	path, server := serve(t, n)
	bus := dial(t, path)
	n.Bus("can0").SetSendError(can.ErrBufferFull)
	if err := bus.Send(frame(1)); err != nil {
		t.Fatal(err)
	}
	until(t, "a lost frame", func() bool { return server.Lost() == 1 })
}

func TestUnixCloseWritesWhatWasSent(t *testing.T) {
	n := can.NewNetwork()
	path, _ := serve(t, n)
	h, cancel := cantest.Watch(n.Bus("can0"))
	defer cancel()
	bus := dial(t, path)
	for i := range 100 {
		if err := bus.Send(frame(uint32(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := h.Wait(100)
	if err != nil {
		t.Fatal(err)
	}
	if last := got[99]; last != frame(99) {
		t.Errorf("the last frame is %v, want %v", last, frame(99))
	}
	if err := bus.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestUnixServerGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	server, err := can.ListenUnix(path, can.NewNetwork(), "can0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx) }()
	bus := dial(t, path)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	until(t, "the client notices", func() bool { return bus.State() == can.Down })
	if err := bus.Send(frame(1)); !errors.Is(err, can.ErrClosed) {
		t.Errorf("send after the server went: %v, want %v", err, can.ErrClosed)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := can.DialUnix(path); err == nil || !strings.Contains(err.Error(), "start the simulator") {
		t.Errorf("dial without a server: %v", err)
	}
}

func TestUnixSocketFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := can.ListenUnix(path, can.NewNetwork(), "can0"); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("a second server on one path: %v", err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	server, err := can.ListenUnix(path, can.NewNetwork(), "can0")
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := server.Serve(done); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := can.ListenUnix(file, can.NewNetwork(), "can0"); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

// Somebody else listens at the path: the dial fails instead of hanging.
func TestUnixDialToAStranger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err == nil {
			conn.Write([]byte("220 welcome to something else\r\n"))
			conn.Close()
		}
	}()
	if _, err := can.DialUnix(path); err == nil || !strings.Contains(err.Error(), "no CAN bus server") {
		t.Errorf("dial: %v", err)
	}
	<-done
	l.Close()
}

// A client that sends rubbish loses its connection and harms nobody.
func TestUnixRubbishClient(t *testing.T) {
	n := can.NewNetwork()
	path, _ := serve(t, n)
	good := dial(t, path)
	bad, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer bad.Close()
	bad.Write([]byte("GET / HTTP/1.1\r\nHost: robot\r\n\r\n"))
	bad.SetReadDeadline(time.Now().Add(5 * time.Second))
	for err == nil {
		_, err = bad.Read(make([]byte, 64))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server still listens to it")
	}
	h, cancel := cantest.Watch(n.Bus("can0"))
	defer cancel()
	if err := good.Send(frame(7)); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Wait(1); err != nil || got[0] != frame(7) {
		t.Errorf("heard %v, %v", got, err)
	}
}
