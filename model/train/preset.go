package train

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"cobot_vla/model/checkpoint"
	"cobot_vla/model/nn"
	"cobot_vla/model/text"
)

// PresetTiny is the shape of the checkpoint that ships, 0.8 million parameters; PresetSmall has 5.7 million. What counts on two
// cores is how many examples a model sees: on 300 demonstrations of click_bell the small one had seen 22 000 after seven minutes, and its
// held-out action error was 42 % of the mean action's; the tiny one had seen 57 000 after four, and its was 13 %.
const (
	PresetTiny  = "llava-vla-tiny"
	PresetSmall = "llava-vla-small"
)

// preset is a model's shape for a tokenizer and the data's images: square crops, each of as many patches as
// the data were prepared for. 168 px in patches of 28 are 36 visual tokens and a newline.
func preset(name string, words *text.Tokenizer, g Geometry) (checkpoint.Config, error) {
	each := g.Visual / max(g.Crops, 1)
	grid := int(math.Sqrt(float64(each)))
	if g.Crops < 1 || grid < 1 || g.Visual != g.Crops*(grid*grid+1) || g.Side%grid != 0 {
		return checkpoint.Config{}, fmt.Errorf("preset %q sees whole square crops, the data have %d of %d px and %d visual tokens: prepare them without a model's rules", name, g.Crops, g.Side, g.Visual)
	}
	c := checkpoint.Config{
		Scheme: checkpoint.Hub, ModelType: "llava_onevision", ImageToken: -1,
		Image: checkpoint.ImageConfig{AspectRatio: "square", MergeType: "spatial_unpad", Pinpoints: [][2]int{{g.Side, g.Side}}},
		Vision: checkpoint.VisionConfig{
			ImageSize: g.Side, PatchSize: g.Side / grid, Channels: 3, Hidden: 192, Intermediate: 768, Layers: 6, Heads: 3, Eps: 1e-6,
		},
		Language: checkpoint.LanguageConfig{
			Hidden: 192, Intermediate: 512, Layers: 6, Heads: 3, KVHeads: 1, HeadDim: 64,
			MaxPositions: 1024, Eps: 1e-6, RopeTheta: 1e4, Tied: true,
		},
	}
	switch name {
	case PresetSmall:
	case PresetTiny:
		c.Vision.Hidden, c.Vision.Intermediate, c.Vision.Layers, c.Vision.Heads = 96, 256, 3, 3
		c.Language.Hidden, c.Language.Intermediate, c.Language.Layers, c.Language.HeadDim = 96, 192, 3, 32
	default:
		return c, fmt.Errorf("preset %q, expected %s or %s", name, PresetTiny, PresetSmall)
	}
	c.Language.VocabRows, c.Proprioception = words.Len(), g.State
	if id, ok := words.ID("<image>"); ok {
		c.ImageToken = int(id)
	}
	if id, ok := words.ID("<|im_end|>"); ok {
		c.Language.EOS = []int{int(id)}
	}
	return c, nil
}

// fresh is the weights that a model starts with: every number a function of the seed, its tensor's name and its place.
//
//   - Matrices are normal with 1/inputs for a variance, those that write to the
//     residual stream smaller by the root of how many do, so that its size does not grow with depth.
//   - Positions of the vision tower begin as sines of the row and the column.
//   - Tokens of neighbouring bins begin alike: a smooth random curve over the bins. What is learned of
//     one bin then holds for those beside it, in proprioception as in actions (head and embedding are one).
type fresh struct {
	config checkpoint.Config
	seed   uint64
	// actions are the ids [first, last] of the action tokens.
	first, last int
}

func (f fresh) rng(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(f.seed, h.Sum64()))
}

func (f fresh) dims(name string) []int {
	for _, s := range f.config.Shapes() {
		if s.Name == name {
			return s.Dims
		}
	}
	return nil
}

// Has says whether the config has such a tensor.
func (f fresh) Has(name string) bool { return f.dims(name) != nil }

// Matrix of a name.
func (f fresh) Matrix(name string, out, in int) (nn.Matrix, error) {
	if f.dims(name) == nil {
		return nn.Matrix{}, fmt.Errorf("fresh weights: the model has no %s", name)
	}
	data := make([]float32, out*in)
	switch name {
	case "vision.embeddings.position_embedding.weight":
		f.positions(data, in)
	case "language.embed_tokens.weight":
		f.embedding(data, out, in)
	default:
		size := 1 / math.Sqrt(float64(in))
		switch {
		case strings.HasSuffix(name, "out_proj.weight"), strings.HasSuffix(name, "fc2.weight"):
			size /= math.Sqrt(2 * float64(f.config.Vision.Layers))
		case strings.HasSuffix(name, "o_proj.weight"), strings.HasSuffix(name, "down_proj.weight"):
			size /= math.Sqrt(2 * float64(f.config.Language.Layers))
		}
		normal(data, f.rng(name), size)
	}
	return nn.FromSlice(out, in, data, nil), nil
}

// Vector of a name: gains are 1, biases 0.
func (f fresh) Vector(name string, n int) ([]float32, error) {
	v := make([]float32, n)
	switch {
	case name == "newline":
		normal(v, f.rng(name), embeddingSize)
	case strings.Contains(name, "norm") && strings.HasSuffix(name, ".weight"):
		for i := range v {
			v[i] = 1
		}
	}
	return v, nil
}

func normal(dst []float32, rng *rand.Rand, size float64) {
	for i := range dst {
		dst[i] = float32(size * rng.NormFloat64())
	}
}

const (
	// embeddingSize is the standard deviation of a token's numbers.
	embeddingSize = 0.05
	// binCurve is how many bins apart two action tokens have little in common.
	binCurve = 16
)

// embedding is normal, and along the bins a curve: cosines of random frequencies and phases.
func (f fresh) embedding(data []float32, rows, cols int) {
	rng := f.rng("language.embed_tokens.weight")
	normal(data, rng, embeddingSize)
	for c := range cols {
		frequency, phase := rng.NormFloat64()/binCurve, rng.Float64()*2*math.Pi
		for id := f.first; id <= min(f.last, rows-1); id++ {
			along := float64(id - f.first)
			data[id*cols+c] = float32(embeddingSize * (0.9*math.Sqrt2*math.Cos(frequency*along+phase) + 0.3*float64(data[id*cols+c])/embeddingSize))
		}
	}
}

// positions are sines and cosines of the patch's row in the first half of the columns, of its column in the second.
func (f fresh) positions(data []float32, cols int) {
	grid := f.config.Vision.Grid()
	quarter := cols / 4
	for p := range len(data) / cols {
		for i := range quarter {
			frequency := math.Pow(100, -float64(i)/float64(quarter))
			for half, at := range [2]int{p / grid, p % grid} {
				sin, cos := math.Sincos(frequency * float64(at))
				data[p*cols+half*2*quarter+i] = float32(0.5 * sin)
				data[p*cols+half*2*quarter+quarter+i] = float32(0.5 * cos)
			}
		}
	}
}
