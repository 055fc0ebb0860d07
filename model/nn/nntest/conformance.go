// Package nntest holds what every nn.Backend has to show: that its sublayers
// compute what nn/ref defines, on shapes that fit no vector width, that a row's
// result does not depend on the rows beside it, and that mistakes end in an
// error that stays.
package nntest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/ref"
)

// Claim is what a backend promises.
type Claim struct {
	// Open makes a fresh backend.
	Open func(t *testing.T) nn.Backend
	// Error is the largest root mean square error of a result, relative to the
	// root mean square of the reference: 1e-6 for f32, a few 1e-3 for bf16.
	Error float64
	// ExactError is the same for weights loaded as Exact and for copies.
	ExactError float64
}

// Conformance runs the suite.
func Conformance(t *testing.T, c Claim) {
	t.Run("linear", func(t *testing.T) { linear(t, c) })
	t.Run("gated mlp", func(t *testing.T) { gatedMLP(t, c) })
	t.Run("attention", func(t *testing.T) { attention(t, c) })
	t.Run("keys only", func(t *testing.T) { keysOnly(t, c) })
	t.Run("patch", func(t *testing.T) { patch(t, c) })
	t.Run("embed and gather", func(t *testing.T) { embedGather(t, c) })
	t.Run("scores and pick", func(t *testing.T) { scoresPick(t, c) })
	t.Run("ties and penalty", func(t *testing.T) { tiesPenalty(t, c) })
	t.Run("rows are independent", func(t *testing.T) { rowsIndependent(t, c) })
	t.Run("errors stay", func(t *testing.T) { errorsStay(t, c) })
}

// pair runs the same calls on the backend under test and on the reference.
type pair struct {
	t    *testing.T
	c    Claim
	got  nn.Backend
	want nn.Backend
	rng  *rand.Rand
}

func open(t *testing.T, c Claim, seed uint64) *pair {
	p := &pair{t: t, c: c, got: c.Open(t), want: ref.New(), rng: rand.New(rand.NewPCG(seed, 7))}
	t.Cleanup(func() {
		if err := p.got.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// both is a handle on each of the two.
type both[T any] struct{ got, want T }

func (p *pair) random(n int, scale float32) []float32 {
	data := make([]float32, n)
	for i := range data {
		data[i] = scale * float32(p.rng.NormFloat64())
	}
	return data
}

func (p *pair) buf(rows, cols int, scale float32) both[nn.Buf] {
	b := both[nn.Buf]{p.got.Buf(rows, cols), p.want.Buf(rows, cols)}
	data := p.random(rows*cols, scale)
	p.got.Write(b.got, data)
	p.want.Write(b.want, data)
	return b
}

func (p *pair) matrix(out, in int, bias bool) nn.Matrix {
	var biases []float32
	if bias {
		biases = p.random(out, 0.5)
	}
	return nn.FromSlice(out, in, p.random(out*in, float32(1/math.Sqrt(float64(in)))), biases)
}

func (p *pair) weight(spec nn.WeightSpec) both[nn.Weight] {
	return both[nn.Weight]{p.got.Weight(spec), p.want.Weight(spec)}
}

func (p *pair) linear(out, in int, bias bool) both[nn.Weight] {
	return p.weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{p.matrix(out, in, bias)}})
}

func (p *pair) norm(kind string, n int) both[nn.Norm] {
	if kind == "" {
		return both[nn.Norm]{}
	}
	spec := nn.NormSpec{Name: kind, RMS: kind == "rms", Eps: 1e-6, Gain: p.random(n, 1)}
	if kind == "layer" {
		spec.Bias = p.random(n, 1)
	}
	return both[nn.Norm]{p.got.Norm(spec), p.want.Norm(spec)}
}

// same compares two buffers, within the given error.
func (p *pair) same(what string, b both[nn.Buf], limit float64) {
	p.t.Helper()
	got, want := make([]float32, b.got.Rows*b.got.Cols), make([]float32, b.want.Rows*b.want.Cols)
	if err := p.got.Read(got, b.got); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	if err := p.want.Read(want, b.want); err != nil {
		p.t.Fatalf("%s: reference: %v", what, err)
	}
	var difference, square float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		difference += d * d
		square += float64(want[i]) * float64(want[i])
	}
	if relative := math.Sqrt(difference / square); !(relative <= limit) {
		p.t.Errorf("%s: relative error %.2e, claimed %.2e", what, relative, limit)
	}
}

func linear(t *testing.T, c Claim) {
	seed := uint64(1)
	for _, s := range []struct{ rows, in, out int }{
		{1, 7, 5}, {1, 64, 96}, {2, 33, 31}, {3, 130, 70}, {5, 56, 112}, {11, 36, 52}, {13, 128, 32}, {29, 260, 65}, {80, 72, 100}, {131, 140, 33},
	} {
		for _, kind := range []string{"", "rms", "layer"} {
			for act := nn.None; act <= nn.Sigmoid; act++ {
				seed++
				if act > nn.SiLU && s.rows > 3 {
					continue
				}
				p := open(t, c, seed)
				x, dst := p.buf(s.rows, s.in, 1.5), p.buf(s.rows, s.out, 1)
				w := p.linear(s.out, s.in, seed%2 == 0)
				n := p.norm(kind, s.in)
				op := nn.Op{Act: act, Residual: seed%3 == 0}
				op.Norm = n.got
				p.got.Linear(dst.got, x.got, w.got, op)
				op.Norm = n.want
				p.want.Linear(dst.want, x.want, w.want, op)
				p.same(fmt.Sprintf("linear %v norm %q %v residual %v", s, kind, act, op.Residual), dst, c.Error)
			}
		}
	}
	// An exact weight, stacked parts of which one has a bias, the norm alone, and in place.
	p := open(t, c, 1000)
	x, dst := p.buf(9, 50, 1), p.buf(9, 41, 1)
	w := p.weight(nn.WeightSpec{Name: "exact", Exact: true, Parts: []nn.Matrix{p.matrix(11, 50, false), p.matrix(30, 50, true)}})
	p.got.Linear(dst.got, x.got, w.got, nn.Op{})
	p.want.Linear(dst.want, x.want, w.want, nn.Op{})
	p.same("exact stacked weight", dst, c.ExactError)
	n := p.norm("layer", 50)
	p.got.Linear(x.got, x.got, nil, nn.Op{Norm: n.got, Act: nn.ReLU})
	p.want.Linear(x.want, x.want, nil, nn.Op{Norm: n.want, Act: nn.ReLU})
	p.same("norm alone, in place", x, c.ExactError)
	square := p.linear(50, 50, true)
	p.got.Linear(x.got.View(2, 5), x.got.View(2, 5), square.got, nn.Op{Residual: true})
	p.want.Linear(x.want.View(2, 5), x.want.View(2, 5), square.want, nn.Op{Residual: true})
	p.same("view, in place", x, c.Error)
}

func (p *pair) gated(hidden, inner int) (gateUp, down both[nn.Weight]) {
	gateUp = p.weight(nn.WeightSpec{Name: "gate_up", Gated: true, Parts: []nn.Matrix{p.matrix(inner, hidden, false), p.matrix(inner, hidden, false)}})
	return gateUp, p.linear(hidden, inner, false)
}

func gatedMLP(t *testing.T, c Claim) {
	for i, s := range []struct{ rows, hidden, inner int }{{1, 56, 76}, {1, 64, 128}, {3, 33, 17}, {14, 96, 200}, {600, 24, 50}} {
		p := open(t, c, uint64(i))
		x, dst := p.buf(s.rows, s.hidden, 2), p.buf(s.rows, s.hidden, 1)
		gateUp, down := p.gated(s.hidden, s.inner)
		n := p.norm("rms", s.hidden)
		p.got.GatedMLP(dst.got, x.got, n.got, gateUp.got, down.got)
		p.want.GatedMLP(dst.want, x.want, n.want, gateUp.want, down.want)
		p.same(fmt.Sprintf("gated mlp %v", s), dst, c.Error)
		p.got.GatedMLP(x.got, x.got, n.got, gateUp.got, down.got)
		p.want.GatedMLP(x.want, x.want, n.want, gateUp.want, down.want)
		p.same(fmt.Sprintf("gated mlp %v in place", s), x, c.Error)
	}
}

// attend is a cache and what fills it, on both.
type attend struct {
	*pair
	spec  nn.CacheSpec
	cache both[nn.Cache]
	w     both[nn.Weight]
	norm  both[nn.Norm]
	cols  int
}

func (p *pair) attend(spec nn.CacheSpec, cols int) *attend {
	a := &attend{pair: p, spec: spec, cols: cols}
	a.cache = both[nn.Cache]{p.got.Cache(spec), p.want.Cache(spec)}
	a.w = p.linear((spec.Heads+2*spec.KVHeads)*spec.HeadDim, cols, true)
	a.norm = p.norm("rms", cols)
	return a
}

// step appends rows positions and attends from them.
func (a *attend) step(what string, rows, layer int, mask func(keys int) nn.Mask) {
	a.t.Helper()
	width := a.spec.Heads * a.spec.HeadDim
	x, q, dst := a.buf(rows, a.cols, 1), a.buf(rows, width, 1), a.buf(rows, width, 1)
	a.got.QKV(q.got, x.got, a.w.got, a.norm.got, a.cache.got, layer)
	a.want.QKV(q.want, x.want, a.w.want, a.norm.want, a.cache.want, layer)
	a.same(what+": queries", q, a.c.Error)
	m := mask(a.cache.want.Len(layer))
	a.got.Attend(dst.got, q.got, a.cache.got, layer, m)
	a.want.Attend(dst.want, q.want, a.cache.want, layer, m)
	a.same(what, dst, 2*a.c.Error)
}

func attention(t *testing.T, c Claim) {
	causal := func(int) nn.Mask { return nn.Causal() }
	full := func(int) nn.Mask { return nn.Full() }
	for i, s := range []nn.CacheSpec{
		{Heads: 2, KVHeads: 2, HeadDim: 18},
		{Heads: 7, KVHeads: 1, HeadDim: 8, RopeTheta: 1e6},
		{Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 1e4},
		{Heads: 3, KVHeads: 3, HeadDim: 72},
		{Heads: 14, KVHeads: 2, HeadDim: 64, RopeTheta: 1e6},
	} {
		s.Layers, s.Capacity = 2, 160
		p := open(t, c, uint64(i)+50)
		a := p.attend(s, 40)
		name := fmt.Sprintf("%d heads over %d of %d", s.Heads, s.KVHeads, s.HeadDim)
		a.step(name+", causal prompt", 37, 1, causal)
		a.step(name+", one more", 1, 1, causal)
		a.step(name+", five more", 5, 1, causal)
		a.step(name+", other layer", 43, 0, causal)
		a.step(name+", window of 80", 80, 1, causal)
		p.attend(s, 40).step(name+", long prompt", 141, 1, causal)
		p.got.Seek(a.cache.got, 21)
		p.want.Seek(a.cache.want, 21)
		a.step(name+", after seek", 2, 1, causal)
		p.got.Seek(a.cache.got, 0)
		p.want.Seek(a.cache.want, 0)
		a.step(name+", full", 45, 0, full)
		p.got.Seek(a.cache.got, 0)
		p.want.Seek(a.cache.want, 0)
		a.step(name+", groups", 45, 0, func(int) nn.Mask { return nn.Groups(15) })
		p.got.Seek(a.cache.got, 0)
		p.want.Seek(a.cache.want, 0)
		a.step(name+", long groups", 140, 0, func(int) nn.Mask { return nn.Groups(70) })
		a.step(name+", full again", 20, 1, full)
		a.step(name+", fixed", 13, 1, func(keys int) nn.Mask {
			m, err := nn.Fixed(13, keys, func(r, k int) bool { return (r+k)%3 == 0 || r == k })
			if err != nil {
				t.Fatal(err)
			}
			return m
		})
	}
}

func keysOnly(t *testing.T, c Claim) {
	p := open(t, c, 77)
	spec := nn.CacheSpec{Layers: 1, Capacity: 30, Heads: 2, KVHeads: 2, HeadDim: 8}
	cache := both[nn.Cache]{p.got.Cache(spec), p.want.Cache(spec)}
	kv := p.linear(32, 24, false)
	media, latents := p.norm("layer", 24), p.norm("layer", 24)
	for _, part := range []struct {
		rows int
		n    both[nn.Norm]
	}{{9, media}, {4, latents}} {
		x := p.buf(part.rows, 24, 1)
		p.got.QKV(nn.Buf{}, x.got, kv.got, part.n.got, cache.got, 0)
		p.want.QKV(nn.Buf{}, x.want, kv.want, part.n.want, cache.want, 0)
	}
	q, dst := p.buf(4, 16, 1), p.buf(4, 16, 1)
	p.got.Attend(dst.got, q.got, cache.got, 0, nn.Full())
	p.want.Attend(dst.want, q.want, cache.want, 0, nn.Full())
	p.same("keys of two inputs", dst, 2*c.Error)
}

func patch(t *testing.T, c Claim) {
	for i, s := range []struct {
		p           nn.Patches
		images, out int
		exact       bool
	}{
		{nn.Patches{Channels: 3, Height: 30, Width: 45, Size: 14}, 2, 36, true},
		{nn.Patches{Channels: 3, Height: 32, Width: 32, Size: 16, Skip: 1}, 3, 24, false},
		{nn.Patches{Channels: 1, Height: 7, Width: 9, Size: 3, Skip: 2}, 1, 70, true},
	} {
		p := open(t, c, uint64(i)+90)
		gh, gw := s.p.Grid()
		rows := s.p.Skip + gh*gw
		pixels := p.buf(s.images*s.p.Channels*s.p.Height, s.p.Width, 1)
		pos, dst := p.buf(rows, s.out, 1), p.buf(s.images*rows, s.out, 1)
		w := p.weight(nn.WeightSpec{Name: "patch", Exact: s.exact, Parts: []nn.Matrix{p.matrix(s.out, s.p.Channels*s.p.Size*s.p.Size, true)}})
		p.got.Patch(dst.got, pixels.got, w.got, pos.got, s.p)
		p.want.Patch(dst.want, pixels.want, w.want, pos.want, s.p)
		limit := c.Error
		if s.exact {
			limit = c.ExactError
		}
		p.same(fmt.Sprintf("patch %+v", s), dst, limit)
	}
}

func embedGather(t *testing.T, c Claim) {
	p := open(t, c, 111)
	table := p.linear(301, 56, false)
	tokens := both[nn.Tokens]{p.got.Tokens(9), p.want.Tokens(9)}
	ids := []int32{5, 300, 0, 31, 32, 33, 299}
	p.got.Put(tokens.got, ids)
	p.want.Put(tokens.want, ids)
	dst := p.buf(8, 56, 1)
	p.got.Embed(dst.got.View(1, 7), table.got, tokens.got)
	p.want.Embed(dst.want.View(1, 7), table.want, tokens.want)
	p.same("embed", dst, c.Error)
	p.got.Embed(dst.got.View(0, 2), table.got, tokens.got)
	p.want.Embed(dst.want.View(0, 2), table.want, tokens.want)
	p.same("embed the last two", dst, c.Error)

	src, wide := p.buf(12, 10, 1), p.buf(3, 40, 1)
	index := []int32{0, 1, 6, 7, -1, 3, 8, -1, 11, 11, 0, 5}
	p.got.Gather(wide.got, src.got, index)
	p.want.Gather(wide.want, src.want, index)
	p.same("gather four side by side", wide, c.ExactError)
	narrow := p.buf(5, 10, 1)
	p.got.Gather(narrow.got.View(1, 3), src.got.View(2, 4), []int32{3, -1, 0})
	p.want.Gather(narrow.want.View(1, 3), src.want.View(2, 4), []int32{3, -1, 0})
	p.same("gather views", narrow, c.ExactError)
}

func sets(t *testing.T) []*nn.Set {
	t.Helper()
	var out []*nn.Set
	for _, ranges := range [][]nn.IDRange{{{From: 0, To: 300}}, {{From: 20, To: 76}}, {{From: 299, To: 300}, {From: 0, To: 1}, {From: 31, To: 33}, {From: 64, To: 96}}} {
		s, err := nn.NewSet(ranges...)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func scoresPick(t *testing.T, c Claim) {
	p := open(t, c, 120)
	head := p.linear(300, 56, false)
	n := p.norm("rms", 56)
	for i, set := range sets(t) {
		for _, rows := range []int{1, 2, 7} {
			x, dst := p.buf(rows, 56, 1), p.buf(rows, set.Size(), 1)
			p.got.Scores(dst.got, x.got, n.got, head.got, set)
			p.want.Scores(dst.want, x.want, n.want, head.want, set)
			p.same(fmt.Sprintf("scores of set %d, %d rows", i, rows), dst, c.Error)

			// Pick from the reference's scores, so that rounding decides nothing.
			scores := make([]float32, rows*set.Size())
			if err := p.want.Read(scores, dst.want); err != nil {
				t.Fatal(err)
			}
			p.got.Write(dst.got, scores)
			history := []int32{set.At(0), set.Max(), 17, set.At(set.Size() / 2), 250, 0, set.At(0)}
			h := both[nn.Tokens]{p.got.Tokens(40), p.want.Tokens(40)}
			p.got.Put(h.got, history)
			p.want.Put(h.want, history)
			p.got.Pick(h.got, h.got, dst.got, set, 1.3)
			p.want.Pick(h.want, h.want, dst.want, set, 1.3)
			p.sameTokens("pick", h)
		}
	}
}

func (p *pair) sameTokens(what string, t both[nn.Tokens]) {
	p.t.Helper()
	got, err := p.got.ReadTokens(nil, t.got)
	if err != nil {
		p.t.Fatal(err)
	}
	want, err := p.want.ReadTokens(nil, t.want)
	if err != nil {
		p.t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("%s: %v, expected %v", what, got, want)
	}
}

// tiesPenalty needs no reference: the answers are known.
func tiesPenalty(t *testing.T, c Claim) {
	b := c.Open(t)
	defer b.Close()
	set, err := nn.NewSet(nn.IDRange{From: 10, To: 12}, nn.IDRange{From: 50, To: 90})
	if err != nil {
		t.Fatal(err)
	}
	const n = 42
	scores := b.Buf(3, n)
	data := make([]float32, 3*n)
	for i := range data {
		data[i] = -100
	}
	// Row 0: a tie of ids 11, 60 and 89. Row 1: 60 was said (by then), so 1.2/1.5 loses to 1.
	// Row 2: of the negative scores -1 (60, said) and -1.4 (70), the penalty turns -1 into -1.5.
	data[1], data[2+10], data[2+39] = 3, 3, 3
	data[n+2+10], data[n+2+20] = 1.2, 1
	data[2*n+2+10], data[2*n+2+20] = -1, -1.4
	b.Write(scores, data)
	history, dst := b.Tokens(10), b.Tokens(10)
	b.Put(history, []int32{999, 60, 60}) // row 0 knows 999 only, row 1 knows 60 too
	b.Pick(dst, history, scores, set, 1.5)
	got, err := b.ReadTokens(nil, dst)
	if err != nil {
		t.Fatal(err)
	}
	if want := "[11 70 70]"; fmt.Sprint(got) != want {
		t.Errorf("picked %v, expected %s", got, want)
	}
	if history.Len() != 3 || dst.Len() != 3 {
		t.Errorf("history has %d tokens and the answer %d, expected 3 and 3", history.Len(), dst.Len())
	}
}

// rowsIndependent compares bits: what parallel decoding rests on.
func rowsIndependent(t *testing.T, c Claim) {
	const rows, hidden, inner = nn.RowsAlike, 96, 200
	spec := nn.CacheSpec{Layers: 1, Capacity: 40 + rows, Heads: 6, KVHeads: 3, HeadDim: 16, RopeTheta: 1e4}
	p := open(t, c, 131)
	b := p.got
	qkv := p.linear((spec.Heads+2*spec.KVHeads)*spec.HeadDim, hidden, true).got
	o := p.linear(hidden, spec.Heads*spec.HeadDim, false).got
	gateUp, down := p.gated(hidden, inner)
	n := p.norm("rms", hidden).got
	head := p.linear(300, hidden, false).got
	set, err := nn.NewSet(nn.IDRange{From: 3, To: 290})
	if err != nil {
		t.Fatal(err)
	}
	prompt, x := p.random(33*hidden, 1), p.random(rows*hidden, 1)
	run := func(pass int) (out, scores []float32) {
		cache := b.Cache(spec)
		forward := func(data []float32) nn.Buf {
			rows := len(data) / hidden
			x, q, a := b.Buf(rows, hidden), b.Buf(rows, 96), b.Buf(rows, 96)
			b.Write(x, data)
			b.QKV(q, x, qkv, n, cache, 0)
			b.Attend(a, q, cache, 0, nn.Causal())
			b.Linear(x, a, o, nn.Op{Residual: true})
			b.GatedMLP(x, x, n, gateUp.got, down.got)
			return x
		}
		forward(prompt)
		for at := 0; at < rows; at += pass {
			end := min(at+pass, rows)
			hiddens := forward(x[at*hidden : end*hidden])
			s := b.Buf(end-at, set.Size())
			b.Scores(s, hiddens, n, head, set)
			h, sc := make([]float32, (end-at)*hidden), make([]float32, (end-at)*set.Size())
			if err := b.Read(h, hiddens); err != nil {
				t.Fatal(err)
			}
			if err := b.Read(sc, s); err != nil {
				t.Fatal(err)
			}
			out, scores = append(out, h...), append(scores, sc...)
		}
		return out, scores
	}
	one, oneScores := run(1)
	for _, pass := range []int{2, 3, 5, 7, 12, 35, 80, nn.RowsAlike} {
		many, manyScores := run(pass)
		for i := range one {
			if math.Float32bits(one[i]) != math.Float32bits(many[i]) {
				t.Fatalf("row %d, column %d: %v alone, %v in a pass of %d rows", i/hidden, i%hidden, one[i], many[i], pass)
			}
		}
		for i := range oneScores {
			if math.Float32bits(oneScores[i]) != math.Float32bits(manyScores[i]) {
				t.Fatalf("score %d: %v alone, %v in a pass of %d rows", i, oneScores[i], manyScores[i], pass)
			}
		}
	}
}

func errorsStay(t *testing.T, c Claim) {
	set, err := nn.IDs(1)
	if err != nil {
		t.Fatal(err)
	}
	for what, wrong := range map[string]func(b nn.Backend){
		"view outside": func(b nn.Backend) {
			x := b.Buf(3, 4)
			b.Linear(x, x.View(2, 2), nil, nn.Op{})
		},
		"shapes": func(b nn.Backend) {
			w := b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(3, 4, make([]float32, 12), nil)}})
			b.Linear(b.Buf(2, 3), b.Buf(2, 5), w, nn.Op{})
		},
		"biases": func(b nn.Backend) {
			b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(3, 4, make([]float32, 12), make([]float32, 2))}})
		},
		"norm": func(b nn.Backend) { b.Norm(nn.NormSpec{Name: "n"}) },
		"full cache": func(b nn.Backend) {
			cache := b.Cache(nn.CacheSpec{Layers: 1, Capacity: 4, Heads: 1, KVHeads: 1, HeadDim: 2})
			w := b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(6, 2, make([]float32, 12), nil)}})
			b.QKV(b.Buf(5, 2), b.Buf(5, 2), w, nil, cache, 0)
		},
		"seek ahead": func(b nn.Backend) {
			b.Seek(b.Cache(nn.CacheSpec{Layers: 1, Capacity: 4, Heads: 1, KVHeads: 1, HeadDim: 2}), 1)
		},
		"unknown token": func(b nn.Backend) {
			table := b.Weight(nn.WeightSpec{Name: "w", Parts: []nn.Matrix{nn.FromSlice(3, 4, make([]float32, 12), nil)}})
			tokens := b.Tokens(1)
			b.Put(tokens, []int32{3})
			b.Embed(b.Buf(1, 4), table, tokens)
		},
		"too many tokens": func(b nn.Backend) { b.Put(b.Tokens(1), []int32{1, 2}) },
		"no number": func(b nn.Backend) {
			scores := b.Buf(1, 1)
			b.Write(scores, []float32{float32(math.NaN())})
			tokens := b.Tokens(1)
			b.Pick(tokens, tokens, scores, set, 1)
		},
		"gather outside": func(b nn.Backend) { b.Gather(b.Buf(1, 2), b.Buf(3, 2), []int32{3}) },
		"foreign buffer": func(b nn.Backend) {
			b.Linear(b.Buf(1, 2), nn.Buf{Store: foreign{}, Rows: 1, Cols: 2}, nil, nn.Op{})
		},
	} {
		b := c.Open(t)
		wrong(b)
		first := b.Sync()
		if first == nil {
			t.Errorf("%s: no error", what)
		}
		fine := b.Buf(1, 1)
		b.Write(fine, []float32{1})
		if err := b.Read(make([]float32, 1), fine); err == nil || first == nil || err.Error() != first.Error() {
			t.Errorf("%s: the first error %q did not stay: %v", what, first, err)
		}
		b.Close()
	}
}

type foreign struct{}

func (foreign) Bytes() int64 { return 0 }
