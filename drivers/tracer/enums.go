package tracer

import (
	"fmt"
	"strings"
)

// nameOf names an enumeration's value; a value that no document lists keeps its number.
func nameOf(v uint8, kind string, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown %s %d", kind, v)
}

// VehicleState is the base's verdict on itself.
type VehicleState uint8

const (
	VehicleOK VehicleState = iota
	VehicleEmergencyStop
	VehicleFault
)

func (s VehicleState) String() string {
	return nameOf(uint8(s), "vehicle state", "ok", "emergency stop", "fault")
}

// ControlMode says who the base obeys. The manual calls 0 remote control; the SDK
// calls it standby and has 3 for remote control; bases of the family do report 3.
type ControlMode uint8

const (
	ModeStandby ControlMode = iota
	ModeCAN
	ModeUART
	ModeRemote
)

func (m ControlMode) String() string {
	return nameOf(uint8(m), "control mode", "standby", "CAN", "UART", "remote control")
}

// LightMode of a lamp.
type LightMode uint8

const (
	LightOff LightMode = iota
	LightOn
	LightBreathe
	LightCustom
)

func (m LightMode) String() string {
	return nameOf(uint8(m), "light mode", "off", "on", "breathe", "custom")
}

// Switch is the position of one of the transmitter's switches; 0 while no transmitter is heard.
type Switch uint8

const (
	SwitchNone Switch = iota
	SwitchMiddle
	SwitchUp
	SwitchDown
)

func (s Switch) String() string {
	return nameOf(uint8(s), "switch position", "none", "middle", "up", "down")
}

// FaultBits are bytes 4 and 5 of the system state, as one big-endian number. The
// manual puts its bits into byte 4, the SDK counts from byte 5, so that two of them
// have two meanings until somebody looks at a real base.
type FaultBits uint16

// Meanings by manual and by SDK.
const (
	ManualUndervoltage FaultBits = 0x0100 // below 22 V
	ManualBatteryLow   FaultBits = 0x0200 // below 22.5 V
	ManualRemoteLost   FaultBits = 0x0400
	SDKUndervoltage    FaultBits = 0x0001
	SDKBatteryLow      FaultBits = 0x0002
	SDKRemoteLost      FaultBits = 0x0004
	SDKMotorComm       FaultBits = 0x0008 // and the next three bits: motors 1 to 4
	SDKDriver          FaultBits = 0x0100
	SDKUpperComm       FaultBits = 0x0200
)

// faultNames in the order they are told.
var faultNames = []struct {
	bit  FaultBits
	name string
}{
	{SDKUndervoltage, "undervoltage"},
	{SDKBatteryLow, "battery low"},
	{SDKRemoteLost, "remote control lost"},
	{SDKMotorComm, "motor 1 communication"},
	{SDKMotorComm << 1, "motor 2 communication"},
	{SDKMotorComm << 2, "motor 3 communication"},
	{SDKMotorComm << 3, "motor 4 communication"},
	{ManualUndervoltage, "undervoltage (manual) or motor driver (SDK)"},
	{ManualBatteryLow, "battery low (manual) or host communication (SDK)"},
	{ManualRemoteLost, "remote control lost"},
}

// Serious tells the bits that are a fault in either meaning; a transmitter that is
// off and a battery that gets low are none.
func (b FaultBits) Serious() FaultBits {
	const harmless = SDKBatteryLow | SDKRemoteLost | ManualBatteryLow | ManualRemoteLost
	var known FaultBits
	for _, n := range faultNames {
		known |= n.bit
	}
	return b & known &^ harmless
}

// RemoteLost says that no transmitter is heard.
func (b FaultBits) RemoteLost() bool { return b&(SDKRemoteLost|ManualRemoteLost) != 0 }

// String names the bits; a bit that no document lists keeps its number.
func (b FaultBits) String() string {
	if b == 0 {
		return "none"
	}
	var names []string
	for _, n := range faultNames {
		if b&n.bit != 0 {
			names = append(names, n.name)
			b &^= n.bit
		}
	}
	if b != 0 {
		names = append(names, fmt.Sprintf("unknown bits 0x%04X", uint16(b)))
	}
	return strings.Join(names, ", ")
}

// DriverBits are a motor driver's status. The Tracer's manual defines bit 4 alone;
// the SDK has a table for the whole family, where bit 4 is a sensor.
type DriverBits uint8

const (
	DriverUndervoltage DriverBits = 1 << iota
	DriverMotorHot
	DriverOverload
	DriverHot
	DriverLost // manual: the driver lost CAN
	DriverFault
	DriverEnabled
	DriverReset
)

func (b DriverBits) String() string {
	names := []string{"undervoltage", "motor hot", "overload", "driver hot", "CAN lost", "fault", "enabled", "reset"}
	var set []string
	for i, name := range names {
		if b&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, ", ")
}
