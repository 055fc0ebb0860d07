package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobot_vla/calibration"
	"cobot_vla/model/checkpoint"
	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/text"
	"cobot_vla/model/vision"
)

// modelInfoCmd says what a checkpoint is.
type modelInfoCmd struct {
	Dir         string `arg:"" help:"Folder of the checkpoint."`
	Calibration string `help:"The robot's calibration file, which the manifest is compared with; empty for the factory default."`
	Tensors     bool   `help:"List every tensor too."`
	JSON        bool   `help:"One JSON object."`
}

// modelInfo is what there is to say of a checkpoint.
type modelInfo struct {
	Dir        string            `json:"dir"`
	ModelType  string            `json:"model_type"`
	Naming     string            `json:"naming"`
	Files      []string          `json:"files"`
	DTypes     []string          `json:"dtypes"`
	Bytes      int64             `json:"bytes"`
	Parameters parameterCount    `json:"parameters"`
	Vision     visionInfo        `json:"vision"`
	Language   languageInfo      `json:"language"`
	Images     imageInfo         `json:"images"`
	Tokenizer  *tokenizerInfo    `json:"tokenizer,omitempty"`
	Penalty    float64           `json:"repetition_penalty"`
	EOS        []int             `json:"eos"`
	WeightsIn  map[string]int64  `json:"weight_bytes_by_element"`
	PerToken   int64             `json:"cache_bytes_per_position"`
	Converted  map[string]int64  `json:"converted_bytes"`
	Manifest   *manifestInfo     `json:"manifest,omitempty"`
	Lacks      map[string]string `json:"lacks"`
	Tensors    []tensorInfo      `json:"tensors,omitempty"`
}

// parameterCount of the parts that are run; a tied head is counted once.
type parameterCount struct {
	Vision    int64 `json:"vision"`
	Projector int64 `json:"projector"`
	Language  int64 `json:"language"`
	All       int64 `json:"all"`
}

type visionInfo struct {
	ImageSize    int `json:"image_size"`
	PatchSize    int `json:"patch_size"`
	Grid         int `json:"grid"`
	Hidden       int `json:"hidden"`
	Intermediate int `json:"intermediate"`
	Layers       int `json:"layers"`
	Heads        int `json:"heads"`
	HeadDim      int `json:"head_dim"`
}

type languageInfo struct {
	Hidden       int     `json:"hidden"`
	Intermediate int     `json:"intermediate"`
	Layers       int     `json:"layers"`
	Heads        int     `json:"heads"`
	KVHeads      int     `json:"kv_heads"`
	HeadDim      int     `json:"head_dim"`
	VocabRows    int     `json:"vocab_rows"`
	Predictable  int     `json:"predictable"`
	MaxPositions int     `json:"max_positions"`
	RopeTheta    float64 `json:"rope_theta"`
	Tied         bool    `json:"tied"`
}

type imageInfo struct {
	AspectRatio string `json:"aspect_ratio"`
	MergeType   string `json:"merge_type"`
	Pinpoints   int    `json:"pinpoints"`
	// For an image of Width x Height, the manifest's or the original's composite.
	Width   int `json:"width"`
	Height  int `json:"height"`
	Crops   int `json:"crops"`
	Encoded int `json:"encoded_crops"`
	Tokens  int `json:"visual_tokens"`
}

type tokenizerInfo struct {
	Base       int  `json:"base"`
	Tokens     int  `json:"tokens"`
	Navigation bool `json:"navigation"`
}

// manifestInfo is manifest.yaml, and how it suits a robot.
type manifestInfo struct {
	Kind                string          `json:"kind"`
	Name                string          `json:"name"`
	Robot               string          `json:"robot"`
	Action              actionInfo      `json:"action"`
	Proprioception      []string        `json:"proprioception"`
	Cameras             []string        `json:"cameras"`
	Layout              string          `json:"layout"`
	ProprioceptionInput string          `json:"proprioception_input,omitempty"`
	ImageTokens         string          `json:"image_tokens,omitempty"`
	ImageWidth          int             `json:"image_width"`
	ImageHeight         int             `json:"image_height"`
	Statistics          string          `json:"statistics_version,omitempty"`
	ActionTokenTop      uint32          `json:"action_token_top"`
	ActionBins          int             `json:"action_bins"`
	ActionEdges         string          `json:"action_edges"`
	Navigation          *navigationInfo `json:"navigation,omitempty"`
	Continuous          *selectionInfo  `json:"continuous,omitempty"`
	MaxObservationAge   float64         `json:"max_observation_age_s"`
	// ComparedWith is the calibration's robot; Disagrees says what does not fit it, "" when all does.
	ComparedWith string `json:"compared_with"`
	Disagrees    string `json:"disagrees,omitempty"`
}

type actionInfo struct {
	Names  []string `json:"names"`
	Mode   string   `json:"mode"`
	Chunk  int      `json:"chunk"`
	Period float64  `json:"period_s"`
}

type navigationInfo struct {
	MaxForward      float64   `json:"max_forward_m"`
	MaxTurn         float64   `json:"max_turn_rad"`
	Tokens          string    `json:"tokens,omitempty"`
	DirectionTokens [4]uint32 `json:"direction_tokens"`
}

// selectionInfo is how a policy that predicts numbers looks back, feels and acts.
type selectionInfo struct {
	History       int     `json:"history"`
	Fill          bool    `json:"fill"`
	Slide         int     `json:"slide"`
	Selection     string  `json:"selection"`
	EnsembleDecay float64 `json:"ensemble_decay"`
	Gripper       string  `json:"gripper"`
	GripperOne    string  `json:"gripper_one"`
	State         string  `json:"state"`
	Relative      float64 `json:"relative_rad"`
}

func newManifestInfo(m checkpoint.Manifest, robot string) *manifestInfo {
	i := &manifestInfo{
		Kind: m.Kind, Name: m.Name, Robot: m.Robot, Action: actionInfo(m.Action), Proprioception: m.Proprioception, ProprioceptionInput: m.ProprioceptionInput,
		Cameras: m.Cameras, Layout: m.Layout, ImageTokens: m.ImageTokens, ImageWidth: m.ImageWidth, ImageHeight: m.ImageHeight,
		ActionTokenTop: m.ActionTokenTop, ActionBins: m.ActionBins, ActionEdges: m.ActionEdges,
		MaxObservationAge: m.MaxObservationAge, ComparedWith: robot,
	}
	if m.Navigation != nil {
		nav := navigationInfo(*m.Navigation)
		i.Navigation = &nav
	}
	if m.Continuous != nil {
		c := selectionInfo(*m.Continuous)
		i.Continuous = &c
	}
	return i
}

type tensorInfo struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Bytes int    `json:"bytes"`
}

// Run implements the command.
func (c *modelInfoCmd) Run(a *app) (err error) {
	robot, err := robotOf(c.Calibration)
	if err != nil {
		return err
	}
	if kind := kindOf(c.Dir); kind != "llavavla" {
		return c.infoContinuous(a, kind, robot)
	}
	files, err := checkpoint.Open(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	i, err := examine(files, robot)
	if err != nil {
		return err
	}
	if c.Tensors {
		if i.Tensors, err = listTensors(files.Weights); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(i)
	}
	return i.print(a.stdout)
}

// robotOf is a calibration file, or the factory default.
func robotOf(file string) (calibration.Robot, error) {
	if file == "" {
		return calibration.Default(), nil
	}
	return calibration.Load(file)
}

// examine collects everything; what is absent is listed, what is broken is an error.
func examine(files *checkpoint.Checkpoint, robot calibration.Robot) (*modelInfo, error) {
	c := files.Config
	i := &modelInfo{
		Dir: files.Dir, ModelType: c.ModelType, Naming: string(files.Scheme()), Bytes: files.Bytes(),
		Penalty: files.Generation.RepetitionPenalty, EOS: files.Generation.EOS,
		Vision: visionInfo{
			ImageSize: c.Vision.ImageSize, PatchSize: c.Vision.PatchSize, Grid: c.Vision.Grid(), Hidden: c.Vision.Hidden,
			Intermediate: c.Vision.Intermediate, Layers: c.Vision.Layers, Heads: c.Vision.Heads, HeadDim: c.Vision.HeadDim(),
		},
		Language: languageInfo{
			Hidden: c.Language.Hidden, Intermediate: c.Language.Intermediate, Layers: c.Language.Layers, Heads: c.Language.Heads,
			KVHeads: c.Language.KVHeads, HeadDim: c.Language.HeadDim, VocabRows: c.Language.VocabRows,
			MaxPositions: c.Language.MaxPositions, RopeTheta: c.Language.RopeTheta, Tied: c.Language.Tied,
		},
		Images:    imageInfo{AspectRatio: c.Image.AspectRatio, MergeType: c.Image.MergeType, Pinpoints: len(c.Image.Pinpoints)},
		WeightsIn: map[string]int64{}, Converted: map[string]int64{}, Lacks: map[string]string{},
		PerToken: int64(2 * 2 * c.Language.Layers * c.Language.KVHeads * c.Language.HeadDim), // keys and values, 16 bits each
	}
	for _, f := range files.Files() {
		i.Files = append(i.Files, filepath.Base(f))
	}
	if err := i.count(files); err != nil {
		return nil, err
	}
	tok, err := files.OptionalTokenizer()
	if err != nil {
		return nil, err
	}
	i.Language.Predictable = files.Predictable(tok)
	if tok == nil {
		i.Lacks["tokenizer"] = "no tokenizer.json, nor vocab.json with merges.txt: a policy can't read its instruction; copy them from the model it was trained from"
	} else {
		_, drives := tok.ID(llavavla.NavigationToken)
		i.Tokenizer = &tokenizerInfo{Base: tok.BaseSize(), Tokens: tok.Len(), Navigation: drives}
	}
	if err := i.bind(files, tok, robot); err != nil {
		return nil, err
	}
	return i, i.layout(c)
}

// count adds up what config.json's shapes say, and looks for converted weights.
func (i *modelInfo) count(files *checkpoint.Checkpoint) error {
	for _, s := range files.Config.Shapes() {
		t, err := files.Tensor(s.Name, s.Dims...)
		if err != nil {
			return err
		}
		if d := string(t.DType); !slices.Contains(i.DTypes, d) {
			i.DTypes = append(i.DTypes, d)
		}
		n := int64(t.Len())
		switch part, _, _ := strings.Cut(s.Name, "."); part {
		case "vision":
			i.Parameters.Vision += n
		case "language", "head":
			i.Parameters.Language += n
		default:
			i.Parameters.Projector += n
		}
		i.Parameters.All += n
	}
	for _, p := range cpu.Precisions() {
		bytes := map[string]int64{"f32": 4, "bf16": 2, "int8": 1}[p.Element()]
		i.WeightsIn[p.Element()] = bytes * i.Parameters.All
		if info, err := os.Stat(filepath.Join(files.Dir, p.PackedName())); err == nil {
			i.Converted[p.PackedName()] = info.Size()
		}
	}
	return nil
}

// bind reads the manifest and compares it with the checkpoint and the robot.
func (i *modelInfo) bind(files *checkpoint.Checkpoint, tok *text.Tokenizer, robot calibration.Robot) error {
	var m checkpoint.Manifest
	var err error
	i.Manifest, m, err = readManifestInfo(files.Dir, robot)
	if errors.Is(err, fs.ErrNotExist) {
		i.Lacks["manifest"] = noManifest(files.Dir)
		return nil
	}
	if err != nil || tok == nil {
		return err
	}
	if wrong := checkTokens(m, files, tok); wrong != nil {
		i.Manifest.Disagrees = strings.TrimPrefix(i.Manifest.Disagrees+"\n"+wrong.Error(), "\n")
	}
	return nil
}

// readManifestInfo reads a folder's manifest and compares it with a robot.
func readManifestInfo(dir string, robot calibration.Robot) (*manifestInfo, checkpoint.Manifest, error) {
	path := filepath.Join(dir, manifestFile)
	m, err := checkpoint.ReadManifest(path)
	if err != nil {
		return nil, m, err
	}
	b := binding{manifest: m, robot: robot}
	i := newManifestInfo(m, robot.Name)
	if b.stats, err = m.LoadStatistics(path); err == nil {
		i.Statistics = b.stats.Version()
		err = b.check()
	}
	if err != nil {
		i.Disagrees = err.Error()
	}
	return i, m, nil
}

func noManifest(dir string) string {
	return "no manifest.yaml: nothing says what robot it is for; write one with: cobot_vla model manifest " + dir
}

// layout plans for the image that the policy would see.
func (i *modelInfo) layout(c checkpoint.Config) error {
	rules, size := llavavla.Rules(c), vision.Size{}
	var err error
	if m := i.Manifest; m != nil {
		rules, size, err = llavavla.BindRules(rules, checkpoint.Manifest{
			Cameras: m.Cameras, Layout: m.Layout, ImageTokens: m.ImageTokens, ImageWidth: m.ImageWidth, ImageHeight: m.ImageHeight,
		})
	}
	if size == (vision.Size{}) {
		size = vision.Size{Width: 334, Height: 334} // the original's composite
	}
	if err != nil {
		return fmt.Errorf("%s: %w", i.Dir, err)
	}
	plan, err := vision.NewPlan(rules, size)
	if err != nil {
		return fmt.Errorf("%s: %w", i.Dir, err)
	}
	i.Images.Width, i.Images.Height = size.Width, size.Height
	i.Images.Crops, i.Images.Encoded, i.Images.Tokens = plan.Crops(), plan.Encoded, len(plan.Tokens)
	return nil
}

func listTensors(files *checkpoint.Weights) ([]tensorInfo, error) {
	var all []tensorInfo
	for _, name := range files.Names() {
		t, err := files.Tensor(name)
		if err != nil {
			return nil, err
		}
		all = append(all, tensorInfo{Name: name, DType: string(t.DType), Shape: t.Shape, Bytes: len(t.Data)})
	}
	return all, nil
}

// elements are precisions whose weights are kept in different types.
var elements = []cpu.Precision{cpu.F32, cpu.BF16, cpu.INT8}

func (i *modelInfo) print(out io.Writer) error {
	f := newFacts(out)
	v, l, im, n := i.Vision, i.Language, i.Images, i.Parameters
	f.add("checkpoint", "%s: model_type %s, %s names, %s in %s: %s", i.Dir, i.ModelType, i.Naming, strings.Join(i.DTypes, ", "), strings.Join(i.Files, ", "), bytesText(i.Bytes))
	f.add("vision", "%d x %d px in patches of %d: %d x %d; %d layers of %d, %d heads of %d, MLP of %d", v.ImageSize, v.ImageSize, v.PatchSize, v.Grid, v.Grid, v.Layers, v.Hidden, v.Heads, v.HeadDim, v.Intermediate)
	head := "a head of its own"
	if l.Tied {
		head = "head tied to the embedding"
	}
	f.add("language", "%d layers of %d, %d heads and %d of keys of %d, MLP of %d; %d rows, %s; %d positions", l.Layers, l.Hidden, l.Heads, l.KVHeads, l.HeadDim, l.Intermediate, l.VocabRows, head, l.MaxPositions)
	f.add("parameters", "%s: vision %s, projector %s, language %s", grouped(n.All), grouped(n.Vision), grouped(n.Projector), grouped(n.Language))
	f.add("images", "%s, %s, %d pinpoints; %d x %d px make %d crops, %d to encode, and %d visual tokens", im.AspectRatio, im.MergeType, im.Pinpoints, im.Width, im.Height, im.Crops, im.Encoded, im.Tokens)
	if t := i.Tokenizer; t != nil {
		mobile := "no " + llavavla.NavigationToken + ", so no mobile tasks"
		if t.Navigation {
			mobile = "with " + llavavla.NavigationToken
		}
		f.add("tokenizer", "%d tokens, %d without added ones, %s; the model may say 0..%d", t.Tokens, t.Base, mobile, l.Predictable-1)
	}
	f.add("decoding", "greedy, repetition_penalty %g, ends %v", i.Penalty, i.EOS)
	var sizes []string
	for _, p := range elements {
		sizes = append(sizes, p.Element()+" "+bytesText(i.WeightsIn[p.Element()]))
	}
	f.add("memory", "weights in %s; %s for each position", strings.Join(sizes, ", "), bytesText(i.PerToken))
	for _, p := range elements {
		if size, ok := i.Converted[p.PackedName()]; ok {
			f.add("converted", "%s, %s", p.PackedName(), bytesText(size))
		}
	}
	if len(i.Converted) == 0 {
		f.add("converted", "none: cobot_vla model convert --checkpoint %s makes loading faster", i.Dir)
	}
	i.Manifest.print(f)
	for _, what := range []string{"tokenizer", "manifest"} {
		if why, ok := i.Lacks[what]; ok {
			f.add(what, "%s", why)
		}
	}
	if err := f.flush(); err != nil {
		return err
	}
	return printTensors(out, i.Tensors)
}

func printTensors(out io.Writer, all []tensorInfo) error {
	t := newFacts(out)
	for _, x := range all {
		t.add(x.Name, "%s\t%v\t%s", x.DType, x.Shape, bytesText(int64(x.Bytes)))
	}
	return t.flush()
}

func (m *manifestInfo) print(f facts) {
	if m == nil {
		return
	}
	f.add("policy", "%s %q for %s, statistics %s", m.Kind, m.Name, m.Robot, m.Statistics)
	f.add("commands", "%d %s steps of %g s: %s", m.Action.Chunk, m.Action.Mode, m.Action.Period, strings.Join(m.Action.Names, " "))
	by := ""
	if m.ProprioceptionInput == "mlp" {
		by = ", by an MLP"
	}
	f.add("feels", "%s%s", strings.Join(m.Proprioception, " "), by)
	f.add("sees", "%s in layout %s, at most %g s old", strings.Join(m.Cameras, ", "), m.Layout, m.MaxObservationAge)
	if c := m.Continuous; c != nil {
		what := map[string]string{"first": "the first of the predicted steps", "second": "the second of the predicted steps", "ensemble": fmt.Sprintf("the mean of all predictions for a time, the i-th oldest weighing exp(-%g i)", c.EnsembleDecay), "all": "every predicted step"}[c.Selection]
		f.add("decides", "from %d steps, sliding by %d, %s state; does %s; gripper by %s", c.History, c.Slide, c.State, what, c.Gripper)
	} else {
		f.add("speaks", "%d %s bins in ids %d..%d", m.ActionBins, m.ActionEdges, int64(m.ActionTokenTop)-int64(m.ActionBins), int64(m.ActionTokenTop)-1)
	}
	if nav := m.Navigation; nav != nil {
		how := fmt.Sprintf("forward, turn left, turn right, stop are %v", nav.DirectionTokens)
		if nav.Tokens == "values" {
			how = "said in a forward and a turn value token before every chunk"
		}
		f.add("drives", "up to %g m forward and %g rad around at once; %s", nav.MaxForward, nav.MaxTurn, how)
	}
	verdict := "fits " + m.ComparedWith
	if m.Disagrees != "" {
		verdict = strings.ReplaceAll(m.Disagrees, "\n", "; ")
	}
	f.add("robot", "%s", verdict)
}
