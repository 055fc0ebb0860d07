//go:build !apriltag || !cgo

package apriltag

import (
	"fmt"
	"image"
)

// Detector finds tags of one family.
type Detector struct{}

// New says how to build what is missing.
func New(family string) (*Detector, error) {
	return nil, fmt.Errorf("%w: finding tags needs libapriltag: build with -tags apriltag and cgo where Debian's libapriltag-dev is installed", ErrNotBuilt)
}

// Detect finds nothing.
func (d *Detector) Detect(*image.Gray) ([]Tag, error) { return nil, ErrNotBuilt }

// Picture draws nothing.
func (d *Detector) Picture(int) (*image.Gray, error) { return nil, ErrNotBuilt }

// Close does nothing.
func (d *Detector) Close() {}
