package llavavla

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/golden"
	"cobot_vla/model/nn"
	"cobot_vla/model/vision"
)

// What a comparison says.
type (
	// Parity is how far a backend is from reference outputs of the original implementation.
	Parity = golden.Report
	// Diff of one tensor.
	Diff = golden.Diff
	// Agreement of one list of ids: greedy_ids, penalty_ids.
	Agreement = golden.Agreement
)

// goldenInfo is what info.json says of a case beside the golden file.
type goldenInfo struct {
	Crops json.RawMessage `json:"crops"`
	HW    []int           `json:"image_size_hw"`
	WH    []int           `json:"image_size_wh"`
}

// Tolerances on a f32 engine, for golden files whose info.json suggests none.
const (
	hiddenTolerance = 2e-5
	logitTolerance  = 1e-4
)

// CompareGolden runs every case of a golden file: a safetensors file of reference outputs with info.json
// beside it. limit is the number of ids that may be predicted, the tokenizer's length.
func CompareGolden(ctx context.Context, b nn.Backend, c *checkpoint.Checkpoint, path string, limit int) ([]Parity, error) {
	golden, err := checkpoint.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer golden.Close()
	g := &goldenRun{ctx: ctx, golden: golden, checkpoint: c, limit: limit, info: map[string]json.RawMessage{}}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "info.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if err := json.Unmarshal(data, &g.info); err != nil {
			return nil, fmt.Errorf("info.json beside %s: %w", path, err)
		}
	}
	if err := g.load(b); err != nil {
		return nil, err
	}
	var reports []Parity
	for _, name := range g.cases() {
		report, err := g.run(name)
		if err != nil {
			return nil, fmt.Errorf("%s: case %s: %w", path, name, err)
		}
		reports = append(reports, report)
	}
	return reports, nil
}

type goldenRun struct {
	ctx        context.Context
	golden     *checkpoint.File
	checkpoint *checkpoint.Checkpoint
	info       map[string]json.RawMessage
	limit      int
	model      *Model
	pre, post  []int32
}

func (g *goldenRun) cases() []string {
	var names []string
	for _, name := range g.golden.Names() {
		if prefix, ok := strings.CutSuffix(name, ".greedy_ids"); ok && !slices.Contains(names, prefix) {
			names = append(names, prefix)
		}
	}
	slices.Sort(names)
	return names
}

// plan of a case: the crops of pixel_values to encode, and how they are laid out.
func (g *goldenRun) plan(name string) (encoded []int, plan *vision.Plan, err error) {
	var info goldenInfo
	if said := g.info[name]; said != nil {
		if err := json.Unmarshal(said, &info); err != nil {
			return nil, nil, err
		}
	}
	rules, size := Rules(g.checkpoint.Config), vision.Size{}
	switch {
	case len(info.WH) == 2:
		size = vision.Size{Width: info.WH[0], Height: info.WH[1]}
	case len(info.HW) == 2:
		size = vision.Size{Width: info.HW[1], Height: info.HW[0]}
	case name == "square":
		rules.AspectRatio, size = "square", vision.Size{Width: rules.Crop, Height: rules.Crop}
	default:
		return nil, nil, errors.New("info.json does not say its image size (image_size_wh or image_size_hw)")
	}
	if plan, err = vision.NewPlan(rules, size); err != nil {
		return nil, nil, err
	}
	var crops []int
	if err := json.Unmarshal(info.Crops, &crops); err != nil {
		for i := range plan.Source { // said in words: all in order
			crops = append(crops, i)
		}
	}
	if len(crops) != len(plan.Source) {
		return nil, nil, fmt.Errorf("info.json lists %d crops, an image of %s has %d", len(crops), size, len(plan.Source))
	}
	encoded = make([]int, plan.Encoded)
	for i, from := range plan.Source {
		encoded[from] = crops[i]
	}
	return encoded, plan, nil
}

func (g *goldenRun) ids(name string) ([]int32, error) {
	t, err := g.golden.Tensor(name)
	if err != nil {
		return nil, err
	}
	wide, err := t.Int64()
	ids := make([]int32, len(wide))
	for i, id := range wide {
		ids[i] = int32(id)
	}
	return ids, err
}

func (g *goldenRun) load(b nn.Backend) error {
	var err error
	if g.pre, err = g.ids("pre_ids"); err != nil {
		return err
	}
	if g.post, err = g.ids("post_ids"); err != nil {
		return err
	}
	positions, crops := 0, 1
	for _, name := range g.cases() {
		distinct, plan, err := g.plan(name)
		if err != nil {
			return fmt.Errorf("case %s: %w", name, err)
		}
		answer, err := g.golden.Tensor(name + ".greedy_ids")
		if err != nil {
			return err
		}
		positions = max(positions, len(g.pre)+len(plan.Tokens)+len(g.post)+answer.Len()+1)
		crops = max(crops, len(distinct))
	}
	g.model, err = Load(b, g.checkpoint, Options{Positions: positions, Crops: crops})
	return err
}

// pixels of crops. Golden files of large images hold a formula instead of the values.
func (g *goldenRun) pixels(crops []int) ([]float32, error) {
	v := g.checkpoint.Config.Vision
	size := v.Channels * v.ImageSize * v.ImageSize
	var out []float32
	if !g.golden.Has("pixel_values") {
		if g.info["pixel_formula"] == nil {
			return nil, errors.New("neither pixel_values in the golden file nor pixel_formula in info.json")
		}
		for _, crop := range crops {
			for i := range size {
				c, y, x := i/(v.ImageSize*v.ImageSize), i/v.ImageSize%v.ImageSize, i%v.ImageSize
				u8 := (c*37 + y*101 + x*53 + crop*71 + (x*y)%29) % 256
				out = append(out, (float32(u8)/255-0.5)/0.5)
			}
		}
		return out, nil
	}
	t, err := g.golden.Tensor("pixel_values", -1, v.Channels, v.ImageSize, v.ImageSize)
	if err != nil {
		return nil, err
	}
	all, err := t.F32()
	if err != nil {
		return nil, err
	}
	for _, crop := range crops {
		if (crop+1)*size > len(all) {
			return nil, fmt.Errorf("crop %d of %d in pixel_values", crop, len(all)/size)
		}
		out = append(out, all[crop*size:(crop+1)*size]...)
	}
	return out, nil
}

func (g *goldenRun) run(name string) (Parity, error) {
	report := Parity{Case: name}
	m := g.model
	crops, plan, err := g.plan(name)
	if err != nil {
		return report, err
	}
	pixels, err := g.pixels(crops)
	if err != nil {
		return report, err
	}
	seen := map[string]nn.Buf{}
	keep := func(prefix string) func(int, nn.Buf) {
		return func(i int, x nn.Buf) {
			copied := m.b.Buf(x.Rows, x.Cols)
			m.b.Linear(copied, x, nil, nn.Op{})
			seen[fmt.Sprintf("%s.%d", prefix, i)] = copied
		}
	}
	m.tower.encoder.Observe = keep("vision_hidden")
	m.language.Observe = keep("lm_hidden")
	defer func() { m.tower.encoder.Observe, m.language.Observe = nil, nil }()

	image, err := m.Encode(pixels, plan)
	if err != nil {
		return report, err
	}
	visual := m.b.Buf(image.Tokens(), m.config.Language.Hidden)
	m.splice(visual, image)
	seen["projected"], seen["visual"] = image.encoded, visual
	seen["vision_feature"] = seen[fmt.Sprintf("vision_hidden.%d", m.config.Vision.Layers)]
	m.head = nil
	last, err := m.prefill(Prompt{Before: g.pre, After: g.post}, image, true)
	if err != nil {
		return report, err
	}
	normed := m.b.Buf(last.Rows, last.Cols)
	m.b.Linear(normed, last, nil, nn.Op{Norm: m.language.Norm})
	seen[fmt.Sprintf("lm_hidden.%d", m.config.Language.Layers)] = normed
	seen["lm_final_norm"] = normed
	seen["last_hidden"] = normed.View(last.Rows-1, 1)
	m.tower.encoder.Observe, m.language.Observe = nil, nil

	all, err := nn.NewSet(nn.IDRange{From: 0, To: int32(m.config.Language.VocabRows)})
	if err != nil {
		return report, err
	}
	logits := m.b.Buf(last.Rows, all.Size())
	m.b.Scores(logits, last, m.language.Norm, m.language.Head, all)
	seen["prompt_logits"], seen["last_logits"] = logits, logits.View(last.Rows-1, 1)

	for _, tensor := range g.golden.Names() {
		short, ok := strings.CutPrefix(tensor, name+".")
		if buf, known := seen[short]; ok && known {
			d, err := g.diff(tensor, short, buf)
			if err != nil {
				return report, err
			}
			report.Diffs = append(report.Diffs, d)
		}
	}
	return report, g.generate(&report, name, last.View(last.Rows-1, 1), all)
}

// generate compares the greedy ids, with and without penalty, and the logits of each step.
func (g *goldenRun) generate(report *Parity, name string, last nn.Buf, all *nn.Set) error {
	m := g.model
	allowed, err := nn.NewSet(nn.IDRange{From: 0, To: int32(min(g.limit, all.Size()))})
	if err != nil {
		return err
	}
	hidden := m.b.Buf(1, last.Cols) // last is overwritten by decoding
	m.b.Linear(hidden, last, nil, nn.Op{})
	prompt := m.language.Len()
	for _, list := range []struct {
		name, steps, lastStep string
		penalty               float32
	}{
		{"greedy_ids", "step_logits", "greedy_last_step_logits", 1},
		{"penalty_ids", "", "penalty_last_step_logits", 1.1},
	} {
		if !g.golden.Has(name + "." + list.name) {
			continue
		}
		want, err := g.ids(name + "." + list.name)
		if err != nil {
			return err
		}
		m.language.Seek(prompt)
		steps := m.b.Buf(len(want), all.Size())
		taken := 0
		grammar := func(answer []int32) *nn.Set {
			if len(answer) == len(want) {
				return nil
			}
			return allowed
		}
		got, err := m.greedy(g.ctx, nil, hidden, Decoding{Grammar: grammar, Penalty: list.penalty}, func(h nn.Buf) {
			m.b.Scores(steps.View(taken, 1), h, m.language.Norm, m.language.Head, all)
			taken++
		})
		if err != nil {
			return err
		}
		equal := 0
		for i := range want {
			if got[i] == want[i] {
				equal++
			}
		}
		report.Greedy = append(report.Greedy, Agreement{List: list.name, Equal: equal, Total: len(want)})
		for _, t := range []struct {
			name string
			buf  nn.Buf
		}{{list.steps, steps}, {list.lastStep, steps.View(len(want)-1, 1)}} {
			if t.name != "" && g.golden.Has(name+"."+t.name) {
				d, err := g.diff(name+"."+t.name, t.name, t.buf)
				if err != nil {
					return err
				}
				report.Diffs = append(report.Diffs, d)
			}
		}
	}
	return nil
}

// diff compares a tensor; one of fewer rows holds every 64th.
func (g *goldenRun) diff(tensor, short string, buf nn.Buf) (Diff, error) {
	d := Diff{Tensor: tensor, Tolerance: g.tolerance(short)}
	t, err := g.golden.Tensor(tensor)
	if err != nil {
		return d, err
	}
	want, err := t.F32()
	if err != nil {
		return d, err
	}
	got := make([]float32, buf.Rows*buf.Cols)
	if err := g.model.b.Read(got, buf); err != nil {
		return d, err
	}
	every := 1
	if len(want) == (buf.Rows+63)/64*buf.Cols {
		every = 64
	}
	if len(want) != (buf.Rows+every-1)/every*buf.Cols {
		return d, fmt.Errorf("tensor %s %v for %v: neither all rows nor every 64th", tensor, t.Shape, buf)
	}
	var dot, aa, bb float64
	for i, w := range want {
		a := float64(got[i/buf.Cols*every*buf.Cols+i%buf.Cols])
		b := float64(w)
		if diff := math.Abs(a - b); diff > d.Max || diff != diff {
			d.Max = diff
		}
		d.Scale = max(d.Scale, math.Abs(b))
		dot, aa, bb = dot+a*b, aa+a*a, bb+b*b
	}
	d.Cosine = dot / math.Sqrt(aa*bb)
	return d, nil
}

// suggestion finds "logits 2e-3" and the like in info.json's suggested_tolerance.
func suggestion(words, name string) (float64, bool) {
	found := regexp.MustCompile(regexp.QuoteMeta(name) + `[^;:]*? ([0-9.]+(?:e-?[0-9]+)?)`).FindStringSubmatch(words)
	if found == nil {
		return 0, false
	}
	x, err := strconv.ParseFloat(found[1], 64)
	return x, err == nil
}

func (g *goldenRun) tolerance(short string) float64 {
	var words string
	_ = json.Unmarshal(g.info["suggested_tolerance"], &words)
	kind := short
	switch {
	case strings.Contains(short, "logits"):
		kind = "logits"
	case strings.HasPrefix(short, "lm_") || short == "last_hidden":
		kind = "lm_hidden"
	case short == "vision_hidden.0":
	case strings.HasPrefix(short, "vision") || short == "projected" || short == "visual":
		kind = "projected, visual"
	}
	if t, ok := suggestion(words, kind); ok {
		return t
	}
	if strings.HasPrefix(short, "vision") {
		return hiddenTolerance
	}
	return logitTolerance
}
