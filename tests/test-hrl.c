/* Replica logs: the published example, every way to fill a block, and every way to break a file. */
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/format/hrl-internal.h"
#include "core/format/hrl-print.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1024 * 1024)

/* --- logs to work on ----------------------------------------------------------------------------
 */

static GBytes *
take (GByteArray *array)
{
  return g_byte_array_free_to_bytes (array);
}

static TsHrlInfo
sample_info (void)
{
  TsHrlInfo info = {.time_s = 800000000, .disk_bytes = G_GUINT64_CONSTANT (16) << 30};
  TsRandom random;
  ts_random_init (&random, 1, "info");
  info.unique = ts_guid_draw (&random);
  info.previous = ts_guid_draw (&random);
  info.disk_write = ts_guid_draw (&random);
  return info;
}

/* A closed log of so many writes of 512 bytes, each of its own bytes. */
static GByteArray *
sample_log (guint writes)
{
  GByteArray *array = g_byte_array_new ();
  TsHrlInfo info = sample_info ();
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, array, NULL);
  for (guint i = 0; i < writes; i++) {
    guint8 data[512];
    memset (data, (gint)(i % 255 + 1), sizeof data);
    assert_true (ts_hrl_writer_add (writer, i * 4096, data, sizeof data, info.time_s + i, NULL));
  }
  assert_true (ts_hrl_writer_close (writer, info.time_s + writes, 0, NULL));
  assert_int_equal (ts_hrl_writer_bytes (writer), array->len);
  assert_int_equal (ts_hrl_writer_entries (writer), writes);
  assert_int_equal (ts_hrl_writer_data_bytes (writer), writes * 512);
  return array;
}

static void
sign_header (GByteArray *log)
{
  hrl_put32 (log->data + H_CHECKSUM, hrl_checksum (log->data, TS_HRL_HEADER_BYTES, H_CHECKSUM));
}

static void
sign_block (GByteArray *log, gsize at)
{
  hrl_put32 (log->data + at + M_CHECKSUM,
             hrl_checksum (log->data + at, M_HEADER_BYTES, M_CHECKSUM));
}

static void
sign_entry (GByteArray *log, gsize at)
{
  hrl_put32 (log->data + at + E_CHECKSUM, hrl_checksum (log->data + at, E_BYTES, E_CHECKSUM));
}

/* Asserts that the log is refused as FORMAT, with a message that says so. */
static void
refused (const guint8 *data, gsize len, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (data, len); /* a copy, so that ASan sees its end */
  g_autoptr (TsHrl) hrl = ts_hrl_open (bytes, &error);
  assert_null (hrl);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  if (says && !strstr (error->message, says))
    fail_msg ("\"%s\" does not say \"%s\"", error->message, says);
}

static TsHrl *
accepted (const GByteArray *log)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (log->data, log->len);
  TsHrl *hrl = ts_hrl_open (bytes, &error);
  if (!hrl)
    fail_msg ("refused: %s", error->message);
  return hrl;
}

/* --- the published example ([MS-HRL] section 3)
 * --------------------------------------------------- */

static const struct {
  guint32 length;
  guint64 offset;
  guint32 time, checksum;
} published[] = {
    {4096, G_GUINT64_CONSTANT (3626348544), 539842381, 4294966608u},
    {4096, G_GUINT64_CONSTANT (8026886144), 539842381, 4294966558u},
    {4096, G_GUINT64_CONSTANT (3699798016), 539842381, 4294966571u},
    {4096, G_GUINT64_CONSTANT (3700805632), 539842381, 4294966460u},
    {4096, G_GUINT64_CONSTANT (4111884288), 539842381, 4294966674u},
    {2048, G_GUINT64_CONSTANT (139466752), 539842381, 4294966933u},
    {2048, G_GUINT64_CONSTANT (147937280), 539842381, 4294966740u},
    {4096, G_GUINT64_CONSTANT (7792644096), 539842381, 4294966626u},
    {4096, G_GUINT64_CONSTANT (3699830784), 539842381, 4294966443u},
    {4096, G_GUINT64_CONSTANT (3709980672), 539842381, 4294966575u},
    {4096, G_GUINT64_CONSTANT (3722543104), 539842381, 4294966463u},
    {4096, G_GUINT64_CONSTANT (3626344448), 539842381, 4294966624u},
    {4096, G_GUINT64_CONSTANT (7792652288), 539842381, 4294966594u},
    {4096, G_GUINT64_CONSTANT (3699900416), 539842381, 4294966681u},
    {4096, G_GUINT64_CONSTANT (3734429696), 539842381, 4294966441u},
    {12288, G_GUINT64_CONSTANT (3699957760), 539842381, 4294966425u},
    {4096, G_GUINT64_CONSTANT (3737313280), 539842381, 4294966397u},
    {4096, G_GUINT64_CONSTANT (3743948800), 539842381, 4294966742u},
    {512, G_GUINT64_CONSTANT (138656768), 539842381, 4294966788u},
    {512, G_GUINT64_CONSTANT (139058688), 539842381, 4294966748u},
    {8192, G_GUINT64_CONSTANT (3757490176), 539842381, 4294966360u},
    {4096, G_GUINT64_CONSTANT (3760070656), 539842381, 4294966751u},
    {1024, G_GUINT64_CONSTANT (135266304), 539842382, 4294967024u},
    {8192, G_GUINT64_CONSTANT (3771551744), 539842382, 4294966511u},
    {4096, G_GUINT64_CONSTANT (3771564032), 539842382, 4294966479u},
    {512, G_GUINT64_CONSTANT (138656768), 539842382, 4294966787u},
    {512, G_GUINT64_CONSTANT (139058688), 539842382, 4294966747u},
    {16384, G_GUINT64_CONSTANT (3774267392), 539842382, 4294966326u},
    {4096, G_GUINT64_CONSTANT (3774308352), 539842382, 4294966469u},
    {4096, G_GUINT64_CONSTANT (3774361600), 539842382, 4294966516u},
    {8192, G_GUINT64_CONSTANT (3626414080), 539842382, 4294966590u},
    {4096, G_GUINT64_CONSTANT (3777036288), 539842382, 4294966778u},
    {8192, G_GUINT64_CONSTANT (3792945152), 539842382, 4294966583u},
    {4096, G_GUINT64_CONSTANT (3626352640), 539842382, 4294966591u},
    {8192, G_GUINT64_CONSTANT (3793145856), 539842382, 4294966564u},
    {4096, G_GUINT64_CONSTANT (3793178624), 539842382, 4294966707u},
    {512, G_GUINT64_CONSTANT (3676929536), 539842382, 4294966664u},
    {4096, G_GUINT64_CONSTANT (3793252352), 539842382, 4294966674u},
    {4096, G_GUINT64_CONSTANT (3794485248), 539842382, 4294966703u},
    {31232, G_GUINT64_CONSTANT (3673733120), 539842382, 4294966280u},
    {4096, G_GUINT64_CONSTANT (3626418176), 539842382, 4294966590u},
    {31232, G_GUINT64_CONSTANT (3673764352), 539842382, 4294966413u},
    {4096, G_GUINT64_CONSTANT (3626352640), 539842382, 4294966591u},
    {4096, G_GUINT64_CONSTANT (3626418176), 539842382, 4294966590u},
    {4096, G_GUINT64_CONSTANT (3694907392), 539842382, 4294966549u},
    {8192, G_GUINT64_CONSTANT (3700453376), 539842382, 4294966544u},
    {4096, G_GUINT64_CONSTANT (3626352640), 539842382, 4294966591u},
    {4096, G_GUINT64_CONSTANT (3704586240), 539842382, 4294966481u},
    {8192, G_GUINT64_CONSTANT (3737305088), 539842382, 4294966412u},
    {4096, G_GUINT64_CONSTANT (3793489920), 539842382, 4294966766u},
    {4096, G_GUINT64_CONSTANT (10188185600), 539842382, 4294966776u},
    {4096, G_GUINT64_CONSTANT (3628867584), 539842382, 4294966712u},
    {4096, G_GUINT64_CONSTANT (3626414080), 539842382, 4294966606u},
    {4096, G_GUINT64_CONSTANT (3626340352), 539842382, 4294966639u},
    {4096, G_GUINT64_CONSTANT (3628871680), 539842382, 4294966696u},
    {8192, G_GUINT64_CONSTANT (3626348544), 539842382, 4294966591u},
    {4096, G_GUINT64_CONSTANT (3626344448), 539842382, 4294966623u},
    {4096, G_GUINT64_CONSTANT (3626340352), 539842382, 4294966639u},
};

/* The example's data are not published: zeros stand for them. */
static GByteArray *
published_log (void)
{
  GByteArray *array = g_byte_array_new ();
  TsHrlInfo info = {.time_s = 539842380, .disk_bytes = G_GUINT64_CONSTANT (1) << 40};
  guint8 zeros[32768] = {0};
  assert_true (ts_guid_parse ("572fc7ff-1f03-49ab-b3c5-30a665b8e20c", &info.unique, NULL));
  assert_true (ts_guid_parse ("a8ae4b46-f7ad-4402-87aa-5b33e9f89c77", &info.previous, NULL));
  assert_true (ts_guid_parse ("b9be5c57-f8be-5503-98bb-6c44faf9ac87", &info.disk_write, NULL));
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, array, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (published); i++)
    assert_true (ts_hrl_writer_add (writer, published[i].offset, zeros, published[i].length,
                                    published[i].time, NULL));
  assert_true (ts_hrl_writer_close (writer, 539842384, 0, NULL));
  return array;
}

static void
published_example_has_its_sizes (void **state)
{
  g_autoptr (GByteArray) log = published_log ();
  TsHrlGlance header;
  assert_true (ts_hrl_glance (log->data, log->len, &header, NULL));
  assert_int_equal (log->len, 332288);
  assert_int_equal (header.eol_bytes, 332288);
  assert_int_equal (header.log_bytes, 332288);
  assert_int_equal (header.entries, 58);
  assert_int_equal (header.modified_s, 539842384);
  assert_int_equal (header.block_bytes, 4096);
  assert_int_equal (hrl_get64 (log->data + H_ORIGINAL_SIZE), 0);
  /* metadata header 1, at 4096 */
  assert_int_equal (hrl_get64 (log->data + 4096 + M_PREVIOUS), 0);
  assert_int_equal (hrl_get32 (log->data + 4096 + M_ENTRIES), 0);
  assert_int_equal (hrl_get32 (log->data + 4096 + M_CHECKSUM), 4294967295u);
  /* metadata header 2, at 328192 */
  assert_int_equal (hrl_get64 (log->data + 328192 + M_PREVIOUS), 324096);
  assert_int_equal (hrl_get32 (log->data + 328192 + M_ENTRIES), 58);
  assert_int_equal (hrl_get32 (log->data + 328192 + M_CHECKSUM), 4294966991u);
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_data_bytes (hrl), 320000);
  assert_int_equal (ts_hrl_unguarded (hrl), 0);
}

static void
published_entries_have_their_checksums (void **state)
{
  g_autoptr (GByteArray) log = published_log ();
  for (guint i = 0; i < G_N_ELEMENTS (published); i++) {
    gsize at = 328192 + M_HEADER_BYTES + i * E_BYTES;
    hrl_put32 (log->data + at + E_DATA_CHECKSUM, 0); /* as theirs must have been */
    hrl_put32 (log->data + at + E_CHECKSUM, published[i].checksum);
  }
  g_autoptr (TsHrl) hrl = accepted (log); /* which recomputes each of them */
  assert_int_equal (ts_hrl_count (hrl), 58);
  assert_int_equal (ts_hrl_unguarded (hrl), 58);
  for (guint i = 0; i < G_N_ELEMENTS (published); i++) {
    TsHrlEntry entry = ts_hrl_entry (hrl, i);
    assert_int_equal (entry.disk_offset_bytes, published[i].offset);
    assert_int_equal (entry.len_bytes, published[i].length);
    assert_int_equal (entry.time_s, published[i].time);
  }
  assert_int_equal (ts_hrl_info (hrl)->disk_bytes, G_GUINT64_CONSTANT (10188185600) + 4096);
}

/* The sum is made of many bytes at once: no lane of it runs over, and no odd byte is left out. */
static void
checksum_is_of_every_byte (void **state)
{
  guint8 bytes[4099];
  memset (bytes, 0xff, sizeof bytes);
  for (guint len = 0; len < sizeof bytes; len++)
    assert_int_equal (hrl_checksum (bytes, len, HRL_NO_FIELD), ~(guint32)(len * 0xff));
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8)(i * 7 + i / 256);
  for (guint from = 0; from < 9; from++) {
    guint32 sum = 0;
    for (guint i = from; i < sizeof bytes; i++)
      sum += bytes[i];
    assert_int_equal (hrl_checksum (bytes + from, sizeof bytes - from, HRL_NO_FIELD), ~sum);
  }
}

/* Every byte of the smallest header, written down by hand. */
static void
header_is_laid_out_as_published (void **state)
{
  static const guint8 want[130] = {
      'm',  's',  'c',  't',  'l', 'o',  'g', 0, 0, 0,    2,  0, /* Cookie, LogFormatVersion */
      0x04, 0x03, 0x02, 0x01, 'c', 't',  0,   0, 0, 0,    10, 0, /* TimeStamp, Creator */
      0,    0,    0,    0,    0,   0,    0,   0, 0, 0x32, 0,  0, 0,
      0,    0,    0,                                             /* OriginalSize, CurrentSize */
      0,    0,    0,    0,    0,   0x32, 0,   0, 0, 0,    0,  0, /* Checksum, EOLLocation */
      0xfe, 0xff, 0xff, 0xff, 0,   0x10, 0,   0,                 /* ErrorCode -2, MetadataSize */
      1,    1,    1,    1,    1,   1,    1,   1, 1, 1,    1,  1, 1,
      1,    1,    1, /* UniqueId */
      2,    2,    2,    2,    2,   2,    2,   2, 2, 2,    2,  2, 2,
      2,    2,    2,                                             /* PreviousUniqueId */
      0x08, 0x07, 0x06, 0x05, 1,   0,    0,   0, 0, 0,    0,  0, /* LastModified,
                                                                    TotalMetadataEntries */
      0,    0,    0,    0,    0,   0,                            /* FileType, Flags */
      3,    3,    3,    3,    3,   3,    3,   3, 3, 3,    3,  3, 3,
      3,    3,    3,       /* Vhd2DataWriteGuid */
      0,    0,    0,    0, /* Reserved */
  };
  static const guint8 want_entry[32] = {
      0x00, 0x10, 0,    0,    1,    0,    0,    0,    0, 0, 0, 0, /* ByteOffset, Checksum */
      0x00, 0x02, 0,    0,    0x44, 0x33, 0x22, 0x11, 1, /* DataLength, TimeStamp, MetaOperation */
      0xff, 0xf5, 0xff, 0xff, 0,    0,    0,    0,    0, 0, 0, /* ~(512 * 5), Location */
  };
  TsHrlInfo info = {.time_s = 0x01020304, .disk_bytes = G_GUINT64_CONSTANT (1) << 40};
  guint8 sector[512];
  memset (info.unique.bytes, 1, 16);
  memset (info.previous.bytes, 2, 16);
  memset (info.disk_write.bytes, 3, 16);
  memset (sector, 5, sizeof sector);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, log, NULL);
  assert_true (ts_hrl_writer_add (writer, 0x100001000, sector, 512, 0x11223344, NULL));
  assert_true (ts_hrl_writer_close (writer, 0x05060708, -2, NULL));
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_error_code (hrl), -2);

  guint32 sum = 0;
  for (guint i = 0; i < sizeof want; i++)
    sum += want[i];
  assert_int_equal (hrl_get32 (log->data + 40), ~sum);
  memset (log->data + 40, 0, 4);
  assert_memory_equal (log->data, want, sizeof want);
  gsize entry = 4096 + 4096 + 512 + 32;
  memset (log->data + entry + 8, 0, 4);
  assert_memory_equal (log->data + entry, want_entry, sizeof want_entry);
}

/* --- writing and reading
 * ---------------------------------------------------------------------------- */

static const struct row {
  const char *name;
  guint writes, blocks;
} fills[] = {
    {"no write: header and the first block", 0, 1},
    {"one write", 1, 2},
    {"126 writes", 126, 2},
    {"127 writes fill a block", 127, 2},
    {"128 writes need another", 128, 3},
    {"129 writes", 129, 3},
    {"254 writes fill two", 254, 3},
    {"255 writes", 255, 4},
};

static void
blocks_fill_and_chain (void **state)
{
  const struct row *row = *state;
  g_autoptr (GByteArray) log = sample_log (row->writes);
  assert_int_equal (log->len, 4096 + row->blocks * 4096 + row->writes * 512);
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_count (hrl), row->writes);
  assert_int_equal (ts_hrl_data_bytes (hrl), row->writes * 512);
  for (guint i = 0; i < row->writes; i++) {
    TsHrlEntry entry = ts_hrl_entry (hrl, i);
    assert_int_equal (entry.disk_offset_bytes, i * 4096);
    assert_int_equal (entry.len_bytes, 512);
    assert_int_equal (entry.time_s, sample_info ().time_s + i);
    assert_int_equal (ts_hrl_data (hrl, i)[0], i % 255 + 1);
    assert_int_equal (ts_hrl_data (hrl, i)[511], i % 255 + 1);
  }
  const TsHrlInfo *info = ts_hrl_info (hrl);
  TsHrlInfo want = sample_info ();
  assert_int_equal (info->time_s, want.time_s);
  assert_true (ts_guid_equal (&info->unique, &want.unique));
  assert_true (ts_guid_equal (&info->previous, &want.previous));
  assert_true (ts_guid_equal (&info->disk_write, &want.disk_write));
  assert_int_equal (info->disk_bytes, row->writes ? (row->writes - 1) * 4096 + 512 : 0);
}

static void
random_writes_come_back (void **state)
{
  TsRandom random;
  ts_random_init (&random, 1, "writes");
  for (guint round = 0; round < 12; round++) {
    guint count = (guint)ts_random_below (&random, 400);
    g_autoptr (GByteArray) log = g_byte_array_new (), data = g_byte_array_new ();
    g_autoptr (GArray) wrote = g_array_new (FALSE, FALSE, sizeof (TsHrlEntry));
    TsHrlInfo info = sample_info ();
    g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, log, NULL);
    for (guint i = 0; i < count; i++) {
      guint8 bytes[3000];
      TsHrlEntry entry = {.len_bytes = 1 + (guint32)ts_random_below (&random, sizeof bytes),
                          .time_s = (guint32)ts_random_u64 (&random)};
      entry.disk_offset_bytes = ts_random_below (&random, info.disk_bytes - entry.len_bytes + 1);
      for (guint k = 0; k < entry.len_bytes; k++)
        bytes[k] = (guint8)ts_random_u64 (&random);
      assert_true (ts_hrl_writer_add (writer, entry.disk_offset_bytes, bytes, entry.len_bytes,
                                      entry.time_s, NULL));
      g_byte_array_append (data, bytes, entry.len_bytes);
      g_array_append_val (wrote, entry);
    }
    assert_true (ts_hrl_writer_close (writer, 0, 0, NULL));
    g_autoptr (TsHrl) hrl = accepted (log);
    assert_int_equal (ts_hrl_count (hrl), count);
    assert_int_equal (ts_hrl_data_bytes (hrl), data->len);
    gsize at = 0;
    for (guint i = 0; i < count; i++) {
      TsHrlEntry entry = ts_hrl_entry (hrl, i), want = g_array_index (wrote, TsHrlEntry, i);
      assert_int_equal (entry.disk_offset_bytes, want.disk_offset_bytes);
      assert_int_equal (entry.len_bytes, want.len_bytes);
      assert_int_equal (entry.time_s, want.time_s);
      assert_memory_equal (ts_hrl_data (hrl, i), data->data + at, want.len_bytes);
      at += want.len_bytes;
    }
  }
}

static void
a_long_write_is_split (void **state)
{
  gsize len = 2 * TS_HRL_DATA_MAX + 5;
  g_autofree guint8 *data = g_malloc (len);
  for (gsize i = 0; i < len; i++)
    data[i] = (guint8)(i * 7 / 3);
  TsHrlInfo info = sample_info ();
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, log, NULL);
  assert_true (ts_hrl_writer_add (writer, 1000, data, len, 1, NULL));
  assert_true (ts_hrl_writer_close (writer, 2, 0, NULL));
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_count (hrl), 3);
  assert_int_equal (ts_hrl_entry (hrl, 2).disk_offset_bytes, 1000 + 2 * TS_HRL_DATA_MAX);
  assert_int_equal (ts_hrl_entry (hrl, 2).len_bytes, 5);
  for (guint i = 0; i < 3; i++)
    assert_memory_equal (ts_hrl_data (hrl, i), data + i * TS_HRL_DATA_MAX,
                         ts_hrl_entry (hrl, i).len_bytes);
}

static void
a_write_behind_the_disk_is_refused_and_the_log_goes_on (void **state)
{
  static const struct {
    guint64 offset;
    gsize len;
  } bad[] = {{MIB, 1}, {MIB - 511, 512}, {G_MAXUINT64, 1}, {G_MAXUINT64 - 511, 512}, {0, MIB + 1}};
  g_autofree guint8 *data = g_malloc0 (MIB + 1);
  TsHrlInfo info = {.disk_bytes = MIB};
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, log, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    assert_false (ts_hrl_writer_add (writer, bad[i].offset, data, bad[i].len, 0, &error));
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  }
  assert_true (ts_hrl_writer_add (writer, MIB - 512, data, 512, 0, NULL));
  assert_true (ts_hrl_writer_add (writer, MIB, data, 0, 0, NULL)); /* nothing, at the very end */
  assert_true (ts_hrl_writer_close (writer, 0, 0, NULL));
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_count (hrl), 1);
}

typedef struct {
  GByteArray *array;
  guint puts, fail;
} Medium;

static gboolean
failing_put (void *user, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  Medium *medium = user;
  if (++medium->puts == medium->fail)
    return ts_throw (error, TS_ERROR_FULL, "no room");
  return ts_hrl_put_array (medium->array, offset_bytes, data, len_bytes, error);
}

static void
a_medium_that_fails_ends_the_log (void **state)
{
  /* header, block, 130 writes and two blocks behind them, header */
  for (guint fail = 1; fail <= 135; fail++) {
    g_autoptr (GByteArray) array = g_byte_array_new ();
    g_autoptr (GError) error = NULL;
    Medium medium = {array, 0, fail};
    TsHrlInfo info = sample_info ();
    guint8 data[512] = {1};
    g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, failing_put, &medium, &error);
    gboolean ok = writer != NULL;
    for (guint i = 0; ok && i < 130; i++)
      ok = ts_hrl_writer_add (writer, 0, data, sizeof data, 0, &error);
    if (ok)
      ok = ts_hrl_writer_close (writer, 0, 0, &error);
    assert_false (ok);
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FULL));
    assert_int_equal (medium.puts, fail);
    if (fail > 2 && fail < 134) { /* it stays failed, and touches nothing any more */
      assert_false (ts_hrl_writer_add (writer, 0, data, sizeof data, 0, NULL));
      assert_false (ts_hrl_writer_close (writer, 0, 0, NULL));
      assert_int_equal (medium.puts, fail);
    }
    refused (array->data, array->len, NULL); /* and what is there is no log */
  }
  g_autoptr (GByteArray) array = g_byte_array_new ();
  Medium medium = {array, 0, 136};
  TsHrlInfo info = sample_info ();
  guint8 data[512] = {1};
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, failing_put, &medium, NULL);
  for (guint i = 0; i < 130; i++)
    assert_true (ts_hrl_writer_add (writer, 0, data, sizeof data, 0, NULL));
  assert_true (ts_hrl_writer_close (writer, 0, 0, NULL)); /* so 135 is the last put there is */
}

static void
a_log_that_is_not_closed_is_refused (void **state)
{
  for (guint writes = 0; writes < 130; writes += 43) {
    g_autoptr (GByteArray) log = g_byte_array_new ();
    TsHrlInfo info = sample_info ();
    TsHrlGlance header;
    guint8 data[512] = {1};
    g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, log, NULL);
    for (guint i = 0; i < writes; i++)
      assert_true (ts_hrl_writer_add (writer, 0, data, sizeof data, 0, NULL));
    refused (log->data, log->len, "not closed gracefully");
    assert_true (ts_hrl_glance (log->data, log->len, &header, NULL));
    assert_int_equal (header.eol_bytes, 0);
    assert_true (header.checksum_ok);
    assert_true (ts_guid_equal (&header.info.unique, &info.unique));
  }
}

static void
other_block_sizes_are_read (void **state)
{
  /* One write in blocks of 512 bytes: header, block, data, block. */
  g_autoptr (GByteArray) log = sample_log (1);
  memmove (log->data + 4096 + 512, log->data + 8192, 512);
  memmove (log->data + 4096 + 1024, log->data + 8192 + 512, 512);
  g_byte_array_set_size (log, 4096 + 3 * 512);
  hrl_put32 (log->data + H_METADATA_SIZE, 512);
  hrl_put64 (log->data + H_EOL, log->len);
  hrl_put64 (log->data + H_CURRENT_SIZE, log->len);
  sign_header (log);
  hrl_put64 (log->data + 4096 + 1024 + M_PREVIOUS, 1024);
  sign_block (log, 4096 + 1024);
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_count (hrl), 1);
  assert_int_equal (ts_hrl_data (hrl, 0)[0], 1);

  hrl_put32 (log->data + 4096 + 1024 + M_ENTRIES, 16); /* room for 15 */
  sign_block (log, 4096 + 1024);
  refused (log->data, log->len, "room for 15");
}

static void
a_blank_behind_the_cookie_is_read (void **state)
{
  g_autoptr (GByteArray) log = sample_log (1);
  log->data[7] = ' ';
  sign_header (log);
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_count (hrl), 1);
  log->data[7] = 'x';
  sign_header (log);
  refused (log->data, log->len, "msctlog");
}

/* --- broken files -------------------------------------------------------------------------------
 */

static void
cut_off_anywhere_it_is_refused (void **state)
{
  g_autoptr (GByteArray) log = sample_log (4), longer = sample_log (130);
  for (gsize len = 0; len < log->len; len++)
    refused (log->data, len, NULL);
  for (gsize len = 0; len < longer->len; len += 256) /* every border between its parts is one */
    refused (longer->data, len, "bytes");
  refused (longer->data, longer->len - 1, "bytes long, and should be");
}

static void
longer_than_it_says_it_is_refused (void **state)
{
  g_autoptr (GByteArray) log = sample_log (3);
  g_autoptr (GByteArray) twice = sample_log (3);
  g_byte_array_append (twice, log->data, twice->len);
  refused (twice->data, twice->len, "bytes long, and should be");
  g_byte_array_append (log, (const guint8 *)"", 1);
  refused (log->data, log->len, "bytes long, and should be");
}

static void
with_any_byte_changed_it_is_refused (void **state)
{
  static const guint8 flips[] = {0x01, 0x80, 0xff};
  g_autoptr (GByteArray) log = sample_log (4);
  for (gsize at = 0; at < log->len; at++)
    for (guint i = 0; i < G_N_ELEMENTS (flips); i++) {
      log->data[at] ^= flips[i];
      refused (log->data, log->len, NULL);
      log->data[at] ^= flips[i];
    }
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_int_equal (ts_hrl_count (hrl), 4); /* it was only those bytes */
}

/* Each breaks a log of 130 writes whose checksums are then made right again.  LAST: where its last
 * block begins; FULL: the one before. */
#define FULL (4096 + 4096 + 127 * 512)
#define LAST (FULL + 4096 + 3 * 512)

static void
break_version (GByteArray *log)
{
  hrl_put32 (log->data + H_VERSION, 0x00010000);
}

static void
break_file_type (GByteArray *log)
{
  hrl_put32 (log->data + H_FILE_TYPE, 1);
}

static void
break_flags (GByteArray *log)
{
  log->data[H_FLAGS + 1] = 1;
}

static void
break_reserved (GByteArray *log)
{
  log->data[4095] = 1;
}

static void
break_metadata_size (GByteArray *log)
{
  hrl_put32 (log->data + H_METADATA_SIZE, 4097);
}

static void
break_metadata_size_zero (GByteArray *log)
{
  hrl_put32 (log->data + H_METADATA_SIZE, 0);
}

static void
break_metadata_size_huge (GByteArray *log)
{
  hrl_put32 (log->data + H_METADATA_SIZE, 0xfffffe00);
}

static void
break_current_size (GByteArray *log)
{
  hrl_put64 (log->data + H_CURRENT_SIZE, log->len + 1);
}

static void
break_total (GByteArray *log)
{
  hrl_put64 (log->data + H_ENTRIES, 131);
}

static void
break_chain_loop (GByteArray *log)
{
  hrl_put64 (log->data + FULL + M_PREVIOUS, 0 - (guint64)(LAST - FULL)); /* back to LAST */
}

static void
break_chain_itself (GByteArray *log)
{
  hrl_put64 (log->data + LAST + M_PREVIOUS, 1); /* overlaps itself */
}

static void
break_chain_into_header (GByteArray *log)
{
  hrl_put64 (log->data + FULL + M_PREVIOUS, FULL);
}

static void
break_chain_before_file (GByteArray *log)
{
  hrl_put64 (log->data + FULL + M_PREVIOUS, FULL + 4096);
}

/* So that only the tiling can tell. */
static void
drop_data_checksums (GByteArray *log)
{
  for (guint i = 0; i < 3; i++)
    hrl_put32 (log->data + LAST + 32 + i * 32 + E_DATA_CHECKSUM, 0);
}

static void
break_chain_short (GByteArray *log)
{
  drop_data_checksums (log);
  hrl_put64 (log->data + LAST + M_PREVIOUS, 0);
  hrl_put64 (log->data + H_ENTRIES, 3);
}

static void
break_chain_past_first (GByteArray *log)
{
  hrl_put64 (log->data + 4096 + M_PREVIOUS, 4096);
}

static void
break_chain_skip (GByteArray *log)
{
  drop_data_checksums (log);
  hrl_put64 (log->data + LAST + M_PREVIOUS, LAST - 4096); /* leaves FULL out */
  hrl_put64 (log->data + H_ENTRIES, 3);
}

static void
break_block_count (GByteArray *log)
{
  hrl_put32 (log->data + LAST + M_ENTRIES, 4);
  hrl_put64 (log->data + H_ENTRIES, 131);
}

static void
break_block_count_low (GByteArray *log)
{
  hrl_put32 (log->data + LAST + M_ENTRIES, 2);
  hrl_put64 (log->data + H_ENTRIES, 129);
}

static void
break_block_count_huge (GByteArray *log)
{
  hrl_put32 (log->data + LAST + M_ENTRIES, 0xffffffff);
}

static void
break_block_reserved (GByteArray *log)
{
  log->data[LAST + M_RESERVED + 15] = 1;
}

static void
break_block_unused (GByteArray *log)
{
  log->data[LAST + 4095] = 1;
}

static void
break_entry_operation (GByteArray *log)
{
  log->data[LAST + 32 + E_OPERATION] = 2;
}

static void
break_entry_location (GByteArray *log)
{
  log->data[LAST + 32 + E_LOCATION] = 1;
}

static void
break_entry_reserved (GByteArray *log)
{
  log->data[LAST + 32 + 31] = 1;
}

static void
break_entry_empty (GByteArray *log)
{
  hrl_put32 (log->data + LAST + 32 + E_LENGTH, 0);
}

static void
break_entry_short (GByteArray *log)
{
  hrl_put32 (log->data + LAST + 32 + E_LENGTH, 511);
  hrl_put32 (log->data + LAST + 32 + E_DATA_CHECKSUM, 0);
}

static void
break_entry_long (GByteArray *log)
{
  hrl_put32 (log->data + LAST + 32 + E_LENGTH, 1 + 3 * 512);
  hrl_put32 (log->data + LAST + 32 + E_DATA_CHECKSUM, 0);
}

static void
break_entry_huge (GByteArray *log)
{
  hrl_put32 (log->data + LAST + 32 + E_LENGTH, 0xffffffff);
}

static void
break_entry_offset (GByteArray *log)
{
  hrl_put64 (log->data + LAST + 32 + E_OFFSET, G_MAXUINT64 - 100); /* wraps around */
}

static void
break_data (GByteArray *log)
{
  log->data[FULL + 4096]++;
}

static const struct breakage {
  const char *name;
  void (*break_it) (GByteArray *log);
  const char *says;
} breakages[] = {
    {"an older version", break_version, "log version 0x00010000"},
    {"another file type", break_file_type, "zeros belong"},
    {"flags", break_flags, "zeros belong"},
    {"something in the header's reserve", break_reserved, "zeros belong"},
    {"a metadata size that is no multiple of 512", break_metadata_size, "4097"},
    {"no metadata size", break_metadata_size_zero, "not a multiple"},
    {"a metadata size beyond the file", break_metadata_size_huge, "predecessor"},
    {"two lengths", break_current_size, "two lengths"},
    {"another number of entries", break_total, "the header says 131"},
    {"a chain that goes round", break_chain_loop, "predecessor"},
    {"a block that is its own predecessor", break_chain_itself, "predecessor 1 bytes"},
    {"a chain that goes into the header", break_chain_into_header, "predecessor"},
    {"a chain that leaves the file", break_chain_before_file, "predecessor"},
    {"a chain that ends early", break_chain_short, "belong to no entry"},
    {"a chain that goes on behind the first block", break_chain_past_first, "predecessor"},
    {"a chain that leaves a block out", break_chain_skip, "belong to no entry"},
    {"a block that claims one entry more", break_block_count, "entry 131"},
    {"a block that claims one entry less", break_block_count_low, "zeros belong"},
    {"a block that claims more than it can hold", break_block_count_huge, "room for 127"},
    {"something in a block's reserve", break_block_reserved, "zeros belong"},
    {"something behind the last entry", break_block_unused, "zeros belong"},
    {"an entry that is no write", break_entry_operation, "entry 128: operation 2"},
    {"a location", break_entry_location, "entry 128"},
    {"something in an entry's reserve", break_entry_reserved, "entry 128"},
    {"a write of nothing", break_entry_empty, "entry 128 is empty"},
    {"a write shorter than its data", break_entry_short, NULL},
    {"a write into the metadata", break_entry_long, "run into the metadata"},
    {"a write of 4 GiB", break_entry_huge, "run into the metadata"},
    {"a write that wraps around", break_entry_offset, "entry 128: no disk"},
    {"data that changed", break_data, "entry 128: the checksum of its data"},
};

static void
broken_behind_good_checksums_it_is_refused (void **state)
{
  const struct breakage *breakage = *state;
  g_autoptr (GByteArray) log = sample_log (130);
  assert_int_equal (hrl_get32 (log->data + FULL + M_ENTRIES), 127);
  assert_int_equal (hrl_get32 (log->data + LAST + M_ENTRIES), 3);
  breakage->break_it (log);
  for (guint i = 0; i < 3; i++)
    sign_entry (log, LAST + 32 + i * 32);
  sign_block (log, 4096);
  sign_block (log, FULL);
  sign_block (log, LAST);
  sign_header (log);
  refused (log->data, log->len, breakage->says);
}

static void
other_files_are_no_logs (void **state)
{
  g_autofree guint8 *data = g_malloc0 (8192);
  refused ((const guint8 *)"", 0, "too few");
  refused (data, 4095, "too few");
  refused (data, 8192, "not a replica log");
  memcpy (data, "QFI\xfb", 4);
  refused (data, 8192, "not a replica log");
}

/* --- as text
 * -------------------------------------------------------------------------------------- */

static void
a_log_is_described (void **state)
{
  gboolean valid = FALSE;
  g_autoptr (GBytes) bytes = take (published_log ());
  g_autofree char *text = ts_hrl_describe (bytes, 2, &valid);
  assert_true (valid);
  assert_non_null (strstr (text, "id                572fc7ff-1f03-49ab-b3c5-30a665b8e20c\n"));
  assert_non_null (strstr (text, "previous          a8ae4b46-f7ad-4402-87aa-5b33e9f89c77\n"));
  assert_non_null (strstr (text, "opened            2017-02-08 04:13:00 UTC\n"));
  assert_non_null (strstr (text, "writes            58\n"));
  assert_non_null (strstr (text, "data              320000 bytes (312.5 KiB)\n"));
  assert_non_null (
      strstr (text, "         1           3626348544         4096                 8192"));
  assert_non_null (strstr (text, "and 56 more\n"));
  assert_null (strstr (text, "\n         3 "));
  assert_true (g_str_has_suffix (text, "\nvalid: may be applied\n"));
}

static void
a_broken_log_is_described_as_far_as_it_goes (void **state)
{
  gboolean valid = TRUE;
  g_autoptr (GByteArray) log = sample_log (2);
  log->data[log->len - 1] = 1;
  g_autoptr (GBytes) bytes = g_bytes_new (log->data, log->len);
  g_autofree char *text = ts_hrl_describe (bytes, 10, &valid);
  assert_false (valid);
  assert_non_null (strstr (text, "writes            2\n"));
  assert_non_null (strstr (text, "\nnot valid: the metadata block at "));
  g_autoptr (GBytes) nothing = g_bytes_new_static ("", 0);
  g_autofree char *other = ts_hrl_describe (nothing, 10, NULL);
  assert_string_equal (other, "file              0 bytes\n\n"
                              "not valid: 0 bytes are too few for a log's header of 4096\n");
}

/* All but the predecessor is as it was, and the log as good. */
static void
a_log_may_be_made_to_follow_another (void **state)
{
  g_autoptr (GByteArray) log = sample_log (3);
  g_autoptr (GByteArray) before = g_byte_array_new ();
  g_byte_array_append (before, log->data, log->len);
  TsGuid other = {.bytes = {0xab, 0xcd, 1}};
  assert_true (ts_hrl_follow_another (log->data, log->len, &other, NULL));
  g_autoptr (TsHrl) hrl = accepted (log);
  assert_true (ts_guid_equal (&ts_hrl_info (hrl)->previous, &other));
  for (guint i = 0; i < log->len; i++)
    if ((i < H_PREVIOUS || i >= H_PREVIOUS + 16) && (i < H_CHECKSUM || i >= H_CHECKSUM + 4))
      assert_int_equal (log->data[i], before->data[i]);
  g_autoptr (GError) open = NULL, damaged = NULL;
  log->data[H_PREVIOUS] ^= 1;
  assert_false (ts_hrl_follow_another (log->data, log->len, &other, &damaged));
  assert_true (g_error_matches (damaged, TS_ERROR, TS_ERROR_FORMAT));
  assert_int_equal (log->data[H_PREVIOUS], 0xaa);
  hrl_put64 (log->data + H_EOL, 0);
  sign_header (log);
  assert_false (ts_hrl_follow_another (log->data, log->len, &other, &open));
  assert_non_null (strstr (open->message, "not closed gracefully"));
}

int
main (void)
{
  const struct CMUnitTest plain[] = {
      cmocka_unit_test (published_example_has_its_sizes),
      cmocka_unit_test (published_entries_have_their_checksums),
      cmocka_unit_test (checksum_is_of_every_byte),
      cmocka_unit_test (header_is_laid_out_as_published),
      cmocka_unit_test (random_writes_come_back),
      cmocka_unit_test (a_long_write_is_split),
      cmocka_unit_test (a_write_behind_the_disk_is_refused_and_the_log_goes_on),
      cmocka_unit_test (a_medium_that_fails_ends_the_log),
      cmocka_unit_test (a_log_that_is_not_closed_is_refused),
      cmocka_unit_test (other_block_sizes_are_read),
      cmocka_unit_test (a_blank_behind_the_cookie_is_read),
      cmocka_unit_test (cut_off_anywhere_it_is_refused),
      cmocka_unit_test (longer_than_it_says_it_is_refused),
      cmocka_unit_test (with_any_byte_changed_it_is_refused),
      cmocka_unit_test (other_files_are_no_logs),
      cmocka_unit_test (a_log_may_be_made_to_follow_another),
      cmocka_unit_test (a_log_is_described),
      cmocka_unit_test (a_broken_log_is_described_as_far_as_it_goes),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (plain) + G_N_ELEMENTS (fills) + G_N_ELEMENTS (breakages)] =
      {0};
  gsize n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (plain); i++)
    tests[n++] = plain[i];
  for (gsize i = 0; i < G_N_ELEMENTS (fills); i++)
    tests[n++] = (struct CMUnitTest){.name = fills[i].name,
                                     .test_func = blocks_fill_and_chain,
                                     .initial_state = (void *)&fills[i]};
  for (gsize i = 0; i < G_N_ELEMENTS (breakages); i++)
    tests[n++] = (struct CMUnitTest){.name = breakages[i].name,
                                     .test_func = broken_behind_good_checksums_it_is_refused,
                                     .initial_state = (void *)&breakages[i]};
  return cmocka_run_group_tests_name ("hrl", tests, NULL, NULL);
}
