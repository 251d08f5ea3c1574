/* Any bytes, cut by what their first byte says: the reader says frames or FORMAT, never more; what
 * it accepts survives another trip; and how the bytes were cut makes no difference. */
#include <stdint.h>
#include <string.h>
#include <xxhash.h>
#include "core/base/error.h"
#include "core/format/frame.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static guint
drain (TsFrameReader *reader, gboolean *good)
{
  guint count = 0;
  while (*good) {
    GError *error = NULL;
    TsFrame frame;
    *good = ts_frame_reader_pop (reader, &frame, &error);
    g_assert (*good == (error == NULL));
    g_assert (*good || g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    g_clear_error (&error);
    if (frame.kind == 0)
      break;
    g_assert (!frame.payload || g_bytes_get_size (frame.payload) <= TS_FRAME_PAYLOAD_MAX);
    count++;

    TsFrame again = frame;
    again.sequence = 1;
    GBytes *wire = ts_frame_encode (&again, count % 2 == 0);
    TsFrameReader *second = ts_frame_reader_new ();
    TsFrame back;
    ts_frame_reader_push (second, g_bytes_get_data (wire, NULL), g_bytes_get_size (wire));
    g_assert (ts_frame_reader_pop (second, &back, NULL));
    g_assert (back.kind == frame.kind && back.value == frame.value);
    g_assert ((back.payload == NULL) == (frame.payload == NULL));
    g_assert (!back.payload || g_bytes_equal (back.payload, frame.payload));
    ts_frame_clear (&back);
    ts_frame_reader_free (second);
    g_bytes_unref (wire);
    ts_frame_clear (&frame);
  }
  return count;
}

static guint
read_in_pieces (const uint8_t *data, size_t len_bytes, size_t piece_bytes, gboolean *good)
{
  TsFrameReader *reader = ts_frame_reader_new ();
  guint count = 0;
  *good = TRUE;
  for (size_t at = 0; at < len_bytes; at += piece_bytes) {
    ts_frame_reader_push (reader, data + at, MIN (piece_bytes, len_bytes - at));
    count += drain (reader, good);
  }
  ts_frame_reader_free (reader);
  return count;
}

static void
put_le (guint8 *at, guint64 value)
{
  for (guint i = 0; i < 8; i++)
    at[i] = (guint8)(value >> (8 * i));
}

/* Makes number and checksums of every frame right, so that what stands behind them is reached. */
static void
sign (guint8 *data, size_t len_bytes)
{
  guint64 sequence = 0;
  while (len_bytes >= TS_FRAME_HEADER_BYTES) {
    guint32 wire_bytes = data[4] | data[5] << 8 | data[6] << 16 | (guint32)data[7] << 24;
    size_t body_bytes = MIN (wire_bytes, len_bytes - TS_FRAME_HEADER_BYTES);
    put_le (data + 16, ++sequence);
    put_le (data + 48, XXH3_64bits (data + TS_FRAME_HEADER_BYTES, body_bytes));
    put_le (data + 56, XXH3_64bits (data, 56));
    data += TS_FRAME_HEADER_BYTES + body_bytes;
    len_bytes -= TS_FRAME_HEADER_BYTES + body_bytes;
  }
}

/* Byte 0: the pieces' length less one; byte 1, odd: sign; then the stream. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  if (len_bytes < 2)
    return 0;
  size_t stream_bytes = len_bytes - 2;
  guint8 *stream = g_malloc (stream_bytes + 1);
  memcpy (stream, data + 2, stream_bytes);
  if (data[1] & 1)
    sign (stream, stream_bytes);
  gboolean good_whole, good_cut;
  guint whole = read_in_pieces (stream, stream_bytes, len_bytes, &good_whole);
  guint cut = read_in_pieces (stream, stream_bytes, data[0] + 1u, &good_cut);
  g_assert (whole == cut && good_whole == good_cut);
  g_free (stream);
  return 0;
}
