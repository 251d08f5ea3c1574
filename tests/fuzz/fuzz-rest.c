/* tests/fuzz/fuzz-rest.c -- a request's body: what is taken can be written, and read again to the same;
 * and no route's check falls over it. */
#include <stdint.h>
#include <string.h>
#include "core/vault/routes.h"
#include "lab/vault/json.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body = ts_json_parse ((const char *)data, size, &error);
  if (!body) {
    g_assert (error && g_str_has_prefix (error->message, "line "));
    return 0;
  }
  guint count;
  const TsVaultRoute *routes = ts_vault_routes (&count);
  for (guint i = 0; i < count; i++) {
    g_autofree char *target = NULL;
    g_autoptr (GError) why = NULL;
    g_assert (ts_vault_body_check (&routes[i], body, &target, &why) == (why == NULL));
  }
  for (guint indent = 0; indent < 2; indent++) {
    g_autofree char *text = ts_json_format (body, indent);
    g_autoptr (GVariant) again = ts_json_parse (text, strlen (text), NULL);
    g_assert (again);
    g_autofree char *text_again = ts_json_format (again, indent);
    g_assert_cmpstr (text, ==, text_again);
  }
  return 0;
}
