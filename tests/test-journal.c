/* journal.jsonl and the recorder. */
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/recorder.h"
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct {
  const char *name;
  const char *line;
  const char
      *want; /* what the message holds; NULL: accepted, and comes out as `back` (NULL: same) */
  const char *back;
} Line;

#define HEAD "\"t_us\":1,\"source\":\"a\",\"kind\":\"b\""

static const Line lines[] = {
    {"a bare record", "{" HEAD "}", NULL, NULL},
    {"a number, a text and a claim", "{" HEAD ",\"n\":-5,\"t\":\"x\",\"y\":true,\"z\":false}", NULL,
     NULL},
    {"the least and the largest number",
     "{" HEAD ",\"x\":-9223372036854775808,\"y\":9223372036854775807}", NULL, NULL},
    {"2^53 + 1 stays what it is", "{" HEAD ",\"x\":9007199254740993}", NULL, NULL},
    {"escapes", "{" HEAD ",\"x\":\"\\\"\\\\\\n\\t\\u0001\"}", NULL, NULL},
    {"escapes that are written otherwise", "{" HEAD ",\"x\":\"\\/\\u0041\\ud83d\\ude00\"}", NULL,
     "{" HEAD ",\"x\":\"/A\xf0\x9f\x98\x80\"}"},
    {"space and another order", " { \"kind\" : \"b\" , \"x\" : 1 , \"source\" :\"a\",\"t_us\":1 } ",
     NULL, "{" HEAD ",\"x\":1}"},
    {"nothing", "", "column 1: '{'", NULL},
    {"an empty object", "{}", "a text in", NULL},
    {"an array", "[1]", "'{'", NULL},
    {"an object in an object", "{" HEAD ",\"x\":{}}", "a whole number, a text", NULL},
    {"an array in an object", "{" HEAD ",\"x\":[1]}", "a whole number, a text", NULL},
    {"null", "{" HEAD ",\"x\":null}", "a whole number, a text", NULL},
    {"a fraction", "{" HEAD ",\"x\":1.5}", "whole", NULL},
    {"an exponent", "{" HEAD ",\"x\":1e3}", "whole", NULL},
    {"a number past 64 bits", "{" HEAD ",\"x\":9223372036854775808}", "past 64 bits", NULL},
    {"a number that begins with 0", "{" HEAD ",\"x\":007}", "begins with 0", NULL},
    {"a minus alone", "{" HEAD ",\"x\":-}", "a whole number", NULL},
    {"a key twice", "{" HEAD ",\"x\":1,\"x\":1}", "before", NULL},
    {"t_us twice", "{" HEAD ",\"t_us\":1}", "twice", NULL},
    {"kind twice", "{" HEAD ",\"kind\":\"c\"}", "twice", NULL},
    {"no kind", "{\"t_us\":1,\"source\":\"a\"}", "are wanted", NULL},
    {"no time", "{\"source\":\"a\",\"kind\":\"b\"}", "are wanted", NULL},
    {"a time before the start", "{\"t_us\":-1,\"source\":\"a\",\"kind\":\"b\"}", "0 or more", NULL},
    {"a time past 2^53", "{\"t_us\":9007199254740993,\"source\":\"a\",\"kind\":\"b\"}", "0 or more",
     NULL},
    {"a time that is a text", "{\"t_us\":\"1\",\"source\":\"a\",\"kind\":\"b\"}", "0 or more",
     NULL},
    {"a kind that is a number", "{\"t_us\":1,\"source\":\"a\",\"kind\":7}", "not empty", NULL},
    {"a kind that is empty", "{\"t_us\":1,\"source\":\"a\",\"kind\":\"\"}", "not empty", NULL},
    {"a key with a capital", "{" HEAD ",\"X\":1}", "keys are of", NULL},
    {"an empty key", "{" HEAD ",\"\":1}", "keys are of", NULL},
    {"a comma too many", "{" HEAD ",}", "a text in", NULL},
    {"no comma", "{" HEAD " \"x\":1}", "',' or '}'", NULL},
    {"a text without its end", "{" HEAD ",\"x\":\"abc", "without its end", NULL},
    {"a backslash at the end", "{" HEAD ",\"x\":\"abc\\", "not an escape", NULL},
    {"an escape that is none", "{" HEAD ",\"x\":\"\\x41\"}", "not an escape", NULL},
    {"a NUL", "{" HEAD ",\"x\":\"\\u0000\"}", "not a character", NULL},
    {"half a surrogate pair", "{" HEAD ",\"x\":\"\\ud83d\"}", "surrogate", NULL},
    {"the other half alone", "{" HEAD ",\"x\":\"\\ude00\"}", "not a character", NULL},
    {"a tab in a text", "{" HEAD ",\"x\":\"\t\"}", "control character", NULL},
    {"something behind it", "{" HEAD "} x", "behind the object", NULL},
    {"two objects", "{" HEAD "}{" HEAD "}", "behind the object", NULL},
    {"not UTF-8", "{" HEAD ",\"x\":\"\xff\"}", "not UTF-8", NULL},
    {"a comment", "{" HEAD "/* x */}", "',' or '}'", NULL},
};

static void
read_line (void **state)
{
  const Line *row = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsRecord) record = ts_journal_parse_line (row->line, strlen (row->line), &error);
  if (row->want) {
    assert_null (record);
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    if (!strstr (error->message, row->want))
      fail_msg ("\"%s\" does not hold \"%s\"", error->message, row->want);
    return;
  }
  assert_null (error);
  g_autofree char *json = ts_record_to_json (record);
  assert_string_equal (json, row->back ? row->back : row->line);
}

static void
lines_and_their_numbers (void **state)
{
  const char *good = "{" HEAD "}\n{" HEAD "}\n";
  g_autoptr (TsJournal) journal = ts_journal_parse (good, strlen (good), NULL);
  assert_int_equal (journal->records->len, 2);
  assert_null (journal->damage);
  g_autoptr (TsJournal) empty = ts_journal_parse ("", 0, NULL);
  assert_int_equal (empty->records->len, 0);
  assert_int_equal (ts_journal_end_us (empty), 0);

  g_autoptr (GError) error = NULL;
  const char *bad = "{" HEAD "}\n{" HEAD "}\n{\n{" HEAD "}\n";
  assert_null (ts_journal_parse (bad, strlen (bad), &error));
  assert_non_null (strstr (error->message, "line 3: column 2"));
}

/* Whatever the byte at which a run was killed: all whole lines are read, the rest is told. */
static void
cut_at_any_byte (void **state)
{
  const char *text = "{" HEAD "}\n{" HEAD ",\"x\":\"caf\xc3\xa9\"}\n";
  for (gsize len = 0; len <= strlen (text); len++) {
    guint whole = 0;
    for (gsize i = 0; i < len; i++)
      whole += text[i] == '\n';
    g_autoptr (TsJournal) journal = ts_journal_parse (text, len, NULL);
    assert_non_null (journal);
    assert_int_equal (journal->records->len, whole);
    assert_int_equal (journal->damage != NULL, len > 0 && text[len - 1] != '\n');
  }
}

static void
bounded_lines (void **state)
{
  g_autoptr (GString) many = g_string_new ("{" HEAD);
  for (int i = 0; i < 65; i++)
    g_string_append_printf (many, ",\"x%d\":1", i);
  g_string_append (many, "}");
  g_autoptr (GError) error = NULL;
  assert_null (ts_journal_parse_line (many->str, many->len, &error));
  assert_non_null (strstr (error->message, "more fields"));
  g_autofree char *long_line = g_strnfill (1u << 21, ' ');
  assert_null (ts_journal_parse_line (long_line, 1u << 21, NULL));
}

/* --- the recorder ----------------------------------------------------------------------------- */

typedef struct {
  guint heard;
  guint kept;
} Hook;

static void
on_record (TsRecorder *recorder, const TsRecord *record, gpointer data)
{
  Hook *hook = data;
  hook->heard++;
  hook->kept = ts_recorder_journal (recorder)->records->len;
  if (strcmp (record->kind, "end") == 0)
    ts_recorder_observer (recorder)->stop = TRUE;
}

static char *
make_folder (void)
{
  char *folder = g_dir_make_tmp ("test-journal-XXXXXX", NULL);
  assert_non_null (folder);
  return folder;
}

static void
remove_folder (const char *folder)
{
  const char *const names[] = {"journal.jsonl", "ledger.tsv"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    g_unlink (path);
  }
  assert_int_equal (g_rmdir (folder), 0);
}

static void
what_is_told_is_kept_and_on_disk_at_once (void **state)
{
  g_autofree char *folder = make_folder ();
  g_autofree char *journal_path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autofree char *ledger_path = g_build_filename (folder, "ledger.tsv", NULL);
  Hook hook = {0};
  g_autoptr (TsRecorder) recorder = ts_recorder_new (folder, NULL);
  TsObserver *observer = ts_recorder_observer (recorder);
  TsLedgerEntry entry = {.kind = TS_LEDGER_WRITE,
                         .t_us = 2,
                         .vm = "app",
                         .disk = "data",
                         .length_bytes = 4096,
                         .sequence = 1,
                         .copy = ""};
  ts_recorder_set_hook (recorder, on_record, &hook);
  ts_observe (observer, ts_record_text (ts_record_new (1, "engine", "run"), "scenario", "x"));
  assert_false (observer->stop);
  observer->ledger (observer, &entry);
  ts_observe (observer, ts_record_new (3, "engine", "end"));
  assert_true (observer->stop);
  assert_int_equal (hook.heard, 2);
  assert_int_equal (hook.kept, 2);

  /* before any finish: a run may be killed */
  g_autoptr (TsJournal) journal = ts_journal_read (journal_path, NULL);
  g_autoptr (TsLedger) ledger = ts_ledger_read (ledger_path, NULL);
  assert_int_equal (journal->records->len, 2);
  assert_int_equal (ts_journal_end_us (journal), 3);
  assert_int_equal (ledger->len, 1);
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  TsLedgerEntry read;
  assert_true (ts_ledger_next (&reader, &read));
  assert_string_equal (read.disk, "data");
  assert_int_equal (ts_recorder_ledger (recorder)->len, 1);
  assert_true (ts_recorder_finish (recorder, NULL));
  assert_true (ts_recorder_finish (recorder, NULL));
  remove_folder (folder);
}

static void
memory_only (void **state)
{
  g_autoptr (TsRecorder) recorder = ts_recorder_new (NULL, NULL);
  ts_observe (ts_recorder_observer (recorder), ts_record_new (1, "a", "b"));
  assert_int_equal (ts_recorder_journal (recorder)->records->len, 1);
  assert_true (ts_recorder_finish (recorder, NULL));
}

static void
full_disk_is_told_at_the_end (void **state)
{
  g_autofree char *folder = make_folder ();
  g_autofree char *path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autoptr (GError) error = NULL;
  assert_int_equal (symlink ("/dev/full", path), 0);
  g_autoptr (TsRecorder) recorder = ts_recorder_new (folder, NULL);
  ts_observe (ts_recorder_observer (recorder), ts_record_new (1, "a", "b"));
  ts_observe (ts_recorder_observer (recorder), ts_record_new (2, "a", "b"));
  assert_false (ts_recorder_finish (recorder, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FULL));
  assert_non_null (strstr (error->message, "journal.jsonl"));
  assert_int_equal (ts_recorder_journal (recorder)->records->len, 2);
  remove_folder (folder);
}

static void
missing_folder_and_missing_file (void **state)
{
  g_autoptr (GError) error = NULL, read_error = NULL;
  assert_null (ts_recorder_new ("/nowhere/at/all", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
  assert_null (ts_journal_read ("/nowhere/at/all", &read_error));
  assert_true (g_error_matches (read_error, TS_ERROR, TS_ERROR_IO));
}

int
main (void)
{
  static const struct CMUnitTest others[] = {
      cmocka_unit_test (lines_and_their_numbers),
      cmocka_unit_test (cut_at_any_byte),
      cmocka_unit_test (bounded_lines),
      cmocka_unit_test (what_is_told_is_kept_and_on_disk_at_once),
      cmocka_unit_test (memory_only),
      cmocka_unit_test (full_disk_is_told_at_the_end),
      cmocka_unit_test (missing_folder_and_missing_file),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (lines) + G_N_ELEMENTS (others)];
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    tests[i] = (struct CMUnitTest){
        .name = lines[i].name, .test_func = read_line, .initial_state = (void *)&lines[i]};
  memcpy (tests + G_N_ELEMENTS (lines), others, sizeof others);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
