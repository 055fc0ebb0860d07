package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"cobot_vla/drivers/can"
	"cobot_vla/drivers/piper/pipersim"
	"cobot_vla/drivers/plant"
	"cobot_vla/launch"
	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/arm"
	"cobot_vla/nodes/rcl"
	"cobot_vla/nodes/rcl/intra"
)

// benchCmd measures the suite on this machine.
type benchCmd struct {
	Nodes     benchNodesCmd     `cmd:"" help:"Latency and jitter of the node graph, images, CAN."`
	Model     benchModelCmd     `cmd:"" help:"Speed of LLaVA-VLA on this processor, beside what the machine allows."`
	Transport benchTransportCmd `cmd:"" help:"Latency and losses of the transports: cameras, arms and odometry between processes."`
	Record    benchRecordCmd    `cmd:"" help:"Losses of the recorder, and what the arms' control loop feels of it: by turns on and off."`
	Train     benchTrainCmd     `cmd:"" help:"Speed of training LLaVA-VLA on this processor, beside PyTorch's of the same shapes."`
}

// benchNodesCmd measures the nodes.
type benchNodesCmd struct {
	JSON   bool          `help:"One JSON object a row."`
	Length time.Duration `name:"seconds" help:"Length of each run of the graph." default:"10s"`
	Readme string        `help:"README whose table is made from the results."`
	load   `embed:""`
}

// row is one measured thing.
type row struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	Note string  `json:"note,omitempty"`
}

func rowOf(name string, d []time.Duration, note string) row {
	return row{Name: name, Unit: "ms", P50: ms(percentile(d, 0.5)), P99: ms(percentile(d, 0.99)), Max: ms(percentile(d, 1)), Note: note}
}

// Run implements the command.
func (c *benchNodesCmd) Run(a *app) error {
	a.log = a.log.Level(zerolog.FatalLevel) // nothing but what is fatal: a log line would be measured too
	fmt.Fprintf(a.stderr, "measuring on %d cores, %v a run\n", runtime.NumCPU(), c.Length)
	var rows []row
	measures := []func(*app) ([]row, error){c.idle, c.busy, c.handover, c.fusion, c.frames}
	if c.WhileInferring {
		measures = slices.Insert(measures, 2, c.inferring)
	}
	for _, measure := range measures {
		more, err := measure(a)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	if c.Readme != "" {
		if err := updateReadme(c.Readme, map[string]string{"bench": benchTable(rows)}); err != nil {
			return err
		}
	}
	return printRows(a, rows, c.JSON)
}

// benchTable is the README's table of rows, measured on this machine.
func benchTable(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "On %d cores (%s/%s), all in one run:\n\n| what | p50 | p99 | max | unit | |\n|---|---|---|---|---|---|\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.4g | %.4g | %.4g | %s | %s |\n", r.Name, r.P50, r.P99, r.Max, r.Unit, strings.ReplaceAll(r.Note, "|", "¦"))
	}
	return b.String()
}

func printRows(a *app, rows []row, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(a.stdout)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "what\tp50\tp99\tmax\tunit\t\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%s\t  %s\t\n", r.Name, r.P50, r.P99, r.Max, r.Unit, r.Note)
	}
	return t.Flush()
}

func (c *benchNodesCmd) idle(a *app) ([]row, error) {
	w, periods, err := c.graph(a)
	if err != nil {
		return nil, err
	}
	return []row{
		rowOf("camera stamp to action message, besides inference", w.react, fmt.Sprintf("%d decisions", len(w.react))),
		rowOf("arm loop jitter, idle", jitter(periods), "|period - 5 ms|"),
	}, nil
}

// busy repeats the arm loop's measurement with every core computing.
func (c *benchNodesCmd) busy(a *app) ([]row, error) {
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	for range runtime.NumCPU() {
		go func() {
			x := 1.0
			for ctx.Err() == nil {
				for range 1_000_000 {
					x = x*1.0000001 + 1e-9
				}
			}
		}()
	}
	_, periods, err := c.graph(a)
	if err != nil {
		return nil, err
	}
	return []row{rowOf("arm loop jitter, every core busy", jitter(periods), "as many computing goroutines as cores")}, nil
}

func jitter(periods []time.Duration) []time.Duration {
	const period = time.Second / 200
	out := make([]time.Duration, len(periods))
	for i, p := range periods {
		out[i] = (p - period).Abs()
	}
	return out
}

// graph runs the simulated robot by the wall clock with ideal kinematics.
func (c *benchNodesCmd) graph(a *app) (*watcher, []time.Duration, error) {
	demo := demoCmd{Task: "fetch_bottle", Policy: "expert", Instruction: "move to the table and fetch the bottle", Seed: 1, LatencyMS: 0, Plant: "kinematic"}
	plan, err := planLaunch("sim.launch.yaml", demo.arguments())
	if err != nil {
		return nil, nil, err
	}
	g := newGraph(a, intra.New(), rcl.NewRealTime(), true)
	for _, x := range plan.Actions {
		if n, ok := x.(*launch.Node); ok {
			err = errors.Join(err, g.addNode(n))
		}
	}
	w, watchErr := watch(g, nil)
	if err = errors.Join(err, watchErr); err != nil {
		return nil, nil, errors.Join(err, g.close())
	}
	ctx, cancel := context.WithTimeout(a.ctx, c.Length)
	defer cancel()
	if err := g.ctx.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, nil, errors.Join(err, g.close())
	}
	arms := g.arms
	if err := g.close(); err != nil {
		return nil, nil, err
	}
	return w, settled(arms), nil
}

// settled are the periods without those of the start.
func settled(a *arm.Node) []time.Duration {
	p := a.Periods()
	return p[min(len(p), 100):]
}

// handover passes 1280x720 images between two nodes of one process.
func (c *benchNodesCmd) handover(a *app) ([]row, error) {
	ctx := rcl.New(rcl.Options{Transport: intra.New(), Executor: rcl.NewRealTime()})
	from, err := ctx.Node("from", rcl.Args{})
	if err != nil {
		return nil, err
	}
	to, err := ctx.Node("to", rcl.Args{})
	if err != nil {
		return nil, err
	}
	pub, err := rcl.Advertise[msgs.Image](from, "image", rcl.Newest)
	if err != nil {
		return nil, err
	}
	heard := make(chan time.Duration, 1)
	if _, err := rcl.Subscribe(to, "image", rcl.Newest, func(m *msgs.Image, _ rcl.Info) {
		heard <- time.Since(m.Header.Stamp.Go())
	}); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(a.ctx)
	var runner sync.WaitGroup
	runner.Go(func() { _ = ctx.Run(running) })
	defer runner.Wait()
	defer stop()
	var took []time.Duration
	for range 1000 {
		img := &msgs.Image{Header: msgs.Header{Stamp: msgs.Stamp(time.Now())}, Width: 1280, Height: 720, Step: 3840, Encoding: "rgb8", Data: make([]byte, 3840*720)}
		img.Header.Stamp = msgs.Stamp(time.Now())
		if err := pub.Publish(img); err != nil {
			return nil, err
		}
		select {
		case d := <-heard:
			took = append(took, d)
		case <-time.After(time.Second):
			return nil, fmt.Errorf("bench: an image was lost")
		}
	}
	stop()
	runner.Wait()
	return []row{rowOf("image 1280x720 handed over in process", took, "pointer, no copy")}, ctx.Shutdown(time.Second)
}

// fusion composes two 640x480 views into LLaVA-VLA's 334x334 image.
func (c *benchNodesCmd) fusion(*app) ([]row, error) {
	size := vision.Size{Width: 640, Height: 480}
	composer, err := vision.NewComposer("stack", []string{"front", "left"}, []vision.Size{size, size})
	if err != nil {
		return nil, err
	}
	frame := vision.NewImage(size.Width, size.Height)
	for i := range frame.Pix {
		frame.Pix[i] = byte(i * 7)
	}
	canvas := composer.Canvas()
	var took []time.Duration
	for range 200 {
		start := time.Now()
		if err := composer.DrawAll(canvas, []vision.Image{frame, frame}); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return []row{rowOf("camera_fusion, 2 views 640x480 to 334x334", took, "Pillow-exact Lanczos")}, nil
}

// frames counts what one arm's firmware and driver exchange, as fast as they can.
func (c *benchNodesCmd) frames(*app) ([]row, error) {
	network := can.NewNetwork()
	world, err := plant.New(plant.DefaultConfig())
	if err != nil {
		return nil, err
	}
	bus, err := network.Open("can_bench")
	if err != nil {
		return nil, err
	}
	fw, err := pipersim.New(bus, world.Arm("left"), pipersim.DefaultConfig())
	if err != nil {
		return nil, err
	}
	host, err := network.Open("can_bench")
	if err != nil {
		return nil, err
	}
	heard := 0
	defer host.Listen(func(can.Frame) { heard++ })()
	start, now := time.Now(), time.Unix(1, 0)
	for time.Since(start) < time.Second {
		now = now.Add(time.Millisecond)
		fw.Tick(now)
	}
	rate := float64(heard) / time.Since(start).Seconds()
	return []row{{Name: "CAN frames, simulated arm to host", Unit: "1/s", P50: rate, P99: rate, Max: rate, Note: strings.TrimSpace("a real arm sends about 3040")}}, nil
}
