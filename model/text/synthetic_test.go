package text

import "testing"

func TestSynthetic(t *testing.T) {
	for _, base := range []int{512, 990, 5000} {
		tok, err := Parse(Synthetic(base))
		if err != nil {
			t.Fatal(err)
		}
		if tok.BaseSize() != base || tok.Len() != base+3 {
			t.Errorf("sizes %d and %d, want %d and %d", tok.BaseSize(), tok.Len(), base, base+3)
		}
		if ids := tok.Encode("\n"); len(ids) != 1 || ids[0] != 198 {
			t.Errorf("newline is %v, want 198 as in Qwen2's", ids)
		}
		if id, _ := tok.ID("<|im_end|>"); int(id) != base+2 {
			t.Errorf("<|im_end|> is %d, want %d", id, base+2)
		}
		p, err := tok.Prompt("push the bottle", nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Head) > 40 {
			t.Errorf("the head of the prompt has %d tokens, its words should be whole", len(p.Head))
		}
	}
}
