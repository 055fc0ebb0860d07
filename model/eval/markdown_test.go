package eval

import "testing"

func TestMarkdown(t *testing.T) {
	var all []Episode
	add := func(task, setting string, won, of int) {
		for i := range of {
			all = append(all, Episode{Task: task, Setting: setting, Success: i < won, Steps: 40})
		}
	}
	add("click_bell", Seen, 10, 10)
	add("click_bell", Randomised, 5, 10)
	add("fetch_bottle", Seen, 0, 4)
	all = append(all, Episode{Task: "a,b", Setting: Seen, Tasks: []string{"a", "b"}}) // chains are counted elsewhere
	const want = `| task | seen | 95 % interval | steps | dr | 95 % interval | steps |
|---|---|---|---|---|---|---|
| click_bell | 10 of 10 | 72–100 % | 40 | 5 of 10 | 24–76 % | 40 |
| fetch_bottle | 0 of 4 | 0–49 % | 0 | – | | |
| mean | 50.0 % | | | – | | |
`
	if got := Markdown(all); got != want {
		t.Errorf("got\n%s\nwanted\n%s", got, want)
	}
}
