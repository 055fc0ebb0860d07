//go:build dds

package dds

/*
#cgo pkg-config: CycloneDDS
#include <stdlib.h>
#include "blob.h"
*/
import "C"

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/rs/zerolog"
)

// maxDomain is the largest domain whose ports exist.
const maxDomain = 232

// maxIndex is the highest participant index that a domain has ports for (DDSI
// 2.2, 9.6.1: 7400 + 250 domain + 10 + 2 index, and the one after it).
func maxIndex(domain int) int { return min(119, (65535-7400-250*domain-11)/2) }

// domain is a domain that is open in this process. Cyclone DDS keeps one of each
// number in a process, with one configuration, so transports of this process
// share it.
type domain struct {
	id     int
	config string
	entity C.dds_entity_t
	users  int
}

var domains = struct {
	sync.Mutex
	open map[int]*domain
}{open: map[int]*domain{}}

// openDomain opens a domain or joins the open one.
func openDomain(o Options, log *zerolog.Logger) (*domain, error) {
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	domains.Lock()
	defer domains.Unlock()
	if d := domains.open[o.Domain]; d != nil {
		if d.config != config {
			return nil, fmt.Errorf("dds: domain %d is open in this process with other options: give both transports the same", o.Domain)
		}
		d.users++
		return d, nil
	}
	text := C.CString(config)
	defer C.free(unsafe.Pointer(text))
	C.blob_log_start()
	entity := C.dds_create_domain(C.dds_domainid_t(o.Domain), text)
	said := strings.Join(strings.Fields(C.GoString(C.blob_log_stop())), " ")
	if entity < 0 {
		return nil, fmt.Errorf("dds: opening domain %d: %w: %s", o.Domain, failure(C.dds_return_t(entity)), said)
	}
	if said != "" {
		log.Warn().Str("cyclonedds", said).Msg("opening the domain")
	}
	d := &domain{id: o.Domain, config: config, entity: entity, users: 1}
	domains.open[o.Domain] = d
	return d, nil
}

// close leaves the domain; the last to leave closes it.
func (d *domain) close() error {
	domains.Lock()
	defer domains.Unlock()
	if d.users--; d.users > 0 {
		return nil
	}
	delete(domains.open, d.id)
	return check(C.dds_delete(d.entity), "closing the domain")
}

// config is Cyclone DDS's configuration for the options (its docs/manual/options.md, 0.10).
func (o Options) config() (string, error) {
	if o.Domain < 0 || o.Domain > maxDomain {
		return "", fmt.Errorf("dds: domain %d: use 0 to %d", o.Domain, maxDomain)
	}
	datagram := cmp.Or(o.Datagram, defaultDatagram)
	if datagram < 1400 || datagram > 65500 {
		return "", fmt.Errorf("dds: datagrams of %d bytes: use 1400 to 65500", datagram)
	}
	fragment := cmp.Or(o.Fragment, min(defaultFragment, datagram-100))
	if fragment < 1025 || fragment >= datagram {
		return "", fmt.Errorf("dds: fragments of %d bytes in datagrams of %d: use 1025 to less than the datagram", fragment, datagram)
	}
	if o.Lease < 0 || o.Linger < 0 || o.ReceiveBuffer < 0 {
		return "", errors.New("dds: a lease, linger or receive buffer below zero")
	}
	var b strings.Builder
	b.WriteString("<CycloneDDS><Domain><General>")
	switch {
	case o.Localhost && o.Interface != "":
		return "", fmt.Errorf("dds: localhost only and interface %s: choose one", o.Interface)
	case o.Localhost:
		b.WriteString(`<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces><AllowMulticast>false</AllowMulticast>`)
	case o.Interface != "":
		key := "name"
		if strings.ContainsAny(o.Interface, ".:") && !isInterface(o.Interface) {
			key = "address"
		}
		fmt.Fprintf(&b, `<Interfaces><NetworkInterface %s="%s"/></Interfaces>`, key, escape(o.Interface))
	}
	fmt.Fprintf(&b, "<MaxMessageSize>%dB</MaxMessageSize><FragmentSize>%dB</FragmentSize></General>", datagram, fragment)
	fmt.Fprintf(&b, "<Discovery><LeaseDuration>%dns</LeaseDuration>", cmp.Or(o.Lease, defaultLease))
	if o.Localhost || len(o.Peers) > 0 { // found by port number, so it must have one that others try
		fmt.Fprintf(&b, "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>%d</MaxAutoParticipantIndex>", maxIndex(o.Domain))
	}
	if len(o.Peers) > 0 {
		b.WriteString("<Peers>")
		for _, p := range o.Peers {
			fmt.Fprintf(&b, `<Peer address="%s"/>`, escape(p))
		}
		if o.Localhost {
			b.WriteString(`<Peer address="127.0.0.1"/>`)
		}
		b.WriteString("</Peers>")
	}
	fmt.Fprintf(&b, `</Discovery><Internal><SocketReceiveBufferSize max="%dB"/><WriterLingerDuration>%dns</WriterLingerDuration>`,
		cmp.Or(o.ReceiveBuffer, defaultReceiveBuffer), cmp.Or(o.Linger, defaultLinger))
	fmt.Fprintf(&b, "<Watermarks><WhcHigh>%dB</WhcHigh><WhcHighInit>%dB</WhcHighInit></Watermarks></Internal></Domain></CycloneDDS>", unconfirmed, unconfirmed)
	if o.Extra != "" {
		b.WriteString("," + o.Extra)
	}
	return b.String(), nil
}

const (
	defaultDatagram      = 65500
	defaultFragment      = 63000
	defaultReceiveBuffer = 4 << 20
	defaultLease         = 10 * time.Second
	defaultLinger        = 200 * time.Millisecond
	// unconfirmed is how many bytes a publisher may have sent that a subscriber has
	// not confirmed, before it waits [maxBlocking]. Cyclone DDS's 500 kB is less than
	// one image, so that one subscriber that hangs would hold up a camera until its
	// lease runs out; here KEEP_LAST is the limit.
	unconfirmed = 256 << 20
	maxBlocking = 100 * time.Millisecond
)

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func isInterface(name string) bool {
	_, err := os.Stat("/sys/class/net/" + name)
	return err == nil
}

// warnBuffer says what the kernel does not grant.
func (o Options) warnBuffer(log *zerolog.Logger) {
	want := cmp.Or(o.ReceiveBuffer, defaultReceiveBuffer)
	text, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return
	}
	if have, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && have < want {
		log.Warn().Int("bytes", have).Int("want", want).
			Msgf("the kernel limits receive buffers: large images may arrive late: sysctl -w net.core.rmem_max=%d", want)
	}
}

// failure is Cyclone DDS's return code as an error; nil from 0 on.
func failure(rc C.dds_return_t) error {
	if rc >= 0 {
		return nil
	}
	return errors.New(C.GoString(C.dds_strretcode(-rc)))
}

// check is failure with what was being done.
func check(rc C.dds_return_t, doing string) error {
	if err := failure(rc); err != nil {
		return fmt.Errorf("dds: %s: %w", doing, err)
	}
	return nil
}
