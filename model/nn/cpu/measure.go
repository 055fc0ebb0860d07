package cpu

import (
	"context"
	"time"
	"unsafe"

	"cobot_vla/model/nn"
)

// Machine is what this processor can do at best, measured: the roofs that a model's times are compared with.
type Machine struct {
	// Features of the kernels in use.
	Features string `json:"features"`
	Threads  int    `json:"threads"`
	// ReadGBs is how fast all threads together read memory that is in no cache [GB/s].
	ReadGBs float64 `json:"read_gb_s"`
	// Tera is the peak of products, by element of the weights: f32, bf16, int8 [10^12 operations/s, an addition counts as one].
	Tera map[string]float64 `json:"tera_ops"`
}

// Measure takes about a second. now is the clock.
func (b *Backend) Measure(ctx context.Context, now func() time.Time) (Machine, error) {
	m := Machine{Features: b.k.Features, Threads: b.config.Threads, Tera: map[string]float64{}}
	if b.err != nil {
		return m, b.err
	}
	// Several times any last-level cache; given back at once.
	const size = 512 << 20
	memory, err := allocate(size)
	if err != nil {
		return m, err
	}
	defer release(memory)
	for i := 0; i < size; i += 4096 {
		memory[i] = 1 // a page that was never written is one and the same page of zeros
	}
	read := &sweepJob{b: b, data: as[float32](memory[:size])}
	m.ReadGBs = size / 1e9 / b.shortest(now, 3, read, size/sweepStep)
	for e, name := range elementNames {
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		j := &peakJob{b: b, multiplier: b.multiplier(element(e), nn.RowsAlike+1)} // what products of many rows use
		const tasks = 64
		ops := float64(tasks*peakTiles*peakGroups) * 2 * float64(j.height) * panel * float64(element(e).perGroup())
		j.a, j.panel = make([]byte, j.height*peakLDA), make([]byte, peakGroups*groupBytes)
		fillPeak(j.a)
		fillPeak(j.panel)
		m.Tera[name] = ops / 1e12 / b.shortest(now, 3, j, tasks)
	}
	return m, nil
}

// shortest is the least time [s] of some runs of a job.
func (b *Backend) shortest(now func() time.Time, runs int, j job, tasks int) float64 {
	best := 0.0
	for range runs {
		start := now()
		b.pool.do(j, tasks, 50_000)
		if took := now().Sub(start).Seconds(); best == 0 || took < best {
			best = took
		}
	}
	return max(best, 1e-9)
}

const sweepStep = 256 << 10

// sweepJob reads memory once.
type sweepJob struct {
	b    *Backend
	data []float32
}

func (j *sweepJob) task(_, t int) {
	const n = sweepStep / 4
	j.b.k.Sum(j.data[t*n : (t+1)*n])
}

const (
	peakGroups = 224 // 896 bytes of a row, as in the 0.5B model
	peakLDA    = peakGroups*4 + 64
	peakTiles  = 64
)

// fillPeak makes numbers between 1/4 and 2 of memory, whatever its element: zeros multiply a sixth faster.
func fillPeak(b []byte) {
	for i, words := 0, as[uint16](b); i < len(words); i++ {
		words[i] = 0x3e80 + uint16(i*0x35&0x17f)
	}
}

// peakJob multiplies the same tile from the first caches.
type peakJob struct {
	b *Backend
	multiplier
	a, panel []byte
}

func (j *peakJob) task(worker, _ int) {
	s := &j.b.scratch[worker]
	for range peakTiles {
		j.run(s.tile, unsafe.Pointer(&j.a[0]), peakLDA, j.height, unsafe.Pointer(&j.panel[0]), peakGroups)
	}
}
