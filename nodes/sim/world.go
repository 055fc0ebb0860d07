package sim

import (
	"fmt"
	"time"

	"cobot_vla/calibration"
	"cobot_vla/drivers/camera"
	"cobot_vla/drivers/mujoco"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
)

// world is what a plant offers the simulator besides mechanics.
type world interface {
	plant.Plant
	scene.View
	// Truth is where everything is, by name, in the world's frame.
	Truth() map[string]scene.Pose
	// Camera gives a camera's pictures by the name the calibration has, or mujoco.FilmCamera.
	Camera(name string) (camera.Source, error)
	Close() error
}

func open(cfg Config, robot calibration.Robot, s scene.Scene, epoch time.Time) (world, error) {
	switch cfg.Plant {
	case "kinematic":
		return newToy(robot, s)
	case "mujoco":
		c := mujoco.DefaultConfig(robot, s)
		c.Seed, c.Epoch = uint64(cfg.Seed), epoch
		c.Render.Shadows = mujoco.FilmShadows
		c.Render.Sizes = map[string]mujoco.Size{mujoco.FilmCamera: {Width: cfg.FilmWidth, Height: cfg.FilmHeight}}
		for _, cam := range robot.Cameras {
			c.Render.Sizes[cam.Name] = mujoco.Size{Width: cfg.ImageWidth, Height: cfg.ImageHeight}
		}
		// Room for the film at twice its size, as it is drawn, and no more: every picture costs the whole room.
		c.Render.MaxWidth, c.Render.MaxHeight = max(cfg.ImageWidth, 2*cfg.FilmWidth), max(cfg.ImageHeight, 2*cfg.FilmHeight)
		return mujoco.New(c)
	}
	return nil, fmt.Errorf("sim: plant %q is none of mujoco, kinematic", cfg.Plant)
}
