package seer

import (
	"fmt"

	"cobot_vla/model/nn"
	"cobot_vla/model/weights"
)

// resampler is a perceiver: a few learnt latents look at all patches of an image and at each other.
type resampler struct {
	b       nn.Backend
	latents nn.Weight // table [N, E]
	layers  []resamplerLayer
	norm    nn.Norm
	inner   int // heads x head dimension

	cache   nn.Cache
	ids     nn.Tokens // of the latents
	x, q, a nn.Buf    // [N, E], [N, inner], [N, inner]
	h       nn.Buf    // [N, 4E]
}

type resamplerLayer struct {
	media, latents, ff nn.Norm
	q, kv, out         nn.Weight // [inner, E], [2 inner, E], [E, inner]
	fc1, fc2           nn.Weight // [4E, E], [E, 4E]
}

func newResampler(l *weights.Loader, c Config) *resampler {
	const prefix = "perceiver_resampler."
	b, e, inner := l.Backend(), c.VisionHidden, c.ResamplerHeads*c.ResamplerHeadDim
	r := &resampler{
		b: b, inner: inner,
		latents: l.Table(prefix+"latents", c.Latents, e),
		cache: b.Cache(nn.CacheSpec{
			Layers: 1, Capacity: c.Patches() + c.Latents,
			Heads: c.ResamplerHeads, KVHeads: c.ResamplerHeads, HeadDim: c.ResamplerHeadDim,
		}),
		ids: b.Tokens(c.Latents),
		x:   b.Buf(c.Latents, e), q: b.Buf(c.Latents, inner), a: b.Buf(c.Latents, inner), h: b.Buf(c.Latents, 4*e),
	}
	for i := range c.ResamplerLayers {
		attention, ff := fmt.Sprintf("%slayers.%d.0.", prefix, i), fmt.Sprintf("%slayers.%d.1.", prefix, i)
		r.layers = append(r.layers, resamplerLayer{
			media:   l.LayerNorm(attention+"norm_media", e, trunkEps),
			latents: l.LayerNorm(attention+"norm_latents", e, trunkEps),
			q:       l.Linear(attention+"to_q", inner, e),
			kv:      l.Linear(attention+"to_kv", 2*inner, e),
			out:     l.Linear(attention+"to_out", e, inner),
			ff:      l.LayerNorm(ff+"0", e, trunkEps),
			fc1:     l.Linear(ff+"1", 4*e, e),
			fc2:     l.Linear(ff+"3", e, 4*e),
		})
	}
	r.norm = l.LayerNorm(prefix+"norm", e, trunkEps)
	return r
}

// run resamples the patches of one image, media [G, E]; what it gives [N, E] is
// before the last norm, and the next call overwrites it.
func (r *resampler) run(media nn.Buf) nn.Buf {
	b, x := r.b, r.x
	ids := make([]int32, x.Rows)
	for i := range ids {
		ids[i] = int32(i)
	}
	b.Put(r.ids, ids)
	b.Embed(x, r.latents, r.ids)
	for _, l := range r.layers {
		// Keys and values are those of the patches, then the latents' own.
		b.Seek(r.cache, 0)
		b.QKV(nn.Buf{}, media, l.kv, l.media, r.cache, 0)
		b.Linear(r.q, x, l.q, nn.Op{Norm: l.latents})
		b.QKV(nn.Buf{}, x, l.kv, l.latents, r.cache, 0)
		b.Attend(r.a, r.q, r.cache, 0, nn.Full())
		b.Linear(x, r.a, l.out, nn.Op{Residual: true})
		b.Linear(r.h, x, l.fc1, nn.Op{Norm: l.ff, Act: nn.GELU})
		b.Linear(x, r.h, l.fc2, nn.Op{Residual: true})
	}
	return x
}
