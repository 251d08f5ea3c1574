/* core/format/frame.c -- see frame.h.
 *
 * The reader collects a header, judges it, and only then takes room for the payload, so that a
 * peer's length is never believed before its checksum.  Bytes that were pushed wait in pending
 * until a pop moves them; a socket reader writes them where they belong and pending stays empty. */
#include "core/format/frame.h"
#include "core/base/error.h"
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

enum { ENCODING_PLAIN, ENCODING_ZSTD, ENCODING_ZEROS };
enum { ZSTD_LEVEL = 3 };

static const guint8 magic[4] = {'T', 'S', 'F', '1'};
/* What every payload of zeros refers to.  Not const: so it costs no room in the binary. */
static guint8 zeros[TS_FRAME_PAYLOAD_MAX];

static const char *const kind_names[TS_FRAME_KINDS] = {
    [TS_FRAME_HELLO] = "hello", [TS_FRAME_WELCOME] = "welcome",
    [TS_FRAME_COPY] = "copy",   [TS_FRAME_COPY_END] = "copy-end",
    [TS_FRAME_LOG] = "log",     [TS_FRAME_SET_END] = "set-end",
    [TS_FRAME_ACK] = "ack",     [TS_FRAME_REFUSE] = "refuse",
    [TS_FRAME_ALIVE] = "alive", [TS_FRAME_COMPARE] = "compare",
    [TS_FRAME_COMPARED] = "compared", [TS_FRAME_MESSAGE] = "message",
};

struct _TsFrameReader {
  guint8 header[TS_FRAME_HEADER_BYTES];
  gsize got_bytes; /* of header, then of header and body */
  gboolean header_judged;
  guint32 wire_bytes, payload_bytes; /* from here on valid when header_judged */
  guint8 encoding;
  TsFrame frame;       /* without its payload */
  guint8 *body;        /* wire_bytes long */
  GByteArray *pending; /* pushed, not yet moved */
  gsize pending_taken_bytes;
  guint64 last_sequence;
  ZSTD_DCtx *zstd;
  GError *broken;
};

static void
put_le (guint8 *at, guint64 value, guint bytes)
{
  for (guint i = 0; i < bytes; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static guint64
get_le (const guint8 *at, guint bytes)
{
  guint64 value = 0;
  for (guint i = 0; i < bytes; i++)
    value |= (guint64)at[i] << (8 * i);
  return value;
}

static gboolean
is_zero (const guint8 *data, gsize len_bytes)
{
  return len_bytes > 0 && data[0] == 0 && memcmp (data, data + 1, len_bytes - 1) == 0;
}

void
ts_frame_clear (TsFrame *frame)
{
  g_clear_pointer (&frame->payload, g_bytes_unref);
  memset (frame, 0, sizeof *frame);
}

const char *
ts_frame_kind_name (TsFrameKind kind)
{
  return kind > 0 && kind < TS_FRAME_KINDS ? kind_names[kind] : "unknown";
}

/* --- encoding --------------------------------------------------------------------------------- */

/* NULL: it would not get shorter.  A fresh context for each payload: the same bytes then always
 * give the same length, whatever was compressed before, and the simulator's link counts on that. */
static GBytes *
shorten (const guint8 *data, gsize len_bytes)
{
  if (len_bytes < 2)
    return NULL;
  g_autofree guint8 *wire = g_malloc (len_bytes - 1);
  gsize wire_bytes = ZSTD_compress (wire, len_bytes - 1, data, len_bytes, ZSTD_LEVEL);
  if (ZSTD_isError (wire_bytes)) /* no room: longer than it was */
    return NULL;
  wire = g_realloc (wire, wire_bytes);
  return g_bytes_new_take (g_steal_pointer (&wire), wire_bytes);
}

GBytes *
ts_frame_encode_parts (const TsFrame *frame, gboolean compress,
                       guint8 header[TS_FRAME_HEADER_BYTES])
{
  gsize payload_bytes = 0, wire_bytes = 0;
  const guint8 *payload = frame->payload ? g_bytes_get_data (frame->payload, &payload_bytes) : NULL;
  g_assert (frame->kind > 0 && frame->kind < TS_FRAME_KINDS);
  g_assert (payload_bytes <= TS_FRAME_PAYLOAD_MAX);

  guint8 encoding = ENCODING_PLAIN;
  GBytes *body = NULL;
  if (is_zero (payload, payload_bytes))
    encoding = ENCODING_ZEROS;
  else if (compress && (body = shorten (payload, payload_bytes)))
    encoding = ENCODING_ZSTD;
  else if (payload_bytes > 0)
    body = g_bytes_ref (frame->payload);
  const guint8 *wire = body ? g_bytes_get_data (body, &wire_bytes) : NULL;

  memcpy (header, magic, sizeof magic);
  put_le (header + 4, wire_bytes, 4);
  header[8] = (guint8)frame->kind;
  header[9] = encoding;
  put_le (header + 10, frame->disk, 2);
  put_le (header + 12, payload_bytes, 4);
  put_le (header + 16, frame->sequence, 8);
  put_le (header + 24, frame->set, 8);
  put_le (header + 32, frame->offset_bytes, 8);
  put_le (header + 40, frame->value, 8);
  put_le (header + 48, XXH3_64bits (wire ? wire : header, wire_bytes), 8);
  put_le (header + 56, XXH3_64bits (header, 56), 8);
  return body;
}

GBytes *
ts_frame_encode (const TsFrame *frame, gboolean compress)
{
  guint8 header[TS_FRAME_HEADER_BYTES];
  g_autoptr (GBytes) body = ts_frame_encode_parts (frame, compress, header);
  gsize wire_bytes = 0;
  const guint8 *wire = body ? g_bytes_get_data (body, &wire_bytes) : NULL;
  guint8 *whole = g_malloc (sizeof header + wire_bytes);
  memcpy (whole, header, sizeof header);
  if (wire)
    memcpy (whole + sizeof header, wire, wire_bytes);
  return g_bytes_new_take (whole, sizeof header + wire_bytes);
}

/* --- decoding --------------------------------------------------------------------------------- */

TsFrameReader *
ts_frame_reader_new (void)
{
  TsFrameReader *reader = g_new0 (TsFrameReader, 1);
  reader->pending = g_byte_array_new ();
  reader->zstd = ZSTD_createDCtx ();
  g_assert (reader->zstd); /* out of memory ends the program, as it does everywhere in GLib */
  return reader;
}

void
ts_frame_reader_free (TsFrameReader *reader)
{
  if (!reader)
    return;
  g_free (reader->body);
  g_byte_array_unref (reader->pending);
  ZSTD_freeDCtx (reader->zstd);
  g_clear_error (&reader->broken);
  g_free (reader);
}

/* How many bytes of the header, or of header and body, make the next step possible. */
static gsize
wanted_bytes (const TsFrameReader *reader)
{
  return TS_FRAME_HEADER_BYTES + (reader->header_judged ? reader->wire_bytes : 0);
}

gsize
ts_frame_reader_room (TsFrameReader *reader, void **room)
{
  g_assert (reader->broken || reader->pending->len == reader->pending_taken_bytes);
  *room = NULL;
  if (reader->broken)
    return 0;
  *room = reader->header_judged ? reader->body + (reader->got_bytes - TS_FRAME_HEADER_BYTES)
                                : reader->header + reader->got_bytes;
  return wanted_bytes (reader) - reader->got_bytes;
}

void
ts_frame_reader_filled (TsFrameReader *reader, gsize len_bytes)
{
  if (reader->broken)
    return;
  g_assert (len_bytes <= wanted_bytes (reader) - reader->got_bytes);
  reader->got_bytes += len_bytes;
}

void
ts_frame_reader_push (TsFrameReader *reader, const void *data, gsize len_bytes)
{
  if (reader->broken || len_bytes == 0)
    return; /* nothing that comes now will ever be looked at */
  if (reader->pending_taken_bytes > 0) {
    g_byte_array_remove_range (reader->pending, 0, (guint)reader->pending_taken_bytes);
    reader->pending_taken_bytes = 0;
  }
  g_assert (len_bytes <= G_MAXUINT - reader->pending->len);
  g_byte_array_append (reader->pending, data, (guint)len_bytes);
}

gboolean
ts_frame_reader_at_border (const TsFrameReader *reader)
{
  return !reader->broken && reader->got_bytes == 0 &&
         reader->pending->len == reader->pending_taken_bytes;
}

/* Moves pushed bytes to where they belong.  TRUE: the header, or the whole frame, is there. */
static gboolean
fill (TsFrameReader *reader)
{
  gsize missing_bytes = wanted_bytes (reader) - reader->got_bytes;
  gsize there_bytes = reader->pending->len - reader->pending_taken_bytes;
  gsize take_bytes = MIN (missing_bytes, there_bytes);
  if (take_bytes > 0) {
    guint8 *to = reader->header_judged ? reader->body + (reader->got_bytes - TS_FRAME_HEADER_BYTES)
                                       : reader->header + reader->got_bytes;
    memcpy (to, reader->pending->data + reader->pending_taken_bytes, take_bytes);
    reader->pending_taken_bytes += take_bytes;
    reader->got_bytes += take_bytes;
    if (reader->pending_taken_bytes == reader->pending->len) {
      g_byte_array_set_size (reader->pending, 0);
      reader->pending_taken_bytes = 0;
    }
  }
  return take_bytes == missing_bytes;
}

static gboolean
judge_header (TsFrameReader *reader, GError **error)
{
  const guint8 *header = reader->header;
  if (memcmp (header, magic, sizeof magic) != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "frame: starts with %02x %02x %02x %02x, not \"TSF1\"",
                     header[0], header[1], header[2], header[3]);
  if (get_le (header + 56, 8) != XXH3_64bits (header, 56))
    return ts_throw (error, TS_ERROR_FORMAT, "frame: the header's checksum does not fit");

  guint64 sequence = get_le (header + 16, 8);
  guint8 kind = header[8];
  guint8 encoding = header[9];
  guint32 wire_bytes = (guint32)get_le (header + 4, 4);
  guint32 payload_bytes = (guint32)get_le (header + 12, 4);
  if (sequence != reader->last_sequence + 1)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "frame: number %" G_GUINT64_FORMAT " follows %" G_GUINT64_FORMAT, sequence,
                     reader->last_sequence);
  if (kind == 0 || kind >= TS_FRAME_KINDS)
    return ts_throw (error, TS_ERROR_FORMAT, "frame %" G_GUINT64_FORMAT ": unknown kind %u",
                     sequence, kind);
  if (payload_bytes > TS_FRAME_PAYLOAD_MAX)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "frame %" G_GUINT64_FORMAT ": payload of %u bytes, at most %u are allowed",
                     sequence, payload_bytes, TS_FRAME_PAYLOAD_MAX);
  gboolean fits = encoding == ENCODING_PLAIN   ? wire_bytes == payload_bytes
                  : encoding == ENCODING_ZSTD  ? wire_bytes > 0 && wire_bytes < payload_bytes
                  : encoding == ENCODING_ZEROS ? wire_bytes == 0 && payload_bytes > 0
                                               : FALSE;
  if (!fits)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "frame %" G_GUINT64_FORMAT ": encoding %u cannot be %u bytes for %u", sequence,
                     encoding, wire_bytes, payload_bytes);

  reader->wire_bytes = wire_bytes;
  reader->payload_bytes = payload_bytes;
  reader->encoding = encoding;
  reader->frame = (TsFrame){
      .kind = kind,
      .disk = (guint16)get_le (header + 10, 2),
      .sequence = sequence,
      .set = get_le (header + 24, 8),
      .offset_bytes = get_le (header + 32, 8),
      .value = get_le (header + 40, 8),
  };
  reader->body = wire_bytes > 0 ? g_malloc (wire_bytes) : NULL;
  reader->header_judged = TRUE;
  return TRUE;
}

/* One zstd frame, of the announced content, and nothing behind it.  The output's room is the
 * announced length, so that a bomb cannot unfold. */
static GBytes *
unfold (TsFrameReader *reader, GError **error)
{
  guint64 sequence = reader->frame.sequence;
  if (ZSTD_findFrameCompressedSize (reader->body, reader->wire_bytes) != reader->wire_bytes ||
      ZSTD_getFrameContentSize (reader->body, reader->wire_bytes) != reader->payload_bytes) {
    ts_throw (error, TS_ERROR_FORMAT,
              "frame %" G_GUINT64_FORMAT ": not one zstd frame of %u bytes that holds %u", sequence,
              reader->wire_bytes, reader->payload_bytes);
    return NULL;
  }
  g_autofree guint8 *payload = g_malloc (reader->payload_bytes);
  gsize bytes = ZSTD_decompressDCtx (reader->zstd, payload, reader->payload_bytes, reader->body,
                                     reader->wire_bytes);
  if (ZSTD_isError (bytes) || bytes != reader->payload_bytes) {
    ts_throw (error, TS_ERROR_FORMAT, "frame %" G_GUINT64_FORMAT ": zstd: %s", sequence,
              ZSTD_isError (bytes) ? ZSTD_getErrorName (bytes) : "another length than announced");
    return NULL;
  }
  return g_bytes_new_take (g_steal_pointer (&payload), reader->payload_bytes);
}

/* Payload of the whole frame at hand; NULL without error: it has none. */
static GBytes *
take_payload (TsFrameReader *reader, GError **error)
{
  if (get_le (reader->header + 48, 8) !=
      XXH3_64bits (reader->body ? reader->body : reader->header, reader->wire_bytes)) {
    ts_throw (error, TS_ERROR_FORMAT,
              "frame %" G_GUINT64_FORMAT ": the payload's checksum does not fit",
              reader->frame.sequence);
    return NULL;
  }
  if (reader->payload_bytes == 0)
    return NULL;
  if (reader->encoding == ENCODING_ZEROS)
    return g_bytes_new_static (zeros, reader->payload_bytes);
  if (reader->encoding == ENCODING_ZSTD)
    return unfold (reader, error);
  return g_bytes_new_take (g_steal_pointer (&reader->body), reader->wire_bytes);
}

static gboolean
next_frame (TsFrameReader *reader, TsFrame *frame, GError **error)
{
  if (!fill (reader))
    return TRUE;
  if (!reader->header_judged) {
    if (!judge_header (reader, error))
      return FALSE;
    if (!fill (reader))
      return TRUE;
  }
  GError *local = NULL;
  GBytes *payload = take_payload (reader, &local);
  if (local) {
    g_propagate_error (error, local);
    return FALSE;
  }
  *frame = reader->frame;
  frame->payload = payload;
  reader->last_sequence = frame->sequence;
  g_clear_pointer (&reader->body, g_free);
  reader->header_judged = FALSE;
  reader->got_bytes = 0;
  return TRUE;
}

gboolean
ts_frame_reader_pop (TsFrameReader *reader, TsFrame *frame, GError **error)
{
  memset (frame, 0, sizeof *frame);
  if (!reader->broken && next_frame (reader, frame, &reader->broken))
    return TRUE;
  g_clear_pointer (&reader->body, g_free);
  g_byte_array_set_size (reader->pending, 0);
  reader->pending_taken_bytes = 0;
  if (error)
    *error = g_error_copy (reader->broken);
  return FALSE;
}
