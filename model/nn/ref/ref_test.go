package ref_test

import (
	"math"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/nntest"
	"cobot_vla/model/nn/ref"
)

func TestConformance(t *testing.T) {
	nntest.Conformance(t, nntest.Claim{
		Open:       func(*testing.T) nn.Backend { return ref.New() },
		Error:      0,
		ExactError: 0,
	})
}

func read(t *testing.T, b *ref.Backend, src nn.Buf) []float32 {
	t.Helper()
	out := make([]float32, src.Rows*src.Cols)
	if err := b.Read(out, src); err != nil {
		t.Fatal(err)
	}
	return out
}

func near(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, expected %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-6 {
			t.Errorf("%s: %v, expected %v", what, got, want)
			return
		}
	}
}

// The numbers below are worked out by hand: the definition needs an anchor of its own.

func TestLinearByHand(t *testing.T) {
	b := ref.New()
	x, dst := b.Buf(1, 2), b.Buf(1, 2)
	b.Write(x, []float32{3, 4})
	b.Write(dst, []float32{10, 20})
	w := b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(2, 2, []float32{1, 2, -1, 1}, []float32{0.5, -3})}})
	b.Linear(dst, x, w, nn.Op{Act: nn.ReLU, Residual: true})
	near(t, "relu(Wx+b) + dst", read(t, b, dst), 10+11.5, 20)

	layer := b.Norm(nn.NormSpec{Name: "layer", Gain: []float32{2, 1}, Bias: []float32{0, 5}})
	b.Linear(dst, x, nil, nn.Op{Norm: layer})
	near(t, "layer norm", read(t, b, dst), -2, 6)
	rms := b.Norm(nn.NormSpec{Name: "rms", RMS: true, Gain: []float32{1, 2}})
	b.Linear(dst, x, nil, nn.Op{Norm: rms})
	root := math.Sqrt(12.5)
	near(t, "rms norm", read(t, b, dst), 3/root, 8/root)
}

func TestActivationsByHand(t *testing.T) {
	for act, want := range map[nn.Act]float64{
		nn.None: 0.5, nn.ReLU: 0.5, nn.GELU: 0.34573123, nn.GELUTanh: 0.34571401,
		nn.SiLU: 0.31122967, nn.Tanh: 0.46211716, nn.Sigmoid: 0.62245933,
	} {
		near(t, act.String(), []float32{nn.Activate(act, 0.5)}, want)
	}
}

func TestAttentionByHand(t *testing.T) {
	b := ref.New()
	// One head of 2; x is projected to q = x, k = x, v = 2x; rotation by 1 rad a position.
	cache := b.Cache(nn.CacheSpec{Layers: 1, Capacity: 2, Heads: 1, KVHeads: 1, HeadDim: 2, RopeTheta: 1})
	w := b.Weight(nn.WeightSpec{Name: "qkv", Parts: []nn.Matrix{nn.FromSlice(6, 2, []float32{1, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0, 2}, nil)}})
	x, q, dst := b.Buf(2, 2), b.Buf(2, 2), b.Buf(2, 2)
	b.Write(x, []float32{1, 0, 0, 1})
	b.QKV(q, x, w, nil, cache, 0)
	sin, cos := math.Sincos(1)
	near(t, "rotated queries", read(t, b, q), 1, 0, -sin, cos)
	b.Attend(dst, q, cache, 0, nn.Causal())
	// Row 1: q·k0 = -sin, q·k1 = 1.
	e0, e1 := math.Exp(-sin/math.Sqrt2), math.Exp(1/math.Sqrt2)
	near(t, "causal attention", read(t, b, dst), 2, 0, 2*e0/(e0+e1), 2*e1/(e0+e1))
}

func TestGatedByHand(t *testing.T) {
	b := ref.New()
	gateUp := b.Weight(nn.WeightSpec{Name: "gu", Gated: true, Parts: []nn.Matrix{nn.FromSlice(1, 1, []float32{2}, nil), nn.FromSlice(1, 1, []float32{3}, nil)}})
	down := b.Weight(nn.WeightSpec{Name: "d", Parts: []nn.Matrix{nn.FromSlice(1, 1, []float32{-1}, nil)}})
	x := b.Buf(1, 1)
	b.Write(x, []float32{1})
	b.GatedMLP(x, x, nil, gateUp, down)
	near(t, "gated mlp", read(t, b, x), 1-6/(1+math.Exp(-2)))
}

// TestGradients holds the derivatives to central differences.
func TestGradients(t *testing.T) {
	nntest.Gradients(t, nntest.GradientClaim{Open: func(*testing.T) nn.Gradients { return ref.New() }})
}
