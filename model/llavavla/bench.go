package llavavla

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/vision"
	"cobot_vla/model/weights"
)

// BenchConfig says what to measure. Every combination of its lists is a row.
type BenchConfig struct {
	// Preset of synthetic weights. Default llava-onevision-0.5b.
	Preset string
	// Checkpoint is a directory to take the weights from instead.
	Checkpoint string
	// Precisions to measure. Default all but f32.
	Precisions []cpu.Precision
	// Crops of the image: 1 (square) or 2 (anyres of a square image). Default both.
	Crops []int
	// Tokens of the answer. Default 35 (5 steps of 7) and 71 (a direction and 5 steps of 14).
	Tokens []int
	// FullHead also measures decoding with the scores of all ids.
	FullHead bool
	// Words of the prompt besides the image. Default 60.
	Words int
	// Repeat each row so often, after one run that is not counted; the median is reported. Default 3.
	Repeat int
	// CPU is the threads and kernels; its precision is not used.
	CPU cpu.Config
	// CUDA, when set, opens a GPU, which is measured instead.
	CUDA func(p cuda.Precision) (*cuda.Backend, error)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (c *BenchConfig) complete() {
	if c.Preset == "" {
		c.Preset = "llava-onevision-0.5b"
	}
	if c.Precisions == nil {
		c.Precisions = []cpu.Precision{cpu.INT8, cpu.W8A16, cpu.BF16}
	}
	if c.Crops == nil {
		c.Crops = []int{2, 1}
	}
	if c.Tokens == nil {
		c.Tokens = []int{35, 71}
	}
	if c.Words == 0 {
		c.Words = 60
	}
	if c.Repeat == 0 {
		c.Repeat = 3
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// BenchRow is one measurement. Times are medians in seconds.
type BenchRow struct {
	Weights   string        `json:"weights"`
	Precision cpu.Precision `json:"precision"`
	Crops     int           `json:"crops"`
	// Encoded crops: a square image's two are the same.
	Encoded int    `json:"encoded_crops"`
	Prompt  int    `json:"prompt_tokens"`
	Tokens  int    `json:"tokens"`
	Head    string `json:"head"` // restricted or full

	VisionS  float64 `json:"vision_s"`
	PrefillS float64 `json:"prefill_s"`
	DecodeS  float64 `json:"decode_s"`
	// StepS is all three: one decision, one token at a time.
	StepS float64 `json:"step_s"`
	// TokenMS is a token's share of DecodeS; the first comes out of the prefill.
	TokenMS float64 `json:"token_ms"`
	// Roofs: what the measured product peak and read bandwidth would allow, and how many times that it took.
	VisionRoofS  float64 `json:"vision_roof_s"`
	PrefillRoofS float64 `json:"prefill_roof_s"`
	DecodeRoofS  float64 `json:"decode_roof_s"`
	Ratio        float64 `json:"step_over_roof"`
	// TeraOps of vision and prefill, GBs of decoding, as reached.
	TeraOps float64 `json:"tera_ops"`
	GBs     float64 `json:"gb_s"`

	LoadS       float64 `json:"load_s"`
	WeightBytes int64   `json:"weight_bytes"`
	// Nodes is how many kernels a recorded decoding step launches, and DeviceBytes the memory of the device in use, of a GPU.
	Nodes       int   `json:"nodes_per_step,omitempty"`
	DeviceBytes int64 `json:"device_bytes,omitempty"`
	// PeakBytes is the most memory the process has had so far.
	PeakBytes int64 `json:"peak_bytes"`
	// PassMS is what a pass over so many tokens takes after this prompt: what parallel decoding pays.
	PassMS map[int]float64 `json:"pass_ms,omitempty"`
}

// Bench measures the machine, then every row in turn, calling report with each.
func Bench(ctx context.Context, c BenchConfig, machine func(cpu.Machine), report func(BenchRow)) error {
	c.complete()
	m, err := c.peaks(ctx) // before there are weights, so that what it reads does not count as a model's memory
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	machine(m)
	for _, precision := range c.Precisions {
		if err := c.precision(ctx, precision, m, report); err != nil {
			return fmt.Errorf("bench %s: %w", precision, err)
		}
	}
	return nil
}

// peaks of the machine.
func (c BenchConfig) peaks(ctx context.Context) (m cpu.Machine, err error) {
	if c.CUDA != nil {
		return c.peaksOfGPU(ctx)
	}
	config := c.CPU
	config.Precision, config.Packed = cpu.INT8, ""
	b, err := cpu.New(config)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return b.Measure(ctx, c.Now)
}

// bench is one loaded model.
type bench struct {
	BenchConfig
	model   *Model
	machine cpu.Machine
	row     BenchRow
	gpu     *cuda.Backend // when it is one
}

// measured is what Bench needs of a backend.
type measured interface {
	nn.Backend
	WeightBytes() int64
}

// start makes the backend.
func (c BenchConfig) start(config cpu.Config) (measured, error) {
	if c.CUDA != nil {
		b, err := c.CUDA(cuda.Precision(config.Precision))
		if err != nil {
			return nil, err
		}
		return b, nil
	}
	b, err := cpu.New(config)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (c BenchConfig) peaksOfGPU(ctx context.Context) (m cpu.Machine, err error) {
	b, err := c.CUDA(cuda.BF16)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	p, err := b.Measure(ctx)
	// Every product is bf16, whatever the weights are kept in.
	return cpu.Machine{Features: b.Features(), Threads: b.Info().Processors, ReadGBs: p.ReadGBs, Tera: map[string]float64{"bf16": p.Tera, "int8": p.Tera, "f32": p.Tera}}, err
}

func (c BenchConfig) precision(ctx context.Context, precision cpu.Precision, machine cpu.Machine, report func(BenchRow)) (err error) {
	config := c.CPU
	config.Precision = precision
	start := c.Now()
	b, m, name, err := c.load(config)
	if b != nil {
		defer func() { err = errors.Join(err, b.Close()) }()
	}
	if err != nil {
		return err
	}
	run := &bench{BenchConfig: c, model: m, machine: machine}
	if g, ok := b.(*cuda.Backend); ok {
		run.gpu = g
	}
	run.row = BenchRow{Weights: name, Precision: precision, LoadS: c.Now().Sub(start).Seconds(), WeightBytes: b.WeightBytes()}
	for _, crops := range c.Crops {
		for _, tokens := range c.Tokens {
			heads := []string{"restricted"}
			if c.FullHead {
				heads = append(heads, "full")
			}
			for _, head := range heads {
				row, err := run.measure(ctx, crops, tokens, head)
				if err != nil {
					return err
				}
				report(row)
			}
		}
	}
	return nil
}

func (c BenchConfig) load(config cpu.Config) (measured, *Model, string, error) {
	options := Options{Positions: 2048}
	if c.Checkpoint == "" {
		shape, err := Preset(c.Preset)
		if err != nil {
			return nil, nil, "", err
		}
		b, err := c.start(config)
		if err != nil {
			return nil, nil, "", err
		}
		m, err := Build(b, shape, weights.Synthetic{}, options)
		return b, m, c.Preset + " (synthetic)", err
	}
	files, err := checkpoint.Open(c.Checkpoint)
	if err != nil {
		return nil, nil, "", err
	}
	defer files.Close()
	if config, err = weights.Packed(files.Dir, files.Weights, config); err != nil {
		return nil, nil, "", err
	}
	b, err := c.start(config)
	if err != nil {
		return nil, nil, "", err
	}
	m, err := Load(b, files, options)
	return b, m, c.Checkpoint, err
}

func (r *bench) measure(ctx context.Context, crops, tokens int, head string) (BenchRow, error) {
	row := r.row
	row.Crops, row.Tokens, row.Head = crops, tokens, head
	rules := Rules(r.model.config)
	rules.AspectRatio = map[int]string{1: "square", 2: "anyres_max_9"}[crops]
	plan, err := vision.NewPlan(rules, vision.Size{Width: rules.Crop, Height: rules.Crop})
	if err != nil {
		return row, fmt.Errorf("%d crops: %w", crops, err)
	}
	pixels := make([]float32, plan.Encoded*3*rules.Crop*rules.Crop)
	weights.Uniform(pixels, 1, 1)
	rows := int32(r.model.config.Language.VocabRows)
	ids := make([]int32, r.Words)
	for i := range ids {
		ids[i] = int32(i*7919) % rows
	}
	prompt := Prompt{Before: ids[:r.Words*2/5], After: ids[r.Words*2/5:]}
	row.Encoded, row.Prompt = plan.Encoded, len(plan.Tokens)+r.Words
	set, err := nn.NewSet(nn.IDRange{From: max(rows-549, 0), To: max(rows-549, 0) + 256})
	if head == "full" {
		set, err = nn.NewSet(nn.IDRange{From: 0, To: max(rows-290, 1)})
	}
	if err != nil {
		return row, err
	}

	var visionS, prefillS, decodeS []float64
	for i := range r.Repeat + 1 {
		r.model.head = nil // the system's words are read again, as after an instruction of another kind
		start := r.Now()
		image, err := r.model.Encode(pixels, plan)
		if err := errors.Join(err, r.model.b.Sync()); err != nil {
			return row, err
		}
		seen := r.Now()
		hidden, err := r.model.Prefill(prompt, image)
		if err := errors.Join(err, r.model.b.Sync()); err != nil {
			return row, err
		}
		read := r.Now()
		if _, err := r.model.Greedy(ctx, nil, hidden, Decoding{Grammar: Fixed(tokens, set)}); err != nil {
			return row, err
		}
		said := r.Now()
		if i == 0 {
			continue
		}
		visionS = append(visionS, seen.Sub(start).Seconds())
		prefillS = append(prefillS, read.Sub(seen).Seconds())
		decodeS = append(decodeS, said.Sub(read).Seconds())
	}
	row.VisionS, row.PrefillS, row.DecodeS = median(visionS), median(prefillS), median(decodeS)
	row.StepS = row.VisionS + row.PrefillS + row.DecodeS
	row.TokenMS = 1e3 * row.DecodeS / float64(max(tokens-1, 1))
	r.roofs(&row, set.Size())
	row.PeakBytes = cpu.PeakMemory()
	if r.gpu != nil {
		row.DeviceBytes = r.gpu.Memory().Total()
		for _, s := range r.model.steps {
			row.Nodes = s.step.Nodes()
		}
	}
	if head == "restricted" {
		row.PassMS, err = r.passes(ctx, row.Prompt, set)
	}
	return row, err
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// passes times forwards of several rows behind the prompt.
func (r *bench) passes(ctx context.Context, prompt int, set *nn.Set) (map[int]float64, error) {
	ms := map[int]float64{}
	for _, rows := range []int{1, 2, 4, 8, 16, 35, 71} {
		var times []float64
		for range r.Repeat {
			r.model.language.Seek(prompt)
			start := r.Now()
			r.model.Scores(r.model.language.Forward(rows, rows), set)
			if err := errors.Join(r.model.b.Sync(), ctx.Err()); err != nil {
				return nil, err
			}
			times = append(times, 1e3*r.Now().Sub(start).Seconds())
		}
		ms[rows] = median(times)
	}
	return ms, nil
}

// roofs are the least times that the machine's measured peaks allow.
func (r *bench) roofs(row *BenchRow, set int) {
	v, l := r.model.config.Vision, r.model.config.Language
	product := 1e12 * r.machine.Tera[row.Precision.Element()]
	if row.Precision == cpu.W8A16 && r.gpu == nil {
		product /= 2 // each product is made of two
	}
	attention := 1e12 * max(r.machine.Tera["f32"], r.machine.Tera["bf16"])
	if row.Precision == cpu.F32 {
		attention = product
	}
	patches := float64(row.Encoded * v.Patches())
	c, f := float64(v.Hidden), float64(v.Intermediate)
	visionOps := 2 * patches * (float64(v.Layers)*(4*c*c+2*c*f) + c*float64(l.Hidden) + float64(l.Hidden*l.Hidden))
	visionAttention := 4 * patches * float64(v.Patches()) * c * float64(v.Layers)

	n, h, q := float64(row.Prompt), float64(l.Hidden), float64(l.Heads*l.HeadDim)
	layer := h*(q+2*float64(l.KVHeads*l.HeadDim)) + q*h + 3*h*float64(l.Intermediate)
	prefillOps := 2 * n * layer * float64(l.Layers)
	prefillAttention := 2 * n * n * q * float64(l.Layers) // the lower triangle

	bytes := map[string]float64{"f32": 4, "bf16": 2, "int8": 1}[row.Precision.Element()]
	token := bytes * (layer*float64(l.Layers) + float64(set)*h)
	keys := 2 * 2 * (n + float64(row.Tokens)/2) * float64(l.KVHeads*l.HeadDim*l.Layers)
	passes := float64(row.Tokens - 1)

	row.VisionRoofS = visionOps/product + visionAttention/attention
	row.PrefillRoofS = prefillOps/product + prefillAttention/attention
	row.DecodeRoofS = passes * (token + keys) / (1e9 * r.machine.ReadGBs)
	row.Ratio = row.StepS / (row.VisionRoofS + row.PrefillRoofS + row.DecodeRoofS)
	row.TeraOps = (visionOps + visionAttention + prefillOps + prefillAttention) / (row.VisionS + row.PrefillS) / 1e12
	row.GBs = passes * (token + keys) / row.DecodeS / 1e9
}
