package llavavla

import (
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/vision"
)

// Rules are what the checkpoint's config says of images, as model/vision plans by them.
func Rules(c checkpoint.Config) vision.Rules {
	return vision.Rules{
		Crop: c.Vision.ImageSize, Grid: c.Vision.Grid(),
		AspectRatio: c.Image.AspectRatio, Pinpoints: c.Image.Pinpoints, MergeType: c.Image.MergeType,
	}
}

// BindRules are the rules for the composites of a manifest, and their size; the zero Size where it depends on the cameras. Where the
// manifest wants every view's tokens, each becomes a crop.
func BindRules(rules vision.Rules, m checkpoint.Manifest) (vision.Rules, vision.Size, error) {
	size := vision.Size{Width: m.ImageWidth, Height: m.ImageHeight}
	if m.ImageTokens != "concatenated" {
		return rules, size, nil
	}
	rules.AspectRatio = "views"
	var err error
	rules.Views, size, err = vision.Views(size, m.Layout, m.Cameras)
	return rules, size, err
}

// layout is a plan's visual tokens by where they come from: for each token its
// row in the encoded crops (encoded), in the blends (blended), or 0 when it is image_newline
// (newline); -1 in the other two.
type layout struct {
	plan                      *vision.Plan
	encoded, blended, newline []int32
}

func newLayout(plan *vision.Plan) *layout {
	l := &layout{plan: plan}
	rows := int32(plan.Encoded * plan.Patches())
	for _, t := range plan.Tokens {
		encoded, blended, newline := int32(-1), int32(-1), int32(-1)
		switch {
		case t == vision.Newline:
			newline = 0
		case t < rows:
			encoded = t
		default:
			blended = t - rows
		}
		l.encoded, l.blended, l.newline = append(l.encoded, encoded), append(l.blended, blended), append(l.newline, newline)
	}
	return l
}

func (l *layout) tokens() int { return len(l.encoded) }

// blend makes the rows that are means of four others, on the host: only images
// with more visual tokens than config.json allows have any.
func (l *layout) blend(b nn.Backend, encoded nn.Buf) (nn.Buf, error) {
	cols := encoded.Cols
	from := make([]float32, encoded.Rows*cols)
	if err := b.Read(from, encoded); err != nil {
		return nn.Buf{}, err
	}
	to := make([]float32, len(l.plan.Blends)*cols)
	for i, blend := range l.plan.Blends {
		dst := to[i*cols : (i+1)*cols]
		for j, r := range blend.Rows {
			for c, v := range from[int(r)*cols : (int(r)+1)*cols] {
				dst[c] += blend.Weights[j] * v
			}
		}
	}
	buf := b.Buf(len(l.plan.Blends), cols)
	b.Write(buf, to)
	return buf, nil
}
