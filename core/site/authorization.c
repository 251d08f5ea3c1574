/* core/site/authorization.c -- see authorization.h. */
#include "core/site/authorization.h"
#include "core/base/error.h"
#include <string.h>

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63 }; /* RFC 1035, 2.3.4 */

typedef struct {
  char *server, *storage, *trust_group;
} Entry;

struct _TsAuthorization {
  GPtrArray *entries; /* Entry, in the order in which they came */
  char
      *any_storage; /* NULL: entries count.  CHOICE: they are kept, unasked, while any server may */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;
  g_free (entry->server);
  g_free (entry->storage);
  g_free (entry->trust_group);
  g_free (entry);
}

TsAuthorization *
ts_authorization_new (void)
{
  TsAuthorization *authorization = g_new0 (TsAuthorization, 1);
  authorization->entries = g_ptr_array_new_with_free_func (entry_free);
  return authorization;
}

void
ts_authorization_free (TsAuthorization *authorization)
{
  if (!authorization)
    return;
  g_ptr_array_unref (authorization->entries);
  g_free (authorization->any_storage);
  g_free (authorization);
}

/* --- names ------------------------------------------------------------------------------------ */

static gboolean
is_number (const char *text, gsize len_bytes)
{
  for (gsize i = 0; i < len_bytes; i++)
    if (!g_ascii_isdigit (text[i]))
      return FALSE;
  return len_bytes > 0;
}

/* NULL: it can be a label.  stars: how many '*' it may hold. */
static const char *
label_fault (const char *label, gsize len_bytes, guint stars)
{
  if (len_bytes == 0)
    return "a label is empty";
  if (len_bytes > LABEL_MAX_BYTES)
    return "a label is longer than 63 characters";
  if (label[0] == '-' || label[len_bytes - 1] == '-')
    return "a label starts or ends with '-'";
  for (gsize i = 0; i < len_bytes; i++) {
    if (label[i] == '*' && stars-- == 0)
      return "one '*' is possible, in the first of several labels";
    if (label[i] != '*' && !g_ascii_isalnum (label[i]) && label[i] != '-' && label[i] != '_')
      return "a label is letters, digits, '-' and '_'";
  }
  return NULL;
}

static const char *
name_fault (const char *name, gboolean may_have_star)
{
  if (!*name)
    return "it is empty";
  if (strlen (name) > NAME_MAX_BYTES)
    return "it is longer than 253 characters";
  if (g_str_equal (name, "*"))
    return "to allow any server is a setting of its own, not an entry";
  for (const char *label = name;;) {
    gsize len_bytes = strcspn (label, ".");
    gboolean last = label[len_bytes] == 0;
    const char *fault =
        label_fault (label, len_bytes, may_have_star && label == name && !last ? 1 : 0);
    if (fault)
      return fault;
    if (last)
      return is_number (label, len_bytes) ? "servers are addressed by name, not by address" : NULL;
    label += len_bytes + 1;
  }
}

/* CHOICE: '*' stands for what is within one label, at least one character of it, as in
 * certificates (RFC 6125, 6.4.3): "*.contoso.com" is neither a.b.contoso.com nor contoso.com. */
static gboolean
name_fits (const char *pattern, const char *name)
{
  const char *star = strchr (pattern, '*');
  if (!star)
    return g_ascii_strcasecmp (pattern, name) == 0;
  gsize before = (gsize)(star - pattern), after = strlen (star + 1), len_bytes = strlen (name);
  return len_bytes > before + after && g_ascii_strncasecmp (pattern, name, before) == 0 &&
         g_ascii_strcasecmp (star + 1, name + len_bytes - after) == 0 &&
         !memchr (name + before, '.', len_bytes - before - after);
}

/* --- entries ---------------------------------------------------------------------------------- */

static gboolean
find_entry (const TsAuthorization *authorization, const char *server, guint *index)
{
  for (guint i = 0; i < authorization->entries->len; i++) {
    const Entry *entry = authorization->entries->pdata[i];
    if (g_ascii_strcasecmp (entry->server, server) == 0) {
      *index = i;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
check_storage (const char *storage, GError **error)
{
  /* CHOICE: where it is, is the host's matter; that it is somewhere, ours. */
  if (!storage || !*storage)
    return ts_throw (error, TS_ERROR_ARGUMENT, "replica storage location: it is empty");
  return TRUE;
}

gboolean
ts_authorization_add (TsAuthorization *authorization, const char *allowed_primary_server,
                      const char *storage_location, const char *trust_group, GError **error)
{
  const char *server = allowed_primary_server ? allowed_primary_server : "";
  const char *fault = name_fault (server, TRUE);
  guint index;
  if (authorization->any_storage)
    return ts_throw (error, TS_ERROR_STATE,
                     "authorization entry for \"%s\": replication is allowed from any server; "
                     "entries need that to be off",
                     server);
  if (fault)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "allowed primary server \"%s\": %s (expected: a server's full name like "
                     "hv1.contoso.com, or with a wildcard in its first label like *.contoso.com)",
                     server, fault);
  if (find_entry (authorization, server, &index))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "allowed primary server \"%s\": there is an authorization entry for it",
                     server);
  if (!check_storage (storage_location, error))
    return FALSE;
  if (!trust_group || !*trust_group)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "trust group of \"%s\": it is empty (expected: any word; who shares it may go "
                     "on with each other's replicas)",
                     server);
  Entry *entry = g_new0 (Entry, 1);
  *entry = (Entry){g_strdup (server), g_strdup (storage_location), g_strdup (trust_group)};
  g_ptr_array_add (authorization->entries, entry);
  return TRUE;
}

gboolean
ts_authorization_remove (TsAuthorization *authorization, const char *allowed_primary_server,
                         GError **error)
{
  guint index;
  if (!find_entry (authorization, allowed_primary_server, &index))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "allowed primary server \"%s\": there is no authorization entry for it",
                     allowed_primary_server);
  g_ptr_array_remove_index (authorization->entries, index);
  return TRUE;
}

gboolean
ts_authorization_allow_any (TsAuthorization *authorization, const char *storage_location,
                            GError **error)
{
  if (storage_location && !check_storage (storage_location, error))
    return FALSE;
  g_free (authorization->any_storage);
  authorization->any_storage = g_strdup (storage_location);
  return TRUE;
}

/* --- who is admitted -------------------------------------------------------------------------- */

/* CHOICE: which of several entries counts is not published; the narrowest is what is meant. */
static const Entry *
best_entry (const TsAuthorization *authorization, const char *server)
{
  const Entry *best = NULL;
  for (guint i = 0; i < authorization->entries->len; i++) {
    const Entry *entry = authorization->entries->pdata[i];
    if (!name_fits (entry->server, server))
      continue;
    if (!strchr (entry->server, '*'))
      return entry;
    if (!best || strlen (entry->server) > strlen (best->server))
      best = entry;
  }
  return best;
}

gboolean
ts_authorization_get (const TsAuthorization *authorization, guint index, TsGrant *grant)
{
  if (index >= authorization->entries->len)
    return FALSE;
  const Entry *entry = authorization->entries->pdata[index];
  *grant = (TsGrant){entry->server, entry->storage, entry->trust_group};
  return TRUE;
}

gboolean
ts_authorization_admit (const TsAuthorization *authorization, const char *server, TsGrant *grant,
                        GError **error)
{
  const char *fault = name_fault (server, FALSE);
  if (fault)
    return ts_throw (error, TS_ERROR_REFUSED, "\"%s\" is no server's name: %s", server, fault);
  if (authorization->any_storage) {
    *grant = (TsGrant){NULL, authorization->any_storage, TS_TRUST_GROUP_DEFAULT};
    return TRUE;
  }
  const Entry *entry = best_entry (authorization, server);
  if (!entry)
    return ts_throw (error, TS_ERROR_REFUSED, "no authorization entry allows %s to replicate here",
                     server);
  *grant = (TsGrant){entry->server, entry->storage, entry->trust_group};
  return TRUE;
}

gboolean
ts_authorization_admit_replica (const TsAuthorization *authorization, const char *server,
                                const TsReplicaOwner *owner, TsGrant *grant, GError **error)
{
  TsGrant granted;
  if (!ts_authorization_admit (authorization, server, &granted, error))
    return FALSE;
  if (g_ascii_strcasecmp (owner->server, server) != 0 &&
      g_ascii_strcasecmp (owner->trust_group, granted.trust_group) != 0)
    return ts_throw (error, TS_ERROR_REFUSED,
                     "the replica was created by %s of trust group %s; %s is of trust group %s",
                     owner->server, owner->trust_group, server, granted.trust_group);
  *grant = granted;
  return TRUE;
}
