package main

import "cobot_vla/model/train/data"

// drawFlags are how examples are drawn from prepared files.
type drawFlags struct {
	HeldPart float64 `help:"Part of the episodes that is held out." default:"0.05"`
	Driving  int     `help:"How often a label that drives is drawn, in times of one that manipulates." default:"1"`
	Balanced bool    `help:"Draw from every task as often, however many observations it has."`
	Noise    float64 `help:"Noise of the proprioception, in standard deviations of the data. 0.05 is half a centimetre at the hand: a policy that grasps wants less." default:"0.05"`
	Dropout  float64 `help:"Probability of a number of the proprioception to be its mean." default:"0.05"`
	Blind    float64 `help:"Probability of all of them to be." default:"0.1"`
	Shift    int     `help:"Every view is moved by up to so many pixels; a camera that stands still says where things are, so 1 is much, and too much for a grasp." default:"1"`
	Colour   float64 `help:"Spread of brightness, contrast and colours." default:"0.2"`
	Wording  bool    `help:"Ask in other words of the same task." default:"true" negatable:""`
}

func (f drawFlags) config() data.Config {
	return data.Config{
		Held: f.HeldPart, Driving: f.Driving, Balanced: f.Balanced, Noise: f.Noise, Dropout: f.Dropout, Blind: f.Blind,
		Shift: f.Shift, Colour: f.Colour, Wording: f.Wording,
	}
}
