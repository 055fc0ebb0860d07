package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/calibration"
)

// ErrRobotDisagrees is wrapped by CheckRobot and CheckStatistics: the policy was made for another robot.
var ErrRobotDisagrees = errors.New("the policy does not fit this robot")

// What manifest.yaml can say.
var (
	kinds   = []string{"llavavla", "vitavla", "seer", "expert", "replay"}
	modes   = []string{"absolute", "delta"}
	layouts = map[string]int{"stack": 2, "stack3": 3, "mosaic4": 4, "tiles": 0} // and how many cameras each takes; 0 for any
	edges   = []string{"uniform", "norm"}
)

// ReadManifest reads a manifest.yaml and checks it. Unknown and missing keys are errors.
func ReadManifest(path string) (Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	return ParseManifest(path, data)
}

// ParseManifest is ReadManifest for a file already in memory; file is its name in errors.
func ParseManifest(file string, data []byte) (Manifest, error) {
	m := Manifest{ActionBins: 256, ActionEdges: "uniform"}
	if err := calibration.DecodeStrict(file, data, &m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if err := m.Validate(); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %s: %w", file, err)
	}
	return m, nil
}

// YAML renders the file that ParseManifest reads. header is a comment for its top, without #.
func (m Manifest) YAML(header string) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	text, err := calibration.Encode(header, m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return text, nil
}

// Validate checks the manifest in itself. The error lists everything that is wrong.
func (m Manifest) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(field, v string, of []string) {
		if !slices.Contains(of, v) {
			fail("%s is %q; it is one of %s", field, v, strings.Join(of, ", "))
		}
	}
	names := func(field string, list []string) {
		for i, n := range list {
			if n == "" || slices.Contains(list[:i], n) {
				fail("%s[%d] is %q, empty or named before; name each once", field, i, n)
			}
		}
	}
	if m.Version != 1 {
		fail("version is %d; this program reads version 1", m.Version)
	}
	oneOf("kind", m.Kind, kinds)
	if m.Name == "" {
		fail("name is empty; name the policy for people")
	}
	if m.Robot == "" {
		fail("robot is empty; name the calibration it was made for, e.g. cobot_magic")
	}
	if len(m.Action.Names) == 0 {
		fail("action.names is empty; list the joints and grippers it commands")
	}
	names("action.names", m.Action.Names)
	oneOf("action.mode", m.Action.Mode, modes)
	if m.Action.Chunk < 1 || m.Action.Chunk > 1000 {
		fail("action.chunk is %d; it is 1..1000 steps", m.Action.Chunk)
	}
	if !(m.Action.Period >= 0.001 && m.Action.Period <= 10) {
		fail("action.period_s is %g s; it is 0.001..10 s", m.Action.Period)
	}
	names("proprioception", m.Proprioception)
	oneOf("proprioception_input", m.ProprioceptionInput, []string{"", "tokens", "mlp"})
	names("cameras", m.Cameras)
	want, known := layouts[m.Layout]
	if !known {
		fail("layout is %q; it is one of stack, stack3, mosaic4, tiles", m.Layout)
	} else if want != 0 && len(m.Cameras) != want {
		fail("layout %s takes %d cameras, cameras lists %d (%s)", m.Layout, want, len(m.Cameras), strings.Join(m.Cameras, ", "))
	}
	if (m.ImageWidth == 0) != (m.ImageHeight == 0) || m.ImageWidth < 0 || m.ImageHeight < 0 || m.ImageWidth > 8192 || m.ImageHeight > 8192 {
		fail("image_width, image_height are %d, %d px; give both within 1..8192, or both 0 for the layout's own size", m.ImageWidth, m.ImageHeight)
	}
	oneOf("image_tokens", m.ImageTokens, []string{"", "merged", "concatenated"})
	if m.ImageTokens == "concatenated" && (m.Layout == "tiles" || m.Layout == "mosaic4" && m.ImageWidth == 0) {
		fail("image_tokens is concatenated with layout %s, whose views have the cameras' sizes; choose stack, stack3, or mosaic4 on a canvas", m.Layout)
	}
	if m.Statistics == "" || !filepath.IsLocal(m.Statistics) {
		fail("statistics is %q; give a path beside or below the manifest, e.g. statistics.yaml", m.Statistics)
	}
	if m.ActionBins < 2 || m.ActionBins > 65535 {
		fail("action_bins is %d; it is 2..65535", m.ActionBins)
	}
	oneOf("action_edges", m.ActionEdges, edges)
	if m.ActionEdges == "norm" && m.ActionBins != 256 {
		fail("action_edges norm is defined for 256 bins, action_bins is %d", m.ActionBins)
	}
	if m.ActionTokenTop != 0 && int64(m.ActionTokenTop) < int64(m.ActionBins) {
		fail("action_token_top is %d, below the %d bins; it is the tokenizer's base vocabulary (151643 for Qwen2), or 0 for a policy without tokens", m.ActionTokenTop, m.ActionBins)
	}
	if !(m.MaxObservationAge > 0 && m.MaxObservationAge <= 60) {
		fail("max_observation_age_s is %g s; it is above 0 and at most 60 s", m.MaxObservationAge)
	}
	if n := m.Navigation; n != nil {
		if !(n.MaxForward > 0 && n.MaxForward <= 100) {
			fail("navigation.max_forward_m is %g m; it is above 0 and at most 100 m", n.MaxForward)
		}
		if !(n.MaxTurn > 0 && n.MaxTurn <= 2*math.Pi) {
			fail("navigation.max_turn_rad is %g rad; it is above 0 and at most 2π", n.MaxTurn)
		}
		oneOf("navigation.tokens", n.Tokens, []string{"", "direction", "values"})
		for i, id := range n.DirectionTokens {
			if slices.Contains(n.DirectionTokens[:i], id) {
				fail("navigation.direction_tokens[%d] is %d, which is another direction's; each has its own", i, id)
			}
			if id < m.ActionTokenTop && int64(id) >= int64(m.ActionTokenTop)-int64(m.ActionBins) {
				fail("navigation.direction_tokens[%d] is %d, within the action tokens %d..%d; choose an id outside", i, id, int64(m.ActionTokenTop)-int64(m.ActionBins), m.ActionTokenTop-1)
			}
		}
	}
	if m.Continuous != nil {
		m.checkContinuous(fail, oneOf)
	} else if m.Kind == "vitavla" || m.Kind == "seer" {
		fail("continuous is missing; a %s says there how it looks back, feels and acts", m.Kind)
	}
	return errors.Join(errs...)
}

// checkContinuous checks what a policy that predicts numbers says.
func (m Manifest) checkContinuous(fail func(format string, args ...any), oneOf func(field, v string, of []string)) {
	c := m.Continuous
	const arm = 7 // six joints and a gripper
	if len(m.Action.Names) != arm || len(m.Proprioception) != arm {
		fail("action.names lists %d, proprioception %d; continuous policies take six joints of an arm and its gripper, in that order", len(m.Action.Names), len(m.Proprioception))
	}
	if len(m.Cameras) < 2 {
		fail("cameras lists %d; continuous policies take two, the one that sees the scene and that on the wrist, and leave out what follows", len(m.Cameras))
	}
	if m.ActionTokenTop != 0 || m.Navigation != nil {
		fail("action_token_top is %d and navigation is set: %v; a continuous policy has neither", m.ActionTokenTop, m.Navigation != nil)
	}
	if c.History < 1 || c.History > 100 {
		fail("continuous.history is %d; it is 1..100 steps", c.History)
	}
	if c.Slide < 1 || c.Slide > max(c.History, 1) {
		fail("continuous.slide is %d; it is 1 to the history's %d", c.Slide, c.History)
	}
	oneOf("continuous.selection", c.Selection, []string{"first", "second", "ensemble", "all"})
	if (c.Selection == "all") != (m.Action.Chunk > 1) {
		fail("continuous.selection is %s with an action.chunk of %d; all plays every predicted step, the others one of them", c.Selection, m.Action.Chunk)
	}
	if !(c.EnsembleDecay >= 0 && c.EnsembleDecay <= 100) {
		fail("continuous.ensemble_decay is %g; it is 0..100", c.EnsembleDecay)
	}
	oneOf("continuous.gripper", c.Gripper, []string{"binary", "width"})
	oneOf("continuous.gripper_one", c.GripperOne, []string{"open", "closed"})
	if c.Gripper == "binary" && m.Action.Mode == "delta" {
		fail("continuous.gripper is binary with an action.mode of delta; open and closed are absolute")
	}
	oneOf("continuous.state", c.State, []string{"raw", "standard"})
	if !(c.Relative >= 0 && c.Relative <= 3) {
		fail("continuous.relative is %g rad; it is 0 for places, or up to 3", c.Relative)
	}
	if c.Relative > 0 && (c.Selection == "ensemble" || m.Action.Mode == "delta") {
		fail("continuous.relative is %g with a selection of %s and an action.mode of %s; predictions that count from where the joints were have no mean over time, and are absolute once they are made", c.Relative, c.Selection, m.Action.Mode)
	}
}

// LoadStatistics reads the statistics a manifest at path names and picks the
// manifest's dimensions in its order, so that index i of the result is
// m.Proprioception[i] and m.Action.Names[i].
func (m Manifest) LoadStatistics(path string) (calibration.Statistics, error) {
	file := filepath.Join(filepath.Dir(path), m.Statistics)
	s, err := calibration.LoadStatistics(file)
	if err != nil {
		return calibration.Statistics{}, fmt.Errorf("manifest: %s: %w", path, err)
	}
	s, err = s.Select(m.Proprioception, m.Action.Names)
	if err != nil {
		return calibration.Statistics{}, fmt.Errorf("manifest: %s: %s: %w", path, file, err)
	}
	return s, nil
}

// CheckRobot compares a policy with a robot. The error names every field that disagrees.
func CheckRobot(m Manifest, r calibration.Robot) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if m.Robot != r.Name {
		fail("robot: the manifest was made for %q, the calibration is of %q; load the right one of the two", m.Robot, r.Name)
	}
	subset := func(field string, want, have []string) {
		for i, n := range want {
			if !slices.Contains(have, n) {
				fail("%s[%d]: the robot has no %q; it has %s", field, i, n, strings.Join(have, ", "))
			}
		}
	}
	subset("action.names", m.Action.Names, r.ActionNames())
	subset("proprioception", m.Proprioception, r.StateNames())
	var cameras []string
	for _, c := range r.Cameras {
		cameras = append(cameras, c.Name)
	}
	subset("cameras", m.Cameras, cameras)
	if len(errs) > 0 {
		return fmt.Errorf("%w: %s %q: %w", ErrRobotDisagrees, m.Kind, m.Name, errors.Join(errs...))
	}
	return nil
}

// CheckStatistics compares a policy's statistics, in the manifest's order, with
// the robot's limits: a range that lies far outside them was measured on
// another robot, or in degrees.
func CheckStatistics(m Manifest, s calibration.Statistics, r calibration.Robot) error {
	// A resting arm lies 2° outside its range, so recorded ranges may too.
	const beyondRad, beyondM = 0.2, 0.02
	if m.Action.Mode != "absolute" {
		return nil
	}
	if len(s.ActMin) != len(m.Action.Names) {
		return fmt.Errorf("%w: statistics have %d action dimensions, action.names lists %d", ErrRobotDisagrees, len(s.ActMin), len(m.Action.Names))
	}
	var errs []error
	lower, upper := r.ActionLimits()
	names := r.ActionNames()
	for i, n := range m.Action.Names {
		k := slices.Index(names, n)
		if k < 0 {
			errs = append(errs, fmt.Errorf("action.names[%d]: the robot has no %q", i, n))
			continue
		}
		beyond, unit := beyondRad, "rad"
		if isGripper(n, r) {
			beyond, unit = beyondM, "m"
		}
		if s.ActMin[i] < lower[k]-beyond || s.ActMax[i] > upper[k]+beyond {
			errs = append(errs, fmt.Errorf("act_min_bound[%d], act_max_bound[%d] (%s) are %g..%g, the robot's limits %g..%g %s; were they recorded in other units or on another robot?",
				i, i, n, s.ActMin[i], s.ActMax[i], lower[k], upper[k], unit))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: statistics %s: %w", ErrRobotDisagrees, s.Version(), errors.Join(errs...))
	}
	return nil
}

func isGripper(name string, r calibration.Robot) bool {
	return slices.ContainsFunc(r.Arms, func(a calibration.Arm) bool { return a.Gripper.Name == name })
}
