package export

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/vision"
)

// llava writes what LLaVA-VLA trains on: training.json, a list of conversations
// in which a person shows a composite picture, says the instruction and the
// robot's state, and the answer is the next actions; the pictures; and
// statistics.yaml with state's mean and deviation and the actions' bounds.
type llava struct{ stats calibration.Statistics }

// conversation is one entry of training.json, in the words of the original's.
type conversation struct {
	ID       string `json:"id"`
	Image    string `json:"image"`
	Turns    []turn `json:"conversations"`
	Embodied bool   `json:"embody"`
}

type turn struct {
	From  string `json:"from"`
	Value string `json:"value"`
}

const (
	llavaJSON       = "training.json"
	llavaStatistics = "statistics.yaml"
	llavaImages     = "images"
)

// begin finds the statistics of all episodes: answers may be written in them.
func (l *llava) begin(ctx context.Context, s *set, episodes []string) error {
	var frames int
	var err error
	if l.stats, frames, err = statistics(ctx, episodes, s.cfg, s.spec); err != nil {
		return err
	}
	text, err := l.stats.YAML(fmt.Sprintf("Statistics of %d episodes, %d frames at %d Hz.", len(episodes), frames, s.cfg.FPS))
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if old, err := os.ReadFile(filepath.Join(s.dir, llavaStatistics)); err == nil && len(s.records) > 0 && s.cfg.Normalised && !bytes.Equal(old, text) {
		return fmt.Errorf("%w: more episodes change the statistics in which %s is written: export to another folder, or not normalised", ErrConfig, s.dir)
	}
	return writeWhole(filepath.Join(s.dir, llavaStatistics), text)
}

const leastRange = 0.01 // [rad], [m]

func (l *llava) open(s *set, shard int) (part, error) {
	return &llavaPart{l: l, s: s, shard: shard}, nil
}

// conclude joins the parts.
func (l *llava) conclude(s *set) error {
	var all bytes.Buffer
	all.WriteString("[\n")
	for i, r := range s.records {
		text, err := os.ReadFile(s.work(llavaPartName(r.Shard)))
		if err != nil {
			return err
		}
		all.Write(bytes.TrimRight(text, "\n"))
		if i+1 < len(s.records) {
			all.WriteString(",")
		}
		all.WriteString("\n")
	}
	all.WriteString("]\n")
	return writeWhole(filepath.Join(s.dir, llavaJSON), all.Bytes())
}

func llavaPartName(shard int) string { return fmt.Sprintf("training_%06d.json", shard) }

// llavaPart is one episode's pictures and conversations.
type llavaPart struct {
	l     *llava
	s     *set
	shard int
	text  bytes.Buffer
	dir   string
}

func (e *llavaPart) add(ctx context.Context, p *plan, r *Record, frame func(k int)) (bool, error) {
	name := fmt.Sprintf("episode_%06d", r.Index)
	e.dir = filepath.Join(e.s.dir, llavaImages, name)
	if err := os.MkdirAll(e.dir, 0o777); err != nil {
		return false, fmt.Errorf("export: %w", err)
	}
	var draw *painter
	k := 0
	for f, err := range p.frames(ctx) {
		if err == nil && draw == nil {
			draw, err = newPainter(p.spec)
		}
		var picture []byte
		if err == nil {
			picture, err = draw.compose(f.pictures, p.quality)
		}
		file := fmt.Sprintf("%06d.jpg", k)
		if err == nil {
			err = os.WriteFile(filepath.Join(e.dir, file), picture, 0o666)
		}
		if err == nil {
			err = e.say(p, r, k, filepath.ToSlash(filepath.Join(llavaImages, name, file)))
		}
		if err != nil {
			return false, fmt.Errorf("export: %s: frame %d: %w", r.Source, k, err)
		}
		frame(k)
		k++
	}
	r.Stats = map[string]Stats{"state": statsOf(p.state), "action": statsOf(p.action)}
	return true, nil
}

// say adds the conversation of a frame.
func (e *llavaPart) say(p *plan, r *Record, k int, image string) error {
	var answer []string
	for i := range p.spec.Chunk {
		step := p.action[min(k+i, p.length-1)] // the last is repeated at the end
		for d, v := range step {
			if p.spec.Normalised {
				v = (v-e.l.stats.ActMin[d])/(e.l.stats.ActMax[d]-e.l.stats.ActMin[d])*2 - 1
			}
			answer = append(answer, number(v))
		}
	}
	var state []string
	for _, v := range p.state[k] {
		state = append(state, number(v))
	}
	text, err := marshal(conversation{
		ID: fmt.Sprintf("episode_%06d_%06d", r.Index, k), Image: image, Embodied: true,
		Turns: []turn{
			{"human", "<image>\n" + r.Task + "\n" + strings.Join(state, " ")},
			{"gpt", strings.Join(answer, " ")},
		},
	}, "")
	if err != nil {
		return err
	}
	if e.text.Len() > 0 {
		e.text.WriteString(",\n")
	}
	e.text.Write(bytes.TrimRight(text, "\n"))
	return nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 9, 64) }

func (e *llavaPart) close() error {
	return writeWhole(e.s.work(llavaPartName(e.shard)), append(e.text.Bytes(), '\n'))
}

func (e *llavaPart) abandon() {
	if e.dir != "" {
		_ = os.RemoveAll(e.dir)
	}
}

// painter makes composites as camera_fusion does.
type painter struct {
	composer *vision.Composer
	canvas   vision.Image
	view     vision.Image
}

func newPainter(spec *Spec) (*painter, error) {
	var names []string
	var sizes []vision.Size
	for _, c := range spec.Cameras {
		names = append(names, c.Name)
		sizes = append(sizes, vision.Size{Width: c.Width, Height: c.Height})
	}
	layout := cmp.Or(spec.Layout, map[int]string{2: vision.Stack, 3: vision.Stack3, 4: vision.Mosaic4}[len(names)], vision.Tiles)
	c, err := vision.NewComposer(layout, names, sizes)
	if err != nil {
		return nil, fmt.Errorf("layout %s of %s: %w", layout, strings.Join(slices.Clone(names), ", "), err)
	}
	return &painter{composer: c, canvas: c.Canvas()}, nil
}

func (p *painter) compose(pictures [][]byte, quality int) ([]byte, error) {
	for i, b := range pictures {
		if err := vision.Decompress(&p.view, b); err != nil {
			return nil, err
		}
		if err := p.composer.Draw(p.canvas, i, p.view); err != nil {
			return nil, err
		}
	}
	return encodeJPEG(p.canvas, quality)
}
