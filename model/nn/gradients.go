package nn

// Gradients is what a Backend adds so that a model can be taught on it: for
// every sublayer the derivative of what Backend computes, and the step that
// turns gradients into weights. nn/tape calls it; models do not.
//
// # Conventions
//
// Everything is a Buf of the same backend: dx is the derivative of the loss by x,
// in x's shape. A gradient that has one source is assigned unless add is
// set; gradients of parameters are always added to, as they gather over a
// batch. The zero Buf for a gradient says that nobody wants it. A bias is [Out, 1],
// a norm's gain and bias [Cols, 1].
//
// Weights are master copies in Bufs, f32 in every precision: Load puts them where
// the forward operations read them. Sums run in an order that does
// not depend on the number of threads, so a run is repeated bit for bit.
type Gradients interface {
	Backend

	// Load replaces what w holds with values [Out, In] and bias [Out, 1], which stay as they are until
	// the next Load. w is not Gated.
	Load(w Weight, values, bias Buf)
	// LoadNorm replaces the parameters of n with gain and bias.
	LoadNorm(n Norm, gain, bias Buf)
	// Clear sets b to zero.
	Clear(b Buf)

	// InputGrad is dx = dy W, or dx += that. With a set, the columns of dy are those ids' rows of W.
	InputGrad(dx, dy Buf, w Weight, set *Set, add bool)
	// WeightGrad is dw += dyᵀ x and db += Σ dy over the rows, for w's shape and exactness; set as in InputGrad.
	WeightGrad(dw, db, dy, x Buf, w Weight, set *Set)
	// NormGrad is the derivative of y = norm(x): dx, and what is added to gain's and bias's.
	NormGrad(dx, dgain, dbias, dy, x Buf, n Norm, add bool)
	// ActGrad is dx = dy act'(x). dx may be dy.
	ActGrad(dx, dy, x Buf, a Act)
	// Gate is dst = silu(gate) * up, forward, with x = [gate | up] side by side.
	Gate(dst, x Buf)
	// GateGrad is its derivative; dx has x's shape.
	GateGrad(dx, dy, x Buf)
	// AttendGrad is the derivative of several Attends that do not depend on each other: the sequences of a batch.
	AttendGrad(calls []Attended)
	// QKVGrad turns dq, dk and dv back by the rotation of positions first, first+1 … of
	// the cache and puts them side by side: dst is [dk.Rows, (Heads + 2 KVHeads) HeadDim], without the
	// queries' part when dq is the zero Buf.
	QKVGrad(dst, dq, dk, dv Buf, c Cache, first int)
	// PatchGrad adds the derivative of Patch by weight, bias and positions.
	PatchGrad(dw, db, dpos, dy, pixels Buf, w Weight, p Patches)
	// EmbedGrad adds row r of dy to row ids[r] of dtable.
	EmbedGrad(dtable, dy Buf, ids []int32)
	// GatherGrad adds the parts of ddst to the rows of dsrc that Gather took them from.
	GatherGrad(dsrc, ddst Buf, index []int32)

	// SquareSum is Σ b².
	SquareSum(b Buf) (float64, error)
	// Adam takes a step of AdamW on value, with the moments m and v.
	Adam(value, grad, m, v Buf, step Adam)
}

// Attended is one Attend and where its derivatives go: by the queries, assigned to DQ, and by keys and
// values [keys, KVHeads*HeadDim], added to DK and DV. No two of one batch share them.
type Attended struct {
	DQ, DK, DV, DY, Q Buf
	Cache             Cache
	Layer             int
	Mask              Mask
}

// Adam is one step of AdamW (Loshchilov and Hutter 2019), as PyTorch takes it.
type Adam struct {
	// Rate is the learning rate of this step.
	Rate float64
	// Beta1 and Beta2 are the decay of the first and second moment, Eps is added to the root of the second.
	Beta1, Beta2, Eps float64
	// Decay is the weight decay, times Rate.
	Decay float64
	// Scale multiplies the gradient first: clipping, and the mean over accumulated batches.
	Scale float64
	// Step counts from 1; it corrects the moments' bias.
	Step int
}

// Factors of the step in single precision, the same in every backend: value is multiplied by keep,
// then loses rate * m / (√v * root + eps).
func (a Adam) Factors() (keep, rate, root float32) {
	correct1 := 1 - pow(a.Beta1, a.Step)
	correct2 := 1 - pow(a.Beta2, a.Step)
	return float32(1 - a.Rate*a.Decay), float32(a.Rate / correct1), float32(1 / sqrt(correct2))
}
