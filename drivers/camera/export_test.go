//go:build linux && (amd64 || arm64)

package camera

// OpenFake opens a fake webcam that films a test pattern.
func OpenFake(encoding string) (*V4L2, error) {
	k, cfg := newFakeKernel(), webcamConfig(encoding)
	p, err := NewPattern(PatternConfig{Name: "p", Width: cfg.Width, Height: cfg.Height, Rate: 30, Encoding: encoding})
	if err != nil {
		return nil, err
	}
	k.filming(p)
	return openVideo(cfg, k, k.clock())
}
