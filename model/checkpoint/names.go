package checkpoint

import "strings"

// Scheme is one of the ways the same tensors are named in files.
type Scheme string

const (
	// LMMs is the original's: lmms-lab and every LLaVA-VLA checkpoint
	// (model.mm_projector.0.weight, model.layers.0…).
	LMMs Scheme = "lmms-lab"
	// Hub is what the llava-hf repositories hold (multi_modal_projector.linear_1.weight,
	// language_model.model.layers.0…).
	Hub Scheme = "llava-hf"
	// Transformers is how transformers 4.52 and later names them in memory
	// (model.multi_modal_projector.linear_1.weight, model.language_model.layers.0…).
	Transformers Scheme = "transformers"
)

// rule says that a name that starts with file is, canonically, the same name
// with that start replaced. Both are whole name parts.
type rule struct{ file, canonical string }

// The first rule of a canonical start is the one that writes; later ones only read.
// Within a scheme the longer of two file prefixes comes first.
var schemes = map[Scheme][]rule{
	LMMs: {
		{"model.vision_tower.vision_tower.vision_model.", "vision."},
		{"model.vision_tower.vision_tower.", "vision."},
		{"model.mm_projector.", "projector."},
		{"model.proprioception_projector.", "proprioception."},
		{"model.image_newline", "newline"},
		{"model.embed_tokens.", "language.embed_tokens."},
		{"model.layers.", "language.layers."},
		{"model.norm.", "language.norm."},
		{"lm_head.", "head."},
	},
	Hub: {
		{"vision_tower.vision_model.", "vision."},
		{"vision_tower.", "vision."},
		{"multi_modal_projector.linear_1.", "projector.0."},
		{"multi_modal_projector.linear_2.", "projector.2."},
		{"proprioception_projector.", "proprioception."},
		{"image_newline", "newline"},
		{"language_model.model.", "language."},
		{"language_model.lm_head.", "head."},
	},
	Transformers: {
		{"model.vision_tower.vision_model.", "vision."},
		{"model.vision_tower.", "vision."},
		{"model.multi_modal_projector.linear_1.", "projector.0."},
		{"model.multi_modal_projector.linear_2.", "projector.2."},
		{"model.image_newline", "newline"},
		{"model.language_model.", "language."},
		{"lm_head.", "head."},
	},
}

// readOrder tries the scheme with the more particular names first:
// model.vision_tower.vision_tower. before model.vision_tower.
var readOrder = []Scheme{LMMs, Hub, Transformers}

// Canonical gives the canonical name of a tensor in a file of any scheme; ok is
// false, and the name unchanged, when no scheme knows it.
func Canonical(name string) (canonical string, ok bool) {
	for _, scheme := range readOrder {
		for _, r := range schemes[scheme] {
			if rest, found := strings.CutPrefix(name, r.file); found && whole(r.file, rest) {
				return r.canonical + rest, true
			}
		}
	}
	return name, false
}

// Name gives a canonical name as files of this scheme spell it; a name that is
// not canonical stays as it is.
func (s Scheme) Name(canonical string) string {
	for _, r := range schemes[s] {
		if rest, found := strings.CutPrefix(canonical, r.canonical); found && whole(r.canonical, rest) {
			return r.file + rest
		}
	}
	return canonical
}

// SchemeOf says which scheme a file's names follow, from the names that only
// one of them has; empty when none of them is there.
func SchemeOf(names []string) Scheme {
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "model.mm_projector.") || strings.HasPrefix(name, "model.layers."):
			return LMMs
		case strings.HasPrefix(name, "language_model.model."):
			return Hub
		case strings.HasPrefix(name, "model.language_model."):
			return Transformers
		}
	}
	return ""
}

// whole says that a prefix ends where a name part ends.
func whole(prefix, rest string) bool {
	return strings.HasSuffix(prefix, ".") || rest == ""
}
