package episode

import (
	"encoding/binary"
	"reflect"
	"time"

	"cobot_vla/msgs"
)

// stamper finds the stamp of a message in its CDR bytes, without decoding it.
type stamper struct {
	offset int  // of seconds and nanoseconds; 0: the type has no stamp
	list   bool // the stamp is the first element's of a sequence, whose count is before it
}

const headerSize = 4 // of CDR

// stamperOf knows where messages of a type have their stamp: in the header that
// comes first, or in the first transform of a TFMessage.
func stamperOf(typeName string) stamper {
	m, ok := msgs.New(typeName)
	if !ok {
		return stamper{}
	}
	t := reflect.TypeOf(m).Elem()
	if t.NumField() == 0 {
		return stamper{}
	}
	switch t.Field(0).Type {
	case reflect.TypeFor[msgs.Header](), reflect.TypeFor[msgs.Time]():
		return stamper{offset: headerSize}
	case reflect.TypeFor[[]msgs.TransformStamped]():
		return stamper{offset: headerSize + 4, list: true}
	}
	return stamper{}
}

// of is the stamp, or the arrival where there is none.
func (s stamper) of(cdr []byte, arrival time.Time) time.Time {
	if s.offset == 0 || len(cdr) < s.offset+8 {
		return arrival
	}
	var order binary.ByteOrder = binary.LittleEndian
	if cdr[1] == 0 {
		order = binary.BigEndian
	}
	if s.list && order.Uint32(cdr[headerSize:]) == 0 {
		return arrival
	}
	stamp := msgs.Time{Sec: int32(order.Uint32(cdr[s.offset:])), Nanosec: order.Uint32(cdr[s.offset+4:])}
	if stamp.IsZero() || stamp.Sec < 0 {
		return arrival
	}
	return stamp.Go()
}

// StampOf is the stamp of a message's bytes; false when its type has none or it was not set.
func StampOf(typeName string, cdr []byte) (time.Time, bool) {
	stamp := stamperOf(typeName).of(cdr, time.Time{})
	return stamp, !stamp.IsZero()
}

// Restamp moves every stamp that is set in a message, those inside it too. The
// message must be nobody else's.
func Restamp(m msgs.Message, move func(time.Time) time.Time) {
	restamp(reflect.ValueOf(m).Elem(), move)
}

func restamp(v reflect.Value, move func(time.Time) time.Time) {
	switch v.Kind() {
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*msgs.Time); ok {
			if !t.IsZero() {
				*t = msgs.Stamp(move(t.Go()))
			}
			return
		}
		for i := range v.NumField() {
			restamp(v.Field(i), move)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Struct {
			return
		}
		for i := range v.Len() {
			restamp(v.Index(i), move)
		}
	}
}
