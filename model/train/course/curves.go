package course

import (
	"bytes"
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Curves draws log.jsonl as curves.png: above the loss of every step, their mean and the held-out loss, below the
// action errors of held-out examples.
func Curves(dir string) error {
	lines, err := readLog(filepath.Join(dir, LogFile))
	if err != nil {
		return err
	}
	var loss, mean, held, errors, images, states, level plotter.XYs
	smooth := 0.0
	for _, l := range lines {
		x := float64(l.Step)
		if l.Loss != nil {
			if len(loss) == 0 {
				smooth = *l.Loss
			}
			smooth += (*l.Loss - smooth) / float64(min(len(loss)+1, 50))
			loss, mean = append(loss, plotter.XY{X: x, Y: *l.Loss}), append(mean, plotter.XY{X: x, Y: smooth})
		}
		if d := l.Held; d != nil {
			held = append(held, plotter.XY{X: x, Y: d.Loss})
			errors = append(errors, plotter.XY{X: x, Y: d.Error})
			images = append(images, plotter.XY{X: x, Y: d.ShuffledImages})
			states = append(states, plotter.XY{X: x, Y: d.ShuffledState})
			level = append(level, plotter.XY{X: x, Y: d.Mean})
		}
	}
	if len(loss) == 0 {
		return nil
	}
	above := plot.New()
	above.X.Label.Text, above.Y.Label.Text = "step", "loss"
	below := plot.New()
	below.X.Label.Text, below.Y.Label.Text = "step", "held-out action error [rad]"
	below.Y.Min = 0
	grey, blue, red, green, black := color.RGBA{190, 190, 190, 255}, color.RGBA{31, 119, 180, 255}, color.RGBA{214, 39, 40, 255}, color.RGBA{44, 160, 44, 255}, color.RGBA{0, 0, 0, 255}
	for _, c := range []struct {
		on     *plot.Plot
		name   string
		points plotter.XYs
		colour color.Color
	}{
		{above, "a step", loss, grey}, {above, "mean of 50", mean, blue}, {above, "held out", held, red},
		{below, "free-running", errors, blue}, {below, "images shuffled", images, red}, {below, "state shuffled", states, green}, {below, "mean action", level, black},
	} {
		if len(c.points) == 0 {
			continue
		}
		l, err := plotter.NewLine(c.points)
		if err != nil {
			return err
		}
		l.Color, l.Width = c.colour, vg.Points(1.2)
		c.on.Add(l)
		c.on.Legend.Add(c.name, l)
	}
	above.Legend.Top, below.Legend.Top = true, true
	plots := [][]*plot.Plot{{above}}
	if len(errors) > 0 {
		plots = append(plots, []*plot.Plot{below})
	}
	canvas := vgimg.New(7*vg.Inch, vg.Length(len(plots))*3.2*vg.Inch)
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadY: vg.Points(8), PadTop: vg.Points(4), PadRight: vg.Points(8)}
	for i, row := range plot.Align(plots, tiles, draw.New(canvas)) {
		plots[i][0].Draw(row[0])
	}
	var png bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&png); err != nil {
		return err
	}
	return Replace(filepath.Join(dir, "curves.png"), png.Bytes())
}
