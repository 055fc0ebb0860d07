package llavavla

import (
	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/vision"
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestTmpBench(t *testing.T) {
	for _, p := range []cpu.Precision{cpu.INT8, cpu.W8A16, cpu.BF16} {
		if s := os.Getenv("P"); s != "" && s != string(p) {
			continue
		}
		b, err := cpu.New(cpu.Config{Precision: p})
		if err != nil {
			t.Fatal(err)
		}
		cfg, _ := Preset("llava-onevision-0.5b")
		t0 := time.Now()
		m, err := Build(b, cfg, Synthetic{}, Options{Positions: 2048, Crops: 1})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(p, "build", time.Since(t0), "mem MB", b.Memory()>>20)
		v, err := vision.NewPlan(Rules(cfg), vision.Size{Width: 334, Height: 334})
		if err != nil {
			t.Fatal(err)
		}
		px := make([]float32, 3*384*384)
		uniform(px, 1, 1)
		set, _ := nn.NewSet(nn.IDRange{From: 151387, To: 151643})
		var pr Prompt
		for i := range 23 {
			pr.Before = append(pr.Before, int32(i*7))
		}
		for i := range 37 {
			pr.After = append(pr.After, int32(i*11))
		}
		for it := range 4 {
			m.head = nil
			t1 := time.Now()
			img, err := m.Encode(px, v)
			if err != nil {
				t.Fatal(err)
			}
			t2 := time.Now()
			h, err := m.Prefill(pr, img)
			if err != nil {
				t.Fatal(err)
			}
			t3 := time.Now()
			_, err = m.Greedy(context.Background(), nil, h, Decoding{Grammar: Fixed(35, set)})
			if err != nil {
				t.Fatal(err)
			}
			t4 := time.Now()
			fmt.Printf("%s #%d vision %v prefill %v decode %v (%v/tok) total %v\n", p, it, t2.Sub(t1), t3.Sub(t2), t4.Sub(t3), t4.Sub(t3)/35, t4.Sub(t1))
		}
		b.Close()
	}
}
