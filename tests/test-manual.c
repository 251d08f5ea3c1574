/* The manual and the completions say all that the program's tables say, and are well formed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>
#include <sys/wait.h>
#include "results/metrics.h"
#include "scenarios/engine/schema.h"

static char *program; /* twinsite, argv[1] */

/* Standard output of a command, which must end well; caller frees. */
static char *
output_of (char **argv)
{
  char *out = NULL;
  g_autofree char *complaints = NULL;
  g_autoptr (GError) error = NULL;
  int status;
  if (!g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &complaints, &status,
                     &error))
    fail_msg ("%s: %s", argv[0], error->message);
  if (!g_spawn_check_wait_status (status, &error))
    fail_msg ("%s: %s\n%s", argv[0], error->message, complaints);
  if (complaints[0] != '\0')
    fail_msg ("%s complains: %s", argv[0], complaints);
  return out;
}

static char *
page (const char *name)
{
  char *argv[] = {program, (char *)"manual", (char *)name, NULL};
  return output_of (argv);
}

/* text as roff_words writes it */
static char *
in_roff (const char *text)
{
  g_autoptr (GString) roff = g_string_new (text);
  g_string_replace (roff, "-", "\\-", 0);
  return g_strdup (roff->str);
}

static void
expect_in (const char *text, const char *what)
{
  if (strstr (text, what) == NULL)
    fail_msg ("not told: %s", what);
}

static void
all_of_the_schema_is_on_the_page (void **state)
{
  g_autofree char *text = page ("twinsite-scenario.5");
  for (guint i = 0; ts_schema_get (i) != NULL; i++) {
    const TsSchemaRow *row = ts_schema_get (i);
    g_autofree char *need = ts_schema_need_text (row);
    g_autofree char *type = ts_schema_type_text (row);
    g_autofree char *when = ts_schema_when_text (row);
    g_autofree char *words = g_strdup_printf ("%s; %s%s", type, need, when);
    g_autofree char *roff = in_roff (words);
    g_autofree char *line = g_strdup_printf ("\n.TP\n\\fB%s\\fR %s\n", row->key, roff);
    expect_in (text, line);
    g_autofree char *help = in_roff (row->help);
    expect_in (text, help);
  }
  for (gint verb = 0; verb < TS_DO_COUNT; verb++) {
    g_autofree char *help = in_roff (ts_verb_help ((TsVerb)verb));
    g_autofree char *line =
        g_strdup_printf ("\n.TP\n\\fB%s\\fR\n%s\n", ts_verb_name ((TsVerb)verb), help);
    expect_in (text, line);
  }
  for (guint i = 0; i < ts_metric_count (); i++) {
    const TsMetric *metric = ts_metric_get (i);
    g_autofree char *line =
        g_strdup_printf ("\n.TP\n\\fB%s\\fR (%s)\n", metric->name, ts_unit_name (metric->unit));
    expect_in (text, line);
  }
}

/* The names that `twinsite --help` lists: what stands behind "  twinsite ". */
static GPtrArray *
commands (void)
{
  char *argv[] = {program, (char *)"--help", NULL};
  g_autofree char *help = output_of (argv);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) lines = g_strsplit (help, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "  twinsite ")) {
      const char *name = lines[i] + strlen ("  twinsite ");
      g_ptr_array_add (names, g_strndup (name, strcspn (name, " ")));
    }
  assert_true (names->len >= 9);
  return names;
}

/* The options of `twinsite COMMAND --help`, without their dashes. */
static GPtrArray *
options_of (const char *command)
{
  char *argv[] = {program, (char *)command, (char *)"--help", NULL};
  g_autofree char *help = output_of (argv);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (const char *at = strstr (help, " --"); at != NULL; at = strstr (at + 1, " --"))
    g_ptr_array_add (names, g_strndup (at + 3, strspn (at + 3, "abcdefghijklmnopqrstuvwxyz-")));
  return names;
}

static void
each_command_and_option_is_told (void **state)
{
  g_autofree char *manual = page ("twinsite.1");
  g_autofree char *bash = page ("bash");
  g_autofree char *zsh = page ("zsh");
  g_autoptr (GPtrArray) names = commands ();
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *heading = g_strdup_printf ("\n.SS \"twinsite %s\"\n", (char *)names->pdata[i]);
    expect_in (manual, heading);
    g_autofree char *branch = g_strdup_printf ("\n    %s)\n", (char *)names->pdata[i]);
    expect_in (bash, branch);
    expect_in (zsh, branch);
    g_autoptr (GPtrArray) options = options_of (names->pdata[i]);
    assert_true (options->len >= 1); /* --help */
    for (guint j = 0; j < options->len; j++) {
      const char *option = options->pdata[j];
      g_autofree char *dashed = g_strdup_printf ("--%s", option);
      g_autofree char *roff = in_roff (dashed);
      expect_in (bash, dashed);
      expect_in (zsh, dashed);
      if (!g_str_equal (option, "help"))
        expect_in (manual, roff);
    }
  }
}

/* What bash would offer after these words, one a line. */
static char *
bash_offers (const char *words)
{
  g_autofree char *script =
      g_strdup_printf ("source <('%s' manual bash)\n"
                       "COMP_WORDS=(%s) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                       "_twinsite\n"
                       "printf '%%s\\n' \"${COMPREPLY[@]}\"\n",
                       program, words);
  char *argv[] = {(char *)"bash", (char *)"--norc", (char *)"-c", script, NULL};
  return output_of (argv);
}

static const struct row {
  const char *name, *words, *want;
} rows[] = {
    {"a command's beginning is completed", "twinsite expl", "explain\n"},
    {"an option's beginning is completed", "twinsite run --tw", "--twice\n"},
    {"an option that is a choice offers it", "twinsite run --on ''", "sim\nlab\nboth\n"},
    {"with a sign of equality, too", "twinsite run --on = ''", "sim\nlab\nboth\n"},
    {"and its beginning", "twinsite run --on = l", "lab\n"},
    {"a command that takes one of several words offers them", "twinsite lab d", "doctor\ndown\n"},
    {"a file is completed where a file is due", "twinsite check scenarios/first-d",
     "scenarios/first-disaster.yaml\n"},
    {"a folder only where a run is due", "twinsite judge tests/fuz", "tests/fuzz\n"},
    {"nothing where nothing is known", "twinsite run --seed ''", "\n"},
};

static void
bash_completes (void **state)
{
  const struct row *row = *state;
  g_autofree char *offers = bash_offers (row->words);
  assert_string_equal (offers, row->want);
}

/* groff tells of every request that it does not know. */
static void
groff_finds_nothing_wrong (void **state)
{
  g_autofree char *groff = g_find_program_in_path ("groff");
  if (groff == NULL) {
    print_message ("skipped: there is no groff\n");
    skip ();
  }
  static const char *const names[] = {"twinsite.1", "twinsite-scenario.5"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *script =
        g_strdup_printf ("'%s' manual %s | groff -man -Tascii -ww -P-cbou", program, names[i]);
    char *argv[] = {(char *)"bash", (char *)"--norc", (char *)"-o", (char *)"pipefail",
                    (char *)"-c",   script,           NULL};
    g_autofree char *text = output_of (argv);
    expect_in (text, "SEE ALSO");
  }
}

static void
a_page_that_is_not_there_is_a_usage_error (void **state)
{
  char *argv[] = {program, (char *)"manual", (char *)"twinsite.7", NULL};
  g_autofree char *complaints = NULL;
  int status = 0;
  assert_true (g_spawn_sync (NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                             &complaints, &status, NULL));
  assert_int_equal (WEXITSTATUS (status), 64);
  expect_in (complaints, "did you mean 'twinsite.1'?");
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    return 64;
  program = argv[1];
  struct CMUnitTest tests[4 + G_N_ELEMENTS (rows)] = {
      cmocka_unit_test (all_of_the_schema_is_on_the_page),
      cmocka_unit_test (each_command_and_option_is_told),
      cmocka_unit_test (groff_finds_nothing_wrong),
      cmocka_unit_test (a_page_that_is_not_there_is_a_usage_error),
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[4 + i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = bash_completes, .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests_name ("manual", tests, NULL, NULL);
}
