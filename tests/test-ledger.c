/* ledger.tsv */
#include "core/base/error.h"
#include "results/ledger.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
  const char *name;
  const char *row;
  const char *want; /* what the message holds; NULL: accepted, and comes out the same */
} Row;

static const Row rows[] = {
    {"a write", "write\t1\tapp\tdata\t8192\t4096\t7\t-\t-", NULL},
    {"a flush of all disks", "flush\t1\tapp\t-\t0\t0\t7\t-\t-", NULL},
    {"a flush of one disk, before any write", "flush\t1\tapp\tdata\t0\t0\t0\t-\t-", NULL},
    {"a whole record", "held\t1\tapp\tdata\t8192\t4096\t7\thv-b\twhole", NULL},
    {"a torn one", "held\t1\tapp\tdata\t8192\t4096\t0\thv-b\ttorn", NULL},
    {"a corrupt one", "held\t1\tapp\tdata\t8192\t4096\t0\thv-b\tcorrupt", NULL},
    {"fill", "held\t1\tapp\tdata\t0\t40960\t10\thv-b\tfill", NULL},
    {"the largest numbers",
     "write\t9007199254740992\tapp\td\t18446744073709551614\t1\t18446744073709551615\t-\t-", NULL},
    {"nothing", "", "1 columns"},
    {"a column too few", "write\t1\tapp\tdata\t0\t4096\t7\t-", "8 columns"},
    {"a column too many", "write\t1\tapp\tdata\t0\t4096\t7\t-\t-\t-", "10 columns"},
    {"another kind", "wrote\t1\tapp\tdata\t0\t4096\t7\t-\t-", "\"wrote\""},
    {"a kind with a capital", "Write\t1\tapp\tdata\t0\t4096\t7\t-\t-", "\"Write\""},
    {"no VM", "write\t1\t-\tdata\t0\t4096\t7\t-\t-", "vm: a name"},
    {"an empty column", "write\t1\tapp\t\t0\t4096\t7\t-\t-", "disk: is empty"},
    {"a write without a disk", "write\t1\tapp\t-\t0\t4096\t7\t-\t-", "disk: a name"},
    {"a time before the start", "write\t-1\tapp\tdata\t0\t4096\t7\t-\t-", "t_us"},
    {"a time past 2^53", "write\t9007199254740993\tapp\td\t0\t1\t7\t-\t-", "t_us"},
    {"a fraction", "write\t1.5\tapp\tdata\t0\t4096\t7\t-\t-", "t_us"},
    {"a number with a sign", "write\t+1\tapp\tdata\t0\t4096\t7\t-\t-", "t_us"},
    {"a number with space", "write\t1\tapp\tdata\t 0\t4096\t7\t-\t-", "offset_bytes"},
    {"a number with zeros in front", "write\t1\tapp\tdata\t08\t4096\t7\t-\t-", "offset_bytes"},
    {"hexadecimal", "write\t1\tapp\tdata\t0x10\t4096\t7\t-\t-", "offset_bytes"},
    {"a write of nothing", "write\t1\tapp\tdata\t0\t0\t7\t-\t-", "length_bytes"},
    {"a range past 64 bits", "write\t1\tapp\td\t18446744073709551615\t1\t7\t-\t-", "past 64 bits"},
    {"sequence 0", "write\t1\tapp\tdata\t0\t4096\t0\t-\t-", "sequence"},
    {"held nowhere", "held\t1\tapp\tdata\t0\t4096\t7\t-\twhole", "copy"},
    {"held, but how", "held\t1\tapp\tdata\t0\t4096\t7\thv-b\t-", "held: \"-\""},
    {"a write that is whole", "write\t1\tapp\tdata\t0\t4096\t7\t-\twhole", "held: \"whole\""},
    {"a carriage return in a name", "write\t1\ta\rb\tdata\t0\t4096\t7\t-\t-", "vm: a control"},
    {"not UTF-8", "write\t1\t\xff\tdata\t0\t4096\t7\t-\t-", "not UTF-8"},
    {"a carriage return", "write\t1\tapp\tdata\t0\t4096\t7\t-\t-\r", "held"},
};

static void
read_row (void **state)
{
  const Row *row = *state;
  g_autofree char *text = g_strconcat (TS_LEDGER_HEADER, row->row, "\n", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLedger) ledger = ts_ledger_parse (text, strlen (text), &error);
  if (row->want) {
    assert_null (ledger);
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    assert_true (g_str_has_prefix (error->message, "line 2: "));
    if (!strstr (error->message, row->want))
      fail_msg ("\"%s\" does not hold \"%s\"", error->message, row->want);
    return;
  }
  assert_null (error);
  assert_int_equal (ledger->len, 1);
  g_autofree char *back = ts_ledger_to_text (ledger);
  assert_string_equal (back, text);
}

static void
header_is_wanted (void **state)
{
  g_autoptr (GError) error = NULL;
  const char *text = "kind\tt_us\n";
  assert_null (ts_ledger_parse (text, strlen (text), &error));
  assert_non_null (strstr (error->message, "line 1"));
}

static void
cut_at_any_byte (void **state)
{
  const char *text = TS_LEDGER_HEADER "write\t1\tapp\tdata\t0\t4096\t1\t-\t-\n"
                                      "flush\t2\tapp\t-\t0\t0\t1\t-\t-\n";
  for (gsize len = 0; len <= strlen (text); len++) {
    guint lines = 0;
    for (gsize i = 0; i < len; i++)
      lines += text[i] == '\n';
    g_autoptr (TsLedger) ledger = ts_ledger_parse (text, len, NULL);
    assert_non_null (ledger);
    assert_int_equal (ledger->len, lines > 0 ? lines - 1 : 0);
    assert_int_equal (ledger->damage != NULL, len == 0 || text[len - 1] != '\n');
  }
}

static void
texts_are_the_ledgers_own (void **state)
{
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  char vm[] = "app", disk[] = "data";
  TsLedgerEntry entry = {.kind = TS_LEDGER_WRITE,
                         .vm = vm,
                         .disk = disk,
                         .length_bytes = 1,
                         .sequence = 1,
                         .held = TS_HELD_FILL};
  ts_ledger_add (ledger, &entry);
  memset (vm, 'x', 3);
  memset (disk, 'x', 4);
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  assert_true (ts_ledger_next (&reader, &entry));
  assert_string_equal (entry.vm, "app");
  assert_string_equal (entry.disk, "data");
  assert_string_equal (entry.copy, "");
  assert_int_equal (entry.held, TS_HELD_WHOLE); /* means nothing there */
  assert_false (ts_ledger_next (&reader, &entry));
}

/* Far apart in every number, over many blocks, with more forms than are remembered. */
static void
what_is_added_is_read_back (void **state)
{
  enum { COUNT = 50000 };
  static const guint64 far[] = {0, 1, 4096, G_MAXUINT64, G_MAXINT64, 77};
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  g_autoptr (GString) written = g_string_new (TS_LEDGER_HEADER);
  char vm[16], disk[16];
  for (guint i = 0; i < COUNT; i++) {
    g_snprintf (vm, sizeof vm, "vm-%u", i % 2003);
    g_snprintf (disk, sizeof disk, "%c", 'a' + (int)(i % 3));
    TsLedgerEntry entry = {.kind = (TsLedgerKind)(i % 3),
                           .t_us = i % 17 == 0 ? G_MAXINT64 : (gint64)i * 1000,
                           .vm = vm,
                           .disk = disk,
                           .offset_bytes = far[i / 3 % G_N_ELEMENTS (far)],
                           .length_bytes = i % 5,
                           .sequence = far[i % G_N_ELEMENTS (far)],
                           .copy = i % 2 ? "hv" : "",
                           .held = (TsHeldState)(i % 4)};
    ts_ledger_add_row (ledger, &entry, written);
  }
  assert_int_equal (ledger->len, COUNT);
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  TsLedgerEntry entry;
  for (guint i = 0; i < COUNT; i++) {
    assert_true (ts_ledger_next (&reader, &entry));
    g_snprintf (vm, sizeof vm, "vm-%u", i % 2003);
    assert_string_equal (entry.vm, vm);
    assert_int_equal (entry.kind, i % 3);
    assert_int_equal (entry.t_us, i % 17 == 0 ? G_MAXINT64 : (gint64)i * 1000);
    assert_int_equal (entry.offset_bytes, far[i / 3 % G_N_ELEMENTS (far)]);
    assert_int_equal (entry.length_bytes, i % 5);
    assert_int_equal (entry.sequence, far[i % G_N_ELEMENTS (far)]);
    assert_int_equal (entry.held, i % 3 == TS_LEDGER_HELD ? i % 4 : TS_HELD_WHOLE);
  }
  assert_false (ts_ledger_next (&reader, &entry));
  g_autofree char *text = ts_ledger_to_text (ledger);
  assert_string_equal (text, written->str);
}

/* Each length, round each power of ten, and many between. */
static void
numbers_are_as_printf_has_them (void **state)
{
  guint64 value = 0, power = 1;
  for (guint i = 0; i < 20 * 3 + 20000; i++) {
    if (i < 20 * 3) {
      value = power + i % 3 - 1;
      power *= i % 3 == 2 && i < 19 * 3 ? 10 : 1;
    } else
      value = value * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407;
    guint64 sequence = value >> i % 64;
    g_autoptr (TsLedger) ledger = ts_ledger_new ();
    g_autoptr (GString) row = g_string_new (NULL);
    TsLedgerEntry entry = {.kind = TS_LEDGER_WRITE, .t_us = (gint64)(value / 2), .vm = "a", .disk = "d",
                           .offset_bytes = value, .length_bytes = 1, .sequence = sequence, .copy = ""};
    ts_ledger_add_row (ledger, &entry, row);
    g_autofree char *want =
        g_strdup_printf ("write\t%" G_GUINT64_FORMAT "\ta\td\t%" G_GUINT64_FORMAT
                         "\t1\t%" G_GUINT64_FORMAT "\t-\t-\n",
                         value / 2, value, sequence);
    assert_string_equal (row->str, want);
  }
}

int
main (void)
{
  static const struct CMUnitTest others[] = {
      cmocka_unit_test (numbers_are_as_printf_has_them),
      cmocka_unit_test (header_is_wanted),
      cmocka_unit_test (cut_at_any_byte),
      cmocka_unit_test (texts_are_the_ledgers_own),
      cmocka_unit_test (what_is_added_is_read_back),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + G_N_ELEMENTS (others)];
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = read_row, .initial_state = (void *)&rows[i]};
  memcpy (tests + G_N_ELEMENTS (rows), others, sizeof others);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
