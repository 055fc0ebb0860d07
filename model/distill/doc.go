// Package distill teaches policies that predict numbers: Seer, the small action
// model, from demonstrations; and VITA-VLA from Seer, in the paper's two stages.
// Alignment moves the state encoder, the action token and the mapper until what
// the big model makes of its action tokens is what Seer makes of its own;
// fine-tuning moves the language model and Seer's decoder too, until the actions are right.
//
// Where the paper and its released code differ, Loss has both.
package distill
