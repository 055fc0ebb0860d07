package train

import (
	"fmt"
	"math"
	"math/rand/v2"

	"cobot_vla/model/llavavla"
	"cobot_vla/model/nn"
	"cobot_vla/model/token"
)

// vocabulary is what labels can be, and where their scores stand.
type vocabulary struct {
	tok *token.Tokenizer
	set *nn.Set
	// actions are the columns [from, to) of the action tokens, in the order of their ids.
	actions [2]int
	// directions are the columns of the direction tokens, nil when there are none to be said.
	directions []int
	// act and drive are what may be said where an action, or a direction, is due.
	act, drive *nn.Set
}

func newVocabulary(grammar *token.Grammar) (*vocabulary, error) {
	v := &vocabulary{tok: grammar.Tokenizer()}
	first, last := v.tok.Range()
	ranges := []nn.IDRange{{From: int32(first), To: int32(last) + 1}}
	for _, id := range grammar.Directions() {
		ranges = append(ranges, nn.IDRange{From: int32(id), To: int32(id) + 1})
	}
	var err error
	if v.set, err = nn.NewSet(ranges...); err != nil {
		return nil, err
	}
	if v.act, err = nn.NewSet(ranges[0]); err != nil {
		return nil, err
	}
	if len(ranges) > 1 {
		if v.drive, err = nn.NewSet(ranges[1:]...); err != nil {
			return nil, err
		}
	}
	at := v.set.Column(int32(first))
	v.actions = [2]int{at, at + int(last-first) + 1}
	for _, id := range grammar.Directions() {
		v.directions = append(v.directions, v.set.Column(int32(id)))
	}
	return v, nil
}

// span of the directions' columns. They follow each other in every manifest of ours; in one where they don't, the columns
// between them are allowed too.
func (v *vocabulary) span() (from, to int) {
	from, to = v.directions[0], v.directions[0]
	for _, c := range v.directions {
		from, to = min(from, c), max(to, c)
	}
	return from, to + 1
}

// centre is the column around which a value in -1..1 is smoothed: ids fall as digits rise.
func (v *vocabulary) centre(column int, value float64) float64 {
	if math.IsNaN(value) {
		return float64(column)
	}
	// Within its bin, half a bin at most from the column.
	id := uint32(v.set.At(column))
	width := v.width(id)
	off := (value - v.tok.Decode(id)) / width
	return float64(column) - max(-0.5, min(0.5, off))
}

// width of a token's bin, from its neighbours' centres.
func (v *vocabulary) width(id uint32) float64 {
	first, last := v.tok.Range()
	a, b := max(id-1, first), min(id+1, last)
	if d := math.Abs(v.tok.Decode(a)-v.tok.Decode(b)) / float64(b-a); d > 0 {
		return d
	}
	return 2 / float64(v.tok.Bins())
}

// targets appends those of an example.
func (v *vocabulary) targets(dst []target, e *Example) ([]target, error) {
	for i, id := range e.Labels {
		t := target{id: id, column: v.set.Column(id), weight: 1, centre: math.NaN()}
		switch {
		case t.column >= v.actions[0] && t.column < v.actions[1]:
			t.from, t.to = v.actions[0], v.actions[1]
			value := math.NaN()
			if e.Values != nil {
				value = e.Values[i]
			}
			t.centre = v.centre(t.column, value)
		case t.column >= 0:
			t.from, t.to = v.span()
		default:
			return dst, fmt.Errorf("label %d is token %d, which is neither an action nor a direction of the manifest", i, id)
		}
		if e.Weights != nil {
			t.weight = float64(e.Weights[i])
		}
		dst = append(dst, t)
	}
	return dst, nil
}

// check says whether an example fits what the data set says of all.
func (e *Example) check(g Geometry) error {
	switch {
	case len(e.Pixels) != g.Crops*g.Side*g.Side*3:
		return fmt.Errorf("%d bytes of pixels, expected %d crops of %d x %d x 3", len(e.Pixels), g.Crops, g.Side, g.Side)
	case len(e.Labels) == 0 || len(e.After) == 0:
		return fmt.Errorf("%d labels behind a prompt that ends with %d tokens", len(e.Labels), len(e.After))
	case len(e.Before)+len(e.After)+len(e.Labels) > g.Longest:
		return fmt.Errorf("%d + %d + %d tokens, the data set says %d at most", len(e.Before), len(e.After), len(e.Labels), g.Longest)
	case e.Weights != nil && len(e.Weights) != len(e.Labels), e.Values != nil && len(e.Values) != len(e.Labels):
		return fmt.Errorf("%d labels, %d weights and %d values", len(e.Labels), len(e.Weights), len(e.Values))
	case len(e.State) != g.State:
		return fmt.Errorf("%d numbers of proprioception, the data set says %d", len(e.State), g.State)
	case e.StateFrom < 0 || e.StateFrom > e.StateTo || e.StateTo > len(e.After):
		return fmt.Errorf("state at %d..%d of %d tokens", e.StateFrom, e.StateTo, len(e.After))
	}
	return nil
}

func (e *Example) prompt() llavavla.Prompt {
	return llavavla.Prompt{Before: e.Before, After: e.After, State: e.State, StateAt: e.StateFrom}
}

// levels are what the vision tower sees of a byte.
var levels = func() (l [256]float32) {
	for v := range l {
		l[v] = (float32(v)/255 - 0.5) / 0.5
	}
	return l
}()

// planes turns crops of packed RGB into planes of numbers.
func planes(dst []float32, pixels []byte, side int) {
	n := side * side
	for at := 0; at < len(pixels); at += 3 * n {
		crop, red, green, blue := pixels[at:at+3*n], dst[at:at+n], dst[at+n:at+2*n], dst[at+2*n:at+3*n]
		for i := range red {
			p := crop[3*i : 3*i+3]
			red[i], green[i], blue[i] = levels[p[0]], levels[p[1]], levels[p[2]]
		}
	}
}

// teacher brings examples before a student.
type teacher struct {
	s       *student
	words   *vocabulary
	data    Geometry
	pass    *pass
	pixels  []float32
	lessons []llavavla.Lesson
	answers [][]int32 // of the lessons, some tokens of them blank
	micro   int
	// blank is how often a token of an answer is replaced by placeholder, drawn from rng.
	blank       float64
	placeholder int32
	rng         *rand.Rand // nil for none
	source      rand.PCG
	drawn       *rand.Rand // from source

	// What its share of a batch came to: the sum of the labels' losses, and the tokens it read.
	loss   float64
	tokens int
}

func newTeacher(s *student, words *vocabulary, g Geometry, micro int, sigma float64) *teacher {
	t := &teacher{s: s, words: words, data: g, micro: micro, pixels: make([]float32, micro*g.Crops*g.Side*g.Side*3)}
	t.answers = make([][]int32, micro)
	t.drawn = rand.New(&t.source)
	t.pass = &pass{s: s, set: words.set, scores: s.Tape.Buf(micro*g.Longest, words.set.Size()), sigma: sigma}
	return t
}

// ready prepares up to micro examples for the pass.
func (t *teacher) ready(examples []Example) error {
	t.lessons, t.pass.targets = t.lessons[:0], t.pass.targets[:0]
	n := t.data.Crops * t.data.Side * t.data.Side * 3
	for i := range examples {
		e := &examples[i]
		if err := e.check(t.data); err != nil {
			return fmt.Errorf("example %d: %w", i, err)
		}
		planes(t.pixels[i*n:(i+1)*n], e.Pixels, t.data.Side)
		t.answers[i] = append(t.answers[i][:0], e.Labels...)
		if t.blank > 0 && t.rng != nil {
			for k := range t.answers[i] {
				if t.rng.Float64() < t.blank {
					t.answers[i][k] = t.placeholder
				}
			}
		}
		t.lessons = append(t.lessons, llavavla.Lesson{Prompt: e.prompt(), Answer: t.answers[i]})
		var err error
		if t.pass.targets, err = t.words.targets(t.pass.targets, e); err != nil {
			return fmt.Errorf("example %d: %w", i, err)
		}
	}
	return nil
}

// look runs up to micro examples and counts their labels' losses. With back set, the gradients of those / total are added up.
func (t *teacher) look(examples []Example, total float64, back bool) error {
	if err := t.ready(examples); err != nil {
		return err
	}
	n := t.data.Crops * t.data.Side * t.data.Side * 3 * len(examples)
	loss, err := t.pass.run(t.pixels[:n], t.lessons, total, back)
	if err != nil {
		return err
	}
	t.loss += loss
	for _, l := range t.lessons {
		t.tokens += len(l.Before) + t.data.Visual + len(l.After) + len(l.Answer) - 1
	}
	return nil
}

// weight of all labels of examples.
func weight(examples []Example) (total float64) {
	for i := range examples {
		for k := range examples[i].Labels {
			if w := examples[i].Weights; w != nil {
				total += float64(w[k])
			} else {
				total++
			}
		}
	}
	return total
}
