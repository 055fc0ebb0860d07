//go:build dds

package dds

/*
#include <stdlib.h>
#include "blob.h"
*/
import "C"

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/rs/zerolog"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// Transport is one participant of a DDS domain.
type Transport struct {
	log         zerolog.Logger
	domain      *domain
	participant C.dds_entity_t
	graph       *graph
	waiter      *waiter

	// ros_discovery_info: what we tell, and what others do.
	announcing sync.Mutex // held from reading the graph to telling it
	announce   *writer
	infos      *reader

	lingering sync.WaitGroup // writers that others have not confirmed yet

	mu         sync.Mutex
	closed     bool
	nodes      []*endpoint
	identities uint32 // clients and servers made so far
}

// New joins a domain.
func New(o Options) (*Transport, error) {
	log := zerolog.Nop()
	if o.Log != nil {
		log = *o.Log
	}
	d, err := openDomain(o, &log)
	if err != nil {
		return nil, err
	}
	o.warnBuffer(&log)
	t := &Transport{log: log, domain: d}
	if err := t.join(); err != nil {
		return nil, errors.Join(err, t.leave())
	}
	go t.waiter.run()
	return t, nil
}

// join makes the participant and what it needs to know others by.
func (t *Transport) join() error {
	qos := C.dds_create_qos()
	defer C.dds_delete_qos(qos)
	setUserData(qos, "enclave=/;") // by which ROS 2 knows its participants
	t.participant = C.dds_create_participant(C.dds_domainid_t(t.domain.id), qos, nil)
	if err := check(t.participant, "creating the participant"); err != nil {
		return err
	}
	self, err := guidOf(t.participant)
	if err != nil {
		return err
	}
	t.graph = newGraph(self)
	if t.waiter, err = newWaiter(t.participant, &t.log); err != nil {
		return err
	}
	// As rmw_dds_common's: the last word of every participant, for those who come later.
	info := ddsQoS(rcl.Latched, 1)
	defer C.dds_delete_qos(info)
	if t.announce, err = t.newWriter(infoTopic, infoType, info); err != nil {
		return err
	}
	all := ddsQoS(rcl.Latched, 1)
	defer C.dds_delete_qos(all)
	C.dds_qset_history(all, C.DDS_HISTORY_KEEP_ALL, C.DDS_LENGTH_UNLIMITED)
	C.dds_qset_ignorelocal(all, C.DDS_IGNORELOCAL_PARTICIPANT)
	if t.infos, err = t.newReader(infoTopic, infoType, all); err != nil {
		return err
	}
	if err := t.infos.start(t.hear); err != nil {
		return err
	}
	return t.discover()
}

// hear takes what another participant says of its own nodes.
func (t *Transport) hear(s *sample) {
	p := new(participantEntities)
	if err := msgs.ReadCDR(bytesOf(s), p); err != nil {
		t.log.Warn().Err(err).Str("topic", infoTopic).Msg("message dropped")
		return
	}
	if prefix := hex.EncodeToString(p.participant[:guidPrefix]); strings.HasPrefix(t.infos.writer(s.writer), prefix) {
		t.graph.heard(p)
	}
}

// tell announces our nodes as they are now.
func (t *Transport) tell() error {
	t.announcing.Lock()
	defer t.announcing.Unlock()
	return t.announce.publish(t.graph.info())
}

// Node implements rcl.Transport.
func (t *Transport) Node(name rcl.FullName) (rcl.Endpoint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, rcl.ErrClosed
	}
	e := &endpoint{t: t, name: name}
	t.graph.join(e)
	if err := t.tell(); err != nil {
		t.graph.leave(e)
		return nil, err
	}
	t.nodes = append(t.nodes, e)
	return e, nil
}

// Close implements rcl.Transport. It waits, for at most Options.Linger, until
// the other side has confirmed what was published last.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	nodes := slices.Clone(t.nodes)
	t.mu.Unlock()
	var errs []error
	for _, n := range nodes {
		errs = append(errs, n.Close())
	}
	// The farewell lingers as the rest does, not after it.
	errs = append(errs, t.waiter.stop(), t.announce.close())
	t.lingering.Wait()
	return errors.Join(append(errs, t.leave())...)
}

// leave undoes join, as far as it got.
func (t *Transport) leave() error {
	var err error
	if t.participant > 0 {
		err = check(C.dds_delete(t.participant), "deleting the participant")
	}
	return errors.Join(err, t.domain.close())
}

// topic makes a DDS topic, to be deleted when its reader or writer is made.
func (t *Transport) topic(name, typeName string) (C.dds_entity_t, *C.struct_ddsi_sertype, error) {
	cName, cType := C.CString(name), C.CString(ddsType(typeName))
	defer C.free(unsafe.Pointer(cName))
	defer C.free(unsafe.Pointer(cType))
	var used *C.struct_ddsi_sertype
	topic := C.blob_topic(t.participant, cName, cType, &used)
	if err := check(topic, "creating topic "+name); err != nil {
		return 0, nil, err
	}
	return topic, used, nil
}

// guidOf an entity of ours.
func guidOf(e C.dds_entity_t) (g guid, err error) {
	var c C.dds_guid_t
	if err := check(C.dds_get_guid(e, &c), "reading a GUID"); err != nil {
		return g, err
	}
	return goGUID(c), nil
}

func goGUID(c C.dds_guid_t) (g guid) {
	for i := range g {
		g[i] = byte(c.v[i])
	}
	return g
}

// setUserData puts text where every participant, reader and writer that learns of this one sees it.
func setUserData(qos *C.dds_qos_t, text string) {
	c := C.CString(text)
	defer C.free(unsafe.Pointer(c))
	C.dds_qset_userdata(qos, unsafe.Pointer(c), C.size_t(len(text)))
}

// userData gives the value of a key in "key=value;" pairs (rmw's key_value.hpp).
func userData(qos *C.dds_qos_t, key string) (string, bool) {
	if qos == nil {
		return "", false
	}
	var data unsafe.Pointer
	var size C.size_t
	if !C.dds_qget_userdata(qos, &data, &size) || data == nil {
		return "", false
	}
	defer C.dds_free(data)
	return keyValue(string(unsafe.Slice((*byte)(data), int(size))), key)
}
