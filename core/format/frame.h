/* core/format/frame.h -- what crosses the wire between two hosts.
 *
 * FRAME, version 1.  Every integer is unsigned and little-endian.
 *
 *   OFFSET  SIZE
 *        0     4  magic "TSF1"
 *        4     4  wire_bytes: the payload as it follows; no encoding makes it longer, so 0 to
 *                 payload_bytes
 *        8     1  kind (TsFrameKind)
 *        9     1  encoding of the payload: 0 plain, 1 zstd, 2 zeros (payload_bytes of them, none sent)
 *       10     2  disk: index into the VM's disks, or 0
 *       12     4  payload_bytes: before encoding, 0 to TS_FRAME_PAYLOAD_MAX
 *       16     8  sequence: 1, 2, 3 ... per direction of one connection
 *       24     8  set: number of the log set; 0 for the initial copy
 *       32     8  offset_bytes: where the payload belongs, in the log or on the disk
 *       40     8  value: by kind (a length, an instant, a code)
 *       48     8  XXH3-64 of the payload as it follows
 *       56     8  XXH3-64 of bytes 0..55
 *       64        payload
 *
 * A frame is valid if and only if magic, both checksums, kind, encoding and both lengths fit (plain:
 * equal; zstd: shorter and not 0; zeros: 0 of 1 or more), the payload is one zstd frame that decodes
 * to exactly payload_bytes, and sequence is the last one's plus one.  After an invalid frame the
 * connection is worth nothing: the reader says so for ever.  The header is judged before anything is
 * allocated for the payload. */
#pragma once
#include <glib.h>

#define TS_FRAME_HEADER_BYTES 64
#define TS_FRAME_PAYLOAD_MAX (1024 * 1024)

typedef enum {
  TS_FRAME_HELLO = 1,   /* P>R payload: relation (relation/wire.h) */
  TS_FRAME_WELCOME = 2, /* R>P value: replica's state; set, disk, offset: where to go on */
  TS_FRAME_COPY = 3,    /* P>R initial copy: payload belongs at offset_bytes of disk */
  TS_FRAME_COPY_END = 4,/* P>R the copy is whole */
  TS_FRAME_LOG = 5,     /* P>R payload belongs at offset_bytes of the log of (set, disk) */
  TS_FRAME_SET_END = 6, /* P>R the set is whole; payload: its manifest (relation/wire.h) */
  TS_FRAME_ACK = 7,     /* R>P value: what is durable (TsAckKind); set, disk, offset_bytes: up to */
  TS_FRAME_REFUSE = 8,  /* R>P value: why (TsRefusal); payload: text */
  TS_FRAME_ALIVE = 9,   /* either: nothing to say */
  /* of a resynchronization (core/disk/compare.h); value: how many bytes at offset_bytes of disk */
  TS_FRAME_COMPARE = 10,  /* P>R payload: the digest of the primary's batch */
  TS_FRAME_COMPARED = 11, /* R>P payload: none, it is the same; else the hashes of its blocks */
  /* not of a relation: what vault, VMM server and agents say (core/site/message.h) */
  TS_FRAME_MESSAGE = 12, /* payload: a piece of one; value: how many bytes of it are still to come */
  TS_FRAME_KINDS
} TsFrameKind;

typedef struct {
  TsFrameKind kind;
  guint16 disk;
  guint64 sequence, set, offset_bytes, value;
  GBytes *payload; /* decoded; NULL or empty: none.  In a decoded frame owned by the caller */
} TsFrame;

void ts_frame_clear (TsFrame *frame);
const char *ts_frame_kind_name (TsFrameKind kind);

/* The bytes to send.  compress: zstd level 3 where that is smaller; an all-zero payload is never
 * sent.  payload at most TS_FRAME_PAYLOAD_MAX (asserted). */
GBytes *ts_frame_encode (const TsFrame *frame, gboolean compress) G_GNUC_WARN_UNUSED_RESULT;
/* The same in two pieces, so that a plain payload is referenced and not copied: fills header,
 * returns what follows it; NULL: nothing does. */
GBytes *ts_frame_encode_parts (const TsFrame *frame, gboolean compress,
                               guint8 header[TS_FRAME_HEADER_BYTES]) G_GNUC_WARN_UNUSED_RESULT;

/* Turns a stream of bytes, cut anywhere, back into frames. */
typedef struct _TsFrameReader TsFrameReader;
TsFrameReader *ts_frame_reader_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_frame_reader_free (TsFrameReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsFrameReader, ts_frame_reader_free)
void ts_frame_reader_push (TsFrameReader *reader, const void *data, gsize len_bytes);
/* The same without a copy, for who reads from a socket: after a pop that wanted more bytes, *room is
 * where the next ones belong and the answer how many the frame still wants (1 or more; 0 after an
 * error).  Then say how many came. */
gsize ts_frame_reader_room (TsFrameReader *reader, void **room);
void ts_frame_reader_filled (TsFrameReader *reader, gsize len_bytes);
/* TRUE between two frames: the stream may end here.  FALSE: it would be cut in the middle of one. */
gboolean ts_frame_reader_at_border (const TsFrameReader *reader);
/* TRUE: *frame is the next one (ts_frame_clear it), or frame->kind is 0: more bytes are needed.
 * FALSE: TS_ERROR_FORMAT, now and at every later call. */
gboolean ts_frame_reader_pop (TsFrameReader *reader, TsFrame *frame, GError **error);
