/* scenarios/cli/explain.c -- twinsite explain FILE..., twinsite explain --schema */
#include <stdio.h>
#include "scenarios/cli/command.h"
#include "scenarios/engine/schema.h"

static void
print_metrics (gboolean markdown)
{
  fputs (markdown ? "\n### metrics\n\n| metric | unit | |\n|---|---|---|\n" : "\nmetrics\n",
         stdout);
  guint count = ts_metric_count ();
  const TsMetric *metric;
  for (guint i = 0; (metric = i < count ? ts_metric_get (i) : ts_metric_family (i - count)) != NULL;
       i++) {
    printf (markdown ? "| `%s` | %s | %s |\n" : "  %-22s %-6s %s\n", metric->name,
            ts_unit_name (metric->unit), metric->help);
  }
}

int
ts_command_explain (int argc, char **argv)
{
  gboolean schema = FALSE, markdown = FALSE;
  const GOptionEntry entries[] = {
      {"schema", 0, 0, G_OPTION_ARG_NONE, &schema, "show all that a scenario file may say", NULL},
      {"markdown", 0, 0, G_OPTION_ARG_NONE, &markdown, "with --schema: as Markdown", NULL},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (entries, "FILE...",
                           "Tells in words what a scenario has, does and expects.", &argc, &argv,
                           &status))
    return status;
  if (schema) {
    g_autofree char *text = ts_schema_format (markdown);
    fputs (text, stdout);
    print_metrics (markdown);
  } else if (argc < 2)
    return ts_command_usage ("explain", "name a scenario file, or --schema");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++) {
    g_autoptr (TsScenario) scenario = ts_command_load (argv[i], NULL);
    if (scenario == NULL) {
      status = TS_EXIT_BAD_SCENARIO;
      continue;
    }
    g_autofree char *text = ts_scenario_explain (scenario);
    printf ("%s%s", i > 1 ? "\n" : "", text);
  }
  return status;
}
