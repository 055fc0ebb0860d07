package distill

import (
	"fmt"
	"math"
)

// Align is the loss of the alignment stage, of D numbers a token.
type Align string

const (
	// SquaredDistance is the paper's (equation 3): the squared distance, a mean over tokens.
	SquaredDistance Align = "squared"
	// Distance is the released code's: the distance itself, a mean over tokens.
	Distance Align = "distance"
)

// Arm is the loss of six joints.
type Arm string

const (
	// Absolute is the paper's: the sum of the joints' absolute errors, a mean over tokens.
	Absolute Arm = "absolute"
	// MeanAbsolute is a mean over joints too.
	MeanAbsolute Arm = "mean-absolute"
	// Smooth is the released code's: quadratic within 1, a mean over joints and tokens.
	Smooth Arm = "smooth"
)

// Gripper is the loss of a gripper.
type Gripper string

const (
	// CrossEntropy is of a probability: simulation, and a binary gripper.
	CrossEntropy Gripper = "cross-entropy"
	// Width is the absolute error of a width: the released code's for real robots.
	Width Gripper = "width"
)

// ActionLoss is that of the fine-tuning stage, and of the small action model.
type ActionLoss struct {
	Arm     Arm
	Gripper Gripper
	// Weight of the gripper's, λ: 0.01 in the paper; 1000 for a width in the released code's real robots.
	Weight float64
	// Wide is how much more a width costs that is predicted too wide than one too narrow; 0 and 1 for alike. Alike, a hand
	// closes where that is right in half of the cases it can't tell apart; with 3 in a quarter of them: unsure of a
	// centimetre, it closes instead of standing before the thing.
	Wide float64
}

// Paper is the loss of the paper, Code that of its released code.
var (
	Paper = ActionLoss{Arm: Absolute, Gripper: CrossEntropy, Weight: 0.01}
	Code  = ActionLoss{Arm: Smooth, Gripper: CrossEntropy, Weight: 0.01}
)

// align is the mean loss of tokens of dim numbers; d becomes its derivative times scale.
func (a Align) align(d, x, want []float32, dim int, scale float64) (float64, error) {
	if len(x) != len(want) || len(d) != len(x) || len(x)%dim != 0 {
		return 0, fmt.Errorf("align: %d numbers of a teacher for %d", len(want), len(x))
	}
	tokens := float64(len(x) / dim)
	sum := 0.0
	for at := 0; at < len(x); at += dim {
		square := 0.0
		for i := at; i < at+dim; i++ {
			e := float64(x[i]) - float64(want[i])
			square += e * e
		}
		factor := 2 * scale / tokens
		if a == Distance {
			sum += math.Sqrt(square)
			factor = scale / tokens / max(math.Sqrt(square), 1e-12)
		} else {
			sum += square
		}
		for i := at; i < at+dim; i++ {
			d[i] = float32(factor * (float64(x[i]) - float64(want[i])))
		}
	}
	return sum / tokens, nil
}

// loss of tokens: arm [tokens, 6] and gripper [tokens] against labels of seven
// numbers each; darm and dgripper become its derivative times scale.
func (l ActionLoss) loss(darm, dgripper, arm, gripper []float32, labels [][7]float32, scale float64) (float64, error) {
	n := len(gripper)
	if len(labels) != n || len(arm) != 6*n || len(darm) != 6*n || len(dgripper) != n {
		return 0, fmt.Errorf("loss: %d labels for %d predictions", len(labels), n)
	}
	tokens := float64(n)
	part := scale / tokens
	if l.Arm != Absolute {
		part /= 6
	}
	sum := 0.0
	for t, label := range labels {
		for k := range 6 {
			e := float64(arm[6*t+k]) - float64(label[k])
			size, slope := math.Abs(e), sign(e)
			if l.Arm == Smooth && size < 1 {
				size, slope = e*e/2, e
			} else if l.Arm == Smooth {
				size -= 0.5
			}
			sum += part / scale * size
			darm[6*t+k] = float32(part * slope)
		}
		p, y := float64(gripper[t]), float64(label[6])
		weight := l.Weight / tokens
		if l.Gripper == Width {
			if l.Wide > 0 && p > y {
				weight *= l.Wide
			}
			sum += weight * math.Abs(p-y)
			dgripper[t] = float32(scale * weight * sign(p-y))
			continue
		}
		// Logarithms are bounded as torch's are.
		sum -= weight * (y*max(math.Log(p), -100) + (1-y)*max(math.Log(1-p), -100))
		dgripper[t] = float32(scale * weight * (p - y) / max(p*(1-p), 1e-12))
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, fmt.Errorf("the loss is %v: the training diverged; lower the learning rate", sum)
	}
	return sum, nil
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
