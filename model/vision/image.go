package vision

import (
	"errors"
	"fmt"
)

// ErrImage: an image, or what was asked of one, is not possible.
var ErrImage = errors.New("image is not usable")

// maxSide and maxPixels bound every image, so that a hostile size can't ask for
// memory: far above any camera, 50 MB at most.
const (
	maxSide   = 1 << 14
	maxPixels = 1 << 24
)

// Size in pixels.
type Size struct{ Width, Height int }

func (s Size) String() string { return fmt.Sprintf("%dx%d", s.Width, s.Height) }

func (s Size) check() error {
	if s.Width < 1 || s.Height < 1 || s.Width > maxSide || s.Height > maxSide || s.Width*s.Height > maxPixels {
		return fmt.Errorf("%w: size %s, expected 1x1 to %d a side and %d pixels", ErrImage, s, maxSide, maxPixels)
	}
	return nil
}

// Image is packed RGB: 3 bytes a pixel, row-major, no padding.
type Image struct {
	Size
	Pix []byte // [Height, Width, 3]
}

// NewImage is black.
func NewImage(width, height int) Image {
	return Image{Size: Size{width, height}, Pix: make([]byte, width*height*3)}
}

// check that the bytes are those of the size.
func (m Image) check() error {
	if err := m.Size.check(); err != nil {
		return err
	}
	if len(m.Pix) != m.Width*m.Height*3 {
		return fmt.Errorf("%w: %d bytes for %s RGB, expected %d", ErrImage, len(m.Pix), m.Size, m.Width*m.Height*3)
	}
	return nil
}

// resize gives m that size, reusing its bytes when there are enough; their content is undefined.
func (m *Image) resize(s Size) {
	n := s.Width * s.Height * 3
	if cap(m.Pix) < n {
		m.Pix = make([]byte, n)
	}
	m.Size, m.Pix = s, m.Pix[:n]
}
