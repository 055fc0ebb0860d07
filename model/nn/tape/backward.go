package tape

import "cobot_vla/model/nn"

// Backward goes back over what was recorded, from the gradients that were
// written to Gradient's buffers, and adds to the gradients of the parameters. The record stays
// until the next Record; it can be gone over once.
func (t *Tape) Backward() error {
	t.recording = false
	for i := len(t.steps) - 1; i >= 0; {
		s := &t.steps[i]
		n := 1
		switch s.kind {
		case linear:
			t.backLinear(s)
		case normAlone:
			t.backNorm(s)
		case gatedMLP:
			t.backGatedMLP(s)
		case qkv:
			t.backQKV(s)
		case attend:
			n = t.backAttend(i)
		case patch:
			t.backPatch(s)
		case embed:
			if dy, ok := t.from(s.dst, true); ok {
				t.Gradients.EmbedGrad(s.w.dvalues, dy, t.ids[s.ids[0]:s.ids[1]])
			}
		case gather:
			t.backGather(s)
		case scores:
			if dy, ok := t.from(s.dst, true); ok {
				t.product(s, dy, s.w, s.set)
			}
		}
		if err := t.Sync(); err != nil {
			return err
		}
		i -= n
	}
	return nil
}

// weightGrad adds to the gradients of a weight.
func (t *Tape) weightGrad(w *weight, dy, x nn.Buf, set *nn.Set) {
	if w.learns() {
		t.Gradients.WeightGrad(w.dvalues, w.dbia, dy, x, w.base, set)
	}
}

// product goes back through W norm(x): to the weight, the norm and x.
func (t *Tape) product(s *step, dy nn.Buf, w *weight, set *nn.Set) {
	t.weightGrad(w, dy, s.normed, set)
	wanted := t.wants(s.x)
	if s.norm == nil {
		if wanted {
			dx, add := t.into(s.x)
			t.Gradients.InputGrad(dx, dy, w.base, set, add)
		}
		return
	}
	if !wanted && !s.norm.learns() {
		return
	}
	dn := t.scratch(s.in.Rows, s.in.Cols, 2)
	t.Gradients.InputGrad(dn, dy, w.base, set, false)
	t.throughNorm(s, dn, wanted)
}

func (t *Tape) throughNorm(s *step, dn nn.Buf, wanted bool) {
	var dx nn.Buf
	add := false
	if wanted {
		dx, add = t.into(s.x)
	}
	t.Gradients.NormGrad(dx, s.norm.dgain, s.norm.dbias, dn, s.in, s.norm.base, add)
}

func (t *Tape) backLinear(s *step) {
	dy, ok := t.from(s.dst, !s.residual)
	if !ok {
		return
	}
	if s.act != nn.None {
		dz := t.scratch(dy.Rows, dy.Cols, 0)
		t.Gradients.ActGrad(dz, dy, s.hidden, s.act)
		dy = dz
	} else if s.residual && s.dst == s.x { // what dy is is added to
		dz := t.scratch(dy.Rows, dy.Cols, 0)
		t.Gradients.Linear(dz, dy, nil, nn.Op{})
		dy = dz
	}
	t.product(s, dy, s.w, nil)
}

func (t *Tape) backNorm(s *step) {
	dy, ok := t.from(s.dst, !s.residual)
	if !ok || !t.wants(s.x) && (s.norm == nil || !s.norm.learns()) {
		return
	}
	dz := t.scratch(dy.Rows, dy.Cols, 0)
	t.Gradients.ActGrad(dz, dy, s.normed, s.act)
	if s.norm != nil {
		t.throughNorm(s, dz, t.wants(s.x))
		return
	}
	dx, add := t.into(s.x)
	t.Gradients.Linear(dx, dz, nil, nn.Op{Residual: add})
}

func (t *Tape) backGatedMLP(s *step) {
	dy, ok := t.from(s.dst, false)
	if !ok {
		return
	}
	dp := t.scratch(dy.Rows, s.product.Cols, 1)
	t.weightGrad(s.down, dy, s.product, nil)
	t.Gradients.InputGrad(dp, dy, s.down.base, nil, false)
	dh := t.scratch(dy.Rows, s.hidden.Cols, 0)
	t.Gradients.GateGrad(dh, dp, s.hidden)
	t.product(s, dh, s.w, nil)
}

// backAttend goes back over the steps up to i that attend in different slots and to different rows: a batch.
func (t *Tape) backAttend(i int) (n int) {
	t.calls = t.calls[:0]
	for n = 0; i-n >= 0 && t.steps[i-n].kind == attend; n++ {
		s := &t.steps[i-n]
		if n > 0 && t.meets(s, t.steps[i-n+1:i+1]) {
			break
		}
		dy, ok := t.from(s.dst, true)
		if !ok {
			continue
		}
		dq, taken := t.into(s.x)
		if taken || s.slot.base.Len(0) != s.first {
			t.fail("attend: %v was asked twice, or keys came after it: that can't be gone back over", s.x)
			return 1
		}
		dk, dv := s.cache.gradients(s.slot, s.first)
		t.calls = append(t.calls, nn.Attended{DQ: dq, DK: dk, DV: dv, DY: dy, Q: s.in, Cache: s.slot.base, Mask: s.mask})
	}
	t.Gradients.AttendGrad(t.calls)
	return n
}

func (t *Tape) meets(s *step, others []step) bool {
	for i := range others {
		o := &others[i]
		if o.slot == s.slot || o.x.Store != s.x.Store || o.dst.Store != s.dst.Store || s.x.First < o.x.First+o.x.Rows && o.x.First < s.x.First+s.x.Rows {
			return true
		}
	}
	return false
}

func (t *Tape) backQKV(s *step) {
	rows := s.in.Rows
	dk, dv := s.cache.gradients(s.slot, s.first+rows)
	out, _ := s.w.Shape()
	var dq nn.Buf
	if !s.dst.IsZero() {
		var ok bool
		if dq, ok = t.from(s.dst, true); !ok { // asked nothing that mattered
			dq, _ = t.into(s.dst)
			t.Gradients.Clear(dq)
			t.from(s.dst, true)
		}
	}
	dy := t.scratch(rows, out, 0)
	t.Gradients.QKVGrad(dy, dq, dk.View(s.first, rows), dv.View(s.first, rows), s.slot.base, s.first)
	t.product(s, dy, s.w, nil)
}

func (t *Tape) backPatch(s *step) {
	dy, ok := t.from(s.dst, true)
	if !ok {
		return
	}
	var dw, db, dpos nn.Buf
	if s.w.learns() {
		dw, db = s.w.dvalues, s.w.dbia
	}
	if p := t.learned[s.in.Store]; p != nil && !p.Frozen {
		dpos = p.Grad
	}
	t.Gradients.PatchGrad(dw, db, dpos, dy, s.x, s.w.base, s.patches)
}

// backGather gives the rows that were taken their part; rows that were left as they were keep theirs.
func (t *Tape) backGather(s *step) {
	dy, ok := t.from(s.dst, false)
	if !ok {
		return
	}
	index := t.ids[s.ids[0]:s.ids[1]]
	var dx nn.Buf
	if p := t.learned[s.x.Store]; p != nil {
		if !p.Frozen {
			dx = p.Grad
		}
	} else if t.wants(s.x) {
		to, add := t.into(s.x)
		if !add {
			t.Gradients.Clear(to)
		}
		dx = to
	}
	if !dx.IsZero() {
		t.Gradients.GatherGrad(dx, dy, index)
	}
	parts := dy.Cols / s.x.Cols
	live := t.of(s.dst).live[s.dst.First : s.dst.First+s.dst.Rows]
	for r := range live {
		whole := true
		for _, from := range index[r*parts : (r+1)*parts] {
			whole = whole && from >= 0
		}
		if whole {
			live[r] = false
		} else if parts > 1 {
			t.fail("gather: parts of row %d of %v were replaced: that can't be gone back over", r, s.dst)
		}
	}
}
