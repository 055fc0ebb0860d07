package tracer

import (
	"math"
	"testing"
	"time"

	"cobot_vla/calibration"

	"pgregory.net/rapid"
)

var testBase = calibration.Base{
	Bus: "can_base", Track: 0.35, LinearScale: 1, AngularScale: 1, MaxLinear: 0.5, MaxAngular: 0.8,
	MaxLinearAccel: 0.5, MaxAngularAccel: 1, HardDeceleration: 1.5, HardAngularDeceleration: 3,
}

var epoch = time.Unix(1_700_000_000, 0)

const frameTime = 20 * time.Millisecond

func newOdometry(t testing.TB, base calibration.Base) *Odometry {
	t.Helper()
	o, err := NewOdometry(DefaultOdometryConfig(base))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v within %v", what, got, want, tolerance)
	}
}

// drive feeds an odometry with a base that has a constant velocity.
type drive struct {
	o           *Odometry
	now         time.Time
	left, right float64  // [m]
	offset      Odometer // of the counters
	mask        int32    // of the counters' bits; 0 for all
	report      func(v Velocity) Velocity
}

func (d *drive) run(v Velocity, track float64, frames int) {
	for range frames {
		dt := frameTime.Seconds()
		d.left += (v.Linear - v.Angular*track/2) * dt
		d.right += (v.Linear + v.Angular*track/2) * dt
		d.now = d.now.Add(frameTime)
		count := func(m float64, offset int32) int32 {
			c := int32(int64(math.Round(m*1e3)) + int64(offset))
			if d.mask != 0 {
				c &= d.mask
			}
			return c
		}
		told := v
		if d.report != nil {
			told = d.report(v)
		}
		d.o.AddVelocity(told, d.now)
		d.o.AddWheels(Odometer{count(d.left, d.offset.Left), count(d.right, d.offset.Right)}, d.now)
	}
}

func newDrive(t testing.TB, offset Odometer, mask int32) *drive {
	d := &drive{o: newOdometry(t, testBase), now: epoch, offset: offset, mask: mask}
	d.run(Velocity{}, 0.35, 1) // the first reading is where it starts
	return d
}

// Against the exact arc, quantised counters are off by their steps and no more,
// whatever the velocities and wherever the counters stand.
func TestOdometryFollowsExactArcs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &drive{now: epoch, offset: Odometer{rapid.Int32().Draw(t, "left counter"), rapid.Int32().Draw(t, "right counter")}}
		o, err := NewOdometry(DefaultOdometryConfig(testBase))
		if err != nil {
			t.Fatal(err)
		}
		d.o = o
		d.run(Velocity{}, 0.35, 1)
		v := Velocity{rapid.Float64Range(-1, 1).Draw(t, "linear"), rapid.Float64Range(-1.5, 1.5).Draw(t, "angular")}
		n := rapid.IntRange(1, 200).Draw(t, "frames")
		d.run(v, 0.35, n)
		turn := v.Angular * float64(n) * frameTime.Seconds()
		way := v.Linear * float64(n) * frameTime.Seconds()
		p := o.Pose(d.now)
		x, y := way*sinc(turn/2)*math.Cos(turn/2), way*sinc(turn/2)*math.Sin(turn/2)
		if e := math.Abs(p.Yaw - turn); e > 2*milli/0.35+1e-9 { // each counter is off by half a step at both ends
			t.Fatalf("yaw %v, want %v", p.Yaw, turn)
		}
		if e := math.Hypot(p.X-x, p.Y-y); e > 0.002+0.006*math.Abs(way) {
			t.Fatalf("at (%v, %v), want (%v, %v), off by %v", p.X, p.Y, x, y, e)
		}
		if p.Disagree || p.Restarts != 0 {
			t.Fatalf("a good drive is suspected: %+v", p)
		}
	})
}

func TestOdometryThroughWraps(t *testing.T) {
	for _, c := range []struct {
		name   string
		offset Odometer
		mask   int32
		v      Velocity
	}{
		{"32-bit wrap forward", Odometer{math.MaxInt32 - 30, math.MaxInt32 - 500}, 0, Velocity{0.5, 0}},
		{"32-bit wrap backward", Odometer{math.MinInt32 + 30, math.MinInt32 + 500}, 0, Velocity{-0.5, 0}},
		{"through zero", Odometer{100, 100}, 0, Velocity{-0.5, 0}},
		{"24 bits, below zero", Odometer{100, 100}, 0xFFFFFF, Velocity{-0.5, 0}},
		{"24 bits, back above zero", Odometer{-100, -100}, 0xFFFFFF, Velocity{0.5, 0}},
		{"24 bits, wrap at the top", Odometer{0xFFFFFF - 50, 0xFFFFFF - 300}, 0xFFFFFF, Velocity{0.5, 0}},
		{"24 bits, turning across zero", Odometer{20, 20}, 0xFFFFFF, Velocity{0, 0.8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDrive(t, c.offset, c.mask)
			d.run(c.v, 0.35, 100)
			p := d.o.Pose(d.now)
			near(t, "x", p.X, 2*c.v.Linear, 0.002)
			near(t, "yaw", p.Yaw, 2*c.v.Angular, 0.006)
			near(t, "left", p.Left, d.left, 0.001)
			near(t, "right", p.Right, d.right, 0.001)
			if p.Restarts != 0 {
				t.Errorf("%d restarts", p.Restarts)
			}
		})
	}
}

func TestOdometryRestartOfTheBase(t *testing.T) {
	d := newDrive(t, Odometer{5000, 5000}, 0)
	d.run(Velocity{0.5, 0}, 0.35, 100)
	before := d.o.Pose(d.now)
	d.offset = Odometer{-1000, -1000} // as after a restart: the counters stand near zero again
	d.now = d.now.Add(3 * time.Second)
	d.run(Velocity{}, 0.35, 2)
	after := d.o.Pose(d.now)
	if after.Restarts != 1 || after.X != before.X || after.Disagree {
		t.Errorf("a restart moved the pose from %v to %v, %d restarts noted", before.X, after.X, after.Restarts)
	}
	d.run(Velocity{0.5, 0}, 0.35, 50)
	near(t, "x after the restart", d.o.Pose(d.now).X, before.X+0.5, 0.002)
}

func TestOdometryScalesAndReset(t *testing.T) {
	base := testBase
	base.LinearScale, base.AngularScale, base.Track = 1.02, 0.9, 0.379
	d := &drive{o: newOdometry(t, base), now: epoch}
	d.run(Velocity{}, 0.379, 1)
	d.run(Velocity{0.5, 0}, 0.379, 50)
	d.run(Velocity{0, 0.5}, 0.379, 50)
	p := d.o.Pose(d.now)
	near(t, "x", p.X, 0.51, 0.002)
	near(t, "yaw", p.Yaw, 0.45, 0.006)
	near(t, "angular velocity", p.Velocity.Angular, 0.45, 1e-9)
	if p := d.o.Pose(d.now.Add(time.Second)); p.Velocity != (Velocity{}) {
		t.Errorf("a silent base has velocity %v", p.Velocity)
	}
	d.o.Reset()
	d.run(Velocity{0.5, 0}, 0.379, 50)
	p = d.o.Pose(d.now)
	near(t, "x after reset", p.X, 0.51, 0.002)
	near(t, "y after reset", p.Y, 0, 1e-9)
	near(t, "left after reset", p.Left, 0.5, 0.002)
}

func TestOdometryNoticesWhatDoesNotAgree(t *testing.T) {
	for _, c := range []struct {
		name   string
		report func(Velocity) Velocity
		v      Velocity
		want   bool
	}{
		{"agreement", nil, Velocity{0.5, 0.3}, false},
		{"turning hard", nil, Velocity{0, 1.5}, false},
		{"wheels that do not turn", func(v Velocity) Velocity { return Velocity{v.Linear + 0.4, v.Angular} }, Velocity{0, 0}, true},
		{"half the way", func(v Velocity) Velocity { return Velocity{2 * v.Linear, v.Angular} }, Velocity{0.25, 0}, true},
		{"half the turn", func(v Velocity) Velocity { return Velocity{v.Linear, 2 * v.Angular} }, Velocity{0, 0.4}, true},
		{"a track that is 8 % off", func(v Velocity) Velocity { return Velocity{v.Linear, 1.08 * v.Angular} }, Velocity{0.3, 0.8}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDrive(t, Odometer{}, 0)
			d.report = c.report
			d.run(c.v, 0.35, 100)
			p := d.o.Pose(d.now)
			if p.Disagree != c.want || (p.Reason != "") != c.want {
				t.Errorf("disagree %v (%s), want %v", p.Disagree, p.Reason, c.want)
			}
			d.report = nil
			d.run(Velocity{}, 0.35, 200)
			if p := d.o.Pose(d.now); p.Disagree {
				t.Errorf("four seconds later it is still flagged: %s", p.Reason)
			}
		})
	}
}

// The covariance is symmetric and never shrinks while driving; its diagonal is what
// was chosen: a metre straight ahead is known to a centimetre over √2 wheels.
func TestOdometryCovariance(t *testing.T) {
	d := newDrive(t, Odometer{}, 0)
	d.run(Velocity{0.5, 0}, 0.35, 100)
	p := d.o.Pose(d.now)
	near(t, "variance of x", p.Covariance[0][0], 1e-4/2, 1e-6)
	near(t, "variance of yaw", p.Covariance[2][2], 2*1e-4/(0.35*0.35), 1e-5)
	if p.Covariance[1][1] <= p.Covariance[0][0] {
		t.Errorf("sideways %v is known as well as ahead %v", p.Covariance[1][1], p.Covariance[0][0])
	}
	rapid.Check(t, func(t *rapid.T) {
		o, err := NewOdometry(DefaultOdometryConfig(testBase))
		if err != nil {
			t.Fatal(err)
		}
		d := &drive{o: o, now: epoch}
		d.run(Velocity{}, 0.35, 1)
		yaw := 0.0
		for range rapid.IntRange(1, 10).Draw(t, "legs") {
			d.run(Velocity{rapid.Float64Range(-1, 1).Draw(t, "v"), rapid.Float64Range(-2, 2).Draw(t, "w")}, 0.35, 10)
			c := o.Pose(d.now).Covariance
			if c[2][2] < yaw {
				t.Fatalf("the variance of yaw fell from %v to %v", yaw, c[2][2])
			}
			yaw = c[2][2]
			for i := range 3 {
				for j := range 3 {
					if math.Abs(c[i][j]-c[j][i]) > 1e-12 || c[i][j]*c[i][j] > c[i][i]*c[j][j]+1e-12 {
						t.Fatalf("no covariance: %v", c)
					}
				}
			}
		}
	})
}

func TestOdometryConfig(t *testing.T) {
	for name, change := range map[string]func(*OdometryConfig){
		"track 0":       func(c *OdometryConfig) { c.Track = 0 },
		"negative":      func(c *OdometryConfig) { c.LinearScale = -1 },
		"not a number":  func(c *OdometryConfig) { c.AngularScale = math.NaN() },
		"infinite slip": func(c *OdometryConfig) { c.SlipLinear = math.Inf(1) },
	} {
		c := DefaultOdometryConfig(testBase)
		change(&c)
		if _, err := NewOdometry(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// Any counters at any time: the pose stays a number and moves no faster than wheels do.
func FuzzOdometry(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 20, 255, 255, 255, 255, 0, 0, 0, 0, 20})
	f.Add([]byte{0x7F, 255, 255, 255, 0x80, 0, 0, 0, 1, 0x80, 0, 0, 0, 0x7F, 255, 255, 255, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		o := newOdometry(t, testBase)
		now := epoch
		for len(b) >= 9 {
			dt := time.Duration(b[8]) * 5 * time.Millisecond
			now = now.Add(dt)
			was := o.Pose(now)
			o.AddVelocity(Velocity{float64(int8(b[0])), float64(int8(b[4]))}, now)
			frame := bytes8(IDOdometer, b[:8]...)
			reading, err := DecodeOdometer(frame)
			if err != nil {
				t.Fatal(err)
			}
			o.AddWheels(reading, now)
			p := o.Pose(now)
			if !finite(p.X) || !finite(p.Y) || !finite(p.Yaw) || !finite(p.Covariance[1][1]) {
				t.Fatalf("the pose is %+v", p)
			}
			if d := math.Hypot(p.X-was.X, p.Y-was.Y); d > float64(furthest(dt))*milli+1e-9 {
				t.Fatalf("it moved %v m in %v", d, dt)
			}
			b = b[9:]
		}
	})
}
