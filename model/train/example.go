package train

import "cobot_vla/model/checkpoint"

// Example is what one observation and its label are to the model. Whoever makes
// it has done everything that depends on the robot and on words: the model sees
// bytes and ids. Its slices are the sampler's to reuse from one batch to the next.
type Example struct {
	// Pixels are the crops, one after another, each Side x Side x 3 bytes, row-major RGB: what
	// vision.Preprocessor would encode (plan.Encoded crops), before its mean and deviation.
	Pixels []byte
	// Before are the prompt's ids before the visual tokens (text.Prompt.Head), After those behind
	// them: task, proprioception, tail.
	Before, After []int32
	// StateFrom and StateTo are the proprioception's place in After, for the diagnostics that shuffle it.
	StateFrom, StateTo int
	// State is the proprioception as numbers, normalised, where the model's MLP takes it; StateFrom is then the one token that
	// stands for it in After.
	State []float32
	// Labels are the ids the model shall say, as token.Grammar allows them: direction and value, or (stop and) steps.
	Labels []int32
	// Weights of the labels in the loss, as many as Labels; nil for 1 each. 0 leaves a label out of the
	// loss, though the ones behind it still read it.
	Weights []float32
	// Values are the numbers in -1..1 that the labels were binned from, as many as Labels; NaN
	// where a label is none (a direction). Smoothing over neighbouring bins centres on the value and not on
	// its bin, and errors in the robot's units are measured from it. nil: the bins' centres.
	Values []float64
}

// Sampler draws the examples of training.
type Sampler interface {
	// Sample fills into, whatever its length, with the examples of one batch. What they are
	// depends on seed, step and the length alone, so that training resumes with nothing but the step:
	// order, augmentation, noise and dropout are drawn from generators seeded by these. One
	// goroutine calls it, beside another that computes; what it filled is left alone until it is filled again.
	Sample(seed, step uint64, into []Example) error
}

// Held are examples that training never sees, for the diagnostics. Nothing in them is drawn at random.
type Held interface {
	// Len is how many there are.
	Len() int
	// At fills e with example i.
	At(i int, e *Example) error
}

// Geometry is what all examples of a data set have in common; the trainer compares it with the model's config.
type Geometry struct {
	// Side of a crop [px], and how many an example has.
	Side, Crops int
	// Visual is how many visual tokens a prompt has, newlines included.
	Visual int
	// Longest is the most ids that Before, After and Labels have together.
	Longest int
	// State is how many numbers of proprioception an example has for the model's MLP; 0 where they are tokens.
	State int
}

// Binding is what a trained checkpoint is bound to its robot with, and what its words are: written
// beside the weights as it is here.
type Binding struct {
	// Manifest; Statistics names the file that Statistics is written to.
	Manifest checkpoint.Manifest
	// Statistics is statistics.yaml, and Tokenizer tokenizer.json, as files.
	Statistics, Tokenizer []byte
}

// Data is what a run trains on: a prepared file, or several.
type Data interface {
	Sampler
	Held() Held
	Geometry() Geometry
	Binding() Binding
}
