/* lab/host/relation.c -- one side of one VM's replication: hears events, performs what the core asks.
 *
 * Everything is stepped in the main loop, one event at a time.  What both sides do is here; the
 * rest is in relation-source.c and relation-replica.c. */
#include "lab/host/host-internal.h"
#include "core/base/units.h"
#include "core/relation/move.h"
#include "core/relation/turn.h"
#include "lab/host/move.h"
#include <string.h>

#define CONNECT_US (15 * TS_S) /* the sender's own patience is shorter or as long (sender.c) */

/* What a sender persists: peer, policy, chain of log ids, the core's own. */
#define SENDER_TYPE "(s" TS_POLICY_TYPE "aayay)"

/* --- the connection --------------------------------------------------------------------------- */

/* Nothing is heard of it any more. */
static void
drop_link (TsLabRelation *relation)
{
  relation->connection++;
  g_clear_pointer (&relation->link, ts_lab_link_free);
  relation->traffic_sent = 0;
}

/* Frames are encoded behind our back; what the link has sent since is counted to what we gave it.
 */
static void
count_traffic (TsLabRelation *relation)
{
  if (!relation->link)
    return;
  guint64 sent = ts_lab_link_wire_bytes_sent (relation->link);
  if (sent > relation->traffic_sent)
    ts_traffic_count (&relation->traffic, relation->traffic_set, sent - relation->traffic_sent);
  relation->traffic_sent = sent;
}

void
ts_lab_relation_lose (TsLabRelation *relation, const GError *reason)
{
  count_traffic (relation);
  drop_link (relation);
  TsEvent event = {
      .now_us = ts_lab_host_now_us (relation->host),
      .kind = TS_EVENT_LOST,
      .lost = {.reason = reason->message,
               .final = g_error_matches (reason, TS_ERROR, TS_ERROR_REFUSED)},
  };
  ts_lab_relation_step (relation, &event);
}

static void
on_connected (TsLabLink *link, const char *peer, gpointer user)
{
  TsLabRelation *relation = user;
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host), .kind = TS_EVENT_CONNECTED};
  ts_lab_relation_step (relation, &event);
}

static void
on_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  TsLabRelation *relation = user;
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host),
                   .kind = TS_EVENT_FRAME,
                   .frame = {.frame = frame}};
  ts_lab_relation_step (relation, &event);
}

static void
on_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  ts_lab_relation_lose (user, reason);
}

static const TsLabLinkEvents link_events = {on_connected, on_frame, on_lost};

static void
connect_peer (TsLabRelation *relation)
{
  const TsLabPeer *peer = relation->peer;
  TsLabHost *host = relation->host;
  gboolean kerberos = relation->policy.authentication == TS_AUTH_KERBEROS;
  drop_link (relation);
  relation->link = ts_lab_link_connect (peer->address, kerberos ? peer->kerberos_port : peer->port,
                                        peer->name, kerberos ? &host->kerberos : &host->credentials,
                                        CONNECT_US, &link_events, relation);
}

void
ts_lab_relation_adopt (TsLabRelation *relation, TsLabLink *link, TsFrame *hello)
{
  drop_link (relation);
  relation->link = link;
  ts_lab_link_set_events (link, &link_events, relation);
  on_connected (link, ts_lab_link_peer (link), relation);
  if (relation->link == link)
    on_frame (link, hello, relation);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void
send_read (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  const TsFrame *frame = &job->action.frame;
  GBytes *bytes = NULL;
  if (job->action.source == TS_SOURCE_LOG)
    bytes = ts_lab_spool_read (relation->spool, frame->set, frame->disk, frame->offset_bytes,
                               job->action.len_bytes, &job->error);
  else if (job->action.source == TS_SOURCE_DISK) {
    /* Read while the guest writes: what is torn or missed here is in the first cut (sender.h). */
    g_autofree char *path = ts_lab_vm_data_path (relation->vm, frame->disk);
    ts_lab_extended_hold (relation->vm);
    bytes = ts_lab_file_read (path, frame->offset_bytes, job->action.len_bytes, &job->error);
    ts_lab_extended_release (relation->vm);
  } else
    return;
  job->action.frame.payload = bytes;
}

static void
send_now (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  if (job->connection != relation->connection || !relation->link)
    return;
  if (job->error) {
    ts_lab_job_complain (job);
    ts_lab_relation_lose (relation, job->error);
    return;
  }
  count_traffic (relation);
  relation->traffic_set = job->action.frame.set;
  ts_lab_link_send (relation->link, &job->action.frame, job->action.compress);
}

/* --- what is persisted ------------------------------------------------------------------------ */

static GBytes *
wrap_sender (const TsLabRelation *relation, GBytes *core)
{
  GVariantBuilder chain;
  g_variant_builder_init (&chain, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < relation->vm->config->disks; i++)
    g_variant_builder_add_value (
        &chain, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, relation->chain[i].bytes, 16, 1));
  g_autoptr (GVariant) state = g_variant_ref_sink (g_variant_new (
      "(s@" TS_POLICY_TYPE "aay@ay)", relation->peer->name, ts_policy_pack (&relation->policy),
      &chain, g_variant_new_from_bytes (G_VARIANT_TYPE ("ay"), core, TRUE)));
  return g_variant_get_data_as_bytes (state);
}

static void
persist (TsLabRelation *relation, GBytes *core)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = relation->sender ? wrap_sender (relation, core) : g_bytes_ref (core);
  /* What stands behind this action relies on it; a host that cannot remember must not go on. */
  if (!ts_lab_state_save (relation->state_path, state, &error)) {
    g_prefix_error (&error, "the state of %s cannot be kept: ", relation->vm->config->name);
    ts_lab_host_give_up (relation->host, error);
  }
}

/* --- stepping --------------------------------------------------------------------------------- */

static void
report (TsLabRelation *relation, TsRecord *record)
{
  relation->spoken |= g_str_equal (record->kind, "state");
  count_traffic (relation);
  ts_traffic_annotate (&relation->traffic, record);
  if (g_str_equal (record->kind, "connection") && !ts_record_field (record, "peer"))
    ts_record_text (record, "peer", relation->peer ? relation->peer->name : "");
  ts_lab_host_report (relation->host, record);
}

static void
start_at_home (TsLabJob *job)
{
  ts_lab_vm_start_home (job->relation->vm, &job->error);
}

static void
started_at_home (TsLabJob *job)
{
  if (!job->error)
    ts_lab_vm_is_on (job->relation->vm, "start");
  ts_lab_job_done (job);
}

/* --- slots ------------------------------------------------------------------------------------ */

static gboolean
slot_granted (gpointer user)
{
  TsLabRelation *relation = user;
  relation->slot_source = 0;
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host),
                   .kind = TS_EVENT_DONE,
                   .done = {.action = TS_ACTION_SLOT, .ok = TRUE}};
  ts_lab_relation_step (relation, &event);
  return G_SOURCE_REMOVE;
}

/* Not within a step. */
static void
grant_slot (TsLabRelation *relation)
{
  if (!relation->slot_source)
    relation->slot_source = g_timeout_add (0, slot_granted, relation);
}

void
ts_lab_relation_slot_end (TsLabRelation *relation)
{
  if (relation->slot_source)
    g_source_remove (relation->slot_source);
  relation->slot_source = 0;
  TsLabRelation *next = ts_slots_release (relation->host->slots, relation);
  if (next)
    grant_slot (next);
}

/* A primary's, to send; a replica's, to apply what comes from its primary. */
static void
ask_slot (TsLabRelation *relation)
{
  TsLabHost *host = relation->host;
  const TsHostSettings *settings = &host->config->settings;
  const char *owner = relation->vm->owner;
  const char *group = relation->sender ? "" : owner ? owner : "-";
  guint limit = relation->sender ? settings->transfers_max : settings->apply_vms_max;
  if (ts_slots_ask (host->slots, group, limit, relation))
    grant_slot (relation);
  else
    ts_lab_host_report (host, ts_slots_record (host->slots, relation->vm->config->name,
                                               host->config->name, group, limit,
                                               ts_lab_host_now_us (host)));
}

static void
perform_now (TsLabRelation *relation, TsAction *action)
{
  switch (action->kind) {
  case TS_ACTION_REPORT:
    report (relation, g_steal_pointer (&action->record));
    return;
  case TS_ACTION_PERSIST:
    persist (relation, action->payload);
    return;
  case TS_ACTION_CONNECT:
    connect_peer (relation);
    return;
  case TS_ACTION_DISCONNECT:
    count_traffic (relation);
    drop_link (relation);
    return;
  case TS_ACTION_SEND:
    if (relation->output)
      ts_lab_job_start (relation, action, relation->output, send_read, send_now);
    else if (relation->link)
      ts_lab_link_send (relation->link, &action->frame, action->compress);
    return;
  case TS_ACTION_SLOT:
    ask_slot (relation);
    return;
  case TS_ACTION_SLOT_END:
    ts_lab_relation_slot_end (relation);
    return;
  case TS_ACTION_TRACK:
  case TS_ACTION_UNTRACK:
  case TS_ACTION_MAP:
  case TS_ACTION_CUT:
  case TS_ACTION_FREEZE:
  case TS_ACTION_THAW:
  case TS_ACTION_LOCK:
    ts_lab_source_perform (relation, action);
    return;
  case TS_ACTION_CREATE:
  case TS_ACTION_WRITE:
  case TS_ACTION_FLUSH:
  case TS_ACTION_STORE:
  case TS_ACTION_SEAL:
  case TS_ACTION_DROP:
  case TS_ACTION_DELETE_SET:
  case TS_ACTION_APPLY:
  case TS_ACTION_KEEP:
  case TS_ACTION_BRANCH:
  case TS_ACTION_MERGE:
  case TS_ACTION_DISCARD:
  case TS_ACTION_TEST_START:
  case TS_ACTION_TEST_STOP:
    ts_lab_replica_perform (relation, action);
    return;
  case TS_ACTION_RESIZE:
    if (relation->sender)
      ts_lab_source_perform (relation, action);
    else
      ts_lab_replica_perform (relation, action);
    return;
  case TS_ACTION_POWER_ON:
    ts_lab_watch_source (relation->vm);
    ts_lab_watch_forget_off (relation->vm);
    if (relation->sender)
      ts_lab_job_start (relation, action, relation->vm->worker, start_at_home, started_at_home);
    else
      ts_lab_replica_perform (relation, action);
    return;
  case TS_ACTION_TURN:
    ts_lab_turn (relation);
    return;
  case TS_ACTION_HASH:
  case TS_ACTION_RESYNC_OPEN:
  case TS_ACTION_RESYNC_WRITE:
  case TS_ACTION_RESYNC_FLUSH:
  case TS_ACTION_RESYNC_MERGE:
  case TS_ACTION_RESYNC_DROP:
    ts_lab_resync_perform (relation, action);
    return;
  case TS_ACTION_EXPORT:
  case TS_ACTION_EXPORT_END:
  case TS_ACTION_EXPORT_DROP:
  case TS_ACTION_IMPORT_OPEN:
  case TS_ACTION_IMPORT:
    ts_lab_initial_perform (relation, action);
    return;
  case TS_ACTION_FORGET:
  case TS_ACTION_CONTINUE: /* whoever is replicated further finds the copy's machine (extend.c) */
    ts_lab_forget (relation, action->kind);
    return;
  case TS_ACTION_PEER: {
    const TsLabPeer *peer =
        ts_lab_host_config_peer (relation->host->config, g_bytes_get_data (action->payload, NULL));
    if (peer && *peer->address) /* else nobody is reached where nobody is known */
      relation->peer = peer;
    return;
  }
  case TS_ACTION_MOVE:
    ts_lab_move_begin (relation->vm->move, relation->move_to);
    return;
  case TS_ACTION_HAND_CONNECT: /* move.c's */
  case TS_ACTION_HAND_HANG_UP:
  case TS_ACTION_HAND_SAY:
  case TS_ACTION_HAND_KEEP:
  case TS_ACTION_HAND_HOLD:
  case TS_ACTION_HAND_LET_GO:
  case TS_ACTION_HAND_CARRY:
  case TS_ACTION_HAND_SETTLE:
  case TS_ACTION_HAND_TAKE:
  case TS_ACTION_HAND_LEAVE:
  case TS_ACTION_HAND_SCRAP:
  case TS_ACTION_KINDS:
    break;
  }
  g_assert_not_reached ();
}

/* Killed "during" it, a worker has been asked, and may have begun; "after" it, see ts_lab_job_done. */
static void
perform (TsLabRelation *relation, TsAction *action)
{
  TsActionKind kind = action->kind;
  ts_lab_host_moment (relation->host, kind, TS_DEATH_BEFORE);
  perform_now (relation, action);
  ts_lab_host_moment (relation->host, kind, TS_DEATH_DURING);
  if (kind == TS_ACTION_PERSIST)
    ts_lab_host_moment (relation->host, kind, TS_DEATH_AFTER);
}

static void
arm (TsLabRelation *relation)
{
  ts_lab_timer_set (relation->timer, relation->sender ? ts_sender_wake_us (relation->sender)
                                                      : ts_receiver_wake_us (relation->receiver));
}

void
ts_lab_relation_perform (TsLabRelation *relation, TsActions *actions)
{
  for (guint i = 0; i < actions->len && relation->host->status == 0; i++)
    perform (relation, &g_array_index (actions, TsAction, i));
  arm (relation);
}

void
ts_lab_relation_step (TsLabRelation *relation, const TsEvent *event)
{
  g_autoptr (TsActions) actions = ts_actions_new ();
  if (relation->sender)
    ts_sender_step (relation->sender, event, actions);
  else
    ts_receiver_step (relation->receiver, event, actions);
  ts_lab_relation_perform (relation, actions);
}

static void
tick (gpointer user)
{
  TsLabRelation *relation = user;
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host), .kind = TS_EVENT_TICK};
  ts_lab_relation_step (relation, &event);
}

void
ts_lab_relation_ask (TsLabRelation *relation, TsAsk ask, gboolean planned,
                     const TsPointChoice *point, const TsInitialChoice *initial)
{
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host),
                   .kind = TS_EVENT_ASK,
                   .ask = {.ask = ask, .planned = planned, .point = *point, .initial = *initial}};
  ts_lab_relation_step (relation, &event);
}

void
ts_lab_relation_ask_disks (TsLabRelation *relation, TsAsk ask, const TsDiskChange *disks)
{
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host),
                   .kind = TS_EVENT_ASK,
                   .ask = {.ask = ask, .disks = *disks}};
  ts_lab_relation_step (relation, &event);
}

void
ts_lab_relation_machine (TsLabRelation *relation, gboolean on)
{
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host),
                   .kind = TS_EVENT_MACHINE,
                   .machine = {.on = on}};
  ts_lab_relation_step (relation, &event);
}

void
ts_lab_relation_tell (TsLabRelation *relation, TsRole role, TsState state)
{
  if (relation->spoken) /* whoever asks has not heard it yet */
    return;
  g_autoptr (TsActions) out = ts_actions_new ();
  gint64 now_us = ts_lab_host_now_us (relation->host);
  if (relation->sender)
    ts_turn_tell_sender (relation->sender, role, state, now_us, out);
  else
    ts_turn_tell_receiver (relation->receiver, role, state, now_us, out);
  ts_lab_relation_perform (relation, out);
}

TsState
ts_lab_relation_state (const TsLabRelation *relation)
{
  return relation->sender ? ts_sender_state (relation->sender)
                          : ts_receiver_state (relation->receiver);
}

TsRole
ts_lab_relation_role (const TsLabRelation *relation)
{
  return relation->sender ? TS_ROLE_PRIMARY : TS_ROLE_REPLICA;
}

/* --- coming and going ------------------------------------------------------------------------- */

static TsLabRelation *
new_relation (TsLabVm *vm, const char *role, GError **error)
{
  TsLabHost *host = vm->host;
  g_autofree char *folder = ts_lab_path_spool (&host->layout, host->config->name, vm->config->name);
  TsLabSpool *spool = ts_lab_spool_open (folder, error);
  if (!spool)
    return NULL;
  g_autofree char *history =
      ts_lab_path_history (&host->layout, host->config->name, vm->config->name);
  g_autofree char *socket = ts_lab_path_undo (&host->layout, host->config->index, vm->index);
  TsLabUndo *undo = ts_lab_undo_open (history, socket, error);
  if (!undo) {
    ts_lab_spool_free (spool);
    return NULL;
  }
  TsLabRelation *relation = g_new0 (TsLabRelation, 1);
  relation->host = host;
  relation->vm = vm;
  relation->spool = spool;
  relation->undo = undo;
  relation->state_path =
      ts_lab_path_state (&host->layout, host->config->name, vm->config->name, role);
  relation->storage = ts_lab_worker_new ("storage");
  relation->watch_fd = -1;
  relation->timer = ts_lab_timer_new (&host->clock, tick, relation);
  ts_traffic_init (&relation->traffic);
  return relation;
}

TsSenderOptions
ts_lab_relation_options (const TsLabRelation *relation)
{
  const TsLabVmConfig *vm = relation->vm->config;
  TsSenderOptions options = {.vm = vm->name,
                             .host = relation->host->config->name,
                             .policy = &relation->policy,
                             .settings = &relation->host->config->settings,
                             .take_turns = TRUE,
                             .hello = {.vm = vm->id, .disks = vm->disks}};
  g_strlcpy (options.hello.name, vm->name, sizeof options.hello.name);
  for (guint i = 0; i < vm->disks; i++) {
    options.hello.disk[i].size_bytes = ts_lab_vm_disk_bytes (relation->vm, i);
    options.hello.disk[i].excluded =
        !vm->disk[i].replicated || !ts_lab_vm_has_disk (relation->vm, i);
    g_strlcpy (options.hello.disk[i].name, vm->disk[i].name, sizeof options.hello.disk[i].name);
  }
  return options;
}

TsLabRelation *
ts_lab_relation_new_sender (TsLabVm *vm, const TsLabPeer *peer, const TsPolicy *policy,
                            GError **error)
{
  TsLabRelation *relation = new_relation (vm, "sender", error);
  if (!relation)
    return NULL;
  relation->peer = peer;
  relation->policy = *policy;
  relation->output = ts_lab_worker_new ("output");
  TsSenderOptions options = ts_lab_relation_options (relation);
  relation->sender = ts_sender_new (&options);
  ts_lab_relation_machine (relation, vm->on);
  return relation;
}

TsLabRelation *
ts_lab_relation_new_receiver (TsLabVm *vm, GError **error)
{
  TsLabRelation *relation = new_relation (vm, "receiver", error);
  if (!relation)
    return NULL;
  relation->apply = ts_lab_worker_new ("apply");
  relation->receiver = ts_receiver_new (vm->host->config->name);
  ts_receiver_set_settings (relation->receiver, &vm->host->config->settings);
  return relation;
}

/* out: it comes from another host (core/relation/move.h); NULL: from this one's last life. */
static TsLabRelation *
restore_sender (TsLabVm *vm, GBytes *bytes, TsActions *out, GError **error)
{
  g_autoptr (GVariant) state =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (SENDER_TYPE), bytes, FALSE));
  if (!g_variant_is_normal_form (state)) {
    ts_throw (error, TS_ERROR_FORMAT, "not in normal form");
    return NULL;
  }
  const char *name;
  TsPolicy policy;
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GVariantIter) chain = NULL;
  g_autoptr (GVariant) core = NULL;
  g_variant_get (state, "(&s@" TS_POLICY_TYPE "aay@ay)", &name, &packed, &chain, &core);
  const TsLabPeer *peer = ts_lab_host_config_peer (vm->host->config, name);
  if (!ts_policy_unpack (packed, &policy, error))
    return NULL;
  if (!peer || g_variant_iter_n_children (chain) != vm->config->disks) {
    ts_throw (error, TS_ERROR_FORMAT, "it names a peer or disks that are not ours");
    return NULL;
  }
  TsLabRelation *relation = new_relation (vm, "sender", error);
  if (!relation)
    return NULL;
  relation->peer = peer;
  relation->policy = policy;
  relation->output = ts_lab_worker_new ("output");
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autoptr (GVariant) id = g_variant_iter_next_value (chain);
    gsize len = 0;
    const void *data = g_variant_get_fixed_array (id, &len, 1);
    if (len == sizeof relation->chain[i].bytes)
      memcpy (relation->chain[i].bytes, data, len);
  }
  TsSenderOptions options = ts_lab_relation_options (relation);
  g_autoptr (GBytes) saved = g_variant_get_data_as_bytes (core);
  relation->sender = out ? ts_move_unpack_sender (&options, saved, out, error)
                         : ts_sender_restore (&options, saved, error);
  if (!relation->sender) {
    ts_lab_relation_free (relation);
    return NULL;
  }
  if (!out)
    ts_lab_relation_machine (relation, vm->on);
  return relation;
}

GBytes *
ts_lab_relation_pack (const TsLabRelation *relation)
{
  if (relation->receiver)
    return ts_move_pack_receiver (relation->receiver);
  g_autoptr (GBytes) baggage = ts_move_pack_sender (relation->sender);
  return wrap_sender (relation, baggage);
}

TsLabRelation *
ts_lab_relation_unpack (TsLabVm *vm, TsRole role, GBytes *packed, TsActions *out, GError **error)
{
  if (role == TS_ROLE_PRIMARY)
    return restore_sender (vm, packed, out, error);
  TsLabRelation *relation = ts_lab_relation_new_receiver (vm, error);
  if (!relation)
    return NULL;
  g_clear_pointer (&relation->receiver, ts_receiver_free);
  relation->receiver = ts_move_unpack_receiver (vm->host->config->name, &vm->host->config->settings,
                                                packed, out, error);
  if (!relation->receiver)
    g_clear_pointer (&relation, ts_lab_relation_free);
  return relation;
}

TsLabRelation *
ts_lab_relation_restore (TsLabVm *vm, GError **error)
{
  TsLabHost *host = vm->host;
  const char *name = host->config->name;
  g_autoptr (GError) reason = NULL;
  TsLabRelation *relation = NULL;
  g_autofree char *sender = ts_lab_path_state (&host->layout, name, vm->config->name, "sender");
  g_autofree char *receiver = ts_lab_path_state (&host->layout, name, vm->config->name, "receiver");
  g_autoptr (GBytes) bytes = ts_lab_state_load (sender, &reason);
  if (bytes) {
    g_autoptr (GError) lost = NULL;
    relation = restore_sender (vm, bytes, NULL, &reason);
    if (!ts_lab_tracking_resume (vm, &lost)) /* the next cut says so, too */
      g_printerr ("twinsite host: %s\n", lost->message);
  }
  else if (!reason && (bytes = ts_lab_state_load (receiver, &reason))) {
    relation = ts_lab_relation_new_receiver (vm, &reason);
    if (relation) {
      ts_receiver_free (relation->receiver);
      relation->receiver = ts_receiver_restore (name, bytes, &reason);
      ts_lab_watch_recall (relation);
      if (relation->receiver) {
        ts_receiver_set_settings (relation->receiver, &host->config->settings);
        arm (relation);
      }
      else
        g_clear_pointer (&relation, ts_lab_relation_free);
    }
  }
  if (reason)
    g_propagate_prefixed_error (error, g_steal_pointer (&reason),
                                "the replication state of %s: ", vm->config->name);
  return relation;
}

void
ts_lab_relation_free (TsLabRelation *relation)
{
  if (!relation)
    return;
  ts_lab_relation_slot_end (relation);
  ts_lab_source_measure_end (relation);
  ts_lab_timer_free (relation->timer);
  ts_lab_link_free (relation->link);
  ts_lab_worker_free (relation->output);
  ts_lab_worker_free (relation->storage);
  ts_lab_worker_free (relation->apply);
  ts_lab_spool_free (relation->spool);
  for (guint i = 0; i < TS_WIRE_DISKS_MAX; i++)
    ts_extents_free (relation->resync_map[i]);
  ts_lab_watch_let_go (relation);
  ts_lab_undo_free (relation->undo);
  ts_traffic_clear (&relation->traffic);
  ts_sender_free (relation->sender);
  ts_receiver_free (relation->receiver);
  g_free (relation->state_path);
  g_free (relation->move_to);
  g_free (relation);
}
