/* Any bytes as a console: what is understood does not depend on how they are cut, and the numbers
 * are numbers. */
#include <stdint.h>
#include "core/site/console.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static TsConsoleTold
hear (const uint8_t *data, size_t len_bytes, size_t piece)
{
  static const TsConsolePatterns patterns = {"UP", "ACK ([0-9]+)", "LAST (-?[0-9a-f]*)"};
  TsConsole *console = ts_console_new (&patterns, NULL);
  for (size_t at = 0; at < len_bytes; at += piece)
    ts_console_hear (console, data + at, MIN (piece, len_bytes - at));
  TsConsoleTold told = *ts_console_told (console);
  ts_console_free (console);
  return told;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  TsConsoleTold whole = hear (data, len_bytes, MAX (len_bytes, 1)), cut = hear (data, len_bytes, 3);
  g_assert (whole.acked >= -1 && whole.survived >= -1 && whole.readies <= len_bytes);
  g_assert (whole.acked == cut.acked && whole.survived == cut.survived);
  g_assert (whole.readies == cut.readies);
  return 0;
}
