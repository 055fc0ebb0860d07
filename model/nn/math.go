package nn

import "math"

// Activate is the activation of one number.
func Activate(a Act, x float32) float32 {
	v := float64(x)
	switch a {
	case GELU:
		return float32(0.5 * v * (1 + math.Erf(v/math.Sqrt2)))
	case GELUTanh:
		return float32(0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
	case SiLU:
		return float32(v / (1 + math.Exp(-v)))
	case ReLU:
		return max(x, 0)
	case Tanh:
		return float32(math.Tanh(v))
	case Sigmoid:
		return float32(1 / (1 + math.Exp(-v)))
	}
	return x
}

// RopeFrequencies are theta^(-2i/dim), in the precision of the original.
func RopeFrequencies(theta float64, dim int) []float64 {
	freq := make([]float64, dim/2)
	for i := range freq {
		freq[i] = float64(float32(1 / math.Pow(theta, float64(2*i)/float64(dim))))
	}
	return freq
}

// RopeAngle is the rotation of one frequency at a position. The angle is rounded to f32 as the original does.
func RopeAngle(position int, freq float64) (cos, sin float32) {
	angle := float64(float32(position) * float32(freq))
	s, c := math.Sincos(angle)
	return float32(c), float32(s)
}

// Penalise is the repetition penalty on one score.
func Penalise(score, penalty float32) float32 {
	switch {
	case penalty == 0 || penalty == 1:
		return score
	case score > 0:
		return score / penalty
	default:
		return score * penalty
	}
}

// Mark marks an id's column, if the set has it.
func Mark(columns []bool, set *Set, id int32) {
	if c := set.Column(id); c >= 0 {
		columns[c] = true
	}
}

// ActivateGrad is the derivative of Activate at x.
func ActivateGrad(a Act, x float32) float32 {
	v := float64(x)
	switch a {
	case GELU:
		return float32(0.5*(1+math.Erf(v/math.Sqrt2)) + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
	case GELUTanh:
		root := math.Sqrt(2 / math.Pi)
		t := math.Tanh(root * (v + 0.044715*v*v*v))
		return float32(0.5*(1+t) + 0.5*v*(1-t*t)*root*(1+3*0.044715*v*v))
	case SiLU:
		s := 1 / (1 + math.Exp(-v))
		return float32(s * (1 + v*(1-s)))
	case ReLU:
		if x > 0 {
			return 1
		}
		return 0
	case Tanh:
		t := math.Tanh(v)
		return float32(1 - t*t)
	case Sigmoid:
		s := 1 / (1 + math.Exp(-v))
		return float32(s * (1 - s))
	}
	return 1
}

func pow(x float64, n int) float64 { return math.Pow(x, float64(n)) }
func sqrt(x float64) float64       { return math.Sqrt(x) }
