/* Any bytes: a scenario or problems with places, never both, never neither; and what was accepted
 * is written out as something that is accepted again and means the same. */
#include <stdint.h>
#include <string.h>
#include "scenarios/engine/scenario.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);
const char *__lsan_default_suppressions (void);

/* libfyaml 0.7.12 forgets a buffer when it measures a quoted text with many quotes in it ("a: "
 * and so on): bounded by the file, and a reader's process is short.  Our own leaks still show. */
const char *
__lsan_default_suppressions (void)
{
  return "leak:libfyaml.so";
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  g_autoptr (TsScenario) scenario =
      ts_scenario_parse ("f", (const char *)data, len_bytes, NULL, problems);
  g_assert ((scenario != NULL) != ts_problems_any (problems));
  g_autofree char *told = ts_problems_format (problems);
  g_assert (g_utf8_validate (told, -1, NULL));
  if (scenario == NULL)
    return 0;
  g_autofree char *words = ts_scenario_explain (scenario);
  g_assert (words[0] != '\0');
  g_autofree char *text = ts_scenario_format (scenario);
  g_autoptr (TsScenario) again = ts_scenario_parse ("f", text, strlen (text), NULL, problems);
  g_assert (again != NULL);
  g_autofree char *text_again = ts_scenario_format (again);
  g_assert (g_str_equal (text, text_again));
  return 0;
}
