package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/distill"
	parity "cobot_vla/model/golden"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/cuda"
	"cobot_vla/model/seer"
	"cobot_vla/model/vitavla"
)

// modelParityCmd compares with the original implementation's outputs.
type modelParityCmd struct {
	Checkpoint string `help:"Folder of the checkpoint." required:""`
	Golden     string `help:"Safetensors file of reference outputs, with info.json beside it, or its folder. Empty takes golden.safetensors, or train.safetensors, in the checkpoint's."`
	Precision  string `help:"f32, bf16, w8a16 or int8. Only f32 is held to the tolerances, the others to the greedy ids." default:"f32"`
	processor
	onGPU
	JSON bool `help:"One JSON object a case."`
}

// parityCase is one case of a golden file. Numbers are null where they are none.
type parityCase struct {
	Case    string         `json:"case"`
	Tensors []parityTensor `json:"tensors"`
	IDs     []parityIDs    `json:"ids"`
	// MaxLogit is the largest |difference| of any logit.
	MaxLogit *float64 `json:"max_logit_difference"`
	// Greedy says that all lists of ids are equal; OK that, in f32, all differences are within their tolerances too.
	Greedy bool `json:"greedy_ids_equal"`
	OK     bool `json:"ok"`
}

type parityTensor struct {
	Name      string   `json:"tensor"`
	Max       *float64 `json:"max_difference"`
	Scale     *float64 `json:"largest_reference"`
	Tolerance float64  `json:"tolerance"`
	Cosine    *float64 `json:"cosine"`
	Within    bool     `json:"within"`
}

type parityIDs struct {
	List  string `json:"list"`
	Equal int    `json:"equal"`
	Total int    `json:"total"`
}

// Run implements the command.
func (c *modelParityCmd) Run(a *app) (err error) {
	c.Golden = goldenFile(c.Golden, c.Checkpoint)
	b, err := c.backend()
	if err != nil {
		return err
	}
	defer func() {
		if a.ctx.Err() == nil { // else it may still be at work
			err = errors.Join(err, b.Close())
		}
	}()
	if own, ok := b.(*cpu.Backend); ok {
		training, err := c.training(a, own)
		if training || err != nil {
			return err
		}
	}
	reports, err := await(a, "comparing with "+c.Golden, nil, func() ([]parity.Report, error) { return c.compare(a.ctx, b) })
	if err != nil {
		return err
	}
	if len(reports) == 0 {
		return fmt.Errorf("%s has no case of a %s: of llavavla's, a case is a tensor whose name ends in .greedy_ids", c.Golden, kindOf(c.Checkpoint))
	}
	cases := make([]parityCase, len(reports))
	ok := true
	for i, r := range reports {
		cases[i] = newParityCase(r, cpu.Precision(c.Precision) == cpu.F32)
		ok = ok && cases[i].OK
	}
	if err := c.print(a, b, cases); err != nil {
		return err
	}
	if !ok {
		return exitCode(1)
	}
	return nil
}

// goldenFile is a file's name, or that of the one in a folder.
func goldenFile(name, checkpoint string) string {
	if name == "" {
		name = checkpoint
	}
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return name
	}
	file := filepath.Join(name, "golden.safetensors")
	if _, err := os.Stat(file); err != nil {
		if train := filepath.Join(name, "train.safetensors"); isFile(train) {
			return train
		}
	}
	return file
}

// isDistillation says whether the golden file holds trainings of VITA-VLA.
func (c *modelParityCmd) isDistillation() (bool, error) {
	file, err := checkpoint.OpenFile(c.Golden)
	if err != nil {
		return false, err
	}
	return distill.IsTraining(file), file.Close()
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// compare runs the golden cases of the checkpoint's kind.
func (c *modelParityCmd) compare(ctx context.Context, b nn.Backend) (reports []parity.Report, err error) {
	switch kindOf(c.Checkpoint) {
	case vitavla.Kind:
		if training, err := c.isDistillation(); training || err != nil {
			if err != nil {
				return nil, err
			}
			backend := func() (nn.Gradients, error) { return cpu.New(c.config(c.Precision)) }
			return distill.CompareTraining(ctx, backend, c.Checkpoint, c.Golden)
		}
		return vitavla.CompareGolden(ctx, b, c.Checkpoint, c.Golden)
	case seer.Kind:
		files, err := seer.OpenFiles(c.Checkpoint)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, files.Close()) }()
		return seer.CompareGolden(ctx, b, files, c.Golden)
	}
	files, err := checkpoint.Open(c.Checkpoint)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	tok, err := files.OptionalTokenizer()
	if err != nil {
		return nil, err
	}
	return llavavla.CompareGolden(ctx, b, files, c.Golden, files.Predictable(tok))
}

// compared is a backend that says what it is.
type compared interface {
	nn.Backend
	Features() string
}

func (c *modelParityCmd) backend() (compared, error) {
	if c.Backend == "cuda" {
		b, err := c.open(cuda.Precision(c.Precision))
		if err != nil {
			return nil, err
		}
		return b, nil
	}
	b, err := cpu.New(c.config(c.Precision))
	if err != nil {
		return nil, err
	}
	return b, nil
}

func newParityCase(r parity.Report, held bool) parityCase {
	p := parityCase{Case: r.Case, Greedy: true}
	logit := 0.0
	within := true
	for _, d := range r.Diffs {
		t := parityTensor{
			Name: strings.TrimPrefix(d.Tensor, r.Case+"."), Max: finite(d.Max), Scale: finite(d.Scale),
			Tolerance: d.Tolerance, Cosine: finite(d.Cosine), Within: d.Max <= d.Tolerance,
		}
		within = within && t.Within
		p.Tensors = append(p.Tensors, t)
		if strings.Contains(t.Name, "logits") && !(d.Max <= logit) {
			logit = d.Max
		}
	}
	p.MaxLogit = finite(logit)
	for _, g := range r.Greedy {
		p.IDs = append(p.IDs, parityIDs{g.List, g.Equal, g.Total})
		p.Greedy = p.Greedy && g.Equal == g.Total
	}
	p.OK = p.Greedy && (within || !held) && p.MaxLogit != nil
	return p
}

func (p parityCase) hasLogits() bool {
	return slices.ContainsFunc(p.Tensors, func(t parityTensor) bool { return strings.Contains(t.Name, "logits") })
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func number(x *float64, format string) string {
	if x == nil {
		return "not a number"
	}
	return fmt.Sprintf(format, *x)
}

func (c *modelParityCmd) print(a *app, b compared, cases []parityCase) error {
	if c.JSON {
		enc := json.NewEncoder(a.stdout)
		for _, p := range cases {
			if err := enc.Encode(p); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(a.stdout, "%s (%s) in %s on %s\n\n", c.Checkpoint, kindOf(c.Checkpoint), c.Precision, b.Features())
	t := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "case\ttensor\tmax |Δ|\ttolerance\tlargest\tcosine\t\t")
	for _, p := range cases {
		for _, x := range p.Tensors {
			verdict := ""
			if !x.Within {
				verdict = "beyond"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%.1e\t%s\t%s\t%s\t\n", p.Case, x.Name, number(x.Max, "%.2e"), x.Tolerance, number(x.Scale, "%.3g"), number(x.Cosine, "%.7f"), verdict)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	good := 0
	for _, p := range cases {
		verdict := "FAILED"
		if p.OK {
			verdict = "ok"
			good++
		}
		var ids []string
		for _, l := range p.IDs {
			ids = append(ids, fmt.Sprintf("%s %d of %d equal", l.List, l.Equal, l.Total))
		}
		says := strings.Join(ids, ", ")
		if p.hasLogits() {
			says = fmt.Sprintf("max |Δlogit| %s; %s", number(p.MaxLogit, "%.2e"), says)
		}
		fmt.Fprintf(a.stdout, "%-6s %s: %s\n", verdict, p.Case, cmp.Or(says, fmt.Sprintf("%d tensors", len(p.Tensors))))
	}
	_, err := fmt.Fprintf(a.stdout, "%d of %d cases agree\n", good, len(cases))
	return err
}
