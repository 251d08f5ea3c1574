/* lab/host/managed.c -- see managed.h. */
#include "lab/host/managed.h"
#include <glib/gstdio.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/site/level.h"
#include "core/site/message.h"
#include "lab/host/move.h"
#include "lab/link/talk.h"

#define CONNECT_US (10 * TS_S)
#define RETRY_MS 250
#define TELL_MS 150  /* news are gathered for so long */
#define LOOK_MS 1000 /* what changes without a report: points, what waits */

typedef struct _Asked {
  gint64 number;
  char *vm;
  gint ask; /* TsAsk; -1: none */
  char *refusal; /* NULL: it went well, so far */
} Asked;

struct _TsLabManaged {
  TsLabHost *host;
  TsLabManagedConfig *config;
  TsLabTalk *talk;
  gboolean connected;
  gint64 real_us;      /* the host's wall clock when the run's clock was 0 */
  GVariant *told;      /* the levels that the server knows; NULL: none */
  GHashTable *reasons; /* VM -> why its health is not normal */
  GHashTable *tests;    /* VM -> the network that its test machine is connected to */
  GHashTable *networks; /* VM -> the network that it is connected to, with its address there */
  GPtrArray *asked;    /* Asked, of this life: what is said twice is done once */
  struct _Asked *now;  /* is being done */
  guint retry, tell, look; /* sources */
  char *trouble;           /* of the last connection: said once */
};

/* --- how things stand ------------------------------------------------------------------------- */

static char *
network_path (const TsLabManaged *m, const char *vm)
{
  g_autofree char *file = g_strconcat (vm, ".network", NULL);
  g_autofree char *folder = ts_lab_path_host (&m->host->layout, m->host->config->name, "state");
  return g_build_filename (folder, file, NULL);
}

static char *
share_path (const TsLabManaged *m, const char *vm)
{
  g_autofree char *file = g_strconcat (vm, ".share", NULL);
  g_autofree char *folder = ts_lab_path_host (&m->host->layout, m->host->config->name, "state");
  return g_build_filename (folder, file, NULL);
}

static const TsLabManagedVm *
config_of (const TsLabManaged *m, const TsLabVm *vm)
{
  for (guint i = 0; i < m->config->vms->len; i++) {
    const TsLabManagedVm *one = m->config->vms->pdata[i];
    if (g_str_equal (one->name, vm->config->name))
      return one;
  }
  return NULL;
}

static const char *
network_of (TsLabManaged *m, const TsLabVm *vm)
{
  const TsLabManagedVm *config = config_of (m, vm);
  const char *known = g_hash_table_lookup (m->networks, vm->config->name);
  if (known)
    return known;
  g_autofree char *path = network_path (m, vm->config->name);
  char *kept = NULL;
  if (!g_file_get_contents (path, &kept, NULL, NULL))
    kept = g_strdup (config && g_str_equal (vm->config->home, m->host->config->name) ? config->network : "");
  g_hash_table_insert (m->networks, g_strdup (vm->config->name), kept);
  return kept;
}

static gint64
wall_us (const TsLabManaged *m, gint64 run_us)
{
  return run_us < 0 ? -1 : m->real_us + run_us;
}

static void
add_points (const TsLabManaged *m, const TsReceiver *receiver, TsLevel *level)
{
  const TsPoint *older;
  guint count = ts_receiver_points (receiver, &older);
  for (guint i = 0; i < count; i++) {
    TsPoint point = older[i];
    point.instant_us = wall_us (m, point.instant_us);
    g_array_append_val (level->points, point);
  }
  TsPoint latest = {.set = ts_receiver_stored_set (receiver), .instant_us = level->point_us};
  if (latest.set > 0 && level->point_us >= 0)
    g_array_append_val (level->points, latest);
}

static void
fill_replica (const TsLabManaged *m, const TsLabRelation *relation, TsLevel *level)
{
  guint64 set;
  gint64 instant_us;
  const TsReceiver *receiver = relation->receiver;
  level->role = TS_LEVEL_REPLICA;
  level->state = ts_receiver_state (receiver);
  level->exported = ts_receiver_awaits_medium (receiver);
  level->health = ts_receiver_health (receiver);
  level->test = level->test_serving = ts_receiver_test (receiver, &set, &instant_us);
  level->point_us = wall_us (m, ts_receiver_point_us (receiver));
  gboolean taken = level->state == TS_STATE_RECOVERED || level->state == TS_STATE_COMMITTED;
  level->exists = taken;
  level->copy_set = taken ? ts_receiver_copy_point (receiver).set : 0;
  g_free (level->peer);
  level->peer = g_strdup (relation->vm->owner ? relation->vm->owner : "");
  add_points (m, receiver, level);
}

static TsLevel *
level_of (TsLabManaged *m, TsLabVm *vm)
{
  const TsLabVmConfig *config = vm->config;
  const TsLabRelation *relation = ts_lab_host_relation (m->host, vm);
  gboolean home = g_str_equal (config->home, m->host->config->name) && *ts_lab_move_went_to (vm->move) == '\0';
  char id[TS_GUID_TEXT_SIZE];
  if (!home && !relation && !vm->on && !vm->storage)
    return NULL; /* it has never been here */
  ts_guid_format (&config->id, id);
  TsLevel *level = ts_level_new (config->name, id, m->host->config->name);
  level->exists = home || vm->on;
  level->on = level->serving = vm->on; /* CHOICE: whether its guest answers is not seen from here */
  level->state = TS_STATE_DISABLED;
  level->point_us = level->percent = -1;
  level->memory_bytes = config->memory_bytes;
  for (guint i = 0; i < config->disks; i++)
    level->disk_bytes += config->disk[i].size_bytes;
  level->disks = g_new0 (char *, config->disks + 1);
  for (guint i = 0; i < config->disks; i++)
    level->disks[i] = g_strdup (config->disk[i].name);
  g_auto (GStrv) cable = g_strsplit (network_of (m, vm), " ", 2); /* "network", or "network address" */
  g_free (level->network);
  level->network = g_strdup (cable[0] ? cable[0] : "");
  if (cable[0] && cable[1]) {
    g_free (level->address);
    level->address = g_strdup (cable[1]);
  }
  g_free (level->classification);
  level->classification = g_strdup (config_of (m, vm) ? config_of (m, vm)->classification : "");
  if (relation && relation->sender) {
    level->role = TS_LEVEL_PRIMARY;
    level->exists = TRUE;
    level->replicated = ts_sender_disks (relation->sender);
    level->exported = ts_sender_is_exported (relation->sender);
    level->state = ts_sender_state (relation->sender);
    level->health = ts_sender_health (relation->sender);
    level->point_us = wall_us (m, ts_sender_statistics (relation->sender)->last_sync_us);
    level->pending_bytes = (gint64)ts_sender_pending_bytes (relation->sender);
    g_free (level->peer);
    level->peer = g_strdup (relation->peer ? relation->peer->name : "");
  } else if (relation)
    fill_replica (m, relation, level);
  const char *test = g_hash_table_lookup (m->tests, config->name);
  if (level->test && test) {
    g_free (level->test_network);
    level->test_network = g_strdup (test);
  }
  const char *reason = g_hash_table_lookup (m->reasons, config->name);
  if (reason && level->health > TS_HEALTH_NORMAL) {
    g_free (level->reason);
    level->reason = g_strdup (reason);
  }
  return level;
}

static void
say_levels (TsLabManaged *m, gboolean all)
{
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < m->host->vms->len; i++) {
    g_autoptr (TsLevel) level = level_of (m, m->host->vms->pdata[i]);
    if (level)
      ts_list_add (&items, ts_level_variant (level));
  }
  g_autoptr (GVariant) now = g_variant_ref_sink (g_variant_builder_end (&items));
  if (!m->connected || (!all && m->told && g_variant_equal (now, m->told)))
    return;
  g_clear_pointer (&m->told, g_variant_unref);
  m->told = g_variant_ref (now);
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", TRUE);
  ts_fields_set (fields, "items", now);
  ts_lab_talk_say (m->talk, ts_message_new (TS_MESSAGE_LEVELS, fields));
}

static void
say_host (TsLabManaged *m)
{
  const TsLabManagedConfig *config = m->config;
  GVariantBuilder classifications;
  g_variant_builder_init (&classifications, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < config->classifications->len; i++) {
    TsFields *one = ts_fields_new ();
    ts_fields_set_text (one, "name", config->classifications->pdata[i]);
    ts_list_add (&classifications, ts_fields_end (one));
  }
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "memory", (gint64)config->memory_bytes);
  ts_fields_set_int (fields, "storage", (gint64)config->storage_bytes);
  ts_fields_set (fields, "networks",
                 g_variant_new_strv ((const char *const *)config->networks->pdata, (gssize)config->networks->len));
  ts_fields_set (fields, "classifications", g_variant_builder_end (&classifications));
  ts_lab_talk_say (m->talk, ts_message_new (TS_MESSAGE_HOST, fields));
  say_levels (m, TRUE);
}

static void
asked_free (gpointer data)
{
  Asked *asked = data;
  g_free (asked->vm);
  g_free (asked->refusal);
  g_free (asked);
}

static gboolean
tell_now (gpointer user)
{
  TsLabManaged *m = user;
  m->tell = 0;
  say_levels (m, FALSE);
  return G_SOURCE_REMOVE;
}

static gboolean
look_again (gpointer user)
{
  say_levels (user, FALSE);
  return G_SOURCE_CONTINUE;
}

static void
said (TsLabManaged *m, const Asked *asked)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "number", asked->number);
  ts_fields_set_bool (fields, "ok", asked->refusal == NULL);
  ts_fields_set_int (fields, "code", asked->refusal ? TS_SITE_HOST_REFUSED : 0);
  ts_fields_set_text (fields, "reason", asked->refusal ? asked->refusal : "");
  if (m->connected)
    ts_lab_talk_say (m->talk, ts_message_new (TS_MESSAGE_SAID, fields));
  else
    ts_fields_free (fields);
}

/* The first that goes wrong of the last that was asked for the VM; as core/vault/operation.c has it,
 * replication's own troubles are retried. */
static void
hear_failure (TsLabManaged *m, const TsRecord *record, const char *vm, const char *reason)
{
  static const char *const ours[] = {"branch",    "merge",      "power-on", "discard",
                                     "shut-down", "test-start", "test-stop", "turn", NULL};
  for (guint i = m->asked->len; i-- > 0;) {
    Asked *asked = m->asked->pdata[i];
    if (asked->ask < 0 || g_strcmp0 (asked->vm, vm) != 0)
      continue;
    gboolean mine = g_str_equal (record->kind, "move") ? asked->ask == TS_ASK_MOVE
                    : g_str_equal (record->kind, "refused")
                        ? g_strcmp0 (ts_record_get_text (record, "verb"), ts_ask_name ((TsAsk)asked->ask)) == 0
                        : g_strv_contains (ours, ts_record_get_text (record, "action"));
    if (!mine || asked->refusal)
      return;
    asked->refusal = g_strdup (reason);
    if (asked != m->now)
      said (m, asked);
    return;
  }
}

void
ts_lab_managed_hear (TsLabManaged *m, const TsRecord *record)
{
  const char *vm = ts_record_get_text (record, "vm"), *reason = ts_record_get_text (record, "reason");
  if (!m)
    return;
  if (g_str_equal (record->kind, "health") && vm)
    g_hash_table_insert (m->reasons, g_strdup (vm), g_strdup (reason ? reason : ""));
  else if (vm && (g_str_equal (record->kind, "refused") || g_str_equal (record->kind, "failure") ||
                  (g_str_equal (record->kind, "move") && /* it stays */
                   g_strcmp0 (ts_record_get_text (record, "phase"), "failed") == 0)))
    hear_failure (m, record, vm, reason ? reason : "it failed");
  if (!m->tell)
    m->tell = g_timeout_add (TELL_MS, tell_now, m);
}

/* --- what it is asked -------------------------------------------------------------------------- */

static void
obey (TsLabManaged *m, const char *kind, GVariant *body)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (body);
  ts_lab_host_obey (m->host, kind, sunk);
}

static TsLabVm *
vm_of (const TsLabManaged *m, GVariant *fields)
{
  const char *name = ts_variant_text (fields, "vm", "");
  for (guint i = 0; i < m->host->vms->len; i++) {
    TsLabVm *vm = m->host->vms->pdata[i];
    if (g_str_equal (vm->config->name, name))
      return vm;
  }
  return NULL;
}

/* The share at that path of a vault's policy; "": none.  FALSE: the path is none. */
static gboolean
set_share (TsLabManaged *m, TsLabVm *vm, gboolean import, const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (guint i = 0; parts[i]; i++)
    if (g_str_equal (parts[i], "..") || strlen (parts[i]) > 200) {
      m->now->refusal = g_strdup_printf ("'%.80s' is no path for a medium", path);
      return FALSE;
    }
  const char *below = path + strspn (path, "/");
  g_free (vm->share[import]);
  vm->share[import] = *below ? g_strdup (below) : NULL;
  g_autofree char *kept = share_path (m, vm->config->name);
  g_autoptr (GError) error = NULL;
  if (!import && !g_file_set_contents (kept, below, -1, &error)) { /* a host that comes back exports to it, too */
    m->now->refusal = g_strdup (error->message);
    return FALSE;
  }
  return TRUE;
}

static void
do_relate (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  g_autoptr (GVariant) policy = ts_variant_dict (fields, "policy");
  g_autoptr (GVariant) packed =
      policy ? g_variant_lookup_value (policy, "packed", G_VARIANT_TYPE (TS_POLICY_TYPE)) : NULL;
  if (!packed) {
    m->now->refusal = g_strdup ("the policy is not understood");
    return;
  }
  gboolean fresh = !ts_lab_host_relation (m->host, vm);
  if (!set_share (m, vm, FALSE, ts_variant_text (policy, "export_path", "")))
    return;
  if (fresh && g_str_equal (ts_variant_text (fields, "role", "primary"), "replica"))
    return; /* it comes when its primary says HELLO */
  obey (m, "relate", g_variant_new ("(ss@" TS_POLICY_TYPE ")", vm->config->name,
                                    ts_variant_text (fields, "peer", ""), packed));
  TsPolicy how;
  if (!fresh || !ts_lab_host_relation (m->host, vm) || !ts_policy_unpack (packed, &how, NULL))
    return;
  TsRecord *record = ts_record_text (ts_lab_host_record (m->host, vm, "policy"), "policy",
                                     ts_variant_text (policy, "name", ""));
  ts_record_int (record, "frequency_us", how.frequency_us);
  ts_record_int (record, "recovery_points", how.recovery_points);
  ts_record_int (record, "app_consistent_us", how.app_consistent_us);
  ts_lab_host_report (m->host, ts_record_int (record, "interval_us", ts_policy_interval_us (&how)));
}

/* Which disks are to be replicated from now on. */
static void
ask_disks (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  const TsLabRelation *relation = ts_lab_host_relation (m->host, vm);
  g_autoptr (GVariant) add = g_variant_lookup_value (fields, "add", G_VARIANT_TYPE ("as"));
  g_autoptr (GVariant) remove = g_variant_lookup_value (fields, "remove", G_VARIANT_TYPE ("as"));
  g_autofree const char **more = add ? g_variant_get_strv (add, NULL) : NULL;
  g_autofree const char **less = remove ? g_variant_get_strv (remove, NULL) : NULL;
  if (!relation || !relation->sender) {
    m->now->refusal = g_strdup ("replication is not enabled for this virtual machine here");
    return;
  }
  guint32 wanted = ts_sender_disks (relation->sender);
  for (guint i = 0; i < vm->config->disks; i++) {
    if (more && g_strv_contains (more, vm->config->disk[i].name))
      wanted |= 1u << i;
    if (less && g_strv_contains (less, vm->config->disk[i].name))
      wanted &= ~(1u << i);
    if ((wanted >> i & 1) != 0 && !ts_lab_vm_has_disk (vm, i)) {
      m->now->refusal = g_strdup ("a disk of them is not attached");
      return;
    }
  }
  obey (m, "disks", g_variant_new ("(suuuut)", vm->config->name, (guint32)TS_ROLE_PRIMARY,
                                   (guint32)TS_ASK_UPDATE_DISKS, wanted, 0u, (guint64)0));
}

static void
do_ask (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  gint ask = ts_ask_find (ts_variant_text (fields, "ask", ""));
  gboolean replica = g_str_equal (ts_variant_text (fields, "role", ""), "replica");
  const TsLabRelation *relation = ts_lab_host_relation (m->host, vm);
  if (ask < 0) {
    m->now->refusal = g_strdup ("this host does not know how to do that");
    return;
  }
  m->now->ask = ask;
  if (ask == TS_ASK_IMPORT && !set_share (m, vm, TRUE, ts_variant_text (fields, "path", "")))
    return;
  if (ask == TS_ASK_TEST_FAILOVER)
    g_hash_table_insert (m->tests, g_strdup (vm->config->name), g_strdup (ts_variant_text (fields, "network", "")));
  if (ask == TS_ASK_UPDATE_DISKS) {
    ask_disks (m, vm, fields);
    return;
  }
  if (ask == TS_ASK_POWER_ON && !relation) {
    obey (m, "boot", g_variant_new ("(s)", vm->config->name));
    return;
  }
  obey (m, "ask", g_variant_new ("(suubuxux)", vm->config->name, (guint32)(replica ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY),
                                 (guint32)ask, ts_variant_bool (fields, "planned", FALSE),
                                 (guint32)ts_variant_int (fields, "point_how", TS_CHOOSE_LATEST),
                                 ts_variant_int (fields, "point_number", 0), 0u, (gint64)0));
}

/* The runner tells the guest, for only it can speak with it; the host watches the machine. */
static void
do_shut_down (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  if (vm->on)
    ts_lab_control_send (m->host->control, "quit", g_variant_new ("(s)", vm->config->name), NULL);
  obey (m, "shut-down", g_variant_new ("(s)", vm->config->name));
}

static void
do_connect (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  if (ts_variant_bool (fields, "test", FALSE))
    return; /* a test machine goes with its connection */
  const char *address = ts_variant_text (fields, "address", "");
  g_autofree char *network = g_strdup_printf ("%s%s%s", ts_variant_text (fields, "network", ""), *address ? " " : "", address);
  g_autofree char *path = network_path (m, vm->config->name);
  g_autoptr (GError) error = NULL;
  if (g_file_set_contents (path, network, -1, &error))
    g_hash_table_insert (m->networks, g_strdup (vm->config->name), g_strdup (network));
  else
    m->now->refusal = g_strdup (error->message);
}

/* The disks of a replica that is one no more. */
static void
do_delete (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  if (g_str_equal (vm->config->home, m->host->config->name) || ts_lab_host_relation (m->host, vm) || vm->on) {
    m->now->refusal = g_strdup ("what is here is no replica that could be deleted");
    return;
  }
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    (void)g_unlink (path);
  }
  ts_lab_vm_forget_owner (vm);
}

static void
do_move (TsLabManaged *m, TsLabVm *vm, GVariant *fields)
{
  gboolean replica = g_str_equal (ts_variant_text (fields, "role", ""), "replica");
  m->now->ask = TS_ASK_MOVE;
  obey (m, "move", g_variant_new ("(sus)", vm->config->name,
                                  (guint32)(replica ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY),
                                  ts_variant_text (fields, "to", "")));
}

static void
asked (TsLabManaged *m, GVariant *message)
{
  static const struct {
    const char *verb;
    void (*run) (TsLabManaged *m, TsLabVm *vm, GVariant *fields);
  } verbs[] = {
      {"relate", do_relate},   {"ask", do_ask},       {"shut-down", do_shut_down},
      {"connect", do_connect}, {"delete", do_delete}, {"move", do_move},
  };
  gint64 number = ts_variant_int (message, "number", 0);
  for (guint i = 0; i < m->asked->len; i++)
    if (((Asked *)m->asked->pdata[i])->number == number) {
      said (m, m->asked->pdata[i]);
      return;
    }
  const char *verb = ts_variant_text (message, "verb", "");
  g_autoptr (GVariant) fields = ts_variant_dict (message, "fields");
  gboolean known = g_str_equal (verb, "configure"); /* entries are the scenario's */
  m->now = g_new0 (Asked, 1);
  m->now->number = number;
  m->now->ask = -1;
  m->now->vm = g_strdup (ts_variant_text (fields, "vm", ""));
  g_ptr_array_add (m->asked, m->now);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    if (!g_str_equal (verbs[i].verb, verb))
      continue;
    TsLabVm *vm = vm_of (m, fields);
    known = TRUE;
    if (vm)
      verbs[i].run (m, vm, fields);
    else
      m->now->refusal = g_strdup ("there is no such virtual machine here");
  }
  if (!known)
    m->now->refusal = g_strdup_printf ("this host does not know how to %.32s", verb);
  Asked *asked = g_steal_pointer (&m->now);
  say_levels (m, FALSE); /* before the answer, so that it is not judged by what was */
  said (m, asked);
}

/* --- the server -------------------------------------------------------------------------------- */

static void begin (TsLabManaged *m);

static void
heard (TsLabTalk *talk, GVariant *message, gpointer user)
{
  TsLabManaged *m = user;
  TsMessageKind kind;
  g_autoptr (GVariant) fields = NULL;
  if (!ts_message_open (message, &kind, &fields, NULL))
    return;
  if (kind == TS_MESSAGE_LOOK)
    say_host (m);
  else if (kind == TS_MESSAGE_ASK)
    asked (m, fields);
}

static void
connected (TsLabTalk *talk, gpointer user)
{
  TsLabManaged *m = user;
  m->connected = TRUE;
  say_host (m);
}

static gboolean
try_again (gpointer user)
{
  TsLabManaged *m = user;
  m->retry = 0;
  begin (m);
  return G_SOURCE_REMOVE;
}

static void
lost (TsLabTalk *talk, const GError *reason, gpointer user)
{
  TsLabManaged *m = user;
  m->connected = FALSE;
  if (g_strcmp0 (m->trouble, reason->message) != 0) { /* for who reads the host's log */
    g_printerr ("twinsite host: the VMM server: %s\n", reason->message);
    g_free (m->trouble);
    m->trouble = g_strdup (reason->message);
  }
  g_clear_pointer (&m->talk, ts_lab_talk_free);
  g_clear_pointer (&m->told, g_variant_unref);
  m->retry = g_timeout_add (RETRY_MS, try_again, m);
}

static void
begin (TsLabManaged *m)
{
  static const TsLabTalkEvents events = {heard, lost};
  const TsLabManagedConfig *config = m->config;
  TsLabLink *link = ts_lab_link_connect ("127.0.0.1", config->port, config->vmm, &m->host->credentials,
                                         CONNECT_US, NULL, NULL);
  m->talk = ts_lab_talk_new (link, &events, m);
  ts_lab_talk_on_connected (m->talk, connected);
}

TsLabManaged *
ts_lab_managed_new (TsLabHost *host, TsLabManagedConfig *config)
{
  if (!config)
    return NULL;
  TsLabManaged *m = g_new0 (TsLabManaged, 1);
  m->host = host;
  m->config = config;
  m->real_us = g_get_real_time () - ts_lab_host_now_us (host) + config->clock_off_us;
  m->reasons = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  m->networks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  m->tests = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  m->asked = g_ptr_array_new_with_free_func (asked_free);
  for (guint i = 0; i < host->vms->len; i++) {
    TsLabVm *vm = host->vms->pdata[i];
    g_autofree char *kept = share_path (m, vm->config->name);
    g_autofree char *text = NULL;
    if (g_file_get_contents (kept, &text, NULL, NULL) && *text)
      vm->share[0] = g_steal_pointer (&text);
  }
  m->look = g_timeout_add (LOOK_MS, look_again, m);
  m->retry = g_timeout_add (1, try_again, m); /* once the main loop runs: before, what a link says is lost */
  return m;
}

void
ts_lab_managed_free (TsLabManaged *m)
{
  if (!m)
    return;
  if (m->retry)
    g_source_remove (m->retry);
  if (m->tell)
    g_source_remove (m->tell);
  g_source_remove (m->look);
  ts_lab_talk_free (m->talk);
  g_clear_pointer (&m->told, g_variant_unref);
  g_hash_table_unref (m->reasons);
  g_hash_table_unref (m->networks);
  g_hash_table_unref (m->tests);
  ts_lab_managed_config_free (m->config);
  g_ptr_array_unref (m->asked);
  g_free (m->trouble);
  g_free (m);
}
