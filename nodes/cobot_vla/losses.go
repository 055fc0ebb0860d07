package main

import (
	"context"
	"math/rand/v2"

	"cobot_vla/drivers/camera"
)

// losses loses frames of a simulator's cameras, each with the same probability,
// as a busy USB bus or network does.
type losses struct {
	probability float64
	seed        uint64
	cameras     uint64
}

// newLosses is nil where nothing is to be lost.
func newLosses(probability float64, seed uint64) *losses {
	if probability <= 0 {
		return nil
	}
	return &losses{probability: probability, seed: seed}
}

// of gives a camera's frames but for those that are lost.
func (l *losses) of(src camera.Source) camera.Source {
	l.cameras++
	return &lossy{Source: src, probability: l.probability, rng: rand.New(rand.NewPCG(l.seed, l.cameras))}
}

// lossy shows the frame before, with its stamp, in the place of one that is
// lost: who reads stamps has heard nothing new.
type lossy struct {
	camera.Source
	probability float64
	rng         *rand.Rand
	last        camera.Frame
}

func (l *lossy) Capture(ctx context.Context) (camera.Frame, error) {
	lost := l.rng.Float64() < l.probability
	if lost && l.last.Data != nil {
		return l.last, nil
	}
	f, err := l.Source.Capture(ctx)
	if err == nil {
		l.last = f
	}
	return f, err
}
