package main

import (
	"strings"
	"testing"

	"cobot_vla/model/eval"
)

// TestCompareTable has every policy's rates beside the paper's, and leaves those out for other tasks.
func TestCompareTable(t *testing.T) {
	result := func(task string, done, of int) eval.TaskResult {
		return eval.TaskResult{Task: task, Setting: eval.Seen, Rate: eval.Rate{Successes: done, Attempts: of}}
	}
	var teacher contender
	teacher.name = "teacher"
	for i, task := range paperTasks {
		teacher.tasks = append(teacher.tasks, result(task, 8*i, 40))
	}
	table := compareTable(paperTasks, []contender{teacher, {name: "student", tasks: teacher.tasks[:1]}})
	for _, want := range []string{
		"| policy | close_drawer | stack_cups | stack_blocks | pick_sponge | pick_block | mean |\n",
		"| teacher | 0 of 40: 0.0 % (0–9) | 8 of 40: 20.0 % (10–35) |", " 32 of 40: 80.0 % (65–90) | 40.0 % |\n",
		"| student | 0 of 40: 0.0 % (0–9) | – | – | – | – | 0.0 % |\n",
		"| *the paper's two-stage, real robot* | *97.5 %* |",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if other := compareTable(paperTasks[:1], []contender{teacher}); strings.Contains(other, "paper") || strings.Count(other, "\n") != 3 {
		t.Error(other)
	}
}

// TestCompareSaysWhatIsWrong before anything runs.
func TestCompareSaysWhatIsWrong(t *testing.T) {
	for what, c := range map[string]compareCmd{
		"write NAME=FOLDER":  {Policies: []string{"somewhere"}},
		"write NAME=FOLDER ": {Policies: []string{"a/b=somewhere"}},
		"no such file":       {Policies: []string{"a=nowhere"}, Arm: "left", Setting: eval.Seen, Out: t.TempDir(), rolloutFlags: rolloutFlags{Plant: "kinematic"}},
	} {
		if err := c.Run(testApp(t)); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(what)) {
			t.Errorf("%v: %v, expected %q", c.Policies, err, what)
		}
	}
}
