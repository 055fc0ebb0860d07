package camera

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
)

// JPEG markers (ITU-T T.81, table B.1).
const (
	markSOI = 0xd8
	markEOI = 0xd9
	markSOS = 0xda
	markDHT = 0xc4
)

// completeJPEG returns a JPEG image that any decoder takes. Frames of UVC
// cameras in MJPEG leave the Huffman tables out when they are the standard's
// (ITU-T T.81, K.3.3), and are padded after their end. Bytes that need neither
// come back as they are.
func completeJPEG(data []byte) ([]byte, error) {
	if len(data) < 4 || data[0] != 0xff || data[1] != markSOI {
		return nil, fmt.Errorf("%w: jpeg frame of %d bytes has no start", ErrImage, len(data))
	}
	if end := bytes.LastIndex(data, []byte{0xff, markEOI}); end > 0 {
		data = data[:end+2]
	} else {
		return nil, fmt.Errorf("%w: jpeg frame of %d bytes is cut short", ErrImage, len(data))
	}
	for i := 2; i+4 <= len(data); {
		if data[i] != 0xff {
			return nil, fmt.Errorf("%w: jpeg frame: no marker at byte %d", ErrImage, i)
		}
		switch marker := data[i+1]; marker {
		case 0xff: // fill
			i++
		case markDHT:
			return data, nil
		case markSOS:
			whole := make([]byte, 0, len(data)+len(standardTables))
			whole = append(append(whole, data[:i]...), standardTables...)
			return append(whole, data[i:]...), nil
		default:
			if marker == 0x01 || marker >= 0xd0 && marker <= markEOI {
				return nil, fmt.Errorf("%w: jpeg frame: marker %#02x before the image", ErrImage, marker)
			}
			i += 2 + int(data[i+2])<<8 + int(data[i+3])
		}
	}
	return nil, fmt.Errorf("%w: jpeg frame of %d bytes holds no image", ErrImage, len(data))
}

// standardTables is one DHT segment with the four typical Huffman tables.
var standardTables = dht(
	"00 00010501010101010100000000000000 000102030405060708090a0b",
	"10 0002010303020403050504040000017d"+
		"01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a"+
		"3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a"+
		"92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9da"+
		"e1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
	"01 00030101010101010101010000000000 000102030405060708090a0b",
	"11 00020102040403040705040400010277"+
		"0001020311040521310612415107617113223281081442 91a1b1c109233352f0156272d10a162434e125f11718191a262728292a"+
		"35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a"+
		"92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9da"+
		"e2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
)

// dht makes a segment of tables written in hexadecimal: class and number, how
// many codes of each length, and their values.
func dht(tables ...string) []byte {
	body, err := hex.DecodeString(strings.ReplaceAll(strings.Join(tables, ""), " ", ""))
	if err != nil {
		return nil // the test of the tables says so
	}
	n := len(body) + 2
	return append([]byte{0xff, markDHT, byte(n >> 8), byte(n)}, body...)
}
