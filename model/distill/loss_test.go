package distill

import (
	"math"
	"testing"
)

// TestWideCostsMore: of a width that is sometimes 0 and sometimes 1, the loss is least at 0 where more than a part
// of 1 / (1 + Wide) are 0.
func TestWideCostsMore(t *testing.T) {
	for _, x := range []struct {
		wide     float64
		narrow   int // of 20
		wantOpen bool
	}{{0, 9, true}, {0, 11, false}, {1, 9, true}, {1, 11, false}, {3, 4, true}, {3, 6, false}} {
		l := ActionLoss{Arm: Absolute, Gripper: Width, Weight: 1, Wide: x.wide}
		at := func(width float32) (loss, slope float64) {
			labels := make([][7]float32, 20)
			gripper, d := make([]float32, 20), make([]float32, 20)
			for i := range labels {
				gripper[i] = width
				if i >= x.narrow {
					labels[i][6] = 1
				}
			}
			loss, err := l.loss(make([]float32, 120), d, make([]float32, 120), gripper, labels, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range d {
				slope += float64(v)
			}
			return loss, slope
		}
		closed, _ := at(0)
		open, _ := at(1)
		if (open < closed) != x.wantOpen {
			t.Errorf("too wide costs %g times as much, %d of 20 are closed: loss %g closed, %g open", x.wide, x.narrow, closed, open)
		}
		const eps = 1e-3
		left, _ := at(0.5 - eps)
		right, _ := at(0.5 + eps)
		if _, slope := at(0.5); math.Abs((right-left)/(2*eps)-slope) > 1e-3 {
			t.Errorf("slope %g, the loss changes by %g", slope, (right-left)/(2*eps))
		}
	}
}
