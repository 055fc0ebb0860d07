//go:build apriltag && cgo

package apriltag

import (
	"image"
	"math"
	"strings"
	"testing"
)

// TestDetect: tags drawn at known pixels are found there, to a third of a pixel: some releases put every edge an eighth of a pixel too far left and up,
// the lower left corner first.
func TestDetect(t *testing.T) {
	for _, family := range Families() {
		d, err := New(family)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := d.Picture(7)
		if err != nil {
			t.Fatal(err)
		}
		const cell, left, top = 9, 40, 30
		m := image.NewGray(image.Rect(0, 0, 320, 240))
		for i := range m.Pix {
			m.Pix[i] = 255
		}
		for y := range tag.Rect.Max.Y * cell {
			for x := range tag.Rect.Max.X * cell {
				m.Pix[m.PixOffset(left+x, top+y)] = tag.Pix[tag.PixOffset(x/cell, y/cell)]
			}
		}
		got, err := d.Detect(m)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].ID != 7 {
			t.Fatalf("%s: found %+v, want tag 7", family, got)
		}
		border := (tag.Rect.Max.X - int(d.family.width_at_border)) / 2 * cell
		side := float64(int(d.family.width_at_border) * cell)
		// An edge between pixels lies half a pixel before the middle of the later one.
		x, y := float64(left+border)-0.5, float64(top+border)-0.5
		want := [4][2]float64{{x, y + side}, {x + side, y + side}, {x + side, y}, {x, y}}
		for k, c := range got[0].Corners {
			if math.Hypot(c[0]-want[k][0], c[1]-want[k][1]) > 0.3 {
				t.Errorf("%s: corner %d at %.2f, want %.2f", family, k, c, want[k])
			}
		}
		d.Close()
		d.Close()
		if _, err := d.Detect(m); err == nil {
			t.Error("a closed detector finds tags")
		}
	}
	if _, err := New("tag99"); err == nil || !strings.Contains(err.Error(), "tag36h11") {
		t.Errorf("an unknown family: %v", err)
	}
}

// Pictures of no size, and of noise, are no reason to fall over.
func TestDetectGarbage(t *testing.T) {
	d, err := New("tag36h11")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Detect(image.NewGray(image.Rect(0, 0, 0, 0))); err == nil {
		t.Error("an empty picture is taken")
	}
	m := image.NewGray(image.Rect(0, 0, 97, 61))
	x := uint32(1)
	for i := range m.Pix {
		x = x*1664525 + 1013904223
		m.Pix[i] = byte(x >> 24)
	}
	if got, err := d.Detect(m); err != nil || len(got) != 0 {
		t.Errorf("noise is %v, %v", got, err)
	}
}
