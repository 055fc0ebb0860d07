package main

import (
	"context"
	"math"
	"testing"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/input"
	"cobot_vla/drivers/piper"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
	"cobot_vla/nodes/teleop"
)

func param(node, name string, v rcl.Value) rcl.ParamOverride {
	return rcl.ParamOverride{Node: node, Name: name, Value: v, Origin: "test"}
}

// TestAScriptedSessionOnTheWholeRobot: a leader leads the real arm and base nodes, their drivers and firmware.
func TestAScriptedSessionOnTheWholeRobot(t *testing.T) {
	g := newGraph(testApp(t), intra.New(), rcl.NewLockstep(time.Time{}), true)
	defer g.close()
	add := func(name string, ps ...rcl.ParamOverride) {
		if err := g.add(name, name, rcl.Args{Params: ps}); err != nil {
			t.Fatal(err)
		}
	}
	add("sim", param("sim", "plant", rcl.StringValue("kinematic")), param("sim", "cameras", rcl.BoolValue(false)))
	add("supervisor", param("supervisor", "allow_both", rcl.BoolValue(true)))
	add("arm", param("arm", "auto_enable", rcl.BoolValue(true)))
	add("base")
	var tele *teleop.Node
	if err := g.make("teleop", rcl.Args{Params: []rcl.ParamOverride{param("teleop", "script", rcl.StringValue("wave")), param("teleop", "sessions", rcl.IntValue(2)), param("teleop", "seed", rcl.IntValue(5))}}, func(_ *graph, n *rcl.Node) (err error) {
		tele, err = teleop.New(n, teleop.DefaultConfig(), input.NewFakes())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	watch, err := g.ctx.Node("watch", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	part := map[uint8]msgs.PartStatus{}
	state, odom := "", msgs.Odometry{}
	master, puppet := map[string]float64{}, map[string]float64{}
	worst, highest := 0.0, 0.0
	_, _ = rcl.Subscribe(watch, "supervisor/parts", rcl.Default, func(m *msgs.PartStatus, _ rcl.Info) { part[m.Part] = *m })
	_, _ = rcl.Subscribe(watch, "odom", rcl.Default, func(m *msgs.Odometry, _ rcl.Info) { odom = *m })
	_, _ = rcl.Subscribe(watch, "policy/heartbeat", rcl.Default, func(m *msgs.Heartbeat, _ rcl.Info) { state = m.State })
	for _, s := range []string{"left", "right"} {
		_, _ = rcl.Subscribe(watch, "master/joint_"+s, rcl.Default, func(m *msgs.JointState, _ rcl.Info) {
			for i, n := range m.Name {
				master[n] = m.Position[i]
			}
		})
		_, _ = rcl.Subscribe(watch, "puppet/joint_"+s, rcl.Default, func(m *msgs.JointState, _ rcl.Info) {
			for i, n := range m.Name {
				puppet[n] = m.Position[i]
				if state == "following" && i == 1 {
					worst = math.Max(worst, math.Abs(master[n]-puppet[n]))
					highest = math.Max(highest, puppet[n])
				}
			}
		})
	}
	far := 0.0
	end := g.ctx.Now().Add(90 * time.Second)
	if err := g.ctx.RunUntil(context.Background(), func() bool {
		_, over, _ := tele.Sessions()
		far = math.Max(far, math.Hypot(odom.Pose.Pose.Position.X, odom.Pose.Pose.Position.Y))
		return over || g.ctx.Now().After(end)
	}); err != nil {
		t.Fatal(err)
	}
	done, over, failed := tele.Sessions()
	t.Logf("done %d over %v %q at %v; lag %.3f, highest %.2f, drove %.3f m; arms %+v", done, over, failed, g.ctx.Now().Sub(time.Unix(1, 0)), worst, highest, far, part[msgs.Arms])
	if done != 2 || !over || failed != "" || part[msgs.Arms].Refused != 0 || worst > 0.1 || highest < 0.8 || far < 0.07 {
		t.Error("the session did not go as it should")
	}
}

// TestAPersonCorrectsThePolicy: in the middle of the demo a person takes over, moves the arms a little, gives back, and the policy goes on to the end.
func TestAPersonCorrectsThePolicy(t *testing.T) {
	for _, at := range []time.Duration{3 * time.Second, 6 * time.Second} {
		demo := baseDemo("kinematic", 1, 100)
		demo.Out = t.TempDir()
		corrections := []bool{}
		r, err := demo.run(testApp(t), newStatus(discard{}, true), func(g *graph, _ *watcher) error {
			_ = g.kill("/supervisor")
			if err := g.add("supervisor", "supervisor", rcl.Args{Params: []rcl.ParamOverride{param("supervisor", "allow_both", rcl.BoolValue(true))}}); err != nil {
				return err
			}
			err := g.make("teleop", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
				_, err := teleop.New(n, teleop.DefaultConfig(), input.NewFakes())
				return err
			})
			if err == nil {
				err = g.add("recorder", "recorder", rcl.Args{Params: []rcl.ParamOverride{
					param("recorder", "directory", rcl.StringValue(demo.Out)), param("recorder", "task", rcl.StringValue(demo.Instruction)), param("recorder", "min_free_mib", rcl.IntValue(0)),
				}})
			}
			if err != nil {
				return err
			}
			return g.make("person", rcl.Args{}, func(_ *graph, n *rcl.Node) error {
				take, _ := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "teleop/take_over")
				back, _ := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "teleop/give_back")
				pubs := map[string]*rcl.Publisher[msgs.JointState]{}
				var cmd *msgs.JointState
				_, _ = rcl.Subscribe(n, "arms/command", rcl.Newest, func(m *msgs.JointState, _ rcl.Info) { cmd = m })
				_, _ = rcl.Subscribe(n, "teleop/correction", rcl.Latched, func(m *msgs.Bool, _ rcl.Info) { corrections = append(corrections, m.Data) })
				record, _ := rcl.NewClient[msgs.Trigger_Request, msgs.Trigger_Response](n, "recorder/start")
				n.After(time.Second, func() {
					record.Go(&msgs.Trigger_Request{}, func(q *msgs.Trigger_Response, err error) { t.Log("record:", q, err) })
				})
				from, begun := []float64(nil), time.Time{}
				_, _ = n.Timer(5*time.Millisecond, func(now time.Time) {
					if begun.IsZero() {
						return
					}
					if from == nil && cmd != nil {
						from = cmd.Position
					}
					for i, s := range []string{"left", "right"} {
						if pubs[s] == nil {
							pubs[s], _ = rcl.Advertise[msgs.JointState](n, "master/joint_"+s, rcl.Default)
						}
						q := append([]float64(nil), from[7*i:7*i+7]...)
						q[5] += 0.2 * math.Sin(now.Sub(begun).Seconds())
						_ = pubs[s].Publish(&msgs.JointState{Header: msgs.Header{Stamp: msgs.Stamp(now)}, Name: cmd.Name[7*i : 7*i+7], Position: q})
					}
				})
				n.After(at, func() {
					take.Go(&msgs.Trigger_Request{}, func(q *msgs.Trigger_Response, err error) {
						t.Log(at, "take over:", q, err)
						begun = n.Now()
						n.After(3*time.Second, func() {
							back.Go(&msgs.Trigger_Request{}, func(q *msgs.Trigger_Response, err error) { t.Log("give back:", q, err) })
						})
					})
				})
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Success || len(corrections) != 3 || !corrections[1] {
			t.Errorf("success %v, corrections %v", r.Success, corrections)
		}
		// The episode knows which part of it is a person's, and who led.
		seen, err := library{demo.Out}.Episodes()
		if err != nil || len(seen) != 1 || !seen[0].Corrected {
			t.Errorf("recorded %+v, %v", seen, err)
		}
	}
}

// TestLeaderArmsOnBusesOfTheirOwn: a second arm node in mode read publishes what leader arms say on their CAN buses, and the followers copy them.
func TestLeaderArmsOnBusesOfTheirOwn(t *testing.T) {
	g := newGraph(testApp(t), intra.New(), rcl.NewLockstep(time.Time{}), true)
	defer g.close()
	add := func(exec, name string, a rcl.Args) {
		if err := g.add(exec, name, a); err != nil {
			t.Fatal(err)
		}
	}
	params := func(ps ...rcl.ParamOverride) rcl.Args { return rcl.Args{Params: ps} }
	add("sim", "sim", params(param("sim", "plant", rcl.StringValue("kinematic")), param("sim", "cameras", rcl.BoolValue(false))))
	add("supervisor", "supervisor", params(param("supervisor", "allow_both", rcl.BoolValue(true))))
	add("arm", "arm", params(param("arm", "auto_enable", rcl.BoolValue(true))))
	add("base", "base", rcl.Args{})
	add("arm", "leader", rcl.Args{
		Params: []rcl.ParamOverride{param("leader", "mode", rcl.StringValue("read")), param("leader", "bus", rcl.StringValue("lead_"))},
		Remaps: []rcl.Remap{
			{From: "puppet/joint_left", To: "leader/puppet_left"}, {From: "puppet/joint_right", To: "leader/puppet_right"},
			{From: "arms/command", To: "leader/command"}, {From: "supervisor/parts", To: "leader/parts"},
		},
	})
	hand := func(elapsed time.Duration) ([6]float64, float64, bool) {
		s := math.Min(math.Max(elapsed.Seconds()-6, 0)/3, 1)
		return [6]float64{0.3 * s, 0.8 * s, -0.6 * s, 0, 0.2 * s, 0}, 0.04 * s, elapsed > 5*time.Second
	}
	person, err := g.ctx.Node("person", rcl.Args{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range calibration.Default().Arms {
		bus, err := g.network.Open("lead_" + a.Bus)
		if err != nil {
			t.Fatal(err)
		}
		c := pipersim.DefaultConfig()
		c.Role, c.Leader = piper.RoleLeader, hand
		fw, err := pipersim.New(bus, nil, c)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = person.Timer(2*time.Millisecond, func(now time.Time) { fw.Tick(now) })
	}
	if err := g.make("teleop", params(param("teleop", "take_over", rcl.BoolValue(true))), func(_ *graph, n *rcl.Node) error {
		_, err := teleop.New(n, teleop.DefaultConfig(), input.NewFakes())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	end := g.ctx.Now().Add(15 * time.Second)
	if err := g.ctx.RunUntil(context.Background(), func() bool { return g.ctx.Now().After(end) }); err != nil {
		t.Fatal(err)
	}
	for _, side := range calibration.Sides {
		for j, q := range g.sim.Joints(side) {
			want, _, _ := hand(time.Minute)
			if math.Abs(q-math.Max(want[j], -3)) > 0.02 {
				t.Errorf("%s joint%d at %.3f, its leader at %.3f", side, j+1, q, want[j])
			}
		}
	}
}
