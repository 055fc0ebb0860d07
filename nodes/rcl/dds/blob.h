// A DDS type whose samples are bytes: CDR with its four-byte header, made and
// read by the caller. Keyless, no IDL. See blob.c.
#ifndef COBOT_VLA_DDS_BLOB_H
#define COBOT_VLA_DDS_BLOB_H

#include <dds/dds.h>
#include <stddef.h>
#include <stdint.h>

struct ddsi_sertype;
struct ddsi_serdata;

// blob_sample is one sample that was taken, valid until blob_release.
struct blob_sample {
  struct ddsi_serdata *blob;
  const void *data;
  size_t size;
  uint64_t sequence; // of its writer, from 1; 0: unknown
  uint64_t writer;   // instance handle
  int64_t sent;      // ns since 1970, the writer's clock
};

// blob_topic makes a topic that carries blobs under a DDS type name; *type is
// valid as long as the topic or one of its readers or writers is.
dds_entity_t blob_topic(dds_entity_t participant, const char *name, const char *type_name, struct ddsi_sertype **type);

// blob_new makes a blob of size bytes for the caller to fill; NULL without memory.
struct ddsi_serdata *blob_new(const struct ddsi_sertype *type, size_t size, void **data);

// blob_write sends a blob and frees it; the writer exists.
dds_return_t blob_write(dds_entity_t writer, struct ddsi_serdata *blob, uint64_t sequence);

// blob_free frees a blob that was not sent.
void blob_free(struct ddsi_serdata *blob);

// blob_take takes at most max samples; it returns their number or an error.
int blob_take(dds_entity_t reader, struct blob_sample *samples, int max);

// blob_release ends the use of n samples.
void blob_release(struct blob_sample *samples, int n);

// blob_log_start collects what Cyclone DDS logs until blob_log_stop, which gives
// the text; only one at a time.
void blob_log_start(void);
const char *blob_log_stop(void);

#endif
