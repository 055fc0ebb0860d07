package camera

import (
	"cobot_vla/drivers/camera"
	"cobot_vla/msgs"
)

// publish sends a frame to those who listen, with one stamp. The frame's bytes
// are handed over as they are; what nobody listens to is not made.
func (s *Node) publish(f camera.Frame) {
	now := s.n.Now()
	s.rate.add(now)
	s.frames++
	s.encoding, s.trouble = f.Encoding, nil
	if f.Stamp.IsZero() {
		f.Stamp = now
	}
	h := msgs.Header{Stamp: msgs.Stamp(f.Stamp), FrameID: s.frameID}
	if s.info.Matched() > 0 {
		_ = s.info.Publish(s.lens.info(h, s.source, f.Width, f.Height))
	}
	if s.raw.Matched() > 0 {
		if err := s.publishRaw(h, f); err != nil {
			s.failed(err)
		}
	}
	if s.compressed.Matched() > 0 {
		if err := s.publishCompressed(h, f); err != nil {
			s.failed(err)
		}
	}
}

// rosEncodings are the names of sensor_msgs/image_encodings.hpp where the drivers' differ.
var rosEncodings = map[string]string{"yuyv": "yuv422_yuy2", "uyvy": "yuv422"}

func (s *Node) publishRaw(h msgs.Header, f camera.Frame) error {
	if isCompressed(f.Encoding) {
		rgb, err := camera.Decode(nil, f)
		if err != nil {
			return err
		}
		f = rgb
	}
	encoding := f.Encoding
	if ros, ok := rosEncodings[encoding]; ok {
		encoding = ros
	}
	return s.raw.Publish(&msgs.Image{
		Header: h, Height: uint32(f.Height), Width: uint32(f.Width),
		Encoding: encoding, Step: uint32(f.Step), Data: f.Data,
	})
}

func (s *Node) publishCompressed(h msgs.Header, f camera.Frame) error {
	format := formatOf(f.Encoding)
	if !isCompressed(f.Encoding) {
		jpeg, err := camera.EncodeJPEG(f, s.cfg.Quality)
		if err != nil {
			return err
		}
		f = jpeg
	}
	return s.compressed.Publish(&msgs.CompressedImage{Header: h, Format: format, Data: f.Data})
}

func isCompressed(encoding string) bool { return encoding == "jpeg" || encoding == "png" }

// formatOf is the format field as compressed_image_transport writes it: the
// encoding to decode to, the codec, and the channels that OpenCV sees in it.
func formatOf(encoding string) string {
	switch encoding {
	case "mono8":
		return "mono8; jpeg compressed mono8"
	case "bgr8":
		return "bgr8; jpeg compressed bgr8"
	case "png":
		return "rgb8; png compressed bgr8"
	}
	return "rgb8; jpeg compressed bgr8"
}
