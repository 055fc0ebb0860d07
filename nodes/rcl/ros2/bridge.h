// What rclgo does not offer of rcl, on the handles that rclgo keeps. Functions
// return rcl's return codes. The text of an error belongs to the thread on which
// it happened, and a goroutine may go on on another: so each gives it at once.
#ifndef COBOT_VLA_ROS2_BRIDGE_H
#define COBOT_VLA_ROS2_BRIDGE_H

#include <rcl/rcl.h>
#include <rcutils/types/uint8_array.h>
#include <rosidl_runtime_c/message_initialization.h>
#include <rosidl_runtime_c/message_type_support_struct.h>
#include <rosidl_runtime_c/service_type_support_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ros2_failure is the text of an error, empty without one.
struct ros2_failure {
  char text[512];
};

// --- types

// ros2_type is a message type: its type support, and its size and life in memory.
struct ros2_type {
  const rosidl_message_type_support_t *support;
  size_t size;
  void (*init)(void *, enum rosidl_runtime_c__message_initialization);
  void (*fini)(void *);
};

// ros2_symbol calls a function of a library that gives a type support; the
// library stays loaded. NULL: failure says why.
const void *ros2_symbol(const char *library, const char *function, struct ros2_failure *failure);

// ros2_describe fills size, init and fini from the introspection of support; false: failure says why.
bool ros2_describe(struct ros2_type *type, struct ros2_failure *failure);

// ros2_new makes a message in C's memory; NULL without memory.
void *ros2_new(const struct ros2_type *type);

// ros2_move moves a message to where another of its type is, and frees its shell.
void ros2_move(const struct ros2_type *type, void *to, void *from);

// ros2_free ends a message and frees it.
void ros2_free(const struct ros2_type *type, void *message);

// ros2_decode reads CDR into a message.
rcl_ret_t ros2_decode(const struct ros2_type *type, const uint8_t *cdr, size_t size, void *message, struct ros2_failure *failure);

// ros2_encode writes a message as CDR; the caller ends out with ros2_bytes_free.
rcl_ret_t ros2_encode(const struct ros2_type *type, const void *message, rcutils_uint8_array_t *out, struct ros2_failure *failure);

// ros2_bytes is an empty buffer, ros2_bytes_free its end.
rcutils_uint8_array_t ros2_bytes(void);
void ros2_bytes_free(rcutils_uint8_array_t *bytes);

// --- topics

// ros2_publish sends size bytes of CDR, which it does not keep.
rcl_ret_t ros2_publish(const rcl_publisher_t *publisher, const uint8_t *cdr, size_t size, struct ros2_failure *failure);

// ros2_info is what came with a message.
struct ros2_info {
  int64_t sent;             // ns since 1970, the publisher's clock; 0: unknown
  uint64_t sequence;        // of its publisher; 0: unknown
  uint8_t publisher[RMW_GID_STORAGE_SIZE];
};

// ros2_take takes one message into a buffer that is kept and grows;
// RCL_RET_SUBSCRIPTION_TAKE_FAILED: there was none.
rcl_ret_t ros2_take(const rcl_subscription_t *subscription, rcutils_uint8_array_t *into, struct ros2_info *info, struct ros2_failure *failure);

// --- services

rcl_ret_t ros2_take_request(const rcl_service_t *service, rmw_request_id_t *id, void *request, struct ros2_failure *failure);
rcl_ret_t ros2_send_response(const rcl_service_t *service, rmw_request_id_t *id, void *response, struct ros2_failure *failure);
rcl_ret_t ros2_send_request(const rcl_client_t *client, const void *request, int64_t *number, struct ros2_failure *failure);
rcl_ret_t ros2_take_response(const rcl_client_t *client, int64_t *number, void *response, struct ros2_failure *failure);
rcl_ret_t ros2_server_ready(const rcl_node_t *node, const rcl_client_t *client, bool *ready);

// --- waiting

// ros2_waiter is a wait set, and the guard condition that ends a wait.
struct ros2_waiter {
  rcl_wait_set_t set;
  rcl_guard_condition_t bell;
};

rcl_ret_t ros2_waiter_init(struct ros2_waiter *waiter, rcl_context_t *context, struct ros2_failure *failure);
rcl_ret_t ros2_waiter_ring(struct ros2_waiter *waiter);
rcl_ret_t ros2_waiter_fini(struct ros2_waiter *waiter, struct ros2_failure *failure);

// ros2_source is something to wait for; ready says that it has something.
enum ros2_kind { ROS2_SUBSCRIPTION, ROS2_SERVICE, ROS2_CLIENT, ROS2_EVENT };
struct ros2_source {
  enum ros2_kind kind;
  const void *handle;
  bool ready;
};

// ros2_wait waits until a source is ready or the bell rings.
rcl_ret_t ros2_wait(struct ros2_waiter *waiter, struct ros2_source *sources, size_t n, struct ros2_failure *failure);

// --- events of the quality of service

// ros2_event makes an event of a publisher or subscription that counts in one of
// the two ways below; NULL where the middleware has none.
enum ros2_event_kind { ROS2_OFFERED_INCOMPATIBLE, ROS2_REQUESTED_INCOMPATIBLE, ROS2_LOST };
rcl_event_t *ros2_event(enum ros2_event_kind kind, const void *of);
void ros2_event_free(rcl_event_t *event);

// ros2_event_incompatible tells how many more ends have not matched, and for which policy.
int ros2_event_incompatible(const rcl_event_t *event, int *policy);

// ros2_event_lost tells how many more messages were lost.
size_t ros2_event_lost(const rcl_event_t *event);

// --- logging

// ros2_format formats what a logging output handler was given; the caller frees it.
char *ros2_format(const char *format, void *args);

#endif
