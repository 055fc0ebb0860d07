package cuda

import (
	"context"
	"errors"
	"time"
)

// ErrEmulated: times of a device in software would mislead.
var ErrEmulated = errors.New("this GPU is emulated, and its times mean nothing: measure on a GPU")

// Peaks are what a device can do at best, measured: the roofs that a model's times are compared with.
type Peaks struct {
	// ReadGBs is how fast its memory is read [GB/s].
	ReadGBs float64
	// Tera is the peak of bf16 products [10^12 operations/s, an addition counts as one].
	Tera float64
}

// Measure takes less than a second.
func (b *Backend) Measure(ctx context.Context) (Peaks, error) {
	if b.info.Emulated {
		return Peaks{}, ErrEmulated
	}
	bytes := min(int64(1)<<30, b.info.Memory/8) &^ 4095 // several times any cache
	data, result := b.alloc(bytes, &b.memory.Workspace, true), b.alloc(16, &b.memory.Rest, true)
	blocks := uint64(b.info.Processors * 8)
	read := func() {
		b.take(uint64(data), uint64(bytes/16), blocks, uint64(result))
		b.launch("read_all", 0, int(blocks), 1, 1)
	}
	const turns = 20_000
	multiply := func() {
		b.take(turns, uint64(result))
		b.launch("multiply_all", 0, b.info.Processors*2, 1, 1)
	}
	p := Peaks{
		ReadGBs: float64(bytes) / 1e9 / b.shortest(read),
		// 8 warps a block, 8 products of 16 x 8 x 16 a turn.
		Tera: float64(b.info.Processors*2) * 8 * 8 * turns * 2 * 16 * 8 * 16 / 1e12 / b.shortest(multiply),
	}
	return p, errors.Join(b.err, ctx.Err())
}

// shortest is the least time of some runs [s].
func (b *Backend) shortest(run func()) float64 {
	var best time.Duration
	for range 5 {
		b.Mark()
		run()
		b.Mark()
		laps, err := b.Laps()
		if err != nil || len(laps) == 0 {
			return 1
		}
		if best == 0 || laps[0] < best {
			best = laps[0]
		}
	}
	return max(best.Seconds(), 1e-9)
}
