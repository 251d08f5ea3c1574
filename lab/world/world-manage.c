/* lab/world/world-manage.c -- who manages the hosts: the vault and the VMM servers, as processes at their
 * sites.  Twin of sim/management.c.
 *
 * The vault's REST interface is served on a socket that the runner has opened outside all sites, so that
 * people (and the runner, who plays the scenario's steps) can ask it; everything else of it, and all
 * that VMM servers and agents say, crosses the sites' own networks and links. */
#include "lab/world/world-internal.h"
#include <arpa/inet.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/ipv4.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/host/managed.h"
#include "lab/link/certificate.h"
#include "lab/vault/vmm-config.h"

#define VAULT_NAME "vault"
#define PROVIDER_PORT 8443
#define AGENT_PORT 8500       /* and above: a port for each VMM server */
#define READY_US (30 * TS_S)
#define PREPARED_US (120 * TS_S)
#define ASK_TIMEOUT_S 5

typedef struct { /* a process of the management, seen by the runner */
  TsWorld *world;
  gint vmm; /* its index; -1: it is the vault */
  const char *name;
  guint site;
  char *key; /* a VMM server's, NULL: it has none yet and is not started */
  int listening;
  guint accepting; /* source */
  guint late;      /* source: until it is started with a key that has expired */
  TsLabControl *control;
  pid_t pid; /* 0: it does not run */
  guint64 told; /* the highest number of the vault's records that was heard */
  gboolean ready;
} Process;

struct _TsLabManagement {
  TsWorld *world;
  const TsManagement *spec;
  GPtrArray *processes; /* Process: the vault, then the VMM servers */
  int rest;             /* the socket that listens */
  guint16 port;
  TsLabClient *client;
};

static guint32
time_scale (const TsWorld *world)
{
  const GPtrArray *policies = world->topology->policies;
  return policies->len > 0 ? MAX (ts_topology_policy (world->topology, 0)->policy.time_scale, 1) : 1;
}

/* --- a process -------------------------------------------------------------------------------- */

static void
hear_record (Process *process, GVariant *packed)
{
  g_autoptr (GError) error = NULL;
  TsRecord *record = ts_record_from_variant (packed, &error);
  if (record)
    ts_lab_world_report (process->world, record);
  else
    ts_lab_world_break (process->world, "%s: %s", process->name, error->message);
}

static void
message (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
  Process *process = user;
  if (g_str_equal (kind, "ready"))
    process->ready = TRUE;
  else if (g_str_equal (kind, "record") && g_variant_is_of_type (body, G_VARIANT_TYPE ("v"))) {
    g_autoptr (GVariant) packed = g_variant_get_variant (body);
    hear_record (process, packed);
  } else if (g_str_equal (kind, "told") && g_variant_is_of_type (body, G_VARIANT_TYPE ("(tv)"))) {
    guint64 number;
    g_autoptr (GVariant) packed = NULL;
    g_variant_get (body, "(tv)", &number, &packed);
    if (number > process->told) /* else an earlier life of it has said so already */
      hear_record (process, packed);
    process->told = MAX (process->told, number);
  } else if (g_str_equal (kind, "trouble") && g_variant_is_of_type (body, G_VARIANT_TYPE ("(s)"))) {
    const char *reason;
    g_variant_get (body, "(&s)", &reason);
    ts_lab_world_break (process->world, "%s: %s", process->name, reason);
  }
}

static void
closed (TsLabControl *control, gpointer user)
{
  Process *process = user;
  g_clear_pointer (&process->control, ts_lab_control_free);
  process->ready = FALSE;
  process->pid = 0;
  if (!process->world->finished)
    ts_lab_world_break (process->world, "%s has ended by itself: see %s/%s/log", process->name,
                        process->world->run, process->name);
}

static gboolean
accept_process (int fd, GIOCondition condition, gpointer user)
{
  static const TsLabControlEvents events = {message, closed};
  Process *process = user;
  struct ucred who;
  socklen_t size = sizeof who;
  g_autoptr (GError) error = NULL;
  int peer = accept4 (fd, NULL, NULL, SOCK_CLOEXEC);
  if (peer < 0)
    return G_SOURCE_CONTINUE;
  process->accepting = 0;
  close (process->listening);
  process->listening = -1;
  if (getsockopt (peer, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
    process->pid = who.pid; /* as it is called here, outside its site */
  if (process->vmm < 0 && !ts_lab_control_give (peer, process->world->management->rest, &error))
    ts_lab_world_break (process->world, "vault: %s", error->message);
  process->control = ts_lab_control_new (peer, &events, process);
  return G_SOURCE_REMOVE;
}

static char *
control_path (const Process *process)
{
  return g_strdup_printf ("%s/m%d", process->world->layout.sockets, process->vmm + 1);
}

static gboolean
listen_for (Process *process, GError **error)
{
  g_autofree char *path = control_path (process);
  (void)g_unlink (path);
  process->listening = ts_lab_control_listen (path, error);
  if (process->listening < 0)
    return FALSE;
  process->accepting = g_unix_fd_add (process->listening, G_IO_IN, accept_process, process);
  return TRUE;
}

static void
stop_listening (Process *process)
{
  if (process->accepting)
    g_source_remove (process->accepting);
  if (process->listening >= 0)
    close (process->listening);
  process->accepting = 0;
  process->listening = -1;
}

static void
process_free (gpointer data)
{
  Process *process = data;
  stop_listening (process);
  if (process->late)
    g_source_remove (process->late);
  ts_lab_control_free (process->control);
  g_free (process->key);
  g_free (process);
}

/* Where the vault is, seen from a site. */
static char *
vault_address (const TsWorld *world, guint from)
{
  guint to = world->topology->management->site;
  if (from == to)
    return g_strdup ("127.0.0.1");
  gint link = ts_topology_link_between (world->topology, from, to);
  guint side = ts_topology_link (world->topology, (guint)link)->site[0] == to ? 0 : 1;
  return ts_lab_world_link_address ((guint)link, side);
}

static char *
folder_of (const Process *process, GError **error)
{
  char *folder = g_strdup_printf ("%s/%s", process->world->run, process->name);
  if (g_mkdir_with_parents (folder, 0755) == 0)
    return folder;
  ts_throw_errno (error, "make %s", folder);
  g_free (folder);
  return NULL;
}

static gboolean
run (Process *process, const char *const *argv, const char *folder, GError **error)
{
  g_autofree char *log = g_build_filename (folder, "log", NULL);
  TsWorld *world = process->world;
  return listen_for (process, error) && ts_lab_site_run (world->sites->pdata[process->site], argv, log, error);
}

static gboolean
start_vault (Process *process, GError **error)
{
  TsWorld *world = process->world;
  g_autofree char *self = ts_lab_world_self (error);
  g_autofree char *folder = self ? folder_of (process, error) : NULL;
  if (!folder)
    return FALSE;
  g_autofree char *store = g_build_filename (folder, "vault.sqlite", NULL);
  g_autofree char *providers = g_strdup_printf ("0.0.0.0:%d", PROVIDER_PORT);
  g_autofree char *control = control_path (process);
  g_autofree char *origin = g_strdup_printf ("%" G_GINT64_FORMAT, world->clock.origin_us);
  g_autofree char *scale = g_strdup_printf ("%u", time_scale (world));
  const char *const argv[] = {self, "vault-process", VAULT_NAME, store, providers, world->certificates,
                              control, origin, scale, NULL};
  return run (process, argv, folder, error);
}

static char *
network_text (const TsFarSpec *network)
{
  char from[TS_IPV4_TEXT_SIZE], to[TS_IPV4_TEXT_SIZE];
  const char *logical = network->logical ? network->logical : "-";
  if (!network->pool_from)
    return g_strdup_printf ("%s %s", network->name, logical);
  ts_ipv4_format (network->pool_from, from);
  ts_ipv4_format (network->pool_to, to);
  return g_strdup_printf ("%s %s %s-%s", network->name, logical, from, to);
}

static gboolean
start_vmm (Process *process, GError **error)
{
  TsWorld *world = process->world;
  const TsManagement *spec = world->topology->management;
  const TsVmmSpec *vmm = spec->vmms->pdata[process->vmm];
  g_autofree char *self = ts_lab_world_self (error);
  g_autofree char *folder = self ? folder_of (process, error) : NULL;
  if (!folder)
    return FALSE;
  g_autoptr (TsLabVmmConfig) config = ts_lab_vmm_config_new ();
  g_autofree char *address = vault_address (world, vmm->site);
  config->name = g_strdup (vmm->claims ? vmm->claims : vmm->name);
  config->server = g_strdup (vmm->name);
  config->key = g_strdup (process->key);
  config->vault = g_strdup (VAULT_NAME);
  config->vault_address = g_steal_pointer (&address);
  config->vault_port = PROVIDER_PORT;
  config->certificates = g_strdup (world->certificates);
  config->control = control_path (process);
  config->library = g_build_filename (world->run, "library", NULL);
  config->port = (guint16)(AGENT_PORT + process->vmm);
  config->time_scale = time_scale (world);
  config->origin_us = world->clock.origin_us;
  config->clock_off_us = vmm->clock_us;
  for (guint c = 0; c < spec->clouds->len; c++) {
    const TsCloudSpec *cloud = spec->clouds->pdata[c];
    g_autoptr (GPtrArray) hosts = g_ptr_array_new ();
    if ((gint)cloud->vmm != process->vmm)
      continue;
    for (guint h = 0; h < cloud->hosts->len; h++)
      g_ptr_array_add (hosts, ts_topology_host (world->topology, g_array_index (cloud->hosts, guint, h))->name);
    g_ptr_array_add (hosts, NULL);
    ts_lab_vmm_config_add_cloud (config, cloud->name, (const char *const *)hosts->pdata);
  }
  for (guint i = 0; i < spec->networks->len; i++)
    if ((gint)((TsFarSpec *)spec->networks->pdata[i])->vmm == process->vmm)
      g_ptr_array_add (config->networks, network_text (spec->networks->pdata[i]));
  for (guint i = 0; i < spec->storages->len; i++)
    if ((gint)((TsFarSpec *)spec->storages->pdata[i])->vmm == process->vmm)
      g_ptr_array_add (config->classifications, g_strdup (((TsFarSpec *)spec->storages->pdata[i])->name));
  g_autofree char *path = g_build_filename (folder, "config", NULL);
  const char *const argv[] = {self, "vmm", folder, NULL};
  return ts_lab_vmm_config_save (config, path, error) && run (process, argv, folder, error);
}

static gboolean
start (Process *process, GError **error)
{
  if (process->pid != 0 || process->accepting != 0)
    return TRUE; /* it runs, or is about to */
  return process->vmm < 0 ? start_vault (process, error) : start_vmm (process, error);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static char *
quoted (const char *text)
{
  return g_shell_quote (text);
}

/* The library of both servers: executables of the scenario's, or such as make believe what the
 * scenario says of them. */
static gboolean
make_library (TsWorld *world, GError **error)
{
  const GPtrArray *scripts = world->topology->management->scripts;
  g_autofree char *library = g_build_filename (world->run, "library", NULL);
  if (g_mkdir_with_parents (library, 0755) < 0)
    return ts_throw_errno (error, "make %s", library);
  for (guint i = 0; i < scripts->len; i++) {
    const TsScriptSpec *script = scripts->pdata[i];
    g_autofree char *path = g_build_filename (library, script->name, NULL);
    if (script->missing)
      continue;
    g_autoptr (GString) text = g_string_new ("#!/bin/sh\n");
    if (script->file) {
      g_autofree char *file = quoted (script->file);
      g_string_append_printf (text, "exec %s \"$@\"\n", file);
    } else {
      g_string_append_printf (text, "sleep %d.%03d\n", (int)(script->takes_us / TS_S / time_scale (world)),
                              (int)(script->takes_us / time_scale (world) % TS_S / TS_MS));
      if (script->hangs)
        g_string_append (text, "while :; do sleep 10; done\n");
      if (script->complains) {
        g_autofree char *complaint = quoted (script->complains);
        g_autofree char *count = g_strconcat (path, ".count", NULL), *mark = quoted (count);
        if (script->fails > 0)
          g_string_append_printf (text, "echo x >> %s\n[ $(wc -l < %s) -le %u ] || exit 0\n", mark, mark, script->fails);
        g_string_append_printf (text, "echo %s >&2\n", complaint);
      }
      g_string_append (text, "exit 0\n");
    }
    if (!g_file_set_contents (path, text->str, -1, error))
      return FALSE;
    g_chmod (path, 0755);
  }
  return TRUE;
}

/* --- what a host is told ----------------------------------------------------------------------- */

static const char *
far_name (const GPtrArray *all, gint index)
{
  return index < 0 ? "" : ((const TsFarSpec *)all->pdata[index])->name;
}

gboolean
ts_lab_management_tell_host (TsWorld *world, guint index, GError **error)
{
  const TsManagement *spec = world->topology->management;
  const TsHostSpec *host = ts_topology_host (world->topology, index);
  gint vmm = spec ? ts_management_vmm_of (spec, index) : -1;
  if (vmm < 0)
    return TRUE;
  TsLabManagedConfig *config = ts_lab_managed_config_new ();
  config->vmm = g_strdup (((TsVmmSpec *)spec->vmms->pdata[vmm])->name);
  config->port = (guint16)(AGENT_PORT + vmm);
  config->clock_off_us = ((TsVmmSpec *)spec->vmms->pdata[vmm])->clock_us;
  config->memory_bytes = host->memory_bytes;
  config->storage_bytes = host->storage_bytes;
  for (guint i = 0; i < spec->networks->len; i++)
    if ((gint)((TsFarSpec *)spec->networks->pdata[i])->vmm == vmm)
      g_ptr_array_add (config->networks, g_strdup (far_name (spec->networks, (gint)i)));
  for (guint i = 0; i < spec->storages->len; i++)
    if ((gint)((TsFarSpec *)spec->storages->pdata[i])->vmm == vmm)
      g_ptr_array_add (config->classifications, g_strdup (far_name (spec->storages, (gint)i)));
  for (guint i = 0; i < world->topology->vms->len; i++) {
    const TsVmSpec *vm = ts_topology_vm (world->topology, i);
    gboolean home = vm->host == index;
    char address[TS_IPV4_TEXT_SIZE] = "";
    if (vm->address)
      ts_ipv4_format (vm->address, address);
    g_autofree char *network = g_strdup_printf ("%s %s", far_name (spec->networks, vm->network), address);
    ts_lab_managed_config_add_vm (config, vm->name, home ? g_strchomp (network) : "",
                                  home ? far_name (spec->storages, vm->storage) : "");
  }
  g_autofree char *path = ts_lab_path_host (&world->layout, host->name, "managed");
  gboolean saved = ts_lab_managed_config_save (config, path, error);
  ts_lab_managed_config_free (config);
  return saved;
}

/* --- fate ------------------------------------------------------------------------------------- */

static Process *
process_of (const TsLabManagement *m, const TsOrder *order)
{
  return m->processes->pdata[order->vmm];
}

gboolean
ts_lab_management_up (const TsLabManagement *m)
{
  const Process *vault = m->processes->pdata[0];
  return vault->ready;
}

/* SIGKILL; how many died. */
static guint
kill_process (Process *process)
{
  pid_t pid = process->pid;
  process->pid = 0;
  process->ready = FALSE;
  g_clear_pointer (&process->control, ts_lab_control_free); /* its end is expected: not heard of */
  return pid > 0 && kill (pid, SIGKILL) == 0 ? 1 : 0;
}

gboolean
ts_lab_management_fate (TsWorld *world, const TsOrder *order, guint *killed, GError **error)
{
  Process *process = process_of (world->management, order);
  *killed = 0;
  if (order->verb == TS_DO_VAULT_UP || order->verb == TS_DO_VMM_UP)
    return start (process, error);
  *killed = kill_process (process);
  if (process->vmm < 0)
    ts_lab_errands_unheard (world);
  return TRUE;
}

const char *
ts_lab_management_name (const TsWorld *world, const TsOrder *order)
{
  return process_of (world->management, order)->name;
}

void
ts_lab_management_site_down (TsWorld *world, guint site)
{
  TsLabManagement *m = world->management;
  for (guint i = 0; m && i < m->processes->len; i++) {
    Process *process = m->processes->pdata[i];
    if (process->site != site)
      continue;
    process->pid = 0;
    process->ready = FALSE;
    g_clear_pointer (&process->control, ts_lab_control_free);
    stop_listening (process);
    if (process->vmm < 0)
      ts_lab_errands_unheard (world);
  }
}

gboolean
ts_lab_management_site_up (TsWorld *world, guint site, GError **error)
{
  TsLabManagement *m = world->management;
  for (guint i = 0; m && i < m->processes->len; i++) {
    Process *process = m->processes->pdata[i];
    if (process->site == site && (process->vmm < 0 || process->key) && !start (process, error))
      return FALSE;
  }
  return TRUE;
}

/* --- life ------------------------------------------------------------------------------------- */

/* Its administrator has taken too long with the key. */
static gboolean
start_late (gpointer user)
{
  Process *process = user;
  g_autoptr (GError) error = NULL;
  process->late = 0;
  if (!start (process, &error))
    ts_lab_world_break (process->world, "%s: %s", process->name, error->message);
  return G_SOURCE_REMOVE;
}

void
ts_lab_management_give_key (TsWorld *world, const char *vmm, const char *key)
{
  TsLabManagement *m = world->management;
  g_autoptr (GError) error = NULL;
  for (guint i = 1; i < m->processes->len; i++) {
    Process *process = m->processes->pdata[i];
    if (!g_str_equal (process->name, vmm) || process->key)
      continue;
    process->key = g_strdup (key);
    if (((TsVmmSpec *)m->spec->vmms->pdata[process->vmm])->key == TS_KEY_EXPIRED)
      process->late = g_timeout_add ((guint)(TS_KEY_LATE_US / TS_MS), start_late, process);
    else if (!start (process, &error))
      ts_lab_world_break (world, "%s: %s", vmm, error->message);
  }
}

TsLabClient *
ts_lab_management_client (const TsLabManagement *m)
{
  return m->client;
}

static gboolean
open_rest (TsLabManagement *m, GError **error)
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  m->rest = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (m->rest < 0 || bind (m->rest, (struct sockaddr *)&at, sizeof at) < 0 || listen (m->rest, 64) < 0 ||
      getsockname (m->rest, (struct sockaddr *)&at, &size) < 0)
    return ts_throw_errno (error, "listen on loopback");
  m->port = ntohs (at.sin_port);
  g_autofree char *url = g_strdup_printf ("http://127.0.0.1:%u", m->port);
  const TsLabClientOptions options = {.url = url, .vault = VAULT_NAME, .timeout_s = ASK_TIMEOUT_S};
  m->client = ts_lab_client_new (&options, error);
  return m->client != NULL;
}

static Process *
add_process (TsLabManagement *m, gint vmm, const char *name, guint site)
{
  Process *process = g_new0 (Process, 1);
  *process = (Process){.world = m->world, .vmm = vmm, .name = name, .site = site, .listening = -1};
  g_ptr_array_add (m->processes, process);
  return process;
}

static gboolean
vault_ready (TsWorld *world)
{
  return ts_lab_management_up (world->management);
}

gboolean
ts_lab_management_begin (TsWorld *world, GError **error)
{
  const TsManagement *spec = world->topology->management;
  if (!spec)
    return TRUE;
  TsLabManagement *m = world->management = g_new0 (TsLabManagement, 1);
  m->world = world;
  m->spec = spec;
  m->rest = -1;
  m->processes = g_ptr_array_new_with_free_func (process_free);
  Process *vault = add_process (m, -1, VAULT_NAME, spec->site);
  if (!ts_lab_certificate_issue (world->certificates, VAULT_NAME, error) || !make_library (world, error) ||
      !open_rest (m, error) || !start (vault, error) ||
      !ts_lab_world_wait (world, vault_ready, READY_US, "starting the vault", error))
    return FALSE;
  for (guint i = 0; i < spec->vmms->len; i++) {
    const TsVmmSpec *vmm = spec->vmms->pdata[i];
    Process *process = add_process (m, (gint)i, vmm->name, vmm->site);
    if (!ts_lab_certificate_issue (world->certificates, vmm->name, error))
      return FALSE;
    if (vmm->key != TS_KEY_FOREIGN)
      continue; /* it begins when its key comes */
    process->key = g_strdup ("00000000000000000000000000000000"); /* none of this vault's */
    if (!start (process, error))
      return FALSE;
  }
  g_autofree char *url = g_strdup_printf ("http://127.0.0.1:%u\n", m->port);
  g_autofree char *note = g_build_filename (world->run, "portal.url", NULL);
  if (!g_file_set_contents (note, url, -1, error)) /* for people: while it runs, they may look and ask */
    return FALSE;
  ts_lab_errands_prepare (world);
  return ts_lab_world_wait (world, ts_lab_errands_prepared, PREPARED_US, "making the vault ready", error);
}

void
ts_lab_management_free (TsLabManagement *m)
{
  if (!m)
    return;
  ts_lab_client_free (m->client);
  g_ptr_array_unref (m->processes);
  if (m->rest >= 0)
    close (m->rest);
  g_free (m);
}
