package export

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // a camera may send PNG
	"iter"
	"slices"

	"cobot_vla/model/vision"
	"cobot_vla/msgs"
	"cobot_vla/nodes/recorder/episode"
)

// frame is one step of an episode.
type frame struct {
	state, velocity, effort, action []float64
	pictures                        [][]byte // JPEG or PNG, by camera
}

// frames yields the episode's frames with their pictures, in one pass over the
// file; it holds no more pictures than lie between the cameras' pace.
func (p *plan) frames(ctx context.Context) iter.Seq2[frame, error] {
	return func(yield func(frame, error) bool) {
		g := newGallery(p)
		next := 0
		for m, err := range p.reader.Read(g.topics...) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = g.add(m)
			}
			if err != nil {
				yield(frame{}, err)
				return
			}
			for ; next < p.length && g.ready(next); next++ {
				f := frame{state: p.state[next], action: p.action[next], pictures: g.take(next)}
				if p.spec.Velocity {
					f.velocity, f.effort = p.velocity[next], p.effort[next]
				}
				if !yield(f, nil) {
					return
				}
			}
			if next == p.length {
				return
			}
		}
		yield(frame{}, fmt.Errorf("%w: %s: pictures of frame %d are missing", ErrEpisode, p.reader.Path, next))
	}
}

// gallery holds the pictures that coming frames need.
type gallery struct {
	p       *plan
	topics  []string
	came    []int            // pictures so far, by camera
	held    []map[int][]byte // by camera and number
	lastUse []map[int]int    // the last frame that shows a picture
	rgb     vision.Image
}

func newGallery(p *plan) *gallery {
	g := &gallery{p: p, came: make([]int, len(p.cameras))}
	for _, c := range p.cameras {
		g.topics = append(g.topics, c.topic)
		g.held = append(g.held, map[int][]byte{})
		last := map[int]int{}
		for k, i := range c.pick {
			last[i] = k
		}
		g.lastUse = append(g.lastUse, last)
	}
	return g
}

func (g *gallery) add(m episode.Message) error {
	i := slices.Index(g.topics, m.Topic)
	n := g.came[i]
	g.came[i]++
	if _, ok := g.lastUse[i][n]; !ok {
		return nil
	}
	picture, err := g.encode(m)
	if err != nil {
		return fmt.Errorf("%w: %s: %s of %s: %w", ErrEpisode, g.p.reader.Path, m.Topic, m.Stamp, err)
	}
	if err := g.checkSize(i, picture); err != nil {
		return err
	}
	g.held[i][n] = picture
	return nil
}

// encode gives a picture as a JPEG or PNG file: a compressed one as it came.
func (g *gallery) encode(m episode.Message) ([]byte, error) {
	decoded, err := m.Decode()
	if err != nil {
		return nil, err
	}
	switch d := decoded.(type) {
	case *msgs.CompressedImage:
		return d.Data, nil
	case *msgs.Image:
		if err := vision.ToRGB(&g.rgb, d.Encoding, int(d.Width), int(d.Height), int(d.Step), d.Data); err != nil {
			return nil, err
		}
		return encodeJPEG(g.rgb, g.p.quality)
	}
	return nil, fmt.Errorf("%s is no picture", m.Type)
}

func encodeJPEG(m vision.Image, quality int) ([]byte, error) {
	out := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i := range m.Width * m.Height {
		copy(out.Pix[4*i:4*i+3], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, out, &jpeg.Options{Quality: quality})
	return b.Bytes(), err
}

// checkSize holds all pictures of a camera to the size of its first in the set.
func (g *gallery) checkSize(i int, picture []byte) error {
	c, _, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("%w: %s: a picture of %s is neither JPEG nor PNG: %w", ErrEpisode, g.p.reader.Path, g.topics[i], err)
	}
	want := &g.p.spec.Cameras[i]
	if want.Width == 0 {
		want.Width, want.Height = c.Width, c.Height
	}
	if c.Width != want.Width || c.Height != want.Height {
		return fmt.Errorf("%w: %s: a picture of camera %s is %dx%d, in the set they are %dx%d", ErrEpisode, g.p.reader.Path, want.Name, c.Width, c.Height, want.Width, want.Height)
	}
	return nil
}

func (g *gallery) ready(k int) bool {
	for i, c := range g.p.cameras {
		if g.held[i][c.pick[k]] == nil {
			return false
		}
	}
	return true
}

func (g *gallery) take(k int) [][]byte {
	out := make([][]byte, len(g.p.cameras))
	for i, c := range g.p.cameras {
		n := c.pick[k]
		out[i] = g.held[i][n]
		if g.lastUse[i][n] == k {
			delete(g.held[i], n)
		}
	}
	return out
}
