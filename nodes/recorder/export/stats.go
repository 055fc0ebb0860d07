package export

import (
	"math"
	"slices"

	"cobot_vla/model/vision"
)

// Stats describe one feature of an episode or a set, as LeRobot keeps them. A
// picture has three dimensions, its channels, in 0..1.
type Stats struct {
	Min   []float64 `json:"min"`
	Max   []float64 `json:"max"`
	Mean  []float64 `json:"mean"`
	Std   []float64 `json:"std"`
	Count int       `json:"count"`
	Q01   []float64 `json:"q01"`
	Q10   []float64 `json:"q10"`
	Q50   []float64 `json:"q50"`
	Q90   []float64 `json:"q90"`
	Q99   []float64 `json:"q99"`
}

// statsOf a feature's rows.
func statsOf(rows [][]float64) Stats {
	s := Stats{Count: len(rows)}
	if len(rows) == 0 {
		return s
	}
	column := make([]float64, len(rows))
	for d := range rows[0] {
		sum := 0.0
		for i, r := range rows {
			column[i] = r[d]
			sum += r[d]
		}
		mean := sum / float64(len(rows))
		squares := 0.0
		for _, x := range column {
			squares += (x - mean) * (x - mean)
		}
		slices.Sort(column)
		s.add(column[0], column[len(column)-1], mean, math.Sqrt(squares/float64(len(rows))), func(q float64) float64 {
			at := q * float64(len(column)-1) // between the two around it, as numpy does
			i := int(at)
			if i+1 == len(column) {
				return column[i]
			}
			return column[i] + (at-float64(i))*(column[i+1]-column[i])
		})
	}
	return s
}

func (s *Stats) add(low, high, mean, std float64, quantile func(float64) float64) {
	s.Min, s.Max = append(s.Min, low), append(s.Max, high)
	s.Mean, s.Std = append(s.Mean, mean), append(s.Std, std)
	s.Q01, s.Q10, s.Q50 = append(s.Q01, quantile(0.01)), append(s.Q10, quantile(0.10)), append(s.Q50, quantile(0.50))
	s.Q90, s.Q99 = append(s.Q90, quantile(0.90)), append(s.Q99, quantile(0.99))
}

// merge makes the statistics of all episodes from those of each. Extremes, mean
// and deviation are exact; quantiles are means of the episodes', as LeRobot's own
// aggregation takes them.
func merge(all []Stats) Stats {
	out := Stats{}
	total := 0
	for _, s := range all {
		total += s.Count
	}
	out.Count = total
	if total == 0 {
		return out
	}
	for d := range all[0].Mean {
		low, high, mean := math.Inf(1), math.Inf(-1), 0.0
		for _, s := range all {
			low, high = min(low, s.Min[d]), max(high, s.Max[d])
			mean += s.Mean[d] * float64(s.Count) / float64(total)
		}
		variance := 0.0
		weighted := func(of func(Stats) []float64) (q float64) {
			for _, s := range all {
				q += of(s)[d] * float64(s.Count) / float64(total)
			}
			return q
		}
		for _, s := range all {
			delta := s.Mean[d] - mean
			variance += (s.Std[d]*s.Std[d] + delta*delta) * float64(s.Count) / float64(total)
		}
		out.Min, out.Max = append(out.Min, low), append(out.Max, high)
		out.Mean, out.Std = append(out.Mean, mean), append(out.Std, math.Sqrt(variance))
		out.Q01 = append(out.Q01, weighted(func(s Stats) []float64 { return s.Q01 }))
		out.Q10 = append(out.Q10, weighted(func(s Stats) []float64 { return s.Q10 }))
		out.Q50 = append(out.Q50, weighted(func(s Stats) []float64 { return s.Q50 }))
		out.Q90 = append(out.Q90, weighted(func(s Stats) []float64 { return s.Q90 }))
		out.Q99 = append(out.Q99, weighted(func(s Stats) []float64 { return s.Q99 }))
	}
	return out
}

// colours gathers a camera's colours from some of an episode's pictures.
type colours struct {
	every    int // of the frames is looked at
	pictures int
	counts   [3][256]uint64
	rgb      vision.Image
}

// mostPictures that are looked at in an episode, and the side to which each is thinned.
const (
	mostPictures = 100
	thinnedSide  = 150
)

func newColours(frames int) *colours {
	return &colours{every: max(1, (frames+mostPictures-1)/mostPictures)}
}

func (c *colours) add(k int, picture []byte) error {
	if k%c.every != 0 {
		return nil
	}
	if err := vision.Decompress(&c.rgb, picture); err != nil {
		return err
	}
	c.pictures++
	step := max(1, max(c.rgb.Width, c.rgb.Height)/thinnedSide)
	for y := 0; y < c.rgb.Height; y += step {
		row := c.rgb.Pix[y*c.rgb.Width*3:]
		for x := 0; x < c.rgb.Width; x += step {
			for ch := range 3 {
				c.counts[ch][row[3*x+ch]]++
			}
		}
	}
	return nil
}

func (c *colours) stats() Stats {
	s := Stats{Count: c.pictures}
	for ch := range 3 {
		counts := &c.counts[ch]
		var n uint64
		sum, squares := 0.0, 0.0
		low, high := -1, 0
		for v, k := range counts {
			if k == 0 {
				continue
			}
			if low < 0 {
				low = v
			}
			high = v
			n += k
			x := float64(v) / 255
			sum += x * float64(k)
			squares += x * x * float64(k)
		}
		mean := sum / float64(n)
		s.add(float64(low)/255, float64(high)/255, mean, math.Sqrt(max(0, squares/float64(n)-mean*mean)), func(q float64) float64 {
			want := q * float64(n)
			var seen uint64
			for v, k := range counts {
				if seen += k; float64(seen) >= want && k > 0 {
					return float64(v) / 255
				}
			}
			return float64(high) / 255
		})
	}
	return s
}
