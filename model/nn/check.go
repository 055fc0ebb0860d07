package nn

import "fmt"

// The checks below are what every backend refuses, with the same words.

// Check says whether the spec can be loaded.
func (s WeightSpec) Check() error {
	if len(s.Parts) == 0 {
		return fmt.Errorf("weight %s: it has no parts", s.Name)
	}
	for i, p := range s.Parts {
		if p.Out < 1 || p.In < 1 || p.In != s.Parts[0].In || p.Read == nil {
			return fmt.Errorf("weight %s: part %d is [%d, %d], expected [n, %d] with a reader", s.Name, i, p.Out, p.In, s.Parts[0].In)
		}
		if p.Bias != nil && len(p.Bias) != p.Out {
			return fmt.Errorf("weight %s: part %d has %d biases for %d outputs", s.Name, i, len(p.Bias), p.Out)
		}
	}
	if s.Gated {
		if len(s.Parts) != 2 || s.Parts[0].Out != s.Parts[1].Out {
			return fmt.Errorf("weight %s: a gated weight needs two parts of one shape, gate and up", s.Name)
		}
	}
	return nil
}

// Shape of all parts stacked.
func (s WeightSpec) Shape() (out, in int) {
	for _, p := range s.Parts {
		out += p.Out
		in = p.In
	}
	return out, in
}

// StackedBias is the parts' biases in one, nil when none has any.
func (s WeightSpec) StackedBias() []float32 {
	any := false
	for _, p := range s.Parts {
		any = any || p.Bias != nil
	}
	if !any {
		return nil
	}
	out, _ := s.Shape()
	bias := make([]float32, 0, out)
	for _, p := range s.Parts {
		if p.Bias != nil {
			bias = append(bias, p.Bias...)
			continue
		}
		bias = append(bias, make([]float32, p.Out)...)
	}
	return bias
}

// Check says whether the norm can be loaded.
func (s NormSpec) Check() error {
	if len(s.Gain) == 0 {
		return fmt.Errorf("norm %s: it has no gain", s.Name)
	}
	if s.Bias != nil && (s.RMS || len(s.Bias) != len(s.Gain)) {
		return fmt.Errorf("norm %s: %d biases for %d gains (an RMS norm has none)", s.Name, len(s.Bias), len(s.Gain))
	}
	return nil
}

// Check says whether the cache can be made.
func (s CacheSpec) Check() error {
	if s.Layers < 1 || s.Capacity < 1 || s.Heads < 1 || s.KVHeads < 1 || s.HeadDim < 1 || s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("cache: %d layers, %d positions, %d heads over %d key heads of %d is no shape", s.Layers, s.Capacity, s.Heads, s.KVHeads, s.HeadDim)
	}
	if s.RopeTheta < 0 || s.RopeTheta > 0 && s.HeadDim%2 != 0 {
		return fmt.Errorf("cache: head dimension %d can't be rotated (theta %g)", s.HeadDim, s.RopeTheta)
	}
	return nil
}

func shape(w Weight) (out, in int) {
	if w == nil {
		return 0, 0
	}
	return w.Shape()
}

func checkNorm(op string, n Norm, x Buf) error {
	if n != nil && n.Width() != x.Cols {
		return fmt.Errorf("%s: norm of %d columns for input %v", op, n.Width(), x)
	}
	return nil
}

func checkViews(op string, bufs ...Buf) error {
	for _, b := range bufs {
		if b.IsZero() || b.First < 0 || b.Rows < 0 || b.Cols < 1 {
			return fmt.Errorf("%s: buffer %v is none, or a view outside its buffer", op, b)
		}
	}
	return nil
}

// CheckLinear says whether the shapes of a Linear fit.
func CheckLinear(dst, x Buf, w Weight, op Op) error {
	if err := checkViews("linear", dst, x); err != nil {
		return err
	}
	if err := checkNorm("linear", op.Norm, x); err != nil {
		return err
	}
	out, in := shape(w)
	if w == nil {
		out, in = x.Cols, x.Cols
	}
	if x.Cols != in || dst.Cols != out || dst.Rows != x.Rows {
		return fmt.Errorf("linear: %v = weight [%d, %d] times %v does not fit", dst, out, in, x)
	}
	return nil
}

// CheckQKV says whether the shapes of a QKV fit.
func CheckQKV(q, x Buf, w Weight, norm Norm, c Cache, layer int) error {
	if err := checkViews("qkv", x); err != nil {
		return err
	}
	if err := checkNorm("qkv", norm, x); err != nil {
		return err
	}
	s := c.Spec()
	want := 2 * s.KVHeads * s.HeadDim
	if !q.IsZero() {
		if err := checkViews("qkv", q); err != nil {
			return err
		}
		want += s.Heads * s.HeadDim
		if q.Rows != x.Rows || q.Cols != s.Heads*s.HeadDim {
			return fmt.Errorf("qkv: queries %v for %d rows of %d heads of %d", q, x.Rows, s.Heads, s.HeadDim)
		}
	}
	out, in := shape(w)
	if in != x.Cols || out != want {
		return fmt.Errorf("qkv: weight [%d, %d] for input %v and %d outputs", out, in, x, want)
	}
	if layer < 0 || layer >= s.Layers {
		return fmt.Errorf("qkv: layer %d of a cache of %d", layer, s.Layers)
	}
	if n := c.Len(layer) + x.Rows; n > s.Capacity {
		return fmt.Errorf("qkv: layer %d would hold %d positions, the cache has room for %d", layer, n, s.Capacity)
	}
	return nil
}

// CheckAttend says whether the shapes of an Attend fit.
func CheckAttend(dst, q Buf, c Cache, layer int, m Mask) error {
	if err := checkViews("attend", dst, q); err != nil {
		return err
	}
	s := c.Spec()
	if dst.Rows != q.Rows || dst.Cols != q.Cols || q.Cols != s.Heads*s.HeadDim {
		return fmt.Errorf("attend: %v from queries %v of %d heads of %d", dst, q, s.Heads, s.HeadDim)
	}
	if layer < 0 || layer >= s.Layers {
		return fmt.Errorf("attend: layer %d of a cache of %d", layer, s.Layers)
	}
	keys := c.Len(layer)
	switch m.Kind {
	case MaskFull:
		if keys == 0 {
			return fmt.Errorf("attend: layer %d has no keys", layer)
		}
	case MaskCausal:
		if q.Rows > keys {
			return fmt.Errorf("attend: %d causal rows over %d keys", q.Rows, keys)
		}
	case MaskGroups:
		if m.Group < 1 || q.Rows != keys || keys%m.Group != 0 {
			return fmt.Errorf("attend: %d rows over %d keys in groups of %d", q.Rows, keys, m.Group)
		}
	case MaskFixed:
		if m.Fixed == nil || m.Fixed.Rows != q.Rows || m.Fixed.Keys != keys {
			return fmt.Errorf("attend: the mask is not made for %d rows over %d keys", q.Rows, keys)
		}
	default:
		return fmt.Errorf("attend: mask kind %d is unknown", m.Kind)
	}
	return nil
}

// CheckGatedMLP says whether the shapes of a GatedMLP fit.
func CheckGatedMLP(dst, x Buf, norm Norm, gateUp, down Weight) error {
	if err := checkViews("gated mlp", dst, x); err != nil {
		return err
	}
	if err := checkNorm("gated mlp", norm, x); err != nil {
		return err
	}
	out, in := shape(gateUp)
	dOut, dIn := shape(down)
	if in != x.Cols || dIn*2 != out || dOut != dst.Cols || dst.Rows != x.Rows {
		return fmt.Errorf("gated mlp: %v from %v through [%d, %d] and [%d, %d] does not fit", dst, x, out, in, dOut, dIn)
	}
	return nil
}

// CheckGather says whether a Gather stays inside its buffers.
func CheckGather(dst, src Buf, index []int32) error {
	if err := checkViews("gather", dst, src); err != nil {
		return err
	}
	if dst.Cols%src.Cols != 0 || len(index) != dst.Rows*(dst.Cols/src.Cols) {
		return fmt.Errorf("gather: %d indices for %v from %v", len(index), dst, src)
	}
	for i, r := range index {
		if int(r) >= src.Rows {
			return fmt.Errorf("gather: index %d is row %d of %v", i, r, src)
		}
	}
	return nil
}

// CheckEmbed says whether an Embed fits.
func CheckEmbed(dst Buf, table Weight, t Tokens) error {
	if err := checkViews("embed", dst); err != nil {
		return err
	}
	if out, in := shape(table); in != dst.Cols || t.Len() < dst.Rows {
		return fmt.Errorf("embed: %d tokens of a table [%d, %d] into %v", t.Len(), out, in, dst)
	}
	return nil
}

// CheckPatch says whether a Patch fits, and how many images it has.
func CheckPatch(dst, pixels Buf, w Weight, pos Buf, p Patches) (images int, err error) {
	if err := checkViews("patch", dst, pixels, pos); err != nil {
		return 0, err
	}
	gh, gw := p.Grid()
	rows := p.Skip + gh*gw
	out, in := shape(w)
	if p.Skip < 0 || gh*gw < 1 || p.Channels < 1 || pixels.Cols != p.Width || pixels.Rows%(p.Channels*p.Height) != 0 {
		return 0, fmt.Errorf("patch: pixels %v are no images of %d x %d x %d in patches of %d", pixels, p.Channels, p.Height, p.Width, p.Size)
	}
	images = pixels.Rows / (p.Channels * p.Height)
	if in != p.Channels*p.Size*p.Size || out != dst.Cols || dst.Rows != images*rows || pos.Rows != rows || pos.Cols != out {
		return 0, fmt.Errorf("patch: weight [%d, %d] and positions %v for %d images of %d rows into %v", out, in, pos, images, rows, dst)
	}
	return images, nil
}

// CheckScores says whether a Scores fits.
func CheckScores(dst, x Buf, norm Norm, head Weight, set *Set) error {
	if err := checkViews("scores", dst, x); err != nil {
		return err
	}
	if err := checkNorm("scores", norm, x); err != nil {
		return err
	}
	out, in := shape(head)
	if set == nil || in != x.Cols || dst.Rows != x.Rows || dst.Cols != set.Size() || int(set.Max()) >= out {
		return fmt.Errorf("scores: %v from %v through a head [%d, %d] and a set that does not fit", dst, x, out, in)
	}
	return nil
}

// CheckPick says whether a Pick fits.
func CheckPick(dst, history Tokens, scores Buf, set *Set, room int) error {
	if err := checkViews("pick", scores); err != nil {
		return err
	}
	if set == nil || scores.Cols != set.Size() || scores.Rows < 1 {
		return fmt.Errorf("pick: scores %v do not belong to the set", scores)
	}
	if history.Len() < scores.Rows-1 {
		return fmt.Errorf("pick: %d rows of scores after %d tokens", scores.Rows, history.Len())
	}
	if dst.Len()+scores.Rows > room {
		return fmt.Errorf("pick: %d tokens and %d more, room for %d", dst.Len(), scores.Rows, room)
	}
	return nil
}
