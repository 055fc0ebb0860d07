// Package vision turns camera frames into what a policy sees, bit for bit as
// the original's Python does: frames of any ROS encoding to packed RGB, several
// views into one composite, the composite into crops, crops into numbers. It
// owns Pillow's resampling and LLaVA's anyres rules. camera_fusion calls Composer,
// the model packages call NewPlan and Preprocessor.
//
//	err := vision.ToRGB(&img, msg.Encoding, width, height, step, msg.Data)
//	c, err := vision.NewComposer("stack", []string{"front", "left"}, sizes)
//	err = c.Draw(canvas, 0, img)                        // resized into c.Views()[0]
//
//	plan, err := vision.NewPlan(vision.Rules{…}, 334, 334)   // crops, and how their features become visual tokens
//	p, err := vision.NewPreprocessor(plan)
//	err = p.Pixels(dst, img)                            // [crops, 3, 384, 384] f32
//
// Everything that is kept (Resizer, Composer, Preprocessor) reuses its buffers
// and allocates nothing per call; one goroutine at a time may use it.
package vision
