/* core/site/message.c -- see message.h. */
#include "core/site/message.h"
#include "core/base/error.h"

static const char *const names[TS_MESSAGE_KINDS] = {
    [TS_MESSAGE_HELLO] = "hello",     [TS_MESSAGE_HEARTBEAT] = "heartbeat",
    [TS_MESSAGE_INVENTORY] = "inventory", [TS_MESSAGE_LEVELS] = "levels",
    [TS_MESSAGE_RESULT] = "result",   [TS_MESSAGE_WELCOME] = "welcome",
    [TS_MESSAGE_REFUSED] = "refused", [TS_MESSAGE_ALIVE] = "alive",
    [TS_MESSAGE_ORDER] = "order",     [TS_MESSAGE_CONFIRM] = "confirm",
    [TS_MESSAGE_REFRESH] = "refresh", [TS_MESSAGE_ASK] = "ask",
    [TS_MESSAGE_LOOK] = "look",       [TS_MESSAGE_HOST] = "host",
    [TS_MESSAGE_SAID] = "said",
};

/* What must be there; as in message.h. */
static const struct {
  TsMessageKind kind;
  const char *name, *type;
} musts[] = {
    {TS_MESSAGE_HELLO, "name", "s"},
    {TS_MESSAGE_HELLO, "server", "s"},
    {TS_MESSAGE_HELLO, "key", "s"},
    {TS_MESSAGE_HELLO, "secret", "s"},
    {TS_MESSAGE_HELLO, "clock", "x"},
    {TS_MESSAGE_HELLO, "version", "s"},
    {TS_MESSAGE_HEARTBEAT, "clock", "x"},
    {TS_MESSAGE_INVENTORY, "hosts", "av"},
    {TS_MESSAGE_INVENTORY, "clouds", "av"},
    {TS_MESSAGE_INVENTORY, "networks", "av"},
    {TS_MESSAGE_INVENTORY, "classifications", "av"},
    {TS_MESSAGE_INVENTORY, "vms", "av"},
    {TS_MESSAGE_LEVELS, "full", "b"},
    {TS_MESSAGE_LEVELS, "items", "av"},
    {TS_MESSAGE_RESULT, "id", "s"},
    {TS_MESSAGE_RESULT, "ok", "b"},
    {TS_MESSAGE_RESULT, "code", "x"},
    {TS_MESSAGE_RESULT, "reason", "s"},
    {TS_MESSAGE_RESULT, "output", "a{sv}"},
    {TS_MESSAGE_WELCOME, "vault", "s"},
    {TS_MESSAGE_WELCOME, "secret", "s"},
    {TS_MESSAGE_WELCOME, "clock", "x"},
    {TS_MESSAGE_REFUSED, "code", "x"},
    {TS_MESSAGE_REFUSED, "reason", "s"},
    {TS_MESSAGE_ALIVE, "clock", "x"},
    {TS_MESSAGE_ORDER, "id", "s"},
    {TS_MESSAGE_ORDER, "verb", "s"},
    {TS_MESSAGE_ORDER, "fields", "a{sv}"},
    {TS_MESSAGE_CONFIRM, "id", "s"},
    {TS_MESSAGE_ASK, "number", "x"},
    {TS_MESSAGE_ASK, "verb", "s"},
    {TS_MESSAGE_ASK, "fields", "a{sv}"},
    {TS_MESSAGE_HOST, "memory", "x"},
    {TS_MESSAGE_HOST, "storage", "x"},
    {TS_MESSAGE_HOST, "networks", "as"},
    {TS_MESSAGE_HOST, "classifications", "av"},
    {TS_MESSAGE_SAID, "number", "x"},
    {TS_MESSAGE_SAID, "ok", "b"},
    {TS_MESSAGE_SAID, "code", "x"},
    {TS_MESSAGE_SAID, "reason", "s"},
};

const char *
ts_message_name (TsMessageKind kind)
{
  return (guint)kind < TS_MESSAGE_KINDS ? names[kind] : NULL;
}

GVariant *
ts_message_new (TsMessageKind kind, TsFields *fields)
{
  return g_variant_new ("(us@a{sv})", (guint32)TS_MESSAGE_VERSION, names[kind],
                        ts_fields_end (fields ? fields : ts_fields_new ()));
}

gboolean
ts_message_open (GVariant *message, TsMessageKind *kind, GVariant **fields, GError **error)
{
  *fields = NULL;
  if (!g_variant_is_of_type (message, G_VARIANT_TYPE ("(usa{sv})")))
    return ts_throw (error, TS_ERROR_FORMAT, "that is no message");
  guint32 version;
  const char *name;
  g_autoptr (GVariant) dict = NULL;
  g_variant_get (message, "(u&s@a{sv})", &version, &name, &dict);
  if (version != TS_MESSAGE_VERSION)
    return ts_throw (error, TS_ERROR_FORMAT, "message of version %u; this side speaks %u", version,
                     (guint)TS_MESSAGE_VERSION);
  guint found = 0;
  while (found < TS_MESSAGE_KINDS && !g_str_equal (names[found], name))
    found++;
  if (found == TS_MESSAGE_KINDS)
    return ts_throw (error, TS_ERROR_FORMAT, "unknown message \"%.32s\"", name);
  for (guint i = 0; i < G_N_ELEMENTS (musts); i++) {
    if (musts[i].kind != found)
      continue;
    g_autoptr (GVariant) value =
        g_variant_lookup_value (dict, musts[i].name, G_VARIANT_TYPE (musts[i].type));
    if (!value)
      return ts_throw (error, TS_ERROR_FORMAT, "message %s: field %s is missing, or is no %s", name,
                       musts[i].name, musts[i].type);
  }
  *kind = (TsMessageKind)found;
  *fields = g_steal_pointer (&dict);
  return TRUE;
}

GBytes *
ts_message_encode (GVariant *message)
{
  g_autoptr (GVariant) held = g_variant_ref_sink (message);
  g_autoptr (GVariant) normal = g_variant_get_normal_form (held);
#if G_BYTE_ORDER == G_BIG_ENDIAN
  g_autoptr (GVariant) wire = g_variant_byteswap (normal);
#else
  g_autoptr (GVariant) wire = g_variant_ref (normal);
#endif
  return g_variant_get_data_as_bytes (wire);
}

GVariant *
ts_message_decode (GBytes *bytes, GError **error)
{
  if (g_bytes_get_size (bytes) > TS_MESSAGE_BYTES_MAX) {
    ts_throw (error, TS_ERROR_FORMAT, "message of %" G_GSIZE_FORMAT " bytes; at most %d are taken",
              g_bytes_get_size (bytes), TS_MESSAGE_BYTES_MAX);
    return NULL;
  }
  g_autoptr (GVariant) wire = g_variant_ref_sink (
      g_variant_new_from_bytes (G_VARIANT_TYPE ("(usa{sv})"), bytes, FALSE));
  if (!g_variant_is_normal_form (wire)) {
    ts_throw (error, TS_ERROR_FORMAT, "message is not in normal form");
    return NULL;
  }
#if G_BYTE_ORDER == G_BIG_ENDIAN
  return g_variant_byteswap (wire);
#else
  return g_steal_pointer (&wire);
#endif
}

/* --- codes ------------------------------------------------------------------------------------ */

/* HVR 4.6: the texts of the catalogue are not published. */
static const struct {
  gint64 code;
  const char *causes, *advice;
} codes[] = {
    {TS_SITE_BUSY, "A job runs for the same item or plan.",
     "Wait until it has ended, or cancel it, and try again."},
    {TS_SITE_NOT_CONNECTED,
     "The VMM server is down, its service is stopped, or it does not reach the vault over HTTPS.",
     "Start it, look at its way to the vault, and try again.  Replication between hosts goes on "
     "meanwhile; an unplanned failover needs only the VMM server of the recovery site."},
    {TS_SITE_LEFT_CLOUD, "The virtual machine was moved to a host that is in none of the paired clouds.",
     "Move it back to a host of its cloud."},
    {TS_SITE_INVALID_STATE, "Replication is not in a state that allows it.",
     "Look at the item's allowedOperations."},
    {TS_SITE_FAILED, "The host has begun it, and it failed.", "Look at the host's journal; try again."},
    {TS_SITE_NOT_FOUND, "It was removed behind the vault's back, or never was.",
     "Refresh the Provider."},
    {TS_SITE_HOST_DOWN, "The host is down, or its agent is.",
     "Start the host, or fail over from the other site; then restart the job."},
    {TS_SITE_HOST_REFUSED, "The state of the virtual machine on the host does not allow it.",
     "Look at its replication state and health on the host; then restart the job."},
    {TS_SITE_NO_PLACE,
     "No host of the recovery cloud has enough memory and storage and reaches the mapped network and "
     "storage.",
     "Free room, add a host to the cloud, or change the mappings; then enable again."},
    {TS_SITE_SCRIPT_FAILED, "The script wrote to its standard error, or ended with a status that is not 0.",
     "Mend it on the VMM server; then restart the job."},
    {TS_SITE_SCRIPT_MISSING, "The script is not in the library of this VMM server.",
     "Copy it to both VMM servers; then restart the job."},
    {TS_SITE_SCRIPT_HANGS, "The script did not end within its limit.",
     "Mend it, or make it shorter; then restart the job."},
    {TS_SITE_FOREIGN_KEY, "The key is of another vault, was used before, or is none.",
     "Make a new registration key in this vault."},
    {TS_SITE_EXPIRED_KEY, "Registration keys are valid for 5 days.",
     "Make a new registration key in this vault."},
    {TS_SITE_NAME_TAKEN, "Another VMM server is registered under this name.",
     "Give this one another name, or delete the fabric first."},
    {TS_SITE_VERSION, "Vault and Provider are of different versions.", "Upgrade the older one."},
    {TS_SITE_CANCELLED, "An operator has cancelled the job.",
     "A failover that had begun has stopped replication: fail over again, or repair replication."},
};

const char *
ts_site_causes (gint64 code)
{
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (codes[i].code == code)
      return codes[i].causes;
  return "";
}

const char *
ts_site_advice (gint64 code)
{
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (codes[i].code == code)
      return codes[i].advice;
  return "";
}
