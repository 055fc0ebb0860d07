package can

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// parseLinks reads the kernel's answer to RTM_GETLINK (linux/rtnetlink.h) and
// keeps the CAN interfaces; linux/can/netlink.h says what they add.
func parseLinks(answer []byte) ([]Interface, error) {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return nil, fmt.Errorf("can: list network interfaces: %w", err)
	}
	var all []Interface
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		kind, flags := binary.NativeEndian.Uint16(m.Data[2:]), binary.NativeEndian.Uint32(m.Data[8:])
		if kind != unix.ARPHRD_CAN {
			continue
		}
		i := Interface{Up: flags&unix.IFF_UP != 0}
		parseLink(m.Data[unix.SizeofIfInfomsg:], &i)
		if !i.Up {
			i.State = Down
		}
		all = append(all, i)
	}
	return all, nil
}

func parseLink(attributes []byte, i *Interface) {
	eachAttribute(attributes, func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			i.Name = text(value)
		case unix.IFLA_LINKINFO:
			parseLinkInfo(value, i)
		}
	})
}

func parseLinkInfo(attributes []byte, i *Interface) {
	eachAttribute(attributes, func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_INFO_KIND:
			i.Kind = text(value)
		case unix.IFLA_INFO_DATA:
			parseCAN(value, i)
		}
	})
}

func parseCAN(attributes []byte, i *Interface) {
	eachAttribute(attributes, func(kind uint16, value []byte) {
		if len(value) < 4 {
			return
		}
		switch number := binary.NativeEndian.Uint32(value); kind {
		case unix.IFLA_CAN_BITTIMING: // struct can_bittiming starts with the bitrate
			i.Bitrate = number
		case unix.IFLA_CAN_STATE:
			i.State = controllerState(number)
		}
	})
}

// controllerState translates enum can_state.
func controllerState(s uint32) State {
	switch s {
	case unix.CAN_STATE_ERROR_ACTIVE:
		return Up
	case unix.CAN_STATE_ERROR_WARNING:
		return Warning
	case unix.CAN_STATE_ERROR_PASSIVE:
		return Passive
	case unix.CAN_STATE_BUS_OFF:
		return BusOff
	}
	return Down // stopped, sleeping
}

// eachAttribute walks struct rtattr: length, type, value, padding to four bytes.
// It stops where the bytes make no sense.
func eachAttribute(b []byte, visit func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		n := int(binary.NativeEndian.Uint16(b))
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		visit(kind, b[unix.SizeofRtAttr:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
