package cpu

// packedFile is converted weights.
type packedFile struct{}

func openPacked(string, Precision) (*packedFile, error) { return &packedFile{}, nil }
func (p *packedFile) find(*weight) (bool, error)        { return false, nil }
func (p *packedFile) close() error                      { return nil }
