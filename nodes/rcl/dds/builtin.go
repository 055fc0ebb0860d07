//go:build dds

package dds

/*
#include "blob.h"
*/
import "C"

import (
	"unsafe"
)

// discover follows DDS's own topics: participants, readers and writers of the
// domain, ours among them.
func (t *Transport) discover() error {
	for topic, see := range map[C.dds_entity_t]func(unsafe.Pointer, bool){
		C.DDS_BUILTIN_TOPIC_DCPSPARTICIPANT:  t.seeParticipant,
		C.DDS_BUILTIN_TOPIC_DCPSPUBLICATION:  func(p unsafe.Pointer, alive bool) { t.seeEndpoint(p, alive, false) },
		C.DDS_BUILTIN_TOPIC_DCPSSUBSCRIPTION: func(p unsafe.Pointer, alive bool) { t.seeEndpoint(p, alive, true) },
	} {
		r := C.dds_create_reader(t.participant, topic, nil, nil)
		if err := check(r, "reading DDS's discovery"); err != nil {
			return err
		}
		available := C.dds_create_readcondition(r, C.DDS_ANY_STATE)
		if err := check(available, "reading DDS's discovery"); err != nil {
			return err
		}
		if _, err := t.waiter.attach(available, func() { takeBuiltin(r, see) }); err != nil {
			return err
		}
	}
	return nil
}

// takeBuiltin shows what is there to see, which gets a sample and whether it lives.
func takeBuiltin(reader C.dds_entity_t, see func(unsafe.Pointer, bool)) {
	for {
		loan := new(unsafe.Pointer)
		var info C.dds_sample_info_t
		if C.dds_take(reader, loan, &info, 1, 1) != 1 {
			return
		}
		alive := info.instance_state == C.DDS_ALIVE_INSTANCE_STATE
		if bool(info.valid_data) || !alive { // of one that is gone the key is there
			see(*loan, alive)
		}
		C.dds_return_loan(reader, loan, 1)
	}
}

func (t *Transport) seeParticipant(p unsafe.Pointer, alive bool) {
	t.graph.peer(goGUID((*C.dds_builtintopic_participant_t)(p).key), alive)
}

func (t *Transport) seeEndpoint(p unsafe.Pointer, alive, isReader bool) {
	s := (*C.dds_builtintopic_endpoint_t)(p)
	id := goGUID(s.key)
	if !alive {
		t.graph.lost(id)
		return
	}
	e := entity{
		participant: goGUID(s.participant_key),
		topic:       C.GoString(s.topic_name),
		typeName:    rosType(C.GoString(s.type_name)),
		qos:         rosQoS(s.qos),
		reader:      isReader,
	}
	if err := t.graph.found(id, e); err != nil {
		t.log.Warn().Err(err).Send()
	}
}

// pairs tell which reader and which writer of another program belong together:
// ROS 2 gives both of a client or server the same text in their user data
// (rmw_init_cs in rmw_cyclonedds_cpp's rmw_node.cpp).
const (
	clientKey  = "clientid"
	serviceKey = "serviceid"
)

// publicationText gives a key of a matched writer's user data; matched says that it is there.
func (r *reader) publicationText(writer C.dds_instance_handle_t, key string) (text string, matched bool) {
	return endpointText(C.dds_get_matched_publication_data(r.entity, writer), key)
}

// subscriptionText gives a key of a matched reader's user data; matched says that it is there.
func (w *writer) subscriptionText(reader C.dds_instance_handle_t, key string) (text string, matched bool) {
	return endpointText(C.dds_get_matched_subscription_data(w.entity, reader), key)
}

func endpointText(p *C.dds_builtintopic_endpoint_t, key string) (text string, matched bool) {
	if p == nil {
		return "", false
	}
	defer C.dds_builtintopic_free_endpoint(p)
	text, _ = userData(p.qos, key)
	return text, true
}

// publications are the writers that a reader is matched with.
func (r *reader) publications() []C.dds_instance_handle_t {
	return matches(func(p *C.dds_instance_handle_t, n C.size_t) C.dds_return_t {
		return C.dds_get_matched_publications(r.entity, p, n)
	})
}

// subscriptions are the readers that a writer is matched with.
func (w *writer) subscriptions() []C.dds_instance_handle_t {
	return matches(func(p *C.dds_instance_handle_t, n C.size_t) C.dds_return_t {
		return C.dds_get_matched_subscriptions(w.entity, p, n)
	})
}

// matches lists handles with a function that says how many there are.
func matches(list func(*C.dds_instance_handle_t, C.size_t) C.dds_return_t) []C.dds_instance_handle_t {
	handles := make([]C.dds_instance_handle_t, 16)
	for {
		n := int(list(&handles[0], C.size_t(len(handles))))
		if n <= len(handles) {
			return handles[:max(n, 0)]
		}
		handles = make([]C.dds_instance_handle_t, n+16)
	}
}
