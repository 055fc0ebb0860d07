package seer

import (
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/layers"
	"cobot_vla/model/weights"
)

// Prefix of the vision encoder's tensors among the others; its own file has them without.
const visionPrefix = "mae."

// newVision loads the masked autoencoder's encoder, for so many steps' images at a time: the original
// shuffles the patches even where it masks none, which changes nothing.
func newVision(l *weights.Loader, c Config, steps int) (*layers.ViT, nn.Norm) {
	b, width, inner := l.Backend(), c.VisionHidden, 4*c.VisionHidden
	v := &layers.ViT{
		Patch: l.Exact(visionPrefix+"patch_embed.proj", width, 3*c.Patch*c.Patch),
		Geometry: nn.Patches{
			Channels: 3, Height: c.Image, Width: c.Image, Size: c.Patch, Skip: 1,
		},
	}
	positions := l.Vector(visionPrefix+"pos_embed", (1+c.Patches())*width)
	class := l.Vector(visionPrefix+"cls_token", width)
	if len(positions) > 0 && len(class) == width {
		first := make([]float32, width)
		for i := range first {
			first[i] = class[i] + positions[i]
		}
		v.Positions, v.Class = l.Buf(positions, 1+c.Patches(), width), l.Buf(first, 1, width)
	}
	v.Act = nn.GELU
	v.Blocks = weights.VisionBlocks(l, visionPrefix+"blocks.", c.VisionLayers, width, inner, visionEps)
	v.Reserve(b, steps*views, c.VisionHeads, width/c.VisionHeads, inner)
	return v, l.LayerNorm(visionPrefix+"norm", width, visionEps)
}

// views of a step: primary, which sees the scene, and wrist.
const views = 2
