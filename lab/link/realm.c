/* lab/link/realm.c -- see realm.h. */
#include "lab/link/realm.h"
#include <glib/gstdio.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/command.h"

#define KDC "/usr/sbin/krb5kdc"
#define KDB5_UTIL "/usr/sbin/kdb5_util"
#define KADMIN "/usr/sbin/kadmin.local"
#define PACKAGES "krb5-kdc krb5-admin-server"

#define PORT 88
#define TOOL_US (20 * TS_S)
#define SERVE_US (20 * TS_S)
#define LOOK_US (20 * TS_MS)

char *
ts_lab_realm_refusal (void)
{
  static const char *const programs[] = {KDC, KDB5_UTIL, KADMIN};
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    if (!g_file_test (programs[i], G_FILE_TEST_IS_EXECUTABLE))
      return g_strdup_printf ("there is no %s here: apt-get install " PACKAGES, programs[i]);
  return NULL;
}

char *
ts_lab_realm_config (const char *folder)
{
  return g_build_filename (folder, "krb5.conf", NULL);
}

char *
ts_lab_realm_keytab (const char *folder, const char *host)
{
  return g_strdup_printf ("%s/%s.keytab", folder, host);
}

static gboolean
write_file (const char *path, const char *text, GError **error)
{
  g_autoptr (GError) reason = NULL;
  return g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &reason) ||
         ts_throw (error, TS_ERROR_IO, "%s", reason->message);
}

/* A KDC of that name has its database, stash and log in FOLDER/NAME.kdc/. */
static char *
kdc_folder (const char *folder, const char *name)
{
  return g_strdup_printf ("%s/%s.kdc", folder, name);
}

static gboolean
write_profile (const char *kdc, const char *log, GError **error)
{
  g_autofree char *path = g_build_filename (kdc, "kdc.conf", NULL);
  /* The database is not written to when a ticket is given: nothing is counted, nobody locked out.
   */
  g_autofree char *text =
      g_strdup_printf ("[kdcdefaults]\n kdc_listen = 127.0.0.1:%d\n kdc_tcp_listen = 127.0.0.1:%d\n"
                       "[realms]\n " TS_LAB_REALM " = {\n  database_module = own\n"
                       "  key_stash_file = %s/stash\n  acl_file = %s/acl\n }\n"
                       "[dbmodules]\n own = {\n  db_library = db2\n  database_name = %s/principal\n"
                       "  disable_last_success = true\n  disable_lockout = true\n }\n"
                       "[logging]\n kdc = FILE:%s\n",
                       PORT, PORT, kdc, kdc, kdc, log);
  return write_file (path, text, error);
}

/* One of MIT's tools on the database of that KDC: at most 5 words.  env(1), since its settings are
 * variables, and ours are not to be changed. */
static gboolean
run_tool (const char *folder, const char *kdc, const char *const *words, GError **error)
{
  g_autofree char *config = g_strdup_printf ("KRB5_CONFIG=%s/krb5.conf", folder);
  g_autofree char *profile = g_strdup_printf ("KRB5_KDC_PROFILE=%s/kdc.conf", kdc);
  const char *argv[10] = {"env", config, profile};
  for (guint i = 0; words[i]; i++) {
    g_assert (i < 6);
    argv[3 + i] = words[i];
  }
  return ts_lab_command (argv, PACKAGES, TOOL_US, NULL, error);
}

static gboolean
add_host (const char *folder, const char *kdc, const char *host, GError **error)
{
  g_autofree char *keytab = ts_lab_realm_keytab (folder, host);
  g_autofree char *add = g_strdup_printf ("addprinc -randkey hvr/%s", host);
  g_autofree char *take = g_strdup_printf ("ktadd -k \"%s\" hvr/%s", keytab, host);
  const char *const adding[] = {KADMIN, "-r", TS_LAB_REALM, "-q", add, NULL};
  const char *const taking[] = {KADMIN, "-r", TS_LAB_REALM, "-q", take, NULL};
  if (!run_tool (folder, kdc, adding, error) || !run_tool (folder, kdc, taking, error))
    return FALSE;
  /* It says no in words only, and ends well. */
  if (!g_file_test (keytab, G_FILE_TEST_EXISTS))
    return ts_throw (error, TS_ERROR_IO, "kadmin.local has made no keys for host %s", host);
  return TRUE;
}

gboolean
ts_lab_realm_create (const char *folder, const char *const *hosts, GError **error)
{
  g_autofree char *config = ts_lab_realm_config (folder);
  g_autofree char *kdc = kdc_folder (folder, "realm");
  g_autofree char *text =
      g_strdup_printf ("[libdefaults]\n default_realm = " TS_LAB_REALM "\n dns_lookup_kdc = false\n"
                       " dns_lookup_realm = false\n rdns = false\n"
                       " dns_canonicalize_hostname = false\n"
                       "[realms]\n " TS_LAB_REALM " = {\n  kdc = 127.0.0.1:%d\n }\n",
                       PORT);
  g_autofree char *master = g_uuid_string_random (); /* needed by nobody: it is stashed */
  const char *const create[] = {KDB5_UTIL, "create", "-s", "-P", master, NULL};
  if (g_mkdir_with_parents (kdc, 0700) < 0)
    return ts_throw_errno (error, "make %s", kdc);
  if (!write_file (config, text, error) || !write_profile (kdc, "/dev/null", error) ||
      !run_tool (folder, kdc, create, error)) {
    g_prefix_error (error, "realm " TS_LAB_REALM ": ");
    return FALSE;
  }
  for (guint i = 0; hosts[i]; i++)
    if (!add_host (folder, kdc, hosts[i], error)) {
      g_prefix_error (error, "realm " TS_LAB_REALM ": ");
      return FALSE;
    }
  return TRUE;
}

/* The database is a few files that nobody writes to now. */
static gboolean
copy_database (const char *from, const char *to, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GDir) dir = g_dir_open (from, 0, &reason);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *source = g_build_filename (from, name, NULL);
    g_autofree char *target = g_build_filename (to, name, NULL);
    g_autofree char *data = NULL;
    gsize len = 0;
    if ((!g_str_has_prefix (name, "principal") && !g_str_equal (name, "stash")) ||
        (g_file_get_contents (source, &data, &len, &reason) &&
         g_file_set_contents_full (target, data, (gssize)len, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
                                   &reason)))
      continue;
    break;
  }
  return !reason || ts_throw (error, TS_ERROR_IO, "%s", reason->message);
}

static gboolean
listens (const char *log)
{
  g_autofree char *text = NULL;
  return g_file_get_contents (log, &text, NULL, NULL) && strstr (text, "commencing operation");
}

gboolean
ts_lab_realm_serve (const char *folder, TsLabSite *site, const char *name, const char *log_path,
                    GError **error)
{
  g_autofree char *from = kdc_folder (folder, "realm");
  g_autofree char *part = g_strconcat ("site.", name, NULL); /* never "realm" */
  g_autofree char *kdc = kdc_folder (folder, part);
  g_autofree char *config = g_strdup_printf ("KRB5_CONFIG=%s/krb5.conf", folder);
  g_autofree char *profile = g_strdup_printf ("KRB5_KDC_PROFILE=%s/kdc.conf", kdc);
  const char *const argv[] = {"env", config, profile, KDC, "-n", NULL};
  if (g_mkdir_with_parents (kdc, 0700) < 0)
    return ts_throw_errno (error, "make %s", kdc);
  if (!copy_database (from, kdc, error) || !write_profile (kdc, log_path, error) ||
      !ts_lab_site_run (site, argv, log_path, error))
    return FALSE;
  gint64 until_us = g_get_monotonic_time () + SERVE_US;
  while (!listens (log_path)) {
    if (g_get_monotonic_time () >= until_us)
      return ts_throw (error, TS_ERROR_LOST, "the KDC of site %s does not listen: see %s", name,
                       log_path);
    g_usleep (LOOK_US);
  }
  return TRUE;
}
