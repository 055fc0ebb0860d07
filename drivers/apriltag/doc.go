// Package apriltag finds AprilTags in pictures, with Debian's libapriltag
// (-tags apriltag): square black-and-white marks whose number can be read and
// whose corners are found to a fraction of a pixel. Without the tag everything
// is here but the finding, and New says how to build it.
package apriltag

import "errors"

// ErrNotBuilt: this program was built without libapriltag.
var ErrNotBuilt = errors.New("apriltag: not built")

// Tag is one that was found.
type Tag struct {
	// ID is its number in its family.
	ID int
	// Corners of its black square from the lower left counterclockwise, as
	// somebody sees them who looks at the tag upright: right and down from the middle of the
	// picture's first pixel [px].
	Corners [4][2]float64
	// Margin is how clearly its bits were told apart, of 255 levels.
	Margin float64
}

// Families that can be found.
func Families() []string {
	return []string{"tag36h11", "tag25h9", "tag16h5", "tagStandard41h12"}
}
