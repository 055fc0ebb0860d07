//go:build dds

// Cyclone DDS asks two things of a type: a sertype that names it, and serdata,
// its samples as they travel. Here a serdata is nothing but the bytes. The
// headers under dds/ddsi are not a stable interface: this file is for 0.10.

#include "blob.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dds/ddsi/ddsi_serdata.h>
#include <dds/ddsi/ddsi_sertype.h>
#include <dds/ddsi/q_protocol.h>
#include <dds/ddsi/q_radmin.h>
#include <dds/ddsrt/heap.h>
#include <dds/ddsrt/log.h>

struct blob {
  struct ddsi_serdata c;
  uint64_t sequence;
  size_t size;          // as the writer said
  size_t padded;        // multiple of four: what travels
  unsigned char *data;  // after the struct
};

static struct blob *make(const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, size_t size) {
  size_t padded = (size + 3) & ~(size_t)3;
  if (padded < size || padded > UINT32_MAX) {
    return NULL;
  }
  struct blob *b = malloc(sizeof(*b) + padded);
  if (b == NULL) {
    return NULL;
  }
  memset(b, 0, sizeof(*b));
  ddsi_serdata_init(&b->c, type, kind);
  b->size = size;
  b->padded = padded;
  b->data = (unsigned char *)(b + 1);
  memset(b->data + size, 0, padded - size);
  return b;
}

// sequence_of reads the writer's sequence number from the RTPS submessage that
// the first fragment came in; Cyclone DDS has put it in native byte order.
static uint64_t sequence_of(const struct nn_rdata *fragment) {
  if (fragment->submsg_zoff == 0) {
    return 0;
  }
  const Data_DataFrag_common_t *m = (const Data_DataFrag_common_t *)NN_RMSG_PAYLOADOFF(fragment->rmsg, NN_RDATA_SUBMSG_OFF(fragment));
  return ((uint64_t)(uint32_t)m->writerSN.high << 32) | m->writerSN.low;
}

static struct ddsi_serdata *from_ser(const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, const struct nn_rdata *fragment, size_t size) {
  struct blob *b = make(type, kind, size);
  if (b == NULL) {
    return NULL;
  }
  b->sequence = sequence_of(fragment);
  size_t have = 0;
  for (; fragment != NULL; fragment = fragment->nextfrag) {
    if (fragment->min > have || fragment->maxp1 > size) {
      break; // a hole, or more than was announced
    }
    if (fragment->maxp1 > have) {
      const unsigned char *part = NN_RMSG_PAYLOADOFF(fragment->rmsg, NN_RDATA_PAYLOAD_OFF(fragment));
      memcpy(b->data + have, part + (have - fragment->min), fragment->maxp1 - have);
      have = fragment->maxp1;
    }
  }
  if (have != size) {
    free(b);
    return NULL;
  }
  return &b->c;
}

static struct ddsi_serdata *from_ser_iov(const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, ddsrt_msg_iovlen_t n, const ddsrt_iovec_t *iov, size_t size) {
  struct blob *b = make(type, kind, size);
  if (b == NULL) {
    return NULL;
  }
  size_t have = 0;
  for (ddsrt_msg_iovlen_t i = 0; i < n && have < size; i++) {
    size_t part = iov[i].iov_len < size - have ? iov[i].iov_len : size - have;
    memcpy(b->data + have, iov[i].iov_base, part);
    have += part;
  }
  if (have != size) {
    free(b);
    return NULL;
  }
  return &b->c;
}

static struct ddsi_serdata *from_keyhash(const struct ddsi_sertype *type, const struct ddsi_keyhash *keyhash) {
  (void)keyhash;
  return (struct ddsi_serdata *)make(type, SDK_KEY, 0);
}

static struct ddsi_serdata *from_sample(const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, const void *sample) {
  (void)type, (void)kind, (void)sample;
  return NULL; // blobs are written as serdata
}

static struct ddsi_serdata *to_untyped(const struct ddsi_serdata *d) {
  struct blob *b = make(d->type, SDK_KEY, 0);
  if (b != NULL) {
    b->c.type = NULL;
  }
  return (struct ddsi_serdata *)b;
}

static uint32_t get_size(const struct ddsi_serdata *d) { return (uint32_t)((const struct blob *)d)->padded; }

static void to_ser(const struct ddsi_serdata *d, size_t offset, size_t size, void *to) {
  memcpy(to, ((const struct blob *)d)->data + offset, size);
}

static struct ddsi_serdata *to_ser_ref(const struct ddsi_serdata *d, size_t offset, size_t size, ddsrt_iovec_t *ref) {
  ref->iov_base = ((const struct blob *)d)->data + offset;
  ref->iov_len = size;
  return ddsi_serdata_ref(d);
}

static void to_ser_unref(struct ddsi_serdata *d, const ddsrt_iovec_t *ref) {
  (void)ref;
  ddsi_serdata_unref(d);
}

static bool to_sample(const struct ddsi_serdata *d, void *sample, void **buffer, void *end) {
  (void)d, (void)sample, (void)buffer, (void)end;
  return false; // blobs are taken as serdata
}

static bool untyped_to_sample(const struct ddsi_sertype *type, const struct ddsi_serdata *d, void *sample, void **buffer, void *end) {
  (void)type, (void)d, (void)sample, (void)buffer, (void)end;
  return true; // no key, so nothing to fill in
}

// All samples of a keyless topic are of one instance.
static bool eqkey(const struct ddsi_serdata *a, const struct ddsi_serdata *b) {
  (void)a, (void)b;
  return true;
}

static size_t print(const struct ddsi_sertype *type, const struct ddsi_serdata *d, char *to, size_t size) {
  (void)type;
  return (size_t)snprintf(to, size, "blob(%zu)", ((const struct blob *)d)->size);
}

static void get_keyhash(const struct ddsi_serdata *d, struct ddsi_keyhash *to, bool force_md5) {
  (void)d, (void)force_md5;
  memset(to, 0, sizeof(*to));
}

static void free_blob(struct ddsi_serdata *d) { free(d); }

#ifdef DDS_HAS_SHM
// Shared memory (iceoryx) is off: these are never called.
static struct ddsi_serdata *from_shared(const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, void *subscriber, void *chunk) {
  (void)type, (void)kind, (void)subscriber, (void)chunk;
  return NULL;
}
#endif

static const struct ddsi_serdata_ops blob_ops = {
  .eqkey = eqkey,
  .get_size = get_size,
  .from_ser = from_ser,
  .from_ser_iov = from_ser_iov,
  .from_keyhash = from_keyhash,
  .from_sample = from_sample,
  .to_ser = to_ser,
  .to_ser_ref = to_ser_ref,
  .to_ser_unref = to_ser_unref,
  .to_sample = to_sample,
  .to_untyped = to_untyped,
  .untyped_to_sample = untyped_to_sample,
  .free = free_blob,
  .print = print,
  .get_keyhash = get_keyhash,
#ifdef DDS_HAS_SHM
  .get_sample_size = get_size,
  .from_iox_buffer = from_shared,
#endif
};

static void type_free(struct ddsi_sertype *type) {
  ddsi_sertype_fini(type);
  free(type);
}

static void type_zero_samples(const struct ddsi_sertype *type, void *samples, size_t count) { (void)type, (void)samples, (void)count; }

static void type_realloc_samples(void **samples, const struct ddsi_sertype *type, void *old, size_t old_count, size_t count) {
  (void)type, (void)old, (void)old_count;
  for (size_t i = 0; i < count; i++) {
    samples[i] = NULL;
  }
}

static void type_free_samples(const struct ddsi_sertype *type, void **samples, size_t count, dds_free_op_t op) {
  (void)type, (void)samples, (void)count, (void)op;
}

// Cyclone DDS has compared the names and these tables by then.
static bool type_equal(const struct ddsi_sertype *a, const struct ddsi_sertype *b) {
  (void)a, (void)b;
  return true;
}

static uint32_t type_hash(const struct ddsi_sertype *type) {
  (void)type;
  return 0;
}

static const struct ddsi_sertype_ops type_ops = {
  .version = ddsi_sertype_v0,
  .free = type_free,
  .zero_samples = type_zero_samples,
  .realloc_samples = type_realloc_samples,
  .free_samples = type_free_samples,
  .equal = type_equal,
  .hash = type_hash,
};

dds_entity_t blob_topic(dds_entity_t participant, const char *name, const char *type_name, struct ddsi_sertype **type) {
  struct ddsi_sertype *t = calloc(1, sizeof(*t));
  if (t == NULL) {
    return DDS_RETCODE_OUT_OF_RESOURCES;
  }
  ddsi_sertype_init(t, type_name, &type_ops, &blob_ops, true);
  t->allowed_data_representation = DDS_DATA_REPRESENTATION_FLAG_XCDR1;
  struct ddsi_sertype *used = t;
  dds_entity_t topic = dds_create_topic_sertype(participant, name, &used, NULL, NULL, NULL);
  if (topic < 0) {
    ddsi_sertype_unref(t);
    return topic;
  }
  *type = used;
  return topic;
}

struct ddsi_serdata *blob_new(const struct ddsi_sertype *type, size_t size, void **data) {
  struct blob *b = make(type, SDK_DATA, size);
  if (b == NULL) {
    return NULL;
  }
  *data = b->data;
  return &b->c;
}

dds_return_t blob_write(dds_entity_t writer, struct ddsi_serdata *blob, uint64_t sequence) {
  ((struct blob *)blob)->sequence = sequence; // for the readers of this process
  return dds_writecdr(writer, blob);
}

void blob_free(struct ddsi_serdata *blob) { ddsi_serdata_unref(blob); }

int blob_take(dds_entity_t reader, struct blob_sample *samples, int max) {
  struct ddsi_serdata *taken[16];
  dds_sample_info_t info[16];
  if (max > 16) {
    max = 16;
  }
  int n = dds_takecdr(reader, taken, (uint32_t)max, info, DDS_ANY_STATE);
  int kept = 0;
  for (int i = 0; i < n; i++) {
    if (!info[i].valid_data || taken[i]->kind != SDK_DATA) {
      ddsi_serdata_unref(taken[i]);
      continue;
    }
    const struct blob *b = (const struct blob *)taken[i];
    samples[kept++] = (struct blob_sample){
      .blob = taken[i],
      .data = b->data,
      .size = b->size,
      .sequence = b->sequence,
      .writer = info[i].publication_handle,
      .sent = info[i].source_timestamp,
    };
  }
  return n < 0 ? n : kept;
}

void blob_release(struct blob_sample *samples, int n) {
  for (int i = 0; i < n; i++) {
    ddsi_serdata_unref(samples[i].blob);
  }
}

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[4096];
static size_t log_length;

static void log_line(void *arg, const dds_log_data_t *line) {
  (void)arg;
  const char *text = line->message;
  pthread_mutex_lock(&log_lock);
  size_t n = strnlen(text, sizeof(log_text) - 1 - log_length);
  memcpy(log_text + log_length, text, n);
  log_length += n;
  log_text[log_length] = 0;
  pthread_mutex_unlock(&log_lock);
}

void blob_log_start(void) {
  pthread_mutex_lock(&log_lock);
  log_length = 0;
  log_text[0] = 0;
  pthread_mutex_unlock(&log_lock);
  dds_set_log_sink(log_line, NULL);
}

const char *blob_log_stop(void) {
  dds_set_log_sink(NULL, NULL);
  return log_text;
}
