// Package camera gives colour images: from V4L2 (UVC) devices, from files, and,
// through drivers/mujoco, from the simulator. Source is the seam; the camera node
// publishes any Source.
package camera

import (
	"context"
	"time"
)

// Frame is one captured image. Its bytes belong to the receiver: a Source never reuses them.
type Frame struct {
	// Stamp is the capture time on the source's clock; zero when the source doesn't know it.
	Stamp    time.Time
	Width    int
	Height   int
	Step     int    // bytes per row; 0 for compressed encodings
	Encoding string // one that Decode knows: rgb8, bgr8, yuyv, mono8, …, or jpeg, png for compressed bytes
	Data     []byte
}

// Info is what is known of a camera.
type Info struct {
	Name   string  // e.g. front
	Width  int     // of the frames it gives [px]
	Height int     // [px]
	Rate   float64 // frames per second; 0 when unknown
	Paced  bool    // Capture itself waits for the device's next frame; else a timer calls it
	// Pinhole intrinsics at Width x Height [px]; FX 0 when unknown.
	FX, FY, CX, CY float64
	Distortion     [5]float64 // plumb_bob k1, k2, p1, p2, k3
}

// Source is one camera.
type Source interface {
	Info() Info
	// Capture returns the next frame. A paced source waits for it; another gives
	// what the world looks like now. One goroutine at a time.
	Capture(ctx context.Context) (Frame, error)
	Close() error
}
