//go:build !hdf5

package export

import "fmt"

func newALOHA() (format, error) {
	return nil, fmt.Errorf("%w: %s needs libhdf5: build with -tags hdf5 where libhdf5-dev is installed", ErrNotBuilt, ALOHA)
}
