package vitavla

import "math"

// resamplePositions resizes a square grid of position embeddings [from², width]
// to one of another side, bicubic: a = -0.75, half-pixel centres, edges
// repeated, no antialiasing, float32, as torch's interpolate does.
func resamplePositions(grid []float32, from, to, width int) []float32 {
	if from == to {
		return grid
	}
	taps := make([]cubic, to)
	for i := range taps {
		taps[i] = cubicAt(i, from, to)
	}
	out := make([]float32, to*to*width)
	for y := range to {
		for x := range to {
			dst := out[(y*to+x)*width:][:width]
			for c := range dst {
				var lines [4]float32
				for j, row := range taps[y].at {
					for k, column := range taps[x].at {
						lines[j] += taps[x].weight[k] * grid[(row*from+column)*width+c]
					}
				}
				for j, v := range lines {
					dst[c] += taps[y].weight[j] * v
				}
			}
		}
	}
	return out
}

// cubic is what one output takes of four inputs.
type cubic struct {
	at     [4]int
	weight [4]float32
}

func cubicAt(i, from, to int) cubic {
	scale := float32(from) / float32(to)
	place := scale*(float32(i)+0.5) - 0.5
	floor := float32(math.Floor(float64(place)))
	t := place - floor
	var c cubic
	for k := range c.at {
		c.at[k] = min(max(int(floor)-1+k, 0), from-1)
	}
	c.weight = [4]float32{outer(t + 1), inner(t), inner(1 - t), outer(2 - t)}
	return c
}

const cubicA = -0.75

// inner is the kernel up to a distance of 1, outer from there to 2.
func inner(x float32) float32 { return ((cubicA+2)*x-(cubicA+3))*x*x + 1 }
func outer(x float32) float32 { return ((cubicA*x-5*cubicA)*x+8*cubicA)*x - 4*cubicA }
