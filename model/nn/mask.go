package nn

import "fmt"

// MaskKind says which keys a row of queries may see.
type MaskKind uint8

const (
	// MaskFull: all keys of the layer.
	MaskFull MaskKind = iota
	// MaskCausal: the rows are the last positions of the layer, and each sees itself and what is before it.
	MaskCausal
	// MaskGroups: rows and keys come in groups of equal length (images of a batch), and each row sees its group.
	MaskGroups
	// MaskFixed: a matrix says it.
	MaskFixed
)

// Mask says which keys a row of queries may see. Masks are values; a fixed one
// is made once and shared.
type Mask struct {
	Kind MaskKind
	// Group is the length of a group of MaskGroups.
	Group int
	// Fixed is the matrix of MaskFixed.
	Fixed *FixedMask
}

// FixedMask is a matrix of visibility. It is immutable: a backend may keep a copy beside the pointer.
type FixedMask struct {
	Rows, Keys int
	// Visible [Rows, Keys]; every row sees at least one key.
	Visible []bool
}

// Full lets every row see every key.
func Full() Mask { return Mask{Kind: MaskFull} }

// Causal lets every row see itself and what is before it.
func Causal() Mask { return Mask{Kind: MaskCausal} }

// Groups lets rows see the keys of their own group of n.
func Groups(n int) Mask { return Mask{Kind: MaskGroups, Group: n} }

// Fixed lets row r see key k where visible says so.
func Fixed(rows, keys int, visible func(r, k int) bool) (Mask, error) {
	m := &FixedMask{Rows: rows, Keys: keys, Visible: make([]bool, rows*keys)}
	for r := range rows {
		sees := false
		for k := range keys {
			v := visible(r, k)
			m.Visible[r*keys+k] = v
			sees = sees || v
		}
		if !sees {
			return Mask{}, fmt.Errorf("attention mask [%d, %d]: row %d sees no key", rows, keys, r)
		}
	}
	return Mask{Kind: MaskFixed, Fixed: m}, nil
}

// Window is the range of keys that row r of rows may see in a layer of length
// keys; for MaskFixed it is all of them.
func (m Mask) Window(r, rows, keys int) (from, to int) {
	switch m.Kind {
	case MaskCausal:
		return 0, keys - rows + r + 1
	case MaskGroups:
		from = r / m.Group * m.Group
		return from, from + m.Group
	default:
		return 0, keys
	}
}
