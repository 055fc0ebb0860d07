//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"cobot_vla/nodes/rcl"
)

// headerSize is that of the header between the CDR header and the fields of a
// request or response (cdds_request_header in rmw_cyclonedds_cpp's serdata.hpp):
// what identifies the client, and the number of its call. Sixteen bytes, so that
// the fields after it stay aligned.
const (
	cdrHeader  = 4
	headerSize = 16
)

type requestHeader struct {
	client   uint64 // the instance handle of its request writer
	sequence int64
}

// split takes the header out of a request or response.
func split(data []byte) (requestHeader, []byte, error) {
	if len(data) < cdrHeader+headerSize {
		return requestHeader{}, nil, fmt.Errorf("%d bytes, shorter than the service header", len(data))
	}
	order := byteOrder(data)
	h := requestHeader{order.Uint64(data[cdrHeader:]), int64(order.Uint64(data[cdrHeader+8:]))}
	body := data[headerSize:]
	copy(body[:cdrHeader], data[:cdrHeader])
	return h, body, nil
}

// join writes CDR with the header in it to a buffer of headerSize more bytes.
func (h requestHeader) join(to, cdr []byte) {
	order := byteOrder(cdr)
	copy(to, cdr[:cdrHeader])
	order.PutUint64(to[cdrHeader:], h.client)
	order.PutUint64(to[cdrHeader+8:], uint64(h.sequence))
	copy(to[cdrHeader+headerSize:], cdr[cdrHeader:])
}

// byteOrder is what CDR's header says.
func byteOrder(cdr []byte) binary.ByteOrder {
	if cdr[1]&1 == 0 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// call sends a request or response.
func (w *writer) call(h requestHeader, cdr []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return rcl.ErrClosed
	case len(cdr) < cdrHeader:
		return fmt.Errorf("topic %s: %d bytes are no CDR", w.topic, len(cdr))
	}
	return w.send(len(cdr)+headerSize, func(to []byte) error {
		h.join(to, cdr)
		return nil
	})
}

// end is one side of a service: what it hears and what it says.
type end struct {
	e    *endpoint
	in   *reader
	out  *writer
	self string // identity in the user data of both
}

// newEnd makes the reader and writer of a client or server.
func (e *endpoint) newEnd(key, inTopic, inType, outTopic, outType string) (*end, error) {
	if err := errors.Join(e.may(inTopic, inType), e.may(outTopic, outType)); err != nil {
		return nil, err
	}
	x := &end{e: e, self: e.t.identity()}
	qos := ddsQoS(rcl.Default, serviceHistory)
	defer C.dds_delete_qos(qos)
	setUserData(qos, key+"="+x.self+";")
	var err error
	if x.out, err = e.t.newWriter(outTopic, outType, qos); err != nil {
		return nil, err
	}
	if x.in, err = e.t.newReader(inTopic, inType, qos); err != nil {
		return nil, errors.Join(err, x.out.close())
	}
	return x, nil
}

// identity is a text that no other client or server has (get_unique_csid and
// csid_to_string in rmw_node.cpp): the participant and a number.
func (t *Transport) identity() string {
	t.mu.Lock()
	t.identities++
	n := t.identities
	t.mu.Unlock()
	id := t.graph.self
	binary.BigEndian.PutUint32(id[12:], n)
	var b strings.Builder
	fmt.Fprintf(&b, "%2x", id[0])
	for _, x := range id[1:] {
		fmt.Fprintf(&b, ".%x", x)
	}
	return b.String()
}

// keep makes the end known as a part of its node.
func (x *end) keep(part io.Closer) error {
	return x.e.keep(part, map[guid]entity{
		x.in.id:  {topic: x.in.topic, typeName: x.in.typeName, qos: rcl.Default, reader: true},
		x.out.id: {topic: x.out.topic, typeName: x.out.typeName, qos: rcl.Default},
	})
}

func (x *end) close(part io.Closer) error {
	return errors.Join(x.e.drop(part, x.in.id, x.out.id), x.in.close(), x.out.close())
}
