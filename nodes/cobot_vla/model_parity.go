package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/train"
)

// modelParityCmd compares with the original implementation's outputs.
type modelParityCmd struct {
	Checkpoint string `help:"Folder of the checkpoint." required:""`
	Golden     string `help:"Safetensors file of reference outputs, with info.json beside it." required:""`
	Precision  string `help:"f32, bf16, w8a16 or int8. Only f32 is held to the tolerances, the others to the greedy ids." default:"f32"`
	processor
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
	files, err := checkpoint.Open(c.Checkpoint)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	tok, err := files.OptionalTokenizer()
	if err != nil {
		return err
	}
	b, err := cpu.New(c.config(c.Precision))
	if err != nil {
		return err
	}
	defer func() {
		if a.ctx.Err() == nil { // else it may still be at work
			err = errors.Join(err, b.Close())
		}
	}()
	training, err := c.training(a, files, b)
	if training || err != nil {
		return err
	}
	reports, err := await(a, "comparing with "+c.Golden, nil, func() ([]llavavla.Parity, error) {
		return llavavla.CompareGolden(a.ctx, b, files, c.Golden, files.Predictable(tok))
	})
	if err != nil {
		return err
	}
	if len(reports) == 0 {
		return fmt.Errorf("%s has no case: a case is a tensor whose name ends in .greedy_ids", c.Golden)
	}
	cases := make([]parityCase, len(reports))
	ok := true
	for i, r := range reports {
		cases[i] = newParityCase(r, cpu.Precision(c.Precision) == cpu.F32)
		ok = ok && cases[i].OK
	}
	if err := c.print(a, files, b, cases); err != nil {
		return err
	}
	if !ok {
		return exitCode(1)
	}
	return nil
}

// training compares with a training instead, when that is what the file holds.
func (c *modelParityCmd) training(a *app, files *checkpoint.Checkpoint, b *cpu.Backend) (was bool, err error) {
	golden, err := checkpoint.OpenFile(c.Golden)
	if err != nil {
		return false, err
	}
	was = train.IsTraining(golden)
	if err := golden.Close(); !was || err != nil {
		return was, err
	}
	report, err := await(a, "repeating the training of "+c.Golden, nil, func() (train.Parity, error) {
		return train.CompareTraining(a.ctx, train.ParityConfig{Backend: b, Checkpoint: files, Path: c.Golden})
	})
	if err != nil {
		return true, err
	}
	f32 := cpu.Precision(c.Precision) == cpu.F32
	ok := report.OK()
	if !f32 {
		ok = report.Cosine() >= train.LeastCosine
	}
	if c.JSON {
		if err := json.NewEncoder(a.stdout).Encode(struct {
			train.Parity
			Cosine float64
			OK     bool
		}{report, report.Cosine(), ok}); err != nil {
			return true, err
		}
	} else if err := c.printTraining(a, files, b, report, ok); err != nil {
		return true, err
	}
	if !ok {
		return true, exitCode(1)
	}
	return true, nil
}

func (c *modelParityCmd) printTraining(a *app, files *checkpoint.Checkpoint, b *cpu.Backend, r train.Parity, ok bool) error {
	fmt.Fprintf(a.stdout, "%s (%s names) trained in %s on %s\n\n", files.Dir, files.Scheme(), c.Precision, b.Features())
	t := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tensor\tmax |Δ|\ttolerance\tlargest\tcosine\tbeyond\t\t")
	for _, x := range r.Tensors {
		fmt.Fprintf(t, "%s\t%.2e\t%.1e\t%.3g\t%.7f\t%d of %d\t\n", x.Name, x.Max, x.Tolerance, x.Scale, x.Cosine, x.Beyond, x.Values)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "FAILED"
	if ok {
		verdict = "ok"
	}
	_, err := fmt.Fprintf(a.stdout, "\nlosses %.5f\nreference %.5f\n%s: smallest cosine of a gradient %.6f\n", r.Losses, r.WantLosses, verdict, r.Cosine())
	return err
}

func newParityCase(r llavavla.Parity, held bool) parityCase {
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

func (c *modelParityCmd) print(a *app, files *checkpoint.Checkpoint, b *cpu.Backend, cases []parityCase) error {
	if c.JSON {
		enc := json.NewEncoder(a.stdout)
		for _, p := range cases {
			if err := enc.Encode(p); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(a.stdout, "%s (%s names) in %s on %s\n\n", files.Dir, files.Scheme(), c.Precision, b.Features())
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
		fmt.Fprintf(a.stdout, "%-6s %s: max |Δlogit| %s; %s\n", verdict, p.Case, number(p.MaxLogit, "%.2e"), strings.Join(ids, ", "))
	}
	_, err := fmt.Fprintf(a.stdout, "%d of %d cases agree\n", good, len(cases))
	return err
}
