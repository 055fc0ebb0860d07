package rcl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a lockstep context over intra.
type world struct {
	*rcl.Context
	t *testing.T
}

func lockstep(t *testing.T) *world {
	t.Helper()
	w := &world{rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewLockstep(time.Time{})}), t}
	t.Cleanup(func() {
		if err := w.Shutdown(time.Second); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return w
}

func (w *world) node(name string, overrides ...rcl.ParamOverride) *rcl.Node {
	w.t.Helper()
	n, err := w.Node(name, rcl.Args{Params: overrides})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// run lets d pass.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	end := w.Now().Add(d)
	reached := false
	w.Nodes()[0].After(d, func() { reached = true })
	if err := w.RunUntil(context.Background(), func() bool { return reached }); err != nil {
		w.t.Fatal(err)
	}
	if !w.Now().Equal(end) {
		w.t.Fatalf("time is %v, want %v", w.Now(), end)
	}
}

// since is how long the simulation has run.
func (w *world) since() time.Duration { return w.Now().Sub(time.Unix(1, 0)) }

// ask calls a service and lets time pass until it answers.
func ask[Q, R any, PQ msgs.Ptr[Q], PR msgs.Ptr[R]](w *world, n *rcl.Node, service string, q *Q) *R {
	w.t.Helper()
	c, err := rcl.NewClient[Q, R, PQ, PR](n, service)
	if err != nil {
		w.t.Fatal(err)
	}
	var answer *R
	c.Go(q, func(r *R, err error) {
		if err != nil {
			w.t.Error(err)
			r = new(R)
		}
		answer = r
	})
	if err := w.RunUntil(context.Background(), func() bool { return answer != nil }); err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantError(t *testing.T, err, is error, text string) {
	t.Helper()
	if err == nil || !errors.Is(err, is) || !strings.Contains(err.Error(), text) {
		t.Errorf("%v, want %v with …%s…", err, is, text)
	}
}
