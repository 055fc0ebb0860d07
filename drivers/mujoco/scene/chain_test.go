package scene

import (
	"errors"
	"testing"
)

func TestDrawChain(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(4) {
		chain, s, err := DrawChain(Tasks(), 5, seed)
		if err != nil {
			t.Fatal(err)
		}
		names := ""
		for i, task := range chain {
			names += task.Name + " "
			if task.Mobile || i > 0 && chain[i-1].Name == task.Name {
				t.Errorf("seed %d: %s", seed, names)
			}
		}
		orders[names] = true
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		if err := s.Apart(0.01); err != nil {
			t.Error(err)
		}
		again, same, err := DrawChain(Tasks(), 5, seed)
		if err != nil || len(same.Objects) != len(s.Objects) || same.Objects[0] != s.Objects[0] || again[0].Name != chain[0].Name {
			t.Errorf("seed %d gives another chain the second time: %v", seed, err)
		}
	}
	if len(orders) < 2 {
		t.Errorf("every seed draws %v", orders)
	}
}

func TestChainRefuses(t *testing.T) {
	pick, _ := ByName("pick_block")
	sponge, _ := ByName("pick_sponge")
	fetch, _ := ByName("fetch_bottle")
	if _, err := Chain([]Task{pick, sponge}, 1); !errors.Is(err, ErrCrowded) {
		t.Errorf("two baskets on one table: %v", err)
	}
	if _, err := Chain([]Task{fetch}, 1); err == nil {
		t.Error("a mobile task in a chain")
	}
	if _, _, err := DrawChain([]Task{pick, sponge}, 2, 1); !errors.Is(err, ErrCrowded) {
		t.Errorf("a chain that can't be: %v", err)
	}
}
