package distill

import (
	"context"
	"path/filepath"
	"testing"

	"cobot_vla/model/nn"
	"cobot_vla/model/nn/cpu"
	"cobot_vla/model/nn/ref"
)

const goldenDir = "../testdata/golden"

func testTraining(t *testing.T, backend func() (nn.Gradients, error)) {
	t.Helper()
	reports, err := CompareTraining(context.Background(), backend, filepath.Join(goldenDir, "vita_tiny"), filepath.Join(goldenDir, "vita_train", "train.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{"stage1_mse": 28, "stage1_l2norm": 28, "stage2_paper": 96, "stage2_code": 104, "stage2_mean_mae": 23}
	for _, r := range reports {
		for _, d := range r.Diffs {
			verdict := ""
			if !(d.Max <= d.Tolerance) {
				verdict = "BEYOND"
			}
			t.Logf("%-70s max %.2e of %.3g, tolerance %.1e %s", d.Tensor, d.Max, d.Scale, d.Tolerance, verdict)
		}
		if !r.OK() {
			t.Errorf("%s differs from the original", r.Case)
		}
		if len(r.Diffs) != compared[r.Case] {
			t.Errorf("%s: %d tensors compared, expected %d", r.Case, len(r.Diffs), compared[r.Case])
		}
	}
	if len(reports) != len(compared) {
		t.Errorf("%d trainings, expected %d", len(reports), len(compared))
	}
}

func TestTrainingIsTheOriginals(t *testing.T) {
	t.Run("cpu", func(t *testing.T) {
		testTraining(t, func() (nn.Gradients, error) { return cpu.New(cpu.Config{Precision: cpu.F32, Threads: 2}) })
	})
	t.Run("ref", func(t *testing.T) {
		testTraining(t, func() (nn.Gradients, error) { return ref.New(), nil })
	})
}
