package rcl

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Real-time priority of control threads: above everything ordinary, below the kernel's own threads (50).
const urgentPriority = 20

// hurry moves the queue's goroutine to a thread of real-time priority, with its next callback.
func (q *realQueue) hurry() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTPRIO, &limit); err == nil && limit.Cur < urgentPriority && unix.Geteuid() != 0 {
		return fmt.Errorf("rcl: real-time priority %d is not allowed (limit %d): the loop runs with ordinary priority; see `cobot_vla doctor`", urgentPriority, limit.Cur)
	}
	t, err := newEventThread()
	if err != nil {
		return err
	}
	q.Post(func() {
		runtime.LockOSThread()
		if err := setFIFO(urgentPriority); err != nil { // the thread sleeps precisely all the same
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -10)
		}
		q.mu.Lock()
		q.thread = t
		q.mu.Unlock()
	})
	return nil
}

// relax gives the thread back: it ends with the goroutine, since it is never unlocked.
func (q *realQueue) relax() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.thread != nil {
		q.thread.close()
		q.thread = nil
	}
}

// setFIFO gives the calling thread the scheduling class SCHED_FIFO.
func setFIFO(priority int32) error {
	const schedFIFO = 1
	param := struct{ priority int32 }{priority}
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedFIFO, uintptr(unsafe.Pointer(&param)))
	if errno != 0 {
		return errno
	}
	return nil
}

// eventThread sleeps in the kernel on an eventfd with a time-out of nanoseconds.
type eventThread struct{ fd int }

func newEventThread() (*eventThread, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("rcl: eventfd: %w", err)
	}
	return &eventThread{fd}, nil
}

func (t *eventThread) sleep(d int64) {
	ts := unix.NsecToTimespec(min(max(d, 0), int64(time.Hour)))
	fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
	if n, err := unix.Ppoll(fds, &ts, nil); err == nil && n > 0 {
		var buf [8]byte
		_, _ = unix.Read(t.fd, buf[:])
	}
}

func (t *eventThread) wake() {
	one := [8]byte{1}
	if _, err := unix.Write(t.fd, one[:]); err != nil && !errors.Is(err, unix.EAGAIN) {
		return // closed: nobody sleeps any more
	}
}

func (t *eventThread) close() { _ = unix.Close(t.fd) }
