package nn

import "fmt"

// CheckParameter says whether a gradient, which may be none, has rows and columns.
func CheckParameter(op string, b Buf, rows, cols int) error {
	if !b.IsZero() && (b.Rows != rows || b.Cols != cols || b.First < 0) {
		return fmt.Errorf("%s: gradient %v of a parameter [%d, %d]", op, b, rows, cols)
	}
	return nil
}

// CheckLoad says whether values fit a weight.
func CheckLoad(w Weight, values, bias Buf) error {
	out, in := shape(w)
	if err := checkViews("load", values); err != nil {
		return err
	}
	if err := CheckParameter("load", values, out, in); err != nil {
		return err
	}
	return CheckParameter("load bias", bias, out, 1)
}

// CheckLoadNorm says whether parameters fit a norm.
func CheckLoadNorm(n Norm, gain, bias Buf) error {
	if err := checkViews("load norm", gain); err != nil {
		return err
	}
	if err := CheckParameter("load norm", gain, n.Width(), 1); err != nil {
		return err
	}
	return CheckParameter("load norm bias", bias, n.Width(), 1)
}

// outputs of a weight, or of a set of them.
func outputs(w Weight, set *Set) (out, in int) {
	out, in = shape(w)
	if set != nil {
		if int(set.Max()) >= out {
			return -1, in
		}
		out = set.Size()
	}
	return out, in
}

// CheckInputGrad says whether the shapes of an InputGrad fit.
func CheckInputGrad(dx, dy Buf, w Weight, set *Set) error {
	if err := checkViews("input gradient", dx, dy); err != nil {
		return err
	}
	if out, in := outputs(w, set); dx.Cols != in || dy.Cols != out || dx.Rows != dy.Rows {
		return fmt.Errorf("input gradient: %v = %v times weight [%d, %d] does not fit", dx, dy, out, in)
	}
	return nil
}

// CheckWeightGrad says whether the shapes of a WeightGrad fit.
func CheckWeightGrad(dw, db, dy, x Buf, w Weight, set *Set) error {
	if err := checkViews("weight gradient", dy, x); err != nil {
		return err
	}
	out, in := outputs(w, set)
	if x.Cols != in || dy.Cols != out || x.Rows != dy.Rows {
		return fmt.Errorf("weight gradient: %v and %v for a weight [%d, %d] do not fit", dy, x, out, in)
	}
	out, in = shape(w)
	if err := CheckParameter("weight gradient", dw, out, in); err != nil {
		return err
	}
	if set != nil && !db.IsZero() {
		return fmt.Errorf("weight gradient: the bias of a set of ids")
	}
	return CheckParameter("bias gradient", db, out, 1)
}

// CheckNormGrad says whether the shapes of a NormGrad fit.
func CheckNormGrad(dx, dgain, dbias, dy, x Buf, n Norm) error {
	if err := checkViews("norm gradient", dy, x); err != nil {
		return err
	}
	if dy.Rows != x.Rows || dy.Cols != x.Cols || n.Width() != x.Cols || !dx.IsZero() && (dx.Rows != x.Rows || dx.Cols != x.Cols) {
		return fmt.Errorf("norm gradient: %v from %v and %v over %d columns does not fit", dx, dy, x, n.Width())
	}
	if err := CheckParameter("gain gradient", dgain, x.Cols, 1); err != nil {
		return err
	}
	return CheckParameter("bias gradient", dbias, x.Cols, 1)
}

// CheckSame says whether all buffers have one shape.
func CheckSame(op string, bufs ...Buf) error {
	if err := checkViews(op, bufs...); err != nil {
		return err
	}
	for _, b := range bufs[1:] {
		if b.Rows != bufs[0].Rows || b.Cols != bufs[0].Cols {
			return fmt.Errorf("%s: %v and %v are not of one shape", op, bufs[0], b)
		}
	}
	return nil
}

// CheckGate says whether the shapes of a Gate or a GateGrad fit.
func CheckGate(dst, x Buf) error {
	if err := checkViews("gate", dst, x); err != nil {
		return err
	}
	if dst.Rows != x.Rows || 2*dst.Cols != x.Cols {
		return fmt.Errorf("gate: %v from gate and up in %v", dst, x)
	}
	return nil
}

// CheckAttendGrad says whether the shapes of an AttendGrad fit.
func CheckAttendGrad(a *Attended) error {
	if err := CheckAttend(a.DQ, a.Q, a.Cache, a.Layer, a.Mask); err != nil {
		return err
	}
	if err := CheckSame("attention gradient", a.Q, a.DY); err != nil {
		return err
	}
	if err := CheckSame("attention gradient", a.DK, a.DV); err != nil {
		return err
	}
	if s, n := a.Cache.Spec(), a.Cache.Len(a.Layer); a.DK.Rows != n || a.DK.Cols != s.KVHeads*s.HeadDim {
		return fmt.Errorf("attention gradient: %v for %d keys of %d heads of %d", a.DK, n, s.KVHeads, s.HeadDim)
	}
	return nil
}

// CheckQKVGrad says whether the shapes of a QKVGrad fit.
func CheckQKVGrad(dst, dq, dk, dv Buf, c Cache, first int) error {
	if err := checkViews("qkv gradient", dst); err != nil {
		return err
	}
	if err := CheckSame("qkv gradient", dk, dv); err != nil {
		return err
	}
	s := c.Spec()
	width := 2 * s.KVHeads * s.HeadDim
	if !dq.IsZero() {
		width += s.Heads * s.HeadDim
		if dq.First < 0 || dq.Rows != dk.Rows || dq.Cols != s.Heads*s.HeadDim {
			return fmt.Errorf("qkv gradient: queries %v beside keys %v", dq, dk)
		}
	}
	if dst.Rows != dk.Rows || dst.Cols != width || dk.Cols != s.KVHeads*s.HeadDim || first < 0 || first+dk.Rows > s.Capacity {
		return fmt.Errorf("qkv gradient: %v from %v and %v at position %d of %d", dst, dq, dk, first, s.Capacity)
	}
	return nil
}

// CheckPatchGrad says whether the shapes of a PatchGrad fit, and how many images it has.
func CheckPatchGrad(dw, db, dpos, dy, pixels Buf, w Weight, p Patches) (images int, err error) {
	out, in := shape(w)
	gh, gw := p.Grid()
	pos := Buf{Rows: p.Skip + gh*gw, Cols: out, Store: dy.Store}
	if images, err = CheckPatch(dy, pixels, w, pos, p); err != nil {
		return 0, err
	}
	if err := CheckParameter("patch gradient", dw, out, in); err != nil {
		return 0, err
	}
	if err := CheckParameter("patch gradient", db, out, 1); err != nil {
		return 0, err
	}
	return images, CheckParameter("position gradient", dpos, pos.Rows, out)
}

// CheckEmbedGrad says whether ids are rows of the table.
func CheckEmbedGrad(dtable, dy Buf, ids []int32) error {
	if err := checkViews("embedding gradient", dtable, dy); err != nil {
		return err
	}
	if len(ids) != dy.Rows || dtable.Cols != dy.Cols {
		return fmt.Errorf("embedding gradient: %d ids for %v of a table %v", len(ids), dy, dtable)
	}
	for _, id := range ids {
		if id < 0 || int(id) >= dtable.Rows {
			return fmt.Errorf("embedding gradient: token %d of a table of %d", id, dtable.Rows)
		}
	}
	return nil
}
