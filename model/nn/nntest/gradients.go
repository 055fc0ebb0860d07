package nntest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/ref"
)

// GradientClaim is what an nn.Gradients promises.
type GradientClaim struct {
	// Open makes a fresh backend.
	Open func(t *testing.T) nn.Gradients
	// Error is the largest root mean square error of a gradient, relative to the root mean square of the reference's.
	Error float64
}

// Gradients runs every derivative on shapes that fit no vector width: nn/ref's against central
// differences of nn/ref's forward pass, and the claimant's against nn/ref's.
func Gradients(t *testing.T, c GradientClaim) {
	for _, k := range gradientCases() {
		t.Run(k.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, uint64(len(k.name))))
			values := make([][]float32, len(k.inputs))
			for i, in := range k.inputs {
				values[i] = make([]float32, in.rows*in.cols)
				for n := range values[i] {
					values[i][n] = float32(rng.NormFloat64()) * in.scale
				}
			}
			want, weights := k.gradients(t, ref.New(), values, rng, nil)
			if _, isRef := c.Open(t).(*ref.Backend); isRef {
				k.differences(t, values, weights, want, rng)
				return
			}
			got, _ := k.gradients(t, c.Open(t), values, rng, weights)
			for i, in := range k.inputs {
				if e := relative(got[i], want[i]); !(e <= c.Error) {
					t.Errorf("gradient by %s: relative error %.2e, claimed %.2e", in.name, e, c.Error)
				}
			}
		})
	}
	t.Run("adam", func(t *testing.T) { adam(t, c) })
	t.Run("square sum", func(t *testing.T) { squareSum(t, c) })
}

func relative(got, want []float32) float64 {
	var difference, square float64
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		difference += d * d
		square += float64(w) * float64(w)
	}
	if square == 0 {
		return difference
	}
	return math.Sqrt(difference / square)
}

// input is a tensor that is differentiated by.
type input struct {
	name       string
	rows, cols int
	scale      float32
}

// gradientCase is a sublayer with its derivative. run computes from the inputs' buffers; given the
// gradient of the output it also adds to the inputs' gradients, in buffers of their shapes.
type gradientCase struct {
	name   string
	inputs []input
	output [2]int
	run    func(b nn.Gradients, in []nn.Buf, out nn.Buf, dout nn.Buf, din []nn.Buf)
}

// gradients of Σ weights * output, and the weights, random unless given.
func (k gradientCase) gradients(t *testing.T, b nn.Gradients, values [][]float32, rng *rand.Rand, weights []float32) ([][]float32, []float32) {
	t.Helper()
	if weights == nil {
		weights = make([]float32, k.output[0]*k.output[1])
		for i := range weights {
			weights[i] = float32(rng.NormFloat64())
		}
	}
	var in, din []nn.Buf
	for i, v := range k.inputs {
		in, din = append(in, b.Buf(v.rows, v.cols)), append(din, b.Buf(v.rows, v.cols))
		b.Write(in[i], values[i])
	}
	out, dout := b.Buf(k.output[0], k.output[1]), b.Buf(k.output[0], k.output[1])
	b.Write(dout, weights)
	k.run(b, in, out, dout, din)
	var grads [][]float32
	for i, v := range k.inputs {
		g := make([]float32, v.rows*v.cols)
		if err := b.Read(g, din[i]); err != nil {
			t.Fatal(err)
		}
		grads = append(grads, g)
	}
	return grads, weights
}

// loss is Σ weights * output, on nn/ref.
func (k gradientCase) loss(t *testing.T, values [][]float32, weights []float32) float64 {
	t.Helper()
	b := ref.New()
	var in []nn.Buf
	for i, v := range k.inputs {
		in = append(in, b.Buf(v.rows, v.cols))
		b.Write(in[i], values[i])
	}
	out := b.Buf(k.output[0], k.output[1])
	k.run(b, in, out, nn.Buf{}, nil)
	y := make([]float32, len(weights))
	if err := b.Read(y, out); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, v := range y {
		sum += float64(v) * float64(weights[i])
	}
	return sum
}

// differences holds gradients to central differences, at some elements of each input.
func (k gradientCase) differences(t *testing.T, values [][]float32, weights []float32, grads [][]float32, rng *rand.Rand) {
	t.Helper()
	for i, in := range k.inputs {
		largest := 0.0
		for _, g := range grads[i] {
			largest = max(largest, math.Abs(float64(g)))
		}
		if largest == 0 {
			t.Errorf("gradient by %s is zero everywhere", in.name)
		}
		for range 12 {
			n := rng.IntN(len(values[i]))
			// Two steps, so that the error of the difference itself is seen.
			numeric := func(h float32) float64 {
				was := values[i][n]
				defer func() { values[i][n] = was }()
				values[i][n] = was + h
				up, high := k.loss(t, values, weights), values[i][n]
				values[i][n] = was - h
				return (up - k.loss(t, values, weights)) / float64(high-values[i][n])
			}
			h := 0.02 * in.scale
			coarse, fine := numeric(h), numeric(h/2)
			want := fine + (fine-coarse)/3
			if d := math.Abs(want - float64(grads[i][n])); !(d <= 3e-3*largest+2e-4) {
				t.Errorf("gradient by %s[%d] is %.6g, central differences say %.6g (largest %.3g)", in.name, n, grads[i][n], want, largest)
			}
		}
	}
}

func buf(b nn.Gradients, rows, cols int) nn.Buf { return b.Buf(rows, cols) }

// weightOf loads a weight whose values are in buffers.
func weightOf(b nn.Gradients, w, bias nn.Buf, exact bool) nn.Weight {
	m := nn.FromSlice(w.Rows, w.Cols, make([]float32, w.Rows*w.Cols), nil)
	if !bias.IsZero() {
		m.Bias = make([]float32, w.Rows)
	}
	weight := b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{m}, Exact: exact})
	b.Load(weight, w, bias)
	return weight
}

func normOf(b nn.Gradients, gain, bias nn.Buf, rms bool) nn.Norm {
	spec := nn.NormSpec{Name: "norm", RMS: rms, Eps: 1e-6, Gain: make([]float32, gain.Rows)}
	if !bias.IsZero() {
		spec.Bias = make([]float32, gain.Rows)
	}
	n := b.Norm(spec)
	b.LoadNorm(n, gain, bias)
	return n
}

func gradientCases() []gradientCase {
	cases := linearCases()
	cases = append(cases, normCases()...)
	for a := nn.None; a <= nn.Sigmoid; a++ {
		cases = append(cases, gradientCase{
			name: "activation " + a.String(), inputs: []input{{"x", 5, 37, 1.5}}, output: [2]int{5, 37},
			run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
				b.Linear(out, in[0], nil, nn.Op{Act: a})
				if din != nil {
					b.ActGrad(din[0], dout, in[0], a)
				}
			},
		})
	}
	cases = append(cases, gradientCase{
		name: "gate", inputs: []input{{"x", 11, 2 * 19, 1.5}}, output: [2]int{11, 19},
		run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
			b.Gate(out, in[0])
			if din != nil {
				b.GateGrad(din[0], dout, in[0])
			}
		},
	})
	cases = append(cases, attentionCases()...)
	return append(cases, lookupCases()...)
}

func linearCases() []gradientCase {
	var cases []gradientCase
	for _, s := range []struct {
		rows, in, out int
		bias, exact   bool
	}{{1, 7, 5, true, false}, {3, 33, 31, false, false}, {13, 64, 96, true, true}, {70, 45, 131, true, false}, {300, 36, 20, false, false}} {
		inputs := []input{{"x", s.rows, s.in, 1}, {"w", s.out, s.in, float32(1 / math.Sqrt(float64(s.in)))}}
		if s.bias {
			inputs = append(inputs, input{"bias", s.out, 1, 0.5})
		}
		cases = append(cases, gradientCase{
			name: fmt.Sprintf("linear %d %d %d bias %v exact %v", s.rows, s.in, s.out, s.bias, s.exact), inputs: inputs, output: [2]int{s.rows, s.out},
			run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
				var bias, dbias nn.Buf
				if s.bias {
					bias = in[2]
				}
				w := weightOf(b, in[1], bias, s.exact)
				b.Linear(out, in[0], w, nn.Op{})
				if din == nil {
					return
				}
				if s.bias {
					dbias = din[2]
				}
				// Twice, half of it each time: the first is assigned, the second added.
				half := buf(b, s.rows, s.out)
				b.ActGrad(half, dout, dout, nn.None)
				b.InputGrad(din[0], half, w, nil, false)
				b.WeightGrad(din[1], dbias, half.View(0, s.rows/2), in[0].View(0, s.rows/2), w, nil)
				b.WeightGrad(din[1], dbias, half.View(s.rows/2, s.rows-s.rows/2), in[0].View(s.rows/2, s.rows-s.rows/2), w, nil)
				b.Clear(half)
				b.InputGrad(din[0], half, w, nil, true)
			},
		})
	}
	set, _ := nn.NewSet(nn.IDRange{From: 3, To: 9}, nn.IDRange{From: 20, To: 57})
	return append(cases, gradientCase{
		name: "scores of a set", inputs: []input{{"x", 9, 33, 1}, {"w", 60, 33, 0.2}}, output: [2]int{9, set.Size()},
		run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
			w := weightOf(b, in[1], nn.Buf{}, false)
			b.Scores(out, in[0], nil, w, set)
			if din != nil {
				b.InputGrad(din[0], dout, w, set, false)
				b.WeightGrad(din[1], nn.Buf{}, dout, in[0], w, set)
			}
		},
	})
}

func normCases() []gradientCase {
	var cases []gradientCase
	for _, rms := range []bool{true, false} {
		for _, s := range []struct{ rows, cols int }{{1, 7}, {70, 45}, {131, 33}} {
			inputs := []input{{"x", s.rows, s.cols, 1.5}, {"gain", s.cols, 1, 1}}
			if !rms {
				inputs = append(inputs, input{"bias", s.cols, 1, 1})
			}
			cases = append(cases, gradientCase{
				name: fmt.Sprintf("norm %d %d rms %v", s.rows, s.cols, rms), inputs: inputs, output: [2]int{s.rows, s.cols},
				run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
					var bias, dbias nn.Buf
					if !rms {
						bias = in[2]
					}
					n := normOf(b, in[1], bias, rms)
					b.Linear(out, in[0], nil, nn.Op{Norm: n})
					if din == nil {
						return
					}
					if !rms {
						dbias = din[2]
					}
					b.NormGrad(din[0], din[1], dbias, dout, in[0], n, false)
				},
			})
		}
	}
	return cases
}

func attentionCases() []gradientCase {
	var cases []gradientCase
	fixed, _ := nn.Fixed(13, 13, func(r, k int) bool { return (r+k)%3 == 0 || r == k })
	for _, s := range []struct {
		name string
		spec nn.CacheSpec
		rows int
		last int // of them attend, 0 for all
		mask nn.Mask
	}{
		{"causal", nn.CacheSpec{Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 1e4}, 37, 0, nn.Causal()},
		{"causal, the last rows", nn.CacheSpec{Heads: 3, KVHeads: 1, HeadDim: 10, RopeTheta: 1e6}, 70, 9, nn.Causal()},
		{"full", nn.CacheSpec{Heads: 2, KVHeads: 2, HeadDim: 18}, 29, 0, nn.Full()},
		{"groups", nn.CacheSpec{Heads: 3, KVHeads: 3, HeadDim: 33}, 45, 0, nn.Groups(15)},
		{"fixed", nn.CacheSpec{Heads: 7, KVHeads: 1, HeadDim: 8, RopeTheta: 1e6}, 13, 0, fixed},
	} {
		s.spec.Layers, s.spec.Capacity = 1, s.rows
		if s.last == 0 {
			s.last = s.rows
		}
		width, kv, in := s.spec.Heads*s.spec.HeadDim, s.spec.KVHeads*s.spec.HeadDim, 20
		cases = append(cases, gradientCase{
			name:   "attention " + s.name,
			inputs: []input{{"x", s.rows, in, 1}, {"w", width + 2*kv, in, 0.25}, {"bias", width + 2*kv, 1, 0.3}},
			output: [2]int{s.last, width},
			run: func(b nn.Gradients, v []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
				w, c := weightOf(b, v[1], v[2], false), b.Cache(s.spec)
				q := buf(b, s.rows, width)
				b.QKV(q, v[0], w, nil, c, 0)
				asking := q.View(s.rows-s.last, s.last)
				b.Attend(out, asking, c, 0, s.mask)
				if din == nil {
					return
				}
				dq, dk, dv, dqkv := buf(b, s.rows, width), buf(b, s.rows, kv), buf(b, s.rows, kv), buf(b, s.rows, width+2*kv)
				b.AttendGrad([]nn.Attended{{DQ: dq.View(s.rows-s.last, s.last), DK: dk, DV: dv, DY: dout, Q: asking, Cache: c, Mask: s.mask}})
				b.QKVGrad(dqkv, dq, dk, dv, c, 0)
				b.InputGrad(din[0], dqkv, w, nil, false)
				b.WeightGrad(din[1], din[2], dqkv, v[0], w, nil)
			},
		})
	}
	return cases
}

func lookupCases() []gradientCase {
	p := nn.Patches{Channels: 3, Height: 10, Width: 13, Size: 4, Skip: 1}
	ids, index := []int32{3, 0, 3, 6, 2}, []int32{2, -1, 0, 4, 2, 2}
	return []gradientCase{
		{
			name: "patch", inputs: []input{{"w", 19, 48, 0.2}, {"bias", 19, 1, 0.5}, {"positions", 7, 19, 1}}, output: [2]int{2 * 7, 19},
			run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
				w, pixels := weightOf(b, in[0], in[1], true), buf(b, 2*3*10, 13)
				data := make([]float32, 2*3*10*13)
				for i := range data {
					data[i] = float32(math.Sin(float64(i * i)))
				}
				b.Write(pixels, data)
				b.Patch(out, pixels, w, in[2], p)
				if din != nil {
					b.PatchGrad(din[0], din[1], din[2], dout, pixels, w, p)
				}
			},
		},
		{
			name: "embed", inputs: []input{{"table", 7, 21, 1}}, output: [2]int{len(ids), 21},
			run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
				t := b.Tokens(len(ids))
				b.Put(t, ids)
				b.Embed(out, weightOf(b, in[0], nn.Buf{}, false), t)
				if din != nil {
					b.EmbedGrad(din[0], dout, ids)
				}
			},
		},
		{
			name: "gather", inputs: []input{{"x", 5, 9, 1}}, output: [2]int{3, 18},
			run: func(b nn.Gradients, in []nn.Buf, out, dout nn.Buf, din []nn.Buf) {
				b.Gather(out, in[0], index)
				if din != nil {
					b.GatherGrad(din[0], dout, index)
				}
			},
		},
	}
}

// adam compares three steps with nn/ref's, and nn/ref's first with the formula: without decay it
// goes by the rate against the gradient's sign.
func adam(t *testing.T, c GradientClaim) {
	b, want := c.Open(t), ref.New()
	rng := rand.New(rand.NewPCG(3, 4))
	const rows, cols = 7, 61
	random := func() []float32 {
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	start, steps := random(), [][]float32{random(), random(), random()}
	run := func(b nn.Gradients, decay float64, grads [][]float32) []float32 {
		value, grad, m, v := b.Buf(rows, cols), b.Buf(rows, cols), b.Buf(rows, cols), b.Buf(rows, cols)
		b.Write(value, start)
		for i, g := range grads {
			b.Write(grad, g)
			b.Adam(value, grad, m, v, nn.Adam{Rate: 1e-2, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: decay, Scale: 0.5, Step: i + 1})
		}
		x := make([]float32, rows*cols)
		if err := b.Read(x, value); err != nil {
			t.Fatal(err)
		}
		return x
	}
	if e := relative(run(b, 0.1, steps), run(want, 0.1, steps)); !(e <= 1e-6) {
		t.Errorf("weights after three steps: relative error %.2e", e)
	}
	for i, x := range run(want, 0, steps[:1]) {
		step := float64(start[i] - x)
		if math.Abs(math.Abs(step)-1e-2) > 1e-5 || (step > 0) != (steps[0][i] > 0) {
			t.Fatalf("the first step of weight %d is %g with gradient %g", i, step, steps[0][i])
		}
	}
}

func squareSum(t *testing.T, c GradientClaim) {
	b := c.Open(t)
	x := slices.Repeat([]float32{1, -2, 0.5}, 4001)
	v := b.Buf(3, 4001)
	b.Write(v, x)
	got, err := b.SquareSum(v)
	if want := 5.25 * 4001; err != nil || math.Abs(got-want) > 1e-4*want {
		t.Errorf("square sum %v, %v, expected %v", got, err, want)
	}
}
