/* Frames: what goes out comes back, cut anywhere; what is not a frame is refused for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/format/frame.h"

enum { ENCODING_AT = 9, PAYLOAD_BYTES_AT = 12, SEQUENCE_AT = 16 };

static GBytes *
noise (gsize len_bytes)
{
  TsRandom random;
  ts_random_init (&random, 1, "noise");
  guint8 *data = g_malloc (len_bytes + 8);
  for (gsize i = 0; i < len_bytes; i += 8) {
    guint64 word = ts_random_u64 (&random);
    memcpy (data + i, &word, 8);
  }
  return g_bytes_new_take (data, len_bytes);
}

static GBytes *
text (gsize len_bytes)
{
  guint8 *data = g_malloc (len_bytes);
  for (gsize i = 0; i < len_bytes; i++)
    data[i] = (guint8)("every cycle sends one log per disk. "[i % 36]);
  return g_bytes_new_take (data, len_bytes);
}

static GBytes *
zeros (gsize len_bytes)
{
  return g_bytes_new_take (g_malloc0 (len_bytes), len_bytes);
}

static void
put_le (guint8 *at, guint64 value, guint bytes)
{
  for (guint i = 0; i < bytes; i++)
    at[i] = (guint8)(value >> (8 * i));
}

/* Both checksums made right again, so that a test reaches what is judged behind them. */
static void
sign (guint8 *wire, gsize len_bytes)
{
  put_le (wire + 48, XXH3_64bits (wire + 64, len_bytes - 64), 8);
  put_le (wire + 56, XXH3_64bits (wire, 56), 8);
}

/* A frame as a peer that means harm would make it: any lengths, any payload, good checksums. */
static guint8 *
forge (guint32 wire_bytes, guint8 kind, guint8 encoding, guint32 payload_bytes, guint64 sequence,
       const void *payload, gsize sent_bytes)
{
  guint8 *wire = g_malloc0 (64 + sent_bytes);
  memcpy (wire, "TSF1", 4);
  put_le (wire + 4, wire_bytes, 4);
  wire[8] = kind;
  wire[ENCODING_AT] = encoding;
  put_le (wire + PAYLOAD_BYTES_AT, payload_bytes, 4);
  put_le (wire + SEQUENCE_AT, sequence, 8);
  if (sent_bytes > 0)
    memcpy (wire + 64, payload, sent_bytes);
  sign (wire, 64 + sent_bytes);
  return wire;
}

static void
assert_refused (const void *wire, gsize len_bytes, const char *says)
{
  g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
  g_autoptr (GError) error = NULL;
  TsFrame frame;
  ts_frame_reader_push (reader, wire, len_bytes);
  assert_false (ts_frame_reader_pop (reader, &frame, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  if (!strstr (error->message, says))
    fail_msg ("\"%s\" does not say \"%s\"", error->message, says);
  assert_null (frame.payload);

  /* for ever, also when a good frame follows */
  TsFrame good = {.kind = TS_FRAME_ALIVE, .sequence = 1};
  g_autoptr (GBytes) bytes = ts_frame_encode (&good, FALSE);
  ts_frame_reader_push (reader, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  assert_false (ts_frame_reader_pop (reader, &frame, NULL));
  void *room;
  assert_int_equal (ts_frame_reader_room (reader, &room), 0);
  assert_false (ts_frame_reader_at_border (reader));
}

static void
assert_frame_equal (const TsFrame *a, const TsFrame *b)
{
  assert_int_equal (a->kind, b->kind);
  assert_int_equal (a->disk, b->disk);
  assert_int_equal (a->sequence, b->sequence);
  assert_int_equal (a->set, b->set);
  assert_int_equal (a->offset_bytes, b->offset_bytes);
  assert_int_equal (a->value, b->value);
  gsize bytes = b->payload ? g_bytes_get_size (b->payload) : 0;
  assert_int_equal (a->payload ? g_bytes_get_size (a->payload) : 0, bytes);
  if (bytes > 0)
    assert_true (g_bytes_equal (a->payload, b->payload));
}

/* --- rows: what a payload becomes on the wire ---------------------------------------------------
 */

static const struct row {
  const char *name;
  GBytes *(*payload) (gsize len_bytes);
  gsize len_bytes;
  gboolean compress;
  guint8 want_encoding;
  gsize want_wire_bytes_min, want_wire_bytes_max; /* header apart */
} rows[] = {
    {"no payload at all", NULL, 0, TRUE, 0, 0, 0},
    {"one byte stays plain", text, 1, TRUE, 0, 1, 1},
    {"one zero byte is not sent", zeros, 1, FALSE, 2, 0, 0},
    {"a MiB of zeros is not sent, compressed", zeros, 1 << 20, TRUE, 2, 0, 0},
    {"a MiB of zeros is not sent, uncompressed", zeros, 1 << 20, FALSE, 2, 0, 0},
    {"text is compressed where asked", text, 1 << 20, TRUE, 1, 1, 1 << 16},
    {"text is plain where not asked", text, 1 << 20, FALSE, 0, 1 << 20, 1 << 20},
    {"noise is plain though compression is asked", noise, 1 << 20, TRUE, 0, 1 << 20, 1 << 20},
    {"a few bytes that zstd would lengthen are plain", noise, 5, TRUE, 0, 5, 5},
};

static void
there_and_back (void **state)
{
  const struct row *row = *state;
  g_autoptr (GBytes) payload = row->payload ? row->payload (row->len_bytes) : NULL;
  TsFrame frame = {.kind = TS_FRAME_LOG,
                   .disk = 0xfedc,
                   .sequence = 1,
                   .set = 0x0123456789abcdef,
                   .offset_bytes = 0xfedcba9876543210,
                   .value = G_MAXUINT64,
                   .payload = payload};
  g_autoptr (GBytes) wire = ts_frame_encode (&frame, row->compress);
  gsize wire_bytes;
  const guint8 *data = g_bytes_get_data (wire, &wire_bytes);
  assert_int_equal (data[ENCODING_AT], row->want_encoding);
  assert_in_range (wire_bytes, 64 + row->want_wire_bytes_min, 64 + row->want_wire_bytes_max);

  g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
  assert_true (ts_frame_reader_at_border (reader));
  ts_frame_reader_push (reader, data, wire_bytes);
  assert_false (ts_frame_reader_at_border (reader));
  TsFrame back;
  assert_true (ts_frame_reader_pop (reader, &back, NULL));
  assert_frame_equal (&back, &frame);
  ts_frame_clear (&back);
  assert_true (ts_frame_reader_at_border (reader));
  assert_true (ts_frame_reader_pop (reader, &back, NULL));
  assert_int_equal (back.kind, 0);

  /* the two halves are the whole, and a plain one is the caller's own bytes */
  guint8 header[TS_FRAME_HEADER_BYTES];
  g_autoptr (GBytes) body = ts_frame_encode_parts (&frame, row->compress, header);
  assert_memory_equal (header, data, sizeof header);
  assert_int_equal (body ? g_bytes_get_size (body) : 0, wire_bytes - 64);
  if (row->want_encoding == 0)
    assert_ptr_equal (body, payload);
}

/* The published bytes, so that the format cannot change without a test that says so. */
static void
bytes_as_the_table_says (void **state)
{
  static const guint8 want[] = {
      'T',  'S',  'F',  '1',  3,    0,    0,    0,
      5,    0,    2,    1,    3,    0,    0,    0, /* magic .. payload_bytes */
      7,    0,    0,    0,    0,    0,    0,    0,
      0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* sequence, set */
      0,    0,    0,    0,    1,    0,    0,    0,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* offset, value */
  };
  g_autoptr (GBytes) payload = g_bytes_new_static ("abc", 3);
  TsFrame frame = {.kind = TS_FRAME_LOG,
                   .disk = 0x0102,
                   .sequence = 7,
                   .set = 0x1122334455667788,
                   .offset_bytes = G_GUINT64_CONSTANT (1) << 32,
                   .value = G_MAXUINT64,
                   .payload = payload};
  g_autoptr (GBytes) wire = ts_frame_encode (&frame, FALSE);
  const guint8 *data = g_bytes_get_data (wire, NULL);
  assert_int_equal (g_bytes_get_size (wire), 67);
  assert_memory_equal (data, want, sizeof want);
  guint64 payload_sum = GUINT64_TO_LE (XXH3_64bits ("abc", 3));
  guint64 header_sum = GUINT64_TO_LE (XXH3_64bits (data, 56));
  assert_memory_equal (data + 48, &payload_sum, 8);
  assert_memory_equal (data + 56, &header_sum, 8);
  assert_memory_equal (data + 64, "abc", 3);
}

/* --- streams -----------------------------------------------------------------------------------
 */

enum { STREAM_FRAMES = 6 };

static void
stream_frame (guint i, TsFrame *frame)
{
  *frame = (TsFrame){.kind = i == 4 ? TS_FRAME_ALIVE : TS_FRAME_COPY, .disk = 1, .sequence = i + 1};
  frame->offset_bytes = i * G_GUINT64_CONSTANT (4096);
  frame->payload = i == 0   ? text (5000)
                   : i == 1 ? zeros (65536)
                   : i == 2 ? noise (3000)
                   : i == 3 ? text (1)
                   : i == 4 ? NULL
                            : noise (100000);
}

static GByteArray *
stream (void)
{
  GByteArray *bytes = g_byte_array_new ();
  for (guint i = 0; i < STREAM_FRAMES; i++) {
    TsFrame frame;
    stream_frame (i, &frame);
    g_autoptr (GBytes) wire = ts_frame_encode (&frame, TRUE);
    g_byte_array_append (bytes, g_bytes_get_data (wire, NULL), (guint)g_bytes_get_size (wire));
    ts_frame_clear (&frame);
  }
  return bytes;
}

static void
pop_all (TsFrameReader *reader, guint *seen)
{
  for (;;) {
    g_autoptr (GError) error = NULL;
    TsFrame frame, want;
    if (!ts_frame_reader_pop (reader, &frame, &error))
      fail_msg ("%s", error->message);
    if (frame.kind == 0)
      return;
    stream_frame (*seen, &want);
    assert_frame_equal (&frame, &want);
    ts_frame_clear (&frame);
    ts_frame_clear (&want);
    (*seen)++;
  }
}

static void
cut_into_pieces (void **state)
{
  static const gsize pieces_bytes[] = {1, 2, 3, 63, 64, 65, 1000, 4097, 1 << 20};
  g_autoptr (GByteArray) bytes = stream ();
  for (guint p = 0; p < G_N_ELEMENTS (pieces_bytes); p++) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    guint seen = 0;
    for (gsize at = 0; at < bytes->len; at += pieces_bytes[p]) {
      ts_frame_reader_push (reader, bytes->data + at, MIN (pieces_bytes[p], bytes->len - at));
      pop_all (reader, &seen);
    }
    assert_int_equal (seen, STREAM_FRAMES);
    assert_true (ts_frame_reader_at_border (reader));
  }
}

static void
popped_only_at_the_end (void **state)
{
  g_autoptr (GByteArray) bytes = stream ();
  g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
  guint seen = 0;
  for (gsize at = 0; at < bytes->len; at += 777)
    ts_frame_reader_push (reader, bytes->data + at, MIN ((gsize)777, bytes->len - at));
  pop_all (reader, &seen);
  assert_int_equal (seen, STREAM_FRAMES);
}

/* As a socket reader does it, now and then mixed with pushes. */
static void
written_in_place (void **state)
{
  static const gsize pieces_bytes[] = {1, 50, 16384, 1 << 20};
  g_autoptr (GByteArray) bytes = stream ();
  for (guint p = 0; p < G_N_ELEMENTS (pieces_bytes); p++) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    guint seen = 0, turn = 0;
    for (gsize at = 0; at < bytes->len;) {
      void *room;
      gsize take_bytes = ts_frame_reader_room (reader, &room);
      assert_true (take_bytes > 0);
      take_bytes = MIN (MIN (take_bytes, pieces_bytes[p]), bytes->len - at);
      if (++turn % 3 == 0) {
        ts_frame_reader_push (reader, bytes->data + at, take_bytes);
      } else {
        memcpy (room, bytes->data + at, take_bytes);
        ts_frame_reader_filled (reader, take_bytes);
      }
      at += take_bytes;
      pop_all (reader, &seen);
    }
    assert_int_equal (seen, STREAM_FRAMES);
  }
}

/* A stream that ends early gives the frames that were whole, no other, and says it is in mid-frame.
 */
static void
truncated_anywhere (void **state)
{
  g_autoptr (GByteArray) bytes = stream ();
  gsize border[STREAM_FRAMES + 1] = {0};
  for (guint i = 0; i < STREAM_FRAMES; i++)
    border[i + 1] = border[i] + 64 +
                    (bytes->data[border[i] + 4] | bytes->data[border[i] + 5] << 8 |
                     bytes->data[border[i] + 6] << 16);
  assert_int_equal (border[STREAM_FRAMES], bytes->len);
  for (gsize end = 0; end <= bytes->len; end += end < 9000 ? 1 : 997) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    guint seen = 0, want = 0;
    ts_frame_reader_push (reader, bytes->data, end);
    pop_all (reader, &seen);
    while (want < STREAM_FRAMES && border[want + 1] <= end)
      want++;
    assert_int_equal (seen, want);
    assert_int_equal (ts_frame_reader_at_border (reader), border[want] == end);
  }
}

static void
every_byte_flipped (void **state)
{
  for (guint i = 0; i < 3; i++) { /* zstd, zeros, plain */
    TsFrame frame;
    stream_frame (i, &frame);
    frame.sequence = 1;
    g_autoptr (GBytes) wire = ts_frame_encode (&frame, TRUE);
    gsize wire_bytes = g_bytes_get_size (wire);
    guint8 *data = g_memdup2 (g_bytes_get_data (wire, NULL), wire_bytes);
    for (gsize at = 0; at < wire_bytes; at++)
      for (guint bit = 0; bit < 8; bit++) {
        data[at] ^= (guint8)(1u << bit);
        assert_refused (data, wire_bytes, "");
        data[at] ^= (guint8)(1u << bit);
      }
    g_free (data);
    ts_frame_clear (&frame);
  }
}

/* --- peers that mean harm: good checksums, bad claims
 * ---------------------------------------------- */

static void
four_gib_takes_no_memory (void **state)
{
  static const guint32 claims[] = {G_MAXUINT32, TS_FRAME_PAYLOAD_MAX + 1};
  for (guint i = 0; i < G_N_ELEMENTS (claims); i++) {
    g_autofree guint8 *plain = forge (claims[i], TS_FRAME_LOG, 0, claims[i], 1, NULL, 0);
    struct mallinfo2 before = mallinfo2 ();
    assert_refused (plain, 64, "at most 1048576");
    struct mallinfo2 after = mallinfo2 ();
    /* sanitizers replace malloc: then both are 0, and their own limits watch */
    assert_true (after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + (1 << 20));
  }
  g_autofree guint8 *zstd = forge (G_MAXUINT32, TS_FRAME_LOG, 1, TS_FRAME_PAYLOAD_MAX, 1, NULL, 0);
  assert_refused (zstd, 64, "cannot be");
}

static void
wrong_sequence (void **state)
{
  static const guint64 sequences[] = {0, 2, G_MAXUINT64};
  for (guint i = 0; i < G_N_ELEMENTS (sequences); i++) {
    g_autofree guint8 *wire = forge (0, TS_FRAME_ALIVE, 0, 0, sequences[i], NULL, 0);
    assert_refused (wire, 64, "follows 0");
  }
  /* the first is good; the same again, or one left out, is not */
  static const guint64 second[] = {1, 3};
  for (guint i = 0; i < G_N_ELEMENTS (second); i++) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    g_autoptr (GError) error = NULL;
    TsFrame frame;
    g_autofree guint8 *one = forge (0, TS_FRAME_ALIVE, 0, 0, 1, NULL, 0);
    g_autofree guint8 *two = forge (0, TS_FRAME_ALIVE, 0, 0, second[i], NULL, 0);
    ts_frame_reader_push (reader, one, 64);
    ts_frame_reader_push (reader, two, 64);
    assert_true (ts_frame_reader_pop (reader, &frame, NULL));
    assert_int_equal (frame.kind, TS_FRAME_ALIVE);
    assert_false (ts_frame_reader_pop (reader, &frame, &error));
    assert_non_null (strstr (error->message, "follows 1"));
  }
}

static void
unknown_kinds_and_encodings (void **state)
{
  g_autofree guint8 *none = forge (0, 0, 0, 0, 1, NULL, 0);
  assert_refused (none, 64, "unknown kind 0");
  g_autofree guint8 *beyond = forge (0, TS_FRAME_KINDS, 0, 0, 1, NULL, 0);
  assert_refused (beyond, 64, "unknown kind");
  g_autofree guint8 *encoding = forge (3, TS_FRAME_LOG, 3, 3, 1, "abc", 3);
  assert_refused (encoding, 67, "encoding 3");
  g_autofree guint8 *longer = forge (3, TS_FRAME_LOG, 0, 2, 1, "abc", 3);
  assert_refused (longer, 67, "cannot be 3 bytes for 2");
  g_autofree guint8 *no_zeros = forge (0, TS_FRAME_LOG, 2, 0, 1, NULL, 0);
  assert_refused (no_zeros, 64, "cannot be");
  g_autofree guint8 *sent_zeros = forge (1, TS_FRAME_LOG, 2, 2, 1, "", 1);
  assert_refused (sent_zeros, 65, "cannot be");
  assert_refused ("GET / HTTP/1.1\r\nHost: replica.example.net\r\nAccept: everything\r\n\r\n", 64,
                  "not \"TSF1\"");
}

static gsize
pack_zstd (const void *data, gsize len_bytes, guint8 *into, gsize room_bytes)
{
  gsize bytes = ZSTD_compress (into, room_bytes, data, len_bytes, 19);
  assert_false (ZSTD_isError (bytes));
  return bytes;
}

static void
zstd_bombs_and_garbage (void **state)
{
  guint8 packed[4096];

  /* 256 MiB of one letter in a few KiB, announced as less */
  gsize bomb_bytes = 256u << 20;
  g_autofree guint8 *letters = g_malloc (bomb_bytes);
  memset (letters, 'a', bomb_bytes);
  g_autofree guint8 *bomb = g_malloc (1 << 20);
  gsize bytes = pack_zstd (letters, bomb_bytes, bomb, 1 << 20);
  g_autofree guint8 *wire =
      forge ((guint32)bytes, TS_FRAME_LOG, 1, TS_FRAME_PAYLOAD_MAX, 1, bomb, bytes);
  assert_refused (wire, 64 + bytes, "not one zstd frame");

  bytes = pack_zstd (letters, 5000, packed, sizeof packed);
  g_autofree guint8 *more = forge ((guint32)bytes, TS_FRAME_LOG, 1, 5001, 1, packed, bytes);
  assert_refused (more, 64 + bytes, "not one zstd frame");
  g_autofree guint8 *less = forge ((guint32)bytes, TS_FRAME_LOG, 1, 4999, 1, packed, bytes);
  assert_refused (less, 64 + bytes, "not one zstd frame");

  /* two frames that add up, and one with bytes behind it */
  memcpy (packed + bytes, packed, bytes);
  g_autofree guint8 *twice =
      forge ((guint32)(2 * bytes), TS_FRAME_LOG, 1, 10000, 1, packed, 2 * bytes);
  assert_refused (twice, 64 + 2 * bytes, "not one zstd frame");
  g_autofree guint8 *behind =
      forge ((guint32)(bytes + 1), TS_FRAME_LOG, 1, 5000, 1, packed, bytes + 1);
  assert_refused (behind, 64 + bytes + 1, "not one zstd frame");

  /* a content size that is a lie the decoder finds out: bytes 5.. hold 5000 - 256 */
  assert_int_equal (ZSTD_getFrameContentSize (packed, bytes), 5000);
  guint8 lie[4096];
  memcpy (lie, packed, bytes);
  lie[5] = (guint8)(lie[5] + 1);
  assert_int_equal (ZSTD_getFrameContentSize (lie, bytes), 5001);
  g_autofree guint8 *liar = forge ((guint32)bytes, TS_FRAME_LOG, 1, 5001, 1, lie, bytes);
  assert_refused (liar, 64 + bytes, "zstd");

  g_autoptr (GBytes) garbage = noise (1000);
  g_autofree guint8 *rubbish =
      forge (1000, TS_FRAME_LOG, 1, 4096, 1, g_bytes_get_data (garbage, NULL), 1000);
  assert_refused (rubbish, 1064, "zstd");
}

static void
kinds_have_names (void **state)
{
  for (guint kind = 1; kind < TS_FRAME_KINDS; kind++) {
    assert_string_not_equal (ts_frame_kind_name (kind), "unknown");
    for (guint other = 1; other < kind; other++)
      assert_string_not_equal (ts_frame_kind_name (kind), ts_frame_kind_name (other));
  }
  assert_string_equal (ts_frame_kind_name (0), "unknown");
  assert_string_equal (ts_frame_kind_name (TS_FRAME_KINDS), "unknown");
}

int
main (void)
{
  struct CMUnitTest row_tests[G_N_ELEMENTS (rows)] = {0};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    row_tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = there_and_back, .initial_state = (void *)&rows[i]};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (bytes_as_the_table_says),
      cmocka_unit_test (cut_into_pieces),
      cmocka_unit_test (popped_only_at_the_end),
      cmocka_unit_test (written_in_place),
      cmocka_unit_test (truncated_anywhere),
      cmocka_unit_test (every_byte_flipped),
      cmocka_unit_test (four_gib_takes_no_memory),
      cmocka_unit_test (wrong_sequence),
      cmocka_unit_test (unknown_kinds_and_encodings),
      cmocka_unit_test (zstd_bombs_and_garbage),
      cmocka_unit_test (kinds_have_names),
  };
  int failed = cmocka_run_group_tests_name ("frame rows", row_tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name ("frame", tests, NULL, NULL);
}
