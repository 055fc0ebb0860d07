package distill

import (
	"math"
	"strings"

	"cobot_vla/model/nn"
	"cobot_vla/model/seer"
	"cobot_vla/model/weights"
)

// fresh is weights that nobody has trained: matrices that keep numbers as large as they were, biases of zero, gains of
// one, small tokens, sines for positions.
type fresh struct {
	weights.Synthetic
	// layers of the deepest part.
	layers int
	// grid and width of the MAE encoder's positions.
	grid, width int
}

func newFresh(seed uint64, layers int) fresh {
	return fresh{Synthetic: weights.Synthetic{Seed: seed}, layers: max(layers, 1)}
}

// Matrix has 1/inputs for a variance; those that write to the residual stream are smaller by the root of how many do. From
// matrices of half that size all attention begins as a mean over an image, in which nothing has a place, and a network
// that feels its state as well learns to leave the image out.
func (f fresh) Matrix(name string, out, in int) (nn.Matrix, error) {
	s := f.Synthetic
	inputs := in
	if isConv1D(name) { // stored, and made, inputs first
		inputs = out
	}
	s.Scale = float32(math.Sqrt(float64(in) / float64(inputs)))
	for _, end := range []string{".attn.proj.weight", ".mlp.fc2.weight", ".to_out.weight", ".1.3.weight", ".c_proj.weight", ".o_proj.weight", ".down_proj.weight"} {
		if strings.HasSuffix(name, end) {
			s.Scale /= float32(math.Sqrt(2 * float64(f.layers)))
		}
	}
	return s.Matrix(name, out, in)
}

// Has leaves out what the original has no bias for, and layer scales.
func (f fresh) Has(name string) bool {
	if strings.HasPrefix(name, "perceiver_resampler.") && strings.HasSuffix(name, ".bias") && !strings.Contains(name, "norm") && !strings.HasSuffix(name, ".1.0.bias") {
		return false
	}
	return !strings.HasSuffix(name, ".ls1") && !strings.HasSuffix(name, ".ls2") && f.Synthetic.Has(name)
}

// Vector of ones for gains, zeros for biases, small numbers for tokens and positions.
func (f fresh) Vector(name string, n int) ([]float32, error) {
	v := make([]float32, n)
	switch {
	case name == "mae.pos_embed":
		return seer.SineCosine(f.grid, f.width), nil
	case strings.HasSuffix(name, ".bias"):
	case strings.HasSuffix(name, ".weight"):
		for i := range v {
			v[i] = 1
		}
	default:
		m, err := f.Matrix(name, 1, n)
		if err != nil {
			return nil, err
		}
		m.Read(v, 0)
		const token = 0.02 * 1.7 // a deviation of 0.02
		scale := float32(0)
		for _, x := range v {
			scale = max(scale, x, -x)
		}
		for i := range v {
			v[i] *= token / max(scale, 1e-9)
		}
	}
	return v, nil
}

// either takes a tensor from the first source that has it.
type either [2]weights.Source

func (e either) of(name string) weights.Source {
	if e[0].Has(name) {
		return e[0]
	}
	return e[1]
}

func (e either) Matrix(name string, out, in int) (nn.Matrix, error) {
	return e.of(name).Matrix(name, out, in)
}
func (e either) Vector(name string, n int) ([]float32, error) { return e.of(name).Vector(name, n) }

// Has a bias only where its matrix is: the source of a weight is that of its bias.
func (e either) Has(name string) bool {
	if stem, ok := strings.CutSuffix(name, ".bias"); ok && e[0].Has(stem+".weight") {
		return e[0].Has(name)
	}
	return e[0].Has(name) || e[1].Has(name) && !layerScale(name)
}

func layerScale(name string) bool {
	return strings.HasSuffix(name, ".ls1") || strings.HasSuffix(name, ".ls2")
}
