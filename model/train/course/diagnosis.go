package course

import "fmt"

// Diagnosis is how a student does on held-out examples, speaking freely: a language model reads its own tokens, not the
// labels. Shuffled means that every example gets another's: a student that does as well without
// its own image copies and does not see. What a recipe has no answer to is 0.
type Diagnosis struct {
	// Examples that were looked at, and the loss: of a label with the labels before it given [nats], or the recipe's.
	Examples int     `json:"examples"`
	Loss     float64 `json:"loss"`
	// ShuffledLoss is the loss with shuffled images, of recipes without actions.
	ShuffledLoss float64 `json:"shuffled_images_loss,omitempty"`
	// Error is the mean |action - label| of joints [rad], Gripper that of grippers [m].
	Error   float64 `json:"error_rad"`
	Gripper float64 `json:"gripper_error_m"`
	// First is Error of the first step alone, which chunks of all lengths have.
	First float64 `json:"first_step_error_rad,omitempty"`
	// Mean is the error of always saying the mean action of these examples [rad].
	Mean float64 `json:"mean_action_error_rad"`
	// ShuffledImages and ShuffledState are Error under these [rad].
	ShuffledImages float64 `json:"shuffled_images_error_rad"`
	ShuffledState  float64 `json:"shuffled_state_error_rad"`
	// Directions is the part of driving examples whose direction was right; 1 without any.
	Directions float64 `json:"directions_right"`
}

func (d Diagnosis) String() string {
	if d.Mean == 0 {
		return fmt.Sprintf("held-out loss %.3f, with shuffled images %.3f", d.Loss, d.ShuffledLoss)
	}
	return fmt.Sprintf("held-out loss %.3f, action error %.4f rad (%.0f %% of the mean action's %.4f; grippers %.1f mm), with shuffled images %.4f (x %.2f), with shuffled state %.4f (x %.2f)",
		d.Loss, d.Error, 100*d.Error/d.Mean, d.Mean, 1000*d.Gripper, d.ShuffledImages, d.ShuffledImages/d.Error, d.ShuffledState, d.ShuffledState/d.Error)
}
