//go:build ros2

package ros2

/*
#cgo LDFLAGS: -L/opt/ros/humble/lib -Wl,-rpath,/opt/ros/humble/lib
#cgo LDFLAGS: -lrcl -lrmw -lrmw_implementation -lrosidl_runtime_c -lrosidl_typesupport_introspection_c -lrcutils -ldl
#cgo CFLAGS: -I/opt/ros/humble/include/rcl -I/opt/ros/humble/include/rcl_yaml_param_parser
#cgo CFLAGS: -I/opt/ros/humble/include/rcutils -I/opt/ros/humble/include/rmw
#cgo CFLAGS: -I/opt/ros/humble/include/rosidl_runtime_c -I/opt/ros/humble/include/rosidl_typesupport_interface
#cgo CFLAGS: -I/opt/ros/humble/include/rosidl_typesupport_introspection_c
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/tiiuae/rclgo/pkg/rclgo/types"
)

// messageType is a message type of an interface package. It is what rclgo wants
// of a type support for topics; it is never asked to convert (see serviceType).
type messageType struct {
	name string
	c    C.struct_ros2_type
}

// loadMessage finds a message's type support, of a request or response as well.
func loadMessage(name string) (*messageType, error) {
	support, err := load("message", name)
	if err != nil {
		return nil, err
	}
	return &messageType{name: name, c: C.struct_ros2_type{support: (*C.rosidl_message_type_support_t)(support)}}, nil
}

// load calls what gives the type support of a message or service: rosidl's
// generator names the library after the package and the function after the type.
func load(kind, name string) (unsafe.Pointer, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return nil, fmt.Errorf("ros2: %q is no type: write package/msg/Name", name)
	}
	library := C.CString("lib" + parts[0] + "__rosidl_typesupport_c.so")
	defer C.free(unsafe.Pointer(library))
	function := C.CString(fmt.Sprintf("rosidl_typesupport_c__get_%s_type_support_handle__%s", kind, strings.Join(parts, "__")))
	defer C.free(unsafe.Pointer(function))
	var f C.struct_ros2_failure
	support := C.ros2_symbol(library, function, &f)
	if support == nil {
		return nil, fmt.Errorf("ros2: %s is not in this ROS 2: source the workspace that has package %s before the program starts (%s)", name, parts[0], C.GoString(&f.text[0]))
	}
	return support, nil
}

// describe asks the introspection for what converting needs.
func (t *messageType) describe() error {
	var f C.struct_ros2_failure
	if !C.ros2_describe(&t.c, &f) {
		return fmt.Errorf("ros2: %s has no introspection: %s", t.name, C.GoString(&f.text[0]))
	}
	return nil
}

// decode makes a message in C's memory from CDR; whoever gets it frees it.
func (t *messageType) decode(cdr []byte) (unsafe.Pointer, error) {
	const header = 4 // that the middleware does not look for
	if len(cdr) < header {
		return nil, fmt.Errorf("ros2: %d bytes are no %s", len(cdr), t.name)
	}
	m := C.ros2_new(&t.c)
	if m == nil {
		return nil, fmt.Errorf("ros2: no memory for a %s", t.name)
	}
	var f C.struct_ros2_failure
	rc := C.ros2_decode(&t.c, (*C.uint8_t)(unsafe.SliceData(cdr)), C.size_t(len(cdr)), m, &f)
	if err := failure(rc, &f, "reading a "+t.name); err != nil {
		C.ros2_free(&t.c, m)
		return nil, err
	}
	return m, nil
}

// encode is the CDR of a message in C's memory.
func (t *messageType) encode(m unsafe.Pointer) ([]byte, error) {
	var out C.rcutils_uint8_array_t
	var f C.struct_ros2_failure
	rc := C.ros2_encode(&t.c, m, &out, &f)
	defer C.ros2_bytes_free(&out)
	if err := failure(rc, &f, "writing a "+t.name); err != nil {
		return nil, err
	}
	return C.GoBytes(unsafe.Pointer(out.buffer), C.int(out.buffer_length)), nil
}

func (t *messageType) free(m unsafe.Pointer) { C.ros2_free(&t.c, m) }

// TypeSupport implements types.MessageTypeSupport.
func (t *messageType) TypeSupport() unsafe.Pointer { return unsafe.Pointer(t.c.support) }

// The rest of types.MessageTypeSupport is for rclgo's own publish, take and call,
// which are not used: messages travel as CDR.

func (t *messageType) New() types.Message                       { return nil }
func (t *messageType) PrepareMemory() unsafe.Pointer            { return C.ros2_new(&t.c) }
func (t *messageType) ReleaseMemory(m unsafe.Pointer)           { C.ros2_free(&t.c, m) }
func (t *messageType) AsCStruct(unsafe.Pointer, types.Message)  {}
func (t *messageType) AsGoStruct(types.Message, unsafe.Pointer) {}

// serviceType is the type support of any service: rcl has no serialized calls,
// so requests and responses are converted between CDR and C's memory.
type serviceType struct {
	request  *messageType
	response *messageType
	support  unsafe.Pointer
}

func loadService(name string) (*serviceType, error) {
	support, err := load("service", name)
	if err != nil {
		return nil, err
	}
	s := &serviceType{support: support}
	for part, t := range map[string]**messageType{"_Request": &s.request, "_Response": &s.response} {
		if *t, err = loadMessage(name + part); err != nil {
			return nil, err
		}
		if err := (*t).describe(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Request, Response and TypeSupport implement types.ServiceTypeSupport.
func (s *serviceType) Request() types.MessageTypeSupport  { return s.request }
func (s *serviceType) Response() types.MessageTypeSupport { return s.response }
func (s *serviceType) TypeSupport() unsafe.Pointer        { return s.support }

// typeCache keeps the types that a transport has loaded.
type typeCache struct {
	mu       sync.Mutex
	messages map[string]*messageType
	services map[string]*serviceType
}

func newTypeCache() *typeCache {
	return &typeCache{messages: map[string]*messageType{}, services: map[string]*serviceType{}}
}

func (c *typeCache) message(name string) (*messageType, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cached(c.messages, name, loadMessage)
}

func (c *typeCache) service(name string) (*serviceType, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cached(c.services, name, loadService)
}

func cached[T any](have map[string]*T, name string, load func(string) (*T, error)) (*T, error) {
	if t := have[name]; t != nil {
		return t, nil
	}
	t, err := load(name)
	if err == nil {
		have[name] = t
	}
	return t, err
}
