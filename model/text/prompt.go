package text

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPrompt: the words can't be put into a prompt.
var ErrPrompt = errors.New("prompt can't be built")

// System is the system message that LLaVA-VLA is trained and served with.
const System = "A chat between a curious human and an artificial intelligence robot. The robot provides actions to follow out the user's instructions."

const (
	image     = "<image>"
	turnStart = "<|im_start|>"
	turnEnd   = "<|im_end|>"
	closing   = turnEnd + "\n" + turnStart + "assistant\n"
)

// Prompt is LLaVA-VLA's prompt, cut where something is put in that is no text:
//
//	<|im_start|>system\n…<|im_end|>\n<|im_start|>user\n   Head
//	(the visual tokens)
//	\ninstruction(task ids)\n                              Task
//	(the proprioception ids)
//	<|im_end|>\n<|im_start|>assistant\n                    Tail
//
// It depends on the instruction only, so it is built once and kept.
type Prompt struct {
	Head, Task, Tail []int32
}

// Prompt builds the prompt for an instruction. task ids, such as <Navigation>,
// are placed directly after the words; nil for none. An instruction that holds
// an added token or <image> is refused: it would end the turn it stands in.
func (t *Tokenizer) Prompt(instruction string, task []int32) (Prompt, error) {
	for _, name := range []string{turnStart, turnEnd} {
		if _, ok := t.ID(name); !ok {
			return Prompt{}, fmt.Errorf("%w: the tokenizer has no %s: is this a chat model's?", ErrPrompt, name)
		}
	}
	if _, token := t.nextAdded(instruction); token != nil || strings.Contains(instruction, image) {
		return Prompt{}, fmt.Errorf("%w: the instruction %.80q holds a control token: leave it out", ErrPrompt, instruction)
	}
	p := Prompt{
		Head: t.Encode(turnStart + "system\n" + System + turnEnd + "\n" + turnStart + "user\n"),
		Tail: t.Encode(closing),
	}
	if len(task) == 0 {
		p.Task = t.Encode("\n" + instruction + "\n")
		return p, nil
	}
	p.Task = t.Encode("\n" + instruction)
	p.Task = append(p.Task, task...)
	p.Task = t.AppendEncode(p.Task, "\n")
	return p, nil
}

// Splice puts ImageToken and the proprioception ids in their places: the exact
// prompt, what training meant.
func (p Prompt) Splice(obs []int32) []int32 {
	ids := make([]int32, 0, len(p.Head)+1+len(p.Task)+len(obs)+len(p.Tail))
	ids = append(ids, p.Head...)
	ids = append(ids, ImageToken)
	ids = append(ids, p.Task...)
	ids = append(ids, obs...)
	return append(ids, p.Tail...)
}

// Slicing says how the proprioception ids get into the prompt. The original
// writes them as text, tokenizes the whole, and then overwrites what it takes
// for the place of that text. Where the text comes back as another number of
// tokens, or the newline before it has merged with the word before, it
// overwrites something else. Exact is what is meant; the other two are there to
// reproduce the original's outputs.
type Slicing string

const (
	// Exact puts the ids in directly and is right for every instruction.
	Exact Slicing = "exact"
	// TrainingCode overwrites what lies between the third and the second newline
	// token from the end (train_vla.py), whatever its length.
	TrainingCode Slicing = "training_code"
	// ServerCode overwrites the tokens 16 to 2 before the second newline token
	// from the end (flask_server_qwen.py): right for 15 ids that come back as 15
	// tokens, else it leaves garbage or overwrites the end of the instruction.
	ServerCode Slicing = "server_code"
)

// PromptAs builds the whole prompt with ImageToken in it, the way slicing says.
func (t *Tokenizer) PromptAs(slicing Slicing, instruction string, obs []int32) ([]int32, error) {
	p, err := t.Prompt(instruction, nil)
	if err != nil || slicing == Exact {
		return p.Splice(obs), err
	}
	ids := append(append([]int32{}, p.Head...), ImageToken)
	ids = t.AppendEncode(ids, "\n"+instruction+"\n"+t.Decode(obs)+closing)

	newline := t.Encode("\n")
	var at []int // of the newline tokens
	for i, id := range ids {
		if len(newline) == 1 && id == newline[0] {
			at = append(at, i)
		}
	}
	if len(at) < 3 {
		return nil, fmt.Errorf("%w: %d newline tokens, %s looks for 3", ErrPrompt, len(at), slicing)
	}
	last, before := at[len(at)-2], at[len(at)-3]
	switch slicing {
	case TrainingCode:
		return assign(ids, before+1, last-1, obs), nil
	case ServerCode:
		return assign(ids, last-16, last-1, obs), nil
	}
	return nil, fmt.Errorf("%w: slicing %q, expected %s, %s or %s", ErrPrompt, slicing, Exact, TrainingCode, ServerCode)
}

// assign is Python's ids[from:to] = with: a negative index counts from the end,
// and a slice that ends before it starts is empty.
func assign(ids []int32, from, to int, with []int32) []int32 {
	clamp := func(i int) int {
		if i < 0 {
			i += len(ids)
		}
		return min(max(i, 0), len(ids))
	}
	from = clamp(from)
	to = max(clamp(to), from)
	out := append([]int32{}, ids[:from]...)
	out = append(out, with...)
	return append(out, ids[to:]...)
}
