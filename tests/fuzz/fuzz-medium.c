/* Any bytes as the list of a medium: refused, or read; what was read is packed again to the same.
 *
 * The checksum would stop nearly everything at the door, so the bytes are played twice: as they are,
 * and with it made right. */
#include <stdint.h>
#include <string.h>
#include <xxhash.h>
#include "core/base/error.h"
#include "core/format/medium.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static void
play (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsMedium) medium = ts_medium_unpack (bytes, &error);
  if (!medium) {
    g_assert (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT) ||
              g_error_matches (error, TS_ERROR, TS_ERROR_REFUSED));
    return;
  }
  g_assert (!error);
  g_autoptr (GBytes) again = ts_medium_pack (medium);
  g_assert (g_bytes_equal (bytes, again));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  g_autoptr (GBytes) as_is = g_bytes_new (data, len_bytes);
  play (as_is);
  if (len_bytes < 56)
    return 0;
  guint8 *right = g_memdup2 (data, len_bytes);
  XXH3_state_t *state = XXH3_createState ();
  XXH3_64bits_reset (state);
  XXH3_64bits_update (state, right, 48);
  XXH3_64bits_update (state, right + 56, len_bytes - 56);
  guint64 sum = GUINT64_TO_LE (XXH3_64bits_digest (state));
  XXH3_freeState (state);
  memcpy (right + 48, &sum, sizeof sum);
  g_autoptr (GBytes) made_right = g_bytes_new_take (right, len_bytes);
  play (made_right);
  return 0;
}
