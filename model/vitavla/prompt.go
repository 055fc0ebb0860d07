package vitavla

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cobot_vla/model/text"
)

// System is the system message that VITA-VLA is trained with. Its odd line
// breaks and indents are the original's; they are tokens.
const System = "You are an AI robot and your name is VITA. \n- \n" +
	"        Your aim is to be helpful, honest and harmless. \n- \n" +
	"        You are a large language model in the field of embodied intelligence. \n" +
	"        Please combine the macro action instructions(maybe None) with \n" +
	"        the current state of the robotic arm (the first six values represent the arm's state, \n" +
	"        and the seventh value represents the gripper's state), \n" +
	"        as well as the observations from the camera (primary image, wrist image), \n" +
	"        to provide me with the next action output. You need to do this step by step, \n" +
	"        predicting only three future actions at each step. \n"

const (
	turnStart = "<|im_start|>"
	turnEnd   = "<|im_end|>"
)

// Prompt is the words between what is no word:
//
//	Head | first turn | Next | second turn | Next | …
//
// and a turn is
//
//	image Between image Instruction state Answer action Apart action Apart action
//
// Every piece was tokenised on its own, as the original does, so that a space
// between two images is a token.
type Prompt struct {
	Head, Between, Instruction, Answer, Apart, Next []int32
}

// NewPrompt builds the prompt of an instruction; "" is a task without words.
// An instruction that holds a control token is refused: it would end the turn it stands in.
func NewPrompt(tok *text.Tokenizer, instruction string) (*Prompt, error) {
	for _, name := range []string{turnStart, turnEnd} {
		if _, ok := tok.ID(name); !ok {
			return nil, fmt.Errorf("%w: the tokenizer has no %s: is this a chat model's?", text.ErrPrompt, name)
		}
		if strings.Contains(instruction, name) {
			return nil, fmt.Errorf("%w: the instruction %.80q holds %s: leave it out", text.ErrPrompt, instruction, name)
		}
	}
	for _, mark := range []string{"<image>", "<state>", "<action>"} {
		if strings.Contains(instruction, mark) {
			return nil, fmt.Errorf("%w: the instruction %.80q holds %s: leave it out", text.ErrPrompt, instruction, mark)
		}
	}
	words := " "
	if instruction != "" {
		words = " " + instruction + " "
	}
	return &Prompt{
		Head:        tok.Encode(turnStart + "system\n" + System + turnEnd + "\n" + turnStart + "user\n"),
		Between:     tok.Encode(" "),
		Instruction: tok.Encode(words),
		Answer:      tok.Encode(turnEnd + "\n" + turnStart + "assistant\n"),
		Apart:       tok.Encode(" "),
		Next:        tok.Encode(turnEnd + "\n" + turnStart + "user\n"),
	}, nil
}

// Placeholders in a list of ids, as the original has them.
const (
	imagePlaceholder  = -200
	actionPlaceholder = -400
	statePlaceholder  = -401
)

// ParsePrompt takes a list of ids with placeholders apart, of a conversation of some turns.
func ParsePrompt(ids []int32) (p *Prompt, turns int, err error) {
	var pieces [][]int32
	var marks []int32
	from := 0
	for i, id := range ids {
		if id == imagePlaceholder || id == actionPlaceholder || id == statePlaceholder {
			pieces, marks = append(pieces, ids[from:i]), append(marks, id)
			from = i + 1
		}
	}
	turn := []int32{imagePlaceholder, imagePlaceholder, statePlaceholder, actionPlaceholder, actionPlaceholder, actionPlaceholder}
	if turns = len(marks) / len(turn); turns == 0 || len(marks) != turns*len(turn) {
		return nil, 0, errors.New("the ids hold no whole turn of two images, a state and three actions")
	}
	p = &Prompt{Head: pieces[0], Between: pieces[1], Instruction: pieces[2], Answer: pieces[3], Apart: pieces[4]}
	for t := range turns {
		at := t * len(turn)
		same := slices.Equal(marks[at:at+len(turn)], turn) && slices.Equal(pieces[at+1], p.Between) && slices.Equal(pieces[at+2], p.Instruction) &&
			slices.Equal(pieces[at+3], p.Answer) && slices.Equal(pieces[at+4], p.Apart) && slices.Equal(pieces[at+5], p.Apart)
		if t == 1 {
			p.Next = pieces[at]
		}
		if !same || t > 0 && !slices.Equal(pieces[at], p.Next) {
			return nil, 0, fmt.Errorf("turn %d is not like the first", t)
		}
	}
	return p, turns, nil
}
