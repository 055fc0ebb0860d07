package text

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

func TestLearn(t *testing.T) {
	texts := []string{"ring the bell", "press the bell twice", "push the drawer shut", "ring the bell, please", "Öffne die Schublade"}
	l := Learning{Texts: texts, Merges: 400, Added: []string{"<Navigation>", "<image>"}}
	for digit := 8; digit > 0; digit-- {
		l.Reserved = append(l.Reserved, fmt.Sprintf("<action_%d>", digit))
	}
	file, err := Learn(l)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(texts, System, "words never seen: Zürich €7") {
		ids := tok.Encode(text)
		if back := tok.Decode(ids); back != text {
			t.Errorf("%q came back as %q", text, back)
		}
		for _, id := range ids {
			if int(id) >= tok.BaseSize()-8 {
				t.Errorf("%q has the reserved id %d", text, id)
			}
		}
	}
	if n := len(tok.Encode("ring the bell")); n > 4 {
		t.Errorf("a known instruction takes %d tokens", n)
	}
	if got := tok.Decode([]int32{int32(tok.BaseSize()) - 3}); got != "<action_3>" {
		t.Errorf("base - 3 is %q", got)
	}
	if p, err := tok.Prompt("ring the bell", nil); err != nil || len(p.Head) > 40 {
		t.Errorf("the prompt's head has %d tokens, %v", len(p.Head), err)
	}
	slices.Reverse(l.Texts)
	again, err := Learn(l)
	if err != nil || !bytes.Equal(file, again) {
		t.Errorf("other bytes for the same texts in another order (%v)", err)
	}
	if _, err := Learn(Learning{Reserved: []string{"a"}}); err == nil {
		t.Error("a reserved entry that is a letter was taken")
	}
}
