//go:build ros2

package ros2

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/tiiuae/rclgo/pkg/rclgo"
)

// rclgo keeps the handles that bridge.c needs to itself. They are read by name;
// another version of rclgo that names them otherwise is refused, not guessed at.

func contextHandle(c *rclgo.Context) (*C.rcl_context_t, error) {
	p, err := handle(c, "rcl_context_t")
	return (*C.rcl_context_t)(p), err
}

func nodeHandle(n *rclgo.Node) (*C.rcl_node_t, error) {
	p, err := handle(n, "rcl_node_t")
	return (*C.rcl_node_t)(p), err
}

func publisherHandle(x *rclgo.Publisher) (*C.rcl_publisher_t, error) {
	p, err := handle(x, "rcl_publisher_t")
	return (*C.rcl_publisher_t)(p), err
}

func subscriptionHandle(x *rclgo.Subscription) (*C.rcl_subscription_t, error) {
	p, err := handle(x, "rcl_subscription_t")
	return (*C.rcl_subscription_t)(p), err
}

func serviceHandle(x *rclgo.Service) (*C.rcl_service_t, error) {
	p, err := handle(x, "rclService")
	return (*C.rcl_service_t)(p), err
}

func clientHandle(x *rclgo.Client) (*C.rcl_client_t, error) {
	p, err := handle(x, "rclClient")
	return (*C.rcl_client_t)(p), err
}

// handle reads a pointer to C's memory.
func handle[T any](of *T, field string) (unsafe.Pointer, error) {
	v := reflect.ValueOf(of).Elem().FieldByName(field)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, fmt.Errorf("ros2: this version of rclgo has no %T.%s: use the one in go.mod", of, field)
	}
	return v.UnsafePointer(), nil
}

// failure is what bridge.c says went wrong; nil for RCL_RET_OK.
func failure(rc C.rcl_ret_t, f *C.struct_ros2_failure, doing string) error {
	if rc == C.RCL_RET_OK {
		return nil
	}
	return errors.New("ros2: " + doing + ": " + C.GoString(&f.text[0]))
}
