package supervisor

import (
	"strings"
	"testing"
	"time"

	"cobot_vla/msgs"
)

// bench drives an authority by hand.
type bench struct {
	t   *testing.T
	a   *authority
	now time.Time
}

func newBench(t *testing.T, change func(*Config)) *bench {
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	b := &bench{t, newAuthority(cfg), time.Unix(100, 0)}
	b.still(msgs.Arms | msgs.Base)
	return b
}

func (b *bench) pass(d time.Duration) { b.now = b.now.Add(d) }

func (b *bench) report(part uint8, mode string, stopped bool, fault string) {
	b.a.report(b.now, msgs.PartStatus{Part: part, State: "active", Mode: mode, Stopped: stopped, Fault: fault != "", Reason: fault})
}

// still reports the parts to stand.
func (b *bench) still(parts uint8) {
	for _, p := range []uint8{msgs.Arms, msgs.Base} {
		if parts&p != 0 {
			b.report(p, "holding", true, "")
		}
	}
}

// answer is what a request was told; asked counts answers.
type answer struct {
	granted bool
	reason  string
	asked   int
}

func (b *bench) acquire(source string, parts uint8) *answer {
	r := &answer{}
	b.a.acquire(b.now, source, parts, func(granted bool, reason string) {
		r.granted, r.reason = granted, reason
		r.asked++
	})
	return r
}

func (b *bench) holds(source string, parts uint8) {
	b.t.Helper()
	if b.a.source != source || b.a.held != parts {
		b.t.Fatalf("%s holds %s, want %s holding %s (%s)", b.a.source, partNames(b.a.held), source, partNames(parts), b.a.reason)
	}
}

func TestHandoverWaitsForTheOldPart(t *testing.T) {
	b := newBench(t, nil)
	if r := b.acquire("policy", msgs.Base); !r.granted {
		t.Fatal(r.reason)
	}
	b.holds("policy", msgs.Base)
	b.report(msgs.Base, "moving", false, "")
	r := b.acquire("policy", msgs.Arms)
	b.holds(msgs.SourceNone, 0) // the base is taken away at once
	if r.asked != 0 {
		t.Fatal("granted while the base moves")
	}
	b.pass(time.Second)
	b.a.beat(b.now, "policy")
	b.report(msgs.Arms, "holding", true, "")
	b.report(msgs.Base, "moving", false, "")
	if r.asked != 0 {
		t.Fatal("granted while the base moves")
	}
	b.report(msgs.Base, "holding", true, "")
	if r.asked != 1 || !r.granted {
		t.Fatalf("not granted once the base stands: %+v", r)
	}
	b.holds("policy", msgs.Arms)
}

func TestHandoverGivesUp(t *testing.T) {
	b := newBench(t, nil)
	b.report(msgs.Arms, "following", false, "")
	r := b.acquire("policy", msgs.Base)
	for range 60 {
		b.pass(100 * time.Millisecond)
		b.report(msgs.Arms, "following", false, "")
		b.a.tick(b.now)
	}
	if r.asked != 1 || r.granted || !strings.Contains(r.reason, "arms are still moving") {
		t.Errorf("%+v", r)
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name   string
		set    func(*bench)
		source string
		parts  uint8
		says   string
	}{
		{"unknown source", func(*bench) {}, "joystick", msgs.Base, "none of"},
		{"both parts", func(*bench) {}, "policy", msgs.Arms | msgs.Base, "not allowed"},
		{"unknown part", func(*bench) {}, "policy", 8, "parts 0x8"},
		{"e-stop", func(b *bench) { b.a.estopMessage(b.now, "x", true) }, "policy", msgs.Arms, "e-stop"},
		{"held by a higher one", func(b *bench) { b.acquire("teleop", msgs.Arms) }, "policy", msgs.Arms, "may not interrupt"},
		{"waited for by a higher one", func(b *bench) { b.report(msgs.Base, "moving", false, ""); b.acquire("teleop", msgs.Arms) }, "policy", msgs.Arms, "may not interrupt"},
		{"fault", func(b *bench) { b.report(msgs.Arms, "fault", true, "arm left: too hot") }, "policy", msgs.Arms, "too hot"},
	}
	for _, c := range cases {
		b := newBench(t, nil)
		c.set(b)
		if r := b.acquire(c.source, c.parts); r.asked != 1 || r.granted || !strings.Contains(r.reason, c.says) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestAPartMustBeThereAndReady(t *testing.T) {
	for name, set := range map[string]func(*bench){
		"never heard": func(b *bench) { delete(b.a.parts, msgs.Arms) },
		"silent":      func(b *bench) { b.pass(time.Second); b.still(msgs.Base) },
		"inactive": func(b *bench) {
			b.a.report(b.now, msgs.PartStatus{Part: msgs.Arms, State: "inactive", Stopped: true})
		},
		"disabled": func(b *bench) { b.report(msgs.Arms, "disabled", true, "") },
	} {
		b := newBench(t, nil)
		set(b)
		r := b.acquire("policy", msgs.Arms)
		if r.asked != 0 {
			t.Errorf("%s: answered at once: %+v", name, r)
		}
		b.holds(msgs.SourceNone, 0)
	}
}

func TestTeleopTakesOverAndGivesBack(t *testing.T) {
	b := newBench(t, func(c *Config) { c.AllowBoth = true })
	b.acquire("policy", msgs.Arms)
	if r := b.acquire("teleop", msgs.Arms|msgs.Base); !r.granted {
		t.Fatal(r.reason)
	}
	b.holds("teleop", msgs.Arms|msgs.Base)
	if r := b.acquire("teleop", 0); !r.granted {
		t.Fatal(r.reason)
	}
	b.holds(msgs.SourceNone, 0)
	if r := b.acquire("policy", msgs.Arms); !r.granted {
		t.Fatal(r.reason)
	}
}

func TestASilentSourceLosesItsParts(t *testing.T) {
	b := newBench(t, nil)
	b.acquire("policy", msgs.Arms)
	b.pass(400 * time.Millisecond)
	b.a.tick(b.now)
	b.holds("policy", msgs.Arms)
	b.pass(200 * time.Millisecond)
	b.a.tick(b.now)
	b.holds(msgs.SourceNone, 0)
	if !strings.Contains(b.a.reason, "heartbeat") {
		t.Error(b.a.reason)
	}
}

func TestEstopLatchesAndReleasesOnlyWhenQuiet(t *testing.T) {
	b := newBench(t, nil)
	b.acquire("policy", msgs.Arms)
	b.report(msgs.Arms, "following", false, "")
	pending := b.acquire("policy", msgs.Base)
	b.a.estopMessage(b.now, "button", true)
	b.holds(msgs.SourceNone, 0)
	if pending.asked != 1 || pending.granted {
		t.Errorf("a pending request survived the e-stop: %+v", pending)
	}
	b.a.estopMessage(b.now, "other", false) // false only ever means nothing
	if !b.a.estop {
		t.Fatal("false released the e-stop")
	}
	if ok, why := b.a.releaseEstop(b.now); ok || !strings.Contains(why, "quiet") {
		t.Errorf("released while pressed: %s", why)
	}
	b.pass(time.Second)
	b.report(msgs.Base, "fault", true, "base: bumper")
	if ok, why := b.a.releaseEstop(b.now); ok || !strings.Contains(why, "bumper") {
		t.Errorf("released with a fault: %s", why)
	}
	b.still(msgs.Base)
	if ok, why := b.a.releaseEstop(b.now); !ok {
		t.Error(why)
	}
	b.holds(msgs.SourceNone, 0) // motion needs to be acquired again
}

func TestARestartedSupervisorInheritsTheEstop(t *testing.T) {
	b := newBench(t, nil)
	delete(b.a.parts, msgs.Arms)
	b.report(msgs.Arms, "estop", true, "")
	if !b.a.estop || !strings.Contains(b.a.reason, "inherited") {
		t.Errorf("estop %v: %s", b.a.estop, b.a.reason)
	}
}
