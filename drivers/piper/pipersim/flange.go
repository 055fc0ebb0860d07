package pipersim

import (
	"math"

	"cobot_vla/drivers/piper"
)

// link is one row of the arm's modified (Craig) DH table: T = Rx(alpha)·Tx(a)·Rz(theta+q)·Tz(d).
type link struct{ a, alpha, d, theta float64 }

// table of firmware from S-V1.6-3 on; older firmware has joints 2 and 3 two degrees apart.
var table = [6]link{
	{0, 0, 0.123, 0},
	{0, -math.Pi / 2, 0, -172.22 * math.Pi / 180},
	{0.28503, 0, 0, -102.78 * math.Pi / 180},
	{-0.02198, math.Pi / 2, 0.25075, 0},
	{0, -math.Pi / 2, 0, 0},
	{0, math.Pi / 2, 0.091, 0},
}

// flange is the controller's own forward kinematics: the pose in frames 0x2A2..0x2A4.
func flange(q [6]float64) piper.Pose {
	r := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	var p [3]float64
	for i, l := range table {
		sa, ca := math.Sincos(l.alpha)
		st, ct := math.Sincos(l.theta + q[i])
		step := [3][3]float64{
			{ct, -st, 0},
			{st * ca, ct * ca, -sa},
			{st * sa, ct * sa, ca},
		}
		offset := [3]float64{l.a, -sa * l.d, ca * l.d}
		var next [3][3]float64
		for row := range 3 {
			for k := range 3 {
				p[row] += r[row][k] * offset[k]
				for col := range 3 {
					next[row][col] += r[row][k] * step[k][col]
				}
			}
		}
		r = next
	}
	return piper.Pose{XYZ: p, RPY: [3]float64{
		math.Atan2(r[2][1], r[2][2]),
		math.Atan2(-r[2][0], math.Hypot(r[0][0], r[1][0])),
		math.Atan2(r[1][0], r[0][0]),
	}}
}
