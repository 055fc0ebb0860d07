package vision

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGoldenComposite(t *testing.T) {
	g := loadGolden(t).Composite
	c, err := NewComposer(Stack, []string{"static", "gripper"}, []Size{{200, 200}, {84, 84}})
	if err != nil {
		t.Fatal(err)
	}
	canvas := c.Canvas()
	frames := []Image{synth(200, 200, 1), synth(84, 84, 2)}
	if err := c.DrawAll(canvas, frames); err != nil {
		t.Fatal(err)
	}
	single := c.Canvas()
	for i, frame := range frames {
		if err := c.Draw(single, i, frame); err != nil {
			t.Fatal(err)
		}
	}
	if sha(single.Pix) != sha(canvas.Pix) {
		t.Error("views drawn one by one make another picture than all at once")
	}
	if sha(canvas.Pix) != g.SHA {
		t.Errorf("composite sha %s, want %s", sha(canvas.Pix), g.SHA)
	}
	pixels := func(y, x, n int) [][3]byte {
		var out [][3]byte
		for i := range n {
			out = append(out, [3]byte(canvas.Pix[(y*334+x+i)*3:]))
		}
		return out
	}
	if diff := cmp.Diff(g.Row0, pixels(0, 0, 8)); diff != "" {
		t.Errorf("first pixels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(g.Row333, pixels(333, 330, 4)); diff != "" {
		t.Errorf("last pixels (-want +got):\n%s", diff)
	}
}

func TestLayouts(t *testing.T) {
	hd, vga, small := Size{1280, 720}, Size{640, 480}, Size{84, 84}
	for _, test := range []struct {
		name    string
		canvas  Size
		layout  string
		cameras []string
		sizes   []Size
		size    Size
		views   []Rect
	}{
		{"stack", Size{}, Stack, []string{"f", "l"}, []Size{hd, small}, Size{334, 334},
			[]Rect{{"f", 0, 0, 334, 167}, {"l", 0, 167, 334, 167}}},
		{"stack of another size", Size{100, 61}, Stack, []string{"f", "l"}, []Size{hd, small}, Size{100, 61},
			[]Rect{{"f", 0, 0, 100, 30}, {"l", 0, 30, 100, 30}}},
		{"stack3", Size{}, Stack3, []string{"f", "l", "r"}, []Size{hd, vga, vga}, Size{334, 334},
			[]Rect{{"f", 0, 0, 334, 167}, {"l", 0, 167, 167, 167}, {"r", 167, 167, 167, 167}}},
		{"mosaic4", Size{}, Mosaic4, []string{"l", "r", "h", "f"}, []Size{vga, vga, small, hd}, Size{1920, 1200},
			[]Rect{{"l", 0, 0, 640, 480}, {"r", 640, 0, 640, 480}, {"h", 0, 480, 84, 84}, {"f", 640, 480, 1280, 720}}},
		{"mosaic4 of a size", Size{334, 334}, Mosaic4, []string{"l", "r", "h", "f"}, []Size{vga, vga, small, hd}, Size{334, 334},
			[]Rect{{"l", 0, 0, 167, 167}, {"r", 167, 0, 167, 167}, {"h", 0, 167, 167, 167}, {"f", 167, 167, 167, 167}}},
		{"tiles", Size{}, Tiles, []string{"f", "l", "r"}, []Size{hd, vga, small}, Size{2004, 720},
			[]Rect{{"f", 0, 0, 1280, 720}, {"l", 1280, 0, 640, 480}, {"r", 1920, 0, 84, 84}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := NewComposerOn(test.canvas, test.layout, test.cameras, test.sizes)
			if err != nil {
				t.Fatal(err)
			}
			if c.Size() != test.size {
				t.Errorf("size %s, want %s", c.Size(), test.size)
			}
			if diff := cmp.Diff(test.views, c.Views()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			drawAll(t, c, test.sizes)
		})
	}
}

// drawAll draws white frames: every rectangle is white, and nothing else; then blanks them.
func drawAll(t *testing.T, c *Composer, sizes []Size) {
	t.Helper()
	canvas := c.Canvas()
	for i, s := range sizes {
		frame := NewImage(s.Width, s.Height)
		for k := range frame.Pix {
			frame.Pix[k] = 255
		}
		if err := c.Draw(canvas, i, frame); err != nil {
			t.Fatal(err)
		}
	}
	area := 0
	for _, v := range c.Views() {
		area += v.Width * v.Height
		for _, at := range [][2]int{{v.X, v.Y}, {v.X + v.Width - 1, v.Y + v.Height - 1}} {
			if canvas.Pix[(at[1]*canvas.Width+at[0])*3] != 255 {
				t.Errorf("%s: corner %v is not drawn", v.Name, at)
			}
		}
	}
	white := 0
	for _, p := range canvas.Pix {
		white += int(p / 255)
	}
	if white != area*3 {
		t.Errorf("%d bytes drawn, want %d", white, area*3)
	}
	for i := range sizes {
		if err := c.Clear(canvas, i); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range canvas.Pix {
		if p != 0 {
			t.Fatal("cleared canvas is not black")
		}
	}
}

func TestComposerRefuses(t *testing.T) {
	s := Size{64, 48}
	for _, test := range []struct {
		canvas  Size
		layout  string
		cameras []string
		sizes   []Size
		says    string
	}{
		{Size{}, "grid", []string{"a"}, []Size{s}, "stack3"},
		{Size{}, Stack, []string{"a"}, []Size{s}, "takes 2 cameras"},
		{Size{}, Tiles, nil, nil, "takes 1 cameras"},
		{Size{}, Stack, []string{"a", "b"}, []Size{s}, "2 cameras with 1 sizes"},
		{Size{}, Stack, []string{"a", "b"}, []Size{s, {0, 3}}, "camera b"},
		{Size{10, 1}, Stack, []string{"a", "b"}, []Size{s, s}, "no room for a"},
		{Size{10, 10}, Tiles, []string{"a"}, []Size{s}, "image_width"},
	} {
		_, err := NewComposerOn(test.canvas, test.layout, test.cameras, test.sizes)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %v: error %v, want one that says %q", test.layout, test.cameras, err, test.says)
		}
	}
	c, err := NewComposer(Tiles, []string{"a"}, []Size{s})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Draw(c.Canvas(), 0, NewImage(32, 48)); err == nil || !strings.Contains(err.Error(), "camera a gives 32x48") {
		t.Errorf("a frame of another size: %v", err)
	}
	if err := c.Draw(NewImage(4, 4), 0, NewImage(64, 48)); err == nil {
		t.Error("a canvas of another size was taken")
	}
	if err := c.Draw(c.Canvas(), 1, NewImage(64, 48)); err == nil {
		t.Error("a camera that is not there was taken")
	}
}

func TestComposerAllocatesNothing(t *testing.T) {
	c, err := NewComposer(Stack, []string{"a", "b"}, []Size{{64, 48}, {32, 24}})
	if err != nil {
		t.Fatal(err)
	}
	canvas, a, b := c.Canvas(), synth(64, 48, 1), synth(32, 24, 2)
	if n := testing.AllocsPerRun(10, func() {
		if c.Draw(canvas, 0, a) != nil || c.Draw(canvas, 1, b) != nil || c.Clear(canvas, 1) != nil {
			t.Fatal("draw failed")
		}
	}); n != 0 {
		t.Errorf("%v allocations a composite", n)
	}
}
