package vision

import (
	"bytes"
	"errors"
	"testing"
)

// TestViewsAreCrops: every view of a composite is encoded as if it were an image of its own.
func TestViewsAreCrops(t *testing.T) {
	views, canvas, err := Views(Size{90, 61}, Stack3, []string{"front", "left", "right"})
	if err != nil || len(views) != 3 || canvas != (Size{90, 61}) {
		t.Fatal(views, canvas, err)
	}
	rules := Rules{Crop: 28, Grid: 2, AspectRatio: "views", MergeType: "spatial_unpad", Views: views}
	plan, err := NewPlan(rules, canvas)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Encoded != 3 || len(plan.Tokens) != 3*(4+1) || plan.Tokens[4] != Newline || plan.Tokens[5] != 4 || plan.Tokens[13] != 11 {
		t.Fatalf("%d crops, tokens %v", plan.Encoded, plan.Tokens)
	}
	whole := NewImage(canvas.Width, canvas.Height)
	for i := range whole.Pix {
		whole.Pix[i] = byte(i * 7 >> 2)
	}
	p, err := NewPreprocessor(plan)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.AppendCrops(nil, whole)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, v := range views {
		cut := NewImage(v.Width, v.Height)
		for y := range v.Height {
			copy(cut.Pix[3*y*v.Width:3*(y+1)*v.Width], whole.Pix[3*((v.Y+y)*whole.Width+v.X):])
		}
		single := rules
		single.AspectRatio, single.Views = "square", nil
		plan, err := NewPlan(single, cut.Size)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPreprocessor(plan)
		if err != nil {
			t.Fatal(err)
		}
		if want, err = p.AppendCrops(want, cut); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("a view's crop is not what the view alone gives")
	}
	pixels := make([]float32, p.Len())
	if err := p.Pixels(pixels, whole); err != nil || len(pixels) != 3*3*28*28 {
		t.Errorf("%d values, %v", len(pixels), err)
	}
	rules.Views = append(views[:2:2], Rect{Name: "right", X: 60, Y: 30, Width: 45, Height: 30})
	if _, err := NewPlan(rules, canvas); !errors.Is(err, ErrImage) {
		t.Errorf("a view outside the image: %v", err)
	}
	if _, _, err := Views(Size{}, Tiles, []string{"front"}); !errors.Is(err, ErrImage) {
		t.Errorf("views at native size: %v", err)
	}
}
