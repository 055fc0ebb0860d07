// Package train teaches a policy: it turns examples into gradients on the same
// layers that run on the robot, and gradients into weights.
package train
