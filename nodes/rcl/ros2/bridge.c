//go:build ros2

#define _GNU_SOURCE // for RTLD_NODELETE
#include "bridge.h"

#include <dlfcn.h>
#include <rcl/graph.h>
#include <rcutils/error_handling.h>
#include <rmw/rmw.h>
#include <rosidl_typesupport_introspection_c/identifier.h>
#include <rosidl_typesupport_introspection_c/message_introspection.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// say keeps rcl's error text and resets it: it belongs to this thread, and the
// goroutine that asks later may run on another.
static rcl_ret_t say(rcl_ret_t rc, struct ros2_failure *failure) {
  failure->text[0] = 0;
  if (rc != RCL_RET_OK) {
    snprintf(failure->text, sizeof failure->text, "%s (%d)", rcutils_error_is_set() ? rcutils_get_error_string().str : "no reason given", rc);
    rcutils_reset_error();
  }
  return rc;
}

const void *ros2_symbol(const char *library, const char *function, struct ros2_failure *failure) {
  failure->text[0] = 0;
  // Middleware keeps types longer than their topics: the library is never unloaded.
  void *lib = dlopen(library, RTLD_LAZY | RTLD_NODELETE);
  const void *(*get)(void) = NULL;
  if (lib != NULL) *(void **)&get = dlsym(lib, function);
  if (get == NULL) {
    snprintf(failure->text, sizeof failure->text, "%s", dlerror());
    return NULL;
  }
  return get();
}

bool ros2_describe(struct ros2_type *type, struct ros2_failure *failure) {
  failure->text[0] = 0;
  const rosidl_message_type_support_t *shape = get_message_typesupport_handle(type->support, rosidl_typesupport_introspection_c__identifier);
  if (shape == NULL) {
    say(RCL_RET_ERROR, failure);
    return false;
  }
  const rosidl_typesupport_introspection_c__MessageMembers *members = shape->data;
  type->size = members->size_of_;
  type->init = members->init_function;
  type->fini = members->fini_function;
  return true;
}

void *ros2_new(const struct ros2_type *type) {
  void *message = calloc(1, type->size);
  if (message != NULL) type->init(message, ROSIDL_RUNTIME_C_MSG_INIT_ALL);
  return message;
}

void ros2_move(const struct ros2_type *type, void *to, void *from) {
  type->fini(to);
  memcpy(to, from, type->size); // rosidl's structures do not point into themselves
  free(from);
}

void ros2_free(const struct ros2_type *type, void *message) {
  type->fini(message);
  free(message);
}

rcl_ret_t ros2_decode(const struct ros2_type *type, const uint8_t *cdr, size_t size, void *message, struct ros2_failure *failure) {
  rcutils_uint8_array_t bytes = rcutils_get_zero_initialized_uint8_array();
  bytes.buffer = (uint8_t *)cdr; // which is only read
  bytes.buffer_length = bytes.buffer_capacity = size;
  bytes.allocator = rcutils_get_default_allocator();
  return say(rmw_deserialize(&bytes, type->support, message), failure);
}

rcl_ret_t ros2_encode(const struct ros2_type *type, const void *message, rcutils_uint8_array_t *out, struct ros2_failure *failure) {
  *out = ros2_bytes();
  return say(rmw_serialize(message, type->support, out), failure);
}

rcutils_uint8_array_t ros2_bytes(void) {
  rcutils_uint8_array_t bytes = rcutils_get_zero_initialized_uint8_array();
  bytes.allocator = rcutils_get_default_allocator();
  return bytes;
}

void ros2_bytes_free(rcutils_uint8_array_t *bytes) {
  if (bytes->buffer != NULL) bytes->allocator.deallocate(bytes->buffer, bytes->allocator.state);
  *bytes = ros2_bytes();
}

rcl_ret_t ros2_publish(const rcl_publisher_t *publisher, const uint8_t *cdr, size_t size, struct ros2_failure *failure) {
  rcutils_uint8_array_t bytes = ros2_bytes();
  bytes.buffer = (uint8_t *)cdr; // which is only read
  bytes.buffer_length = bytes.buffer_capacity = size;
  return say(rcl_publish_serialized_message(publisher, &bytes, NULL), failure);
}

rcl_ret_t ros2_take(const rcl_subscription_t *subscription, rcutils_uint8_array_t *into, struct ros2_info *info, struct ros2_failure *failure) {
  rmw_message_info_t from = rmw_get_zero_initialized_message_info();
  rcl_ret_t rc = rcl_take_serialized_message(subscription, into, &from, NULL);
  if (rc == RCL_RET_SUBSCRIPTION_TAKE_FAILED) {
    rcutils_reset_error();
    return rc;
  }
  info->sent = from.source_timestamp;
  uint64_t n = from.publication_sequence_number;
  info->sequence = n == RMW_MESSAGE_INFO_SEQUENCE_NUMBER_UNSUPPORTED ? 0 : n;
  memcpy(info->publisher, from.publisher_gid.data, sizeof info->publisher);
  return say(rc, failure);
}

rcl_ret_t ros2_take_request(const rcl_service_t *service, rmw_request_id_t *id, void *request, struct ros2_failure *failure) {
  rcl_ret_t rc = rcl_take_request(service, id, request);
  return rc == RCL_RET_SERVICE_TAKE_FAILED ? rc : say(rc, failure);
}

rcl_ret_t ros2_send_response(const rcl_service_t *service, rmw_request_id_t *id, void *response, struct ros2_failure *failure) {
  return say(rcl_send_response(service, id, response), failure);
}

rcl_ret_t ros2_send_request(const rcl_client_t *client, const void *request, int64_t *number, struct ros2_failure *failure) {
  return say(rcl_send_request(client, request, number), failure);
}

rcl_ret_t ros2_take_response(const rcl_client_t *client, int64_t *number, void *response, struct ros2_failure *failure) {
  rmw_request_id_t id;
  rcl_ret_t rc = rcl_take_response(client, &id, response);
  *number = id.sequence_number;
  return rc == RCL_RET_CLIENT_TAKE_FAILED ? rc : say(rc, failure);
}

rcl_ret_t ros2_server_ready(const rcl_node_t *node, const rcl_client_t *client, bool *ready) {
  rcl_ret_t rc = rcl_service_server_is_available(node, client, ready);
  rcutils_reset_error();
  return rc;
}

rcl_ret_t ros2_waiter_init(struct ros2_waiter *waiter, rcl_context_t *context, struct ros2_failure *failure) {
  waiter->set = rcl_get_zero_initialized_wait_set();
  waiter->bell = rcl_get_zero_initialized_guard_condition();
  rcl_ret_t rc = rcl_wait_set_init(&waiter->set, 0, 1, 0, 0, 0, 0, context, rcl_get_default_allocator());
  if (rc != RCL_RET_OK) return say(rc, failure);
  rc = rcl_guard_condition_init(&waiter->bell, context, rcl_guard_condition_get_default_options());
  if (rc == RCL_RET_OK) return say(rc, failure);
  say(rc, failure);
  if (rcl_wait_set_fini(&waiter->set) != RCL_RET_OK) rcutils_reset_error();
  return rc;
}

rcl_ret_t ros2_waiter_ring(struct ros2_waiter *waiter) {
  return rcl_trigger_guard_condition(&waiter->bell);
}

rcl_ret_t ros2_waiter_fini(struct ros2_waiter *waiter, struct ros2_failure *failure) {
  rcl_ret_t set = say(rcl_wait_set_fini(&waiter->set), failure);
  rcl_ret_t bell = rcl_guard_condition_fini(&waiter->bell);
  if (set != RCL_RET_OK) {
    rcutils_reset_error();
    return set;
  }
  return say(bell, failure);
}

// add puts a source into a wait set.
static rcl_ret_t add(rcl_wait_set_t *set, const struct ros2_source *source, size_t *index) {
  switch (source->kind) {
    case ROS2_SUBSCRIPTION: return rcl_wait_set_add_subscription(set, source->handle, index);
    case ROS2_SERVICE: return rcl_wait_set_add_service(set, source->handle, index);
    case ROS2_CLIENT: return rcl_wait_set_add_client(set, source->handle, index);
    case ROS2_EVENT: return rcl_wait_set_add_event(set, source->handle, index);
  }
  return RCL_RET_INVALID_ARGUMENT;
}

rcl_ret_t ros2_wait(struct ros2_waiter *waiter, struct ros2_source *sources, size_t n, struct ros2_failure *failure) {
  rcl_wait_set_t *set = &waiter->set;
  size_t count[4] = {0};
  for (size_t i = 0; i < n; i++) count[sources[i].kind]++;
  rcl_ret_t rc = rcl_wait_set_clear(set);
  if (rc == RCL_RET_OK)
    rc = rcl_wait_set_resize(set, count[ROS2_SUBSCRIPTION], 1, 0, count[ROS2_CLIENT], count[ROS2_SERVICE], count[ROS2_EVENT]);
  if (rc == RCL_RET_OK) rc = rcl_wait_set_add_guard_condition(set, &waiter->bell, NULL);
  // Sources of one kind are added in order: their places are counted again below.
  for (size_t i = 0; rc == RCL_RET_OK && i < n; i++) rc = add(set, &sources[i], NULL);
  if (rc == RCL_RET_OK) rc = rcl_wait(set, -1);
  if (rc != RCL_RET_OK) return say(rc, failure);
  size_t at[4] = {0};
  for (size_t i = 0; i < n; i++) {
    size_t k = at[sources[i].kind]++;
    switch (sources[i].kind) {
      case ROS2_SUBSCRIPTION: sources[i].ready = set->subscriptions[k] != NULL; break;
      case ROS2_SERVICE: sources[i].ready = set->services[k] != NULL; break;
      case ROS2_CLIENT: sources[i].ready = set->clients[k] != NULL; break;
      case ROS2_EVENT: sources[i].ready = set->events[k] != NULL; break;
    }
  }
  return say(RCL_RET_OK, failure);
}

rcl_event_t *ros2_event(enum ros2_event_kind kind, const void *of) {
  rcl_event_t *event = malloc(sizeof *event);
  if (event == NULL) return NULL;
  *event = rcl_get_zero_initialized_event();
  rcl_ret_t rc = RCL_RET_UNSUPPORTED;
  switch (kind) {
    case ROS2_OFFERED_INCOMPATIBLE: rc = rcl_publisher_event_init(event, of, RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS); break;
    case ROS2_REQUESTED_INCOMPATIBLE: rc = rcl_subscription_event_init(event, of, RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS); break;
    case ROS2_LOST: rc = rcl_subscription_event_init(event, of, RCL_SUBSCRIPTION_MESSAGE_LOST); break;
  }
  if (rc == RCL_RET_OK) return event;
  rcutils_reset_error();
  free(event);
  return NULL;
}

void ros2_event_free(rcl_event_t *event) {
  if (rcl_event_fini(event) != RCL_RET_OK) rcutils_reset_error();
  free(event);
}

int ros2_event_incompatible(const rcl_event_t *event, int *policy) {
  rmw_qos_incompatible_event_status_t status = {0};
  if (rcl_take_event(event, &status) != RCL_RET_OK) {
    rcutils_reset_error();
    return 0;
  }
  *policy = status.last_policy_kind;
  return status.total_count_change;
}

size_t ros2_event_lost(const rcl_event_t *event) {
  rmw_message_lost_status_t status = {0};
  if (rcl_take_event(event, &status) != RCL_RET_OK) {
    rcutils_reset_error();
    return 0;
  }
  return status.total_count_change;
}

char *ros2_format(const char *format, void *args) {
  va_list again;
  va_copy(again, *(va_list *)args);
  char *text = NULL;
  int n = vasprintf(&text, format, again);
  va_end(again);
  return n < 0 ? NULL : text;
}
