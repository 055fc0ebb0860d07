package vitavla

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cobot_vla/model/continuous"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/weights"
)

// BenchConfig says what to measure.
type BenchConfig struct {
	// Preset of synthetic weights, made in memory. Default vita-vla-7b.
	Preset string
	// Checkpoint is a directory to take the weights from instead.
	Checkpoint string
	// Precision of the weights. Default int8.
	Precision cpu.Precision
	// Turns of history. Default 10.
	Turns int
	// Slide is how many turns leave at once where the window slides rarely. Default half of Turns.
	Slide int
	// Head and Instruction are the words of the system's message and of an instruction. Defaults 190 and 10.
	Head, Instruction int
	// Repeat each stage so often; the least is reported. Default 2.
	Repeat int
	// CPU is the threads and kernels; its precision is not used.
	CPU cpu.Config
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (c *BenchConfig) complete() {
	if c.Preset == "" {
		c.Preset = "vita-vla-7b"
	}
	if c.Precision == "" {
		c.Precision = cpu.INT8
	}
	if c.Turns == 0 {
		c.Turns = 10
	}
	if c.Slide == 0 {
		c.Slide = max(c.Turns/2, 1)
	}
	if c.Head == 0 {
		c.Head = 190
	}
	if c.Instruction == 0 {
		c.Instruction = 10
	}
	if c.Repeat == 0 {
		c.Repeat = 2
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// BenchStage is one part of a decision.
type BenchStage struct {
	Stage string `json:"stage"`
	// Rows that go through the weights, and the memory these take.
	Rows        int   `json:"rows"`
	WeightBytes int64 `json:"weight_bytes"`
	// Seconds it took, and those that the machine's measured peaks allow.
	Seconds float64 `json:"seconds"`
	Roof    float64 `json:"roof_s"`
}

// BenchStep is what a decision costs under one rule of what is kept.
type BenchStep struct {
	Rule    string  `json:"rule"`
	Seconds float64 `json:"seconds"`
	Roof    float64 `json:"roof_s"`
}

// BenchReport is a measurement.
type BenchReport struct {
	Weights   string        `json:"weights"`
	Precision cpu.Precision `json:"precision"`
	Turns     int           `json:"turns"`
	// TurnRows are the positions of a turn, Positions those of a whole conversation.
	TurnRows  int          `json:"turn_rows"`
	Positions int          `json:"positions"`
	LoadS     float64      `json:"load_s"`
	Stages    []BenchStage `json:"stages"`
	Steps     []BenchStep  `json:"steps"`
	// Bytes of all weights, of keys and values and activations, and the most the process has had.
	WeightBytes int64 `json:"weight_bytes"`
	OtherBytes  int64 `json:"cache_and_activation_bytes"`
	PeakBytes   int64 `json:"peak_bytes"`
}

// Bench measures the machine, then the stages of a decision.
func Bench(ctx context.Context, c BenchConfig, machine func(cpu.Machine)) (r BenchReport, err error) {
	c.complete()
	probe := c.CPU
	probe.Precision, probe.Packed = c.Precision, ""
	peaks, err := measure(ctx, probe, c.Now)
	if err != nil {
		return r, err
	}
	machine(peaks)
	start := c.Now()
	b, m, name, err := c.load(probe)
	if b != nil {
		defer func() { err = errors.Join(err, b.Close()) }()
	}
	if err != nil {
		return r, err
	}
	r = BenchReport{Weights: name, Precision: c.Precision, Turns: c.Turns, LoadS: c.Now().Sub(start).Seconds()}
	run := &bench{BenchConfig: c, m: m, b: b, peaks: peaks, r: &r}
	if err := run.all(ctx); err != nil {
		return r, err
	}
	r.WeightBytes, r.PeakBytes = b.WeightBytes(), cpu.PeakMemory()
	r.OtherBytes = b.Memory() - r.WeightBytes
	return r, nil
}

func measure(ctx context.Context, c cpu.Config, now func() time.Time) (m cpu.Machine, err error) {
	b, err := cpu.New(c)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return b.Measure(ctx, now)
}

func (c BenchConfig) load(config cpu.Config) (*cpu.Backend, *Model, string, error) {
	options := Options{Turns: c.Turns}
	if c.Checkpoint == "" {
		shape, err := Preset(c.Preset)
		if err != nil {
			return nil, nil, "", err
		}
		b, err := cpu.New(config)
		if err != nil {
			return nil, nil, "", err
		}
		m, err := Build(b, shape, weights.Synthetic{}, options)
		return b, m, c.Preset + " (synthetic)", err
	}
	files, err := OpenFiles(c.Checkpoint, "")
	if err != nil {
		return nil, nil, "", err
	}
	defer files.Close()
	if config, err = weights.Packed(files.Dir, files.Weights, config); err != nil {
		return nil, nil, "", err
	}
	b, err := cpu.New(config)
	if err != nil {
		return nil, nil, "", err
	}
	m, err := Build(b, files.Config, weights.Files{Weights: files.Weights}, options)
	return b, m, c.Checkpoint, err
}

// bench is a loaded model.
type bench struct {
	BenchConfig
	m      *Model
	b      *cpu.Backend
	peaks  cpu.Machine
	r      *BenchReport
	prompt *Prompt
}

// all measures every stage and adds them up by rule.
func (r *bench) all(ctx context.Context) error {
	rows := int32(r.m.config.Language.VocabRows)
	ids := func(n, from int) []int32 {
		w := make([]int32, n)
		for i := range w {
			w[i] = int32((i+from)*7919) % rows
		}
		return w
	}
	r.prompt = &Prompt{
		Head: ids(r.Head, 1), Between: ids(1, 2), Instruction: ids(r.Instruction, 3),
		Answer: ids(5, 4), Apart: ids(1, 5), Next: ids(5, 6),
	}
	r.r.TurnRows = r.m.TurnLength(r.prompt) + len(r.prompt.Next)
	r.r.Positions = r.m.end(r.prompt, r.Turns-1)
	pixels := make([]float32, views*3*r.m.config.Image*r.m.config.Image)
	weights.Uniform(pixels, 1, 1)

	var frame Frame
	see, err := r.least(ctx, func() (err error) {
		frame, err = r.m.See(pixels, continuous.State{})
		return err
	})
	if err != nil {
		return err
	}
	last := make([]Frame, r.Turns) // what is in a frame changes no time
	for i := range last {
		last[i] = frame
	}
	var hidden nn.Buf
	read := func(frames []Frame) error {
		hidden, err = r.m.Read(r.prompt, frames, false)
		return err
	}
	// A new turn behind the longest history that still grows.
	if err := read(last[:r.Turns-1]); err != nil {
		return err
	}
	grow, err := r.least(ctx, func() error {
		r.m.read = r.m.read[:r.Turns-1]
		return read(last)
	})
	if err != nil {
		return err
	}
	act, err := r.least(ctx, func() error {
		_, err := r.m.heads.Read(r.m.heads.Apply(r.m.Map(hidden)))
		return err
	})
	if err != nil {
		return err
	}
	// All turns, as when the window has slid; the system's words stay.
	reread := func(n int) (float64, error) {
		return r.least(ctx, func() error {
			r.m.read = r.m.read[:0]
			return read(last[:n])
		})
	}
	slide, err := reread(r.Turns)
	if err != nil {
		return err
	}
	few := r.Turns - r.Slide + 1
	rare, err := reread(few)
	if err != nil {
		return err
	}
	r.add(see, grow, slide, rare, act, few)
	return nil
}

// add makes stages and rules of the times.
func (r *bench) add(see, grow, slide, rare, act float64, few int) {
	m := r.m
	tower, language, heads := m.tower.bytes(), decoderBytes(m.language), m.actionBytes()
	turn := r.r.TurnRows
	stage := func(name string, rows int, bytes int64, seconds, roof float64) BenchStage {
		s := BenchStage{Stage: name, Rows: rows, WeightBytes: bytes, Seconds: seconds, Roof: roof}
		r.r.Stages = append(r.r.Stages, s)
		return s
	}
	images := stage("two images, state", views*(1+m.config.Patches()), tower, see, r.visionRoof(views))
	grown := stage("a new turn", turn, language, grow, r.languageRoof(turn, r.r.Positions))
	slid := stage("all turns again", turn*r.Turns, language, slide, r.languageRoof(turn*r.Turns, r.r.Positions))
	rarely := stage(fmt.Sprintf("%d turns again", few), turn*few, language, rare, r.languageRoof(turn*few, m.end(r.prompt, few-1)))
	acted := stage("mapper, decoder, heads", m.config.Predictions, heads, act, float64(heads)/(1e9*r.peaks.ReadGBs))

	rule := func(name string, seconds, roof float64) {
		r.r.Steps = append(r.r.Steps, BenchStep{Rule: name, Seconds: seconds, Roof: roof})
	}
	n := float64(r.Turns)
	rule("history grows: one new turn", images.Seconds+grown.Seconds+acted.Seconds, images.Roof+grown.Roof+acted.Roof)
	rule("window slides by 1: all turns again, exact", images.Seconds+slid.Seconds+acted.Seconds, images.Roof+slid.Roof+acted.Roof)
	k := float64(r.Slide)
	rule(fmt.Sprintf("window slides by %d: mean of %d steps", r.Slide, r.Slide),
		images.Seconds+acted.Seconds+(rarely.Seconds+(k-1)*grown.Seconds)/k, images.Roof+acted.Roof+(rarely.Roof+(k-1)*grown.Roof)/k)
	rule("nothing kept: all images and turns again", n*images.Seconds+slid.Seconds+acted.Seconds, n*images.Roof+slid.Roof+acted.Roof)
}

// least time of a few runs.
func (r *bench) least(ctx context.Context, f func() error) (float64, error) {
	best := 0.0
	for i := range r.Repeat {
		start := r.Now()
		if err := errors.Join(f(), r.b.Sync(), ctx.Err()); err != nil {
			return 0, err
		}
		if took := r.Now().Sub(start).Seconds(); i == 0 || took < best {
			best = took
		}
	}
	return best, nil
}

// products and attention are the machine's peaks [operations/s].
func (r *bench) speeds() (products, attention float64) {
	products = 1e12 * r.peaks.Tera[r.Precision.Element()]
	if r.Precision == cpu.W8A16 {
		products /= 2 // each product is made of two
	}
	attention = 1e12 * max(r.peaks.Tera["f32"], r.peaks.Tera["bf16"])
	if r.Precision == cpu.F32 {
		attention = products
	}
	return products, attention
}

// visionRoof is the least time for images, by operations or by reading the weights.
func (r *bench) visionRoof(images int) float64 {
	v, c := r.m.config.Vision, r.m.config
	products, attention := r.speeds()
	rows, width := float64(images*(1+c.Patches())), float64(v.Hidden)
	h := float64(c.Language.Hidden)
	ops := 2*rows*float64(v.Layers)*(4*width*width+2*width*float64(v.Intermediate)) + 2*float64(images*c.Tokens())*(4*width*h+h*h)
	pairs := 4 * rows * float64(1+c.Patches()) * width * float64(v.Layers)
	return max(ops/products+pairs/attention, float64(r.m.tower.bytes())/(1e9*r.peaks.ReadGBs))
}

// languageRoof is that for rows that are the last of so many positions.
func (r *bench) languageRoof(rows, positions int) float64 {
	l := r.m.config.Language
	products, attention := r.speeds()
	h, q, n := float64(l.Hidden), float64(l.Heads*l.HeadDim), float64(rows)
	layer := h*(q+2*float64(l.KVHeads*l.HeadDim)) + q*h + 3*h*float64(l.Intermediate)
	ops := 2 * n * layer * float64(l.Layers)
	pairs := 4 * n * (float64(positions) - n/2) * q * float64(l.Layers)
	return max(ops/products+pairs/attention, float64(blockBytes(r.m.language))/(1e9*r.peaks.ReadGBs))
}

func (t *tower) bytes() int64 {
	n := t.vit.Patch.Bytes()
	for _, b := range t.vit.Blocks {
		n += b.QKV.Bytes() + b.Out.Bytes() + b.FC1.Bytes() + b.FC2.Bytes()
	}
	for _, w := range t.connector {
		n += w.Bytes()
	}
	return n
}

// blockBytes are read once a pass; the embedding is only looked up.
func blockBytes(d *layers.Decoder) int64 {
	n := int64(0)
	for _, b := range d.Blocks {
		n += b.QKV.Bytes() + b.O.Bytes() + b.GateUp.Bytes() + b.Down.Bytes()
	}
	return n
}

func decoderBytes(d *layers.Decoder) int64 { return blockBytes(d) + d.Table.Bytes() }

func (m *Model) actionBytes() int64 {
	n := int64(0)
	for _, w := range m.mapper {
		n += w.Bytes()
	}
	return n + m.heads.Bytes()
}
