/* Any bytes as a message between vault, VMM server and agent: refused with FORMAT, or taken; what is
 * taken survives another trip, and neither machine falls over it. */
#include <stdint.h>
#include <string.h>
#include "core/base/error.h"
#include "core/site/vmm.h"
#include "core/vault/vault.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static void
to_vault (GVariant *message)
{
  TsVault *vault = ts_vault_new ("v", 1);
  guint8 entropy[TS_VAULT_ENTROPY_BYTES] = {1};
  TsVaultEvent events[] = {
      {.kind = TS_VAULT_EVENT_CONNECTED, .connection = 1},
      {.kind = TS_VAULT_EVENT_MESSAGE, .connection = 1, .message = message},
      {.kind = TS_VAULT_EVENT_MESSAGE, .connection = 1, .message = message},
      {.kind = TS_VAULT_EVENT_TICK},
  };
  for (guint i = 0; i < G_N_ELEMENTS (events); i++) {
    TsVaultActions *out = ts_vault_actions_new ();
    events[i].now_us = 1000000 + i;
    events[i].entropy = entropy;
    ts_vault_step (vault, &events[i], out);
    ts_vault_actions_free (out);
  }
  ts_vault_free (vault);
}

static void
to_vmm (GVariant *message)
{
  static const char *const hosts[] = {"h", NULL};
  TsVmmSetup *setup = ts_vmm_setup_new ("vmm", "server");
  setup->key = g_strdup ("key");
  ts_vmm_setup_add_cloud (setup, "cloud", hosts);
  TsVmm *vmm = ts_vmm_new (setup);
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "vault", "v");
  ts_fields_set_text (fields, "secret", "s");
  ts_fields_set_int (fields, "clock", 1);
  GVariant *welcome = g_variant_ref_sink (ts_message_new (TS_MESSAGE_WELCOME, fields));
  TsVmmEvent events[] = {
      {.kind = TS_VMM_EVENT_TICK},
      {.kind = TS_VMM_EVENT_CONNECTED},
      {.kind = TS_VMM_EVENT_MESSAGE, .message = welcome},
      {.kind = TS_VMM_EVENT_HOST_CONNECTED, .host = "h"},
      {.kind = TS_VMM_EVENT_HOST_MESSAGE, .host = "h", .message = message},
      {.kind = TS_VMM_EVENT_MESSAGE, .message = message},
      {.kind = TS_VMM_EVENT_TICK},
  };
  for (guint i = 0; i < G_N_ELEMENTS (events); i++) {
    TsVmmActions *out = ts_vmm_actions_new ();
    events[i].now_us = 1000000 + i;
    ts_vmm_step (vmm, &events[i], out);
    ts_vmm_actions_free (out);
  }
  g_variant_unref (welcome);
  ts_vmm_free (vmm);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  GError *error = NULL;
  GBytes *bytes = g_bytes_new (data, len_bytes);
  GVariant *message = ts_message_decode (bytes, &error);
  g_assert ((message == NULL) == (error != NULL));
  g_assert (message || g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  g_clear_error (&error);
  if (message) {
    TsMessageKind kind;
    GVariant *fields = NULL;
    if (ts_message_open (message, &kind, &fields, &error)) {
      GBytes *again = ts_message_encode (g_variant_ref (message));
      GVariant *back = ts_message_decode (again, NULL);
      g_assert (back && g_variant_equal (back, message));
      g_variant_unref (back);
      g_bytes_unref (again);
      g_variant_unref (message); /* the reference that encode was given */
      to_vault (message);
      to_vmm (message);
      g_variant_unref (fields);
    }
    g_clear_error (&error);
    g_variant_unref (message);
  }
  g_bytes_unref (bytes);
  return 0;
}
