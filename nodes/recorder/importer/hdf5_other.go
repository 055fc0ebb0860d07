//go:build !hdf5

package importer

import (
	"fmt"

	"cobot_vla/calibration"
)

func openHDF5([]string, Config, calibration.Robot) (source, error) {
	return nil, fmt.Errorf("%w: HDF5 needs libhdf5: build with -tags hdf5 where libhdf5-dev is installed", ErrNotBuilt)
}
