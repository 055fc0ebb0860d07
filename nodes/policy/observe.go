package policy

import (
	"fmt"
	"slices"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/msgs"
)

// observer keeps the newest of every input and makes consistent observations of them.
type observer struct {
	manifest checkpoint.Manifest
	version  string // of the policy's statistics; "" takes bins by any
	maxSkew  time.Duration

	image   *msgs.Image
	views   *msgs.Views
	proprio []*msgs.ProprioTokens // newest last
	truth   map[string]model.Pose

	binnedBy string // statistics of the bins of the last observation
}

// keep holds enough proprioception to find the one that belongs to a late image.
const keepProprio = 64

func (o *observer) addProprio(m *msgs.ProprioTokens) {
	if len(o.proprio) == keepProprio {
		o.proprio = slices.Delete(o.proprio, 0, 1)
	}
	o.proprio = append(o.proprio, m)
}

func (o *observer) addTruth(m *msgs.TFMessage) {
	o.truth = make(map[string]model.Pose, len(m.Transforms))
	for _, t := range m.Transforms {
		p, q := t.Transform.Translation, t.Transform.Rotation
		o.truth[t.ChildFrameID] = model.Pose{
			Position:    [3]float64{p.X, p.Y, p.Z},
			Orientation: [4]float64{q.X, q.Y, q.Z, q.W},
		}
	}
}

// take gives the newest consistent observation not older than notBefore, or
// says what it waits for.
func (o *observer) take(now, notBefore time.Time) (obs model.Observation, waits string) {
	switch {
	case o.image == nil || o.views == nil:
		return obs, "no /observation/image yet"
	case o.image.Header.Stamp != o.views.Header.Stamp:
		return obs, "the image's /observation/views"
	}
	stamp := o.image.Header.Stamp.Go()
	if stamp.Before(notBefore) {
		return obs, "an image taken after the last motion"
	}
	limit := time.Duration(o.manifest.MaxObservationAge * float64(time.Second))
	if age := now.Sub(stamp); age > limit {
		return obs, fmt.Sprintf("a fresh image: the newest is %.2f s old, the manifest allows %.2f s", age.Seconds(), limit.Seconds())
	}
	if o.image.Encoding != "rgb8" || int(o.image.Step) != 3*int(o.image.Width) || len(o.image.Data) != int(o.image.Step)*int(o.image.Height) {
		return obs, fmt.Sprintf("an rgb8 image: /observation/image is %s, step %d", o.image.Encoding, o.image.Step)
	}
	if o.manifest.Layout != "" && o.views.Layout != o.manifest.Layout {
		return obs, fmt.Sprintf("an image of layout %s: camera_fusion makes %s", o.manifest.Layout, o.views.Layout)
	}
	obs = model.Observation{
		Stamp: stamp, Image: o.image.Data, Width: int(o.image.Width), Height: int(o.image.Height),
	}
	for _, v := range o.views.Views {
		if v.Missing {
			return obs, fmt.Sprintf("camera %s: no fresh frame", v.Name)
		}
		obs.Views = append(obs.Views, model.View{
			Name: v.Name, X: int(v.X), Y: int(v.Y), Width: int(v.Width), Height: int(v.Height), Age: v.Age.Go(),
		})
	}
	if waits := o.state(&obs); waits != "" {
		return obs, waits
	}
	if o.manifest.NeedsGroundTruth {
		if o.truth == nil {
			return obs, "/sim/ground_truth: policy " + o.manifest.Kind + " runs only in the simulator"
		}
		obs.Truth = o.truth
	}
	return obs, ""
}

// state adds the proprioception nearest to the image.
func (o *observer) state(obs *model.Observation) (waits string) {
	if len(o.proprio) == 0 {
		return "no /observation/proprioception yet"
	}
	best, gap := (*msgs.ProprioTokens)(nil), time.Duration(0)
	for _, p := range o.proprio {
		if d := p.Header.Stamp.Go().Sub(obs.Stamp).Abs(); best == nil || d <= gap {
			best, gap = p, d
		}
	}
	switch {
	case gap > o.maxSkew:
		return fmt.Sprintf("proprioception at the image's time: the nearest is %.3f s away, allowed are %.3f s", gap.Seconds(), o.maxSkew.Seconds())
	case !slices.Equal(best.Names, o.manifest.Proprioception):
		return fmt.Sprintf("proprioception %v: the manifest lists %v", best.Names, o.manifest.Proprioception)
	case o.version != "" && best.StatisticsVersion != o.version:
		return fmt.Sprintf("proprioception binned by statistics %s: these are by %s", o.version, best.StatisticsVersion)
	case len(best.Values) != len(best.Names) || len(best.Bins) != len(best.Names):
		return fmt.Sprintf("whole proprioception: %d names, %d values, %d bins", len(best.Names), len(best.Values), len(best.Bins))
	}
	obs.State, obs.Bins, o.binnedBy = best.Values, best.Bins, best.StatisticsVersion
	return ""
}
