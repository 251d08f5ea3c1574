/* sim/host.c -- a Hyper-V host: its relations, who connects to them, and losing power.
 *
 * Twin of lab/host/host.c. */
#include "sim/internal.h"
#include "sim/management.h"
#include "core/relation/extend.h"
#include "core/relation/turn.h"
#include "core/relation/wire.h"
#include "sim/move.h"
#include "sim/parcel.h"

TsSimHost *
ts_sim_host_new (TsWorld *world, guint index)
{
  TsSimHost *host = g_new0 (TsSimHost, 1);
  host->world = world;
  host->index = index;
  host->spec = ts_topology_host (world->topology, index);
  host->up = TRUE;
  host->by_vm = g_new0 (TsSimRelation *, MAX (world->topology->vms->len, 1));
  g_autoptr (GError) error = NULL;
  host->authorization = ts_topology_authorization (world->topology, index, &error);
  if (error)
    g_error ("host %s: %s", host->spec->name, error->message); /* the reader has looked */
  host->moves = g_new0 (TsSimMove *, MAX (world->topology->vms->len, 1));
  host->slots = ts_slots_new ();
  host->relations = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_relation_free);
  host->removed = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_relation_free);
  return host;
}

void
ts_sim_host_free (TsSimHost *host)
{
  if (!host)
    return;
  g_ptr_array_unref (host->relations);
  g_free (host->by_vm);
  for (guint i = 0; i < host->world->topology->vms->len; i++)
    ts_sim_move_free (host->moves[i]);
  g_free (host->moves);
  ts_slots_free (host->slots);
  ts_authorization_free (host->authorization);
  g_ptr_array_unref (host->removed);
  g_free (host);
}

TsSimRelation *
ts_sim_host_relation (const TsSimHost *host, const TsSimVm *vm)
{
  return host->by_vm[vm->index];
}

static void
drop (TsSimHost *host, TsSimRelation *rel)
{
  TsSimVm *vm = rel->vm;
  guint index = 0;
  rel->removed = TRUE;
  ts_sim_relation_slot_end (rel);
  if (rel->sender) {
    vm->source->tracker = NULL;
    ts_sim_forget_images (vm); /* the numbers of sets begin anew */
  }
  g_clear_pointer (&rel->persisted, g_bytes_unref);
  ts_sim_spool_drop_after (rel->spool, 0);
  if (!g_ptr_array_find (host->relations, rel, &index))
    g_assert_not_reached ();
  g_ptr_array_add (host->removed, g_ptr_array_steal_index (host->relations, index));
  ts_sim_touch (rel->vm); /* it looks different from now on */
  host->by_vm[vm->index] = NULL;
  gboolean other = FALSE;
  for (guint i = 0; i < host->world->hosts->len; i++)
    other |= ts_sim_host_relation (ts_sim_host (host->world, i), vm) != NULL;
  if (vm->base && rel->sender)
    ts_sim_extended_tell (vm, FALSE);
  if (!other)
    vm->replica = G_MAXUINT;
  vm->newest_point_us = -1;
}

void
ts_sim_host_forget (TsSimHost *host, TsSimRelation *rel)
{
  TsSimVm *vm = rel->vm;
  drop (host, rel);
  ts_sim_report (host->world, ts_turn_removed (vm->spec->name, host->spec->name,
                                               rel->sender ? TS_ROLE_PRIMARY : TS_ROLE_REPLICA,
                                               ts_sim_now_us (host->world)));
}

void
ts_sim_host_move_away (TsSimHost *host, TsSimRelation *rel)
{
  guint index = 0;
  rel->removed = TRUE;
  ts_sim_relation_slot_end (rel);
  g_clear_pointer (&rel->persisted, g_bytes_unref);
  if (!g_ptr_array_find (host->relations, rel, &index))
    g_assert_not_reached ();
  g_ptr_array_add (host->removed, g_ptr_array_steal_index (host->relations, index));
  host->by_vm[rel->vm->index] = NULL;
}

static TsSimVm *
vm_by_id (TsWorld *world, const TsGuid *id)
{
  return g_hash_table_lookup (world->by_id, id);
}

/* --- who connects ----------------------------------------------------------------------------- */

static void
report_refused (TsSimHost *host, const char *peer, const char *reason)
{
  TsRecord *record = ts_record_new (ts_sim_now_us (host->world), host->spec->name, "refused");
  ts_record_text (record, "host", host->spec->name);
  ts_record_text (record, "verb", "connect");
  ts_record_text (record, "peer", peer);
  ts_sim_report (host->world, ts_record_text (record, "reason", reason));
}

/* The replica is the peer's from now on. */
static void
own (TsSimRelation *rel, const char *peer, const TsGrant *grant)
{
  TsSimHost *host = rel->host;
  rel->owner = peer;
  g_free (rel->owner_group);
  rel->owner_group = g_strdup (grant->trust_group);
  TsRecord *record = ts_record_new (ts_sim_now_us (host->world), host->spec->name, "authorized");
  ts_record_text (record, "vm", rel->vm->spec->name);
  ts_record_text (record, "host", host->spec->name);
  ts_record_text (record, "peer", peer);
  ts_record_text (record, "entry",
                  grant->allowed_primary_server ? grant->allowed_primary_server : "");
  ts_record_text (record, "storage", grant->storage_location);
  ts_sim_report (host->world, ts_record_text (record, "trust_group", grant->trust_group));
}

/* May the peer go on with this replica, if it is one? */
static gboolean
may_go_on (TsSimHost *host, const TsSimRelation *rel, const char *peer, TsGrant *grant, GError **error)
{
  TsReplicaOwner owner = {rel ? rel->owner : NULL, rel ? rel->owner_group : NULL};
  if (owner.server
          ? ts_authorization_admit_replica (host->authorization, peer, &owner, grant, error)
          : ts_authorization_admit (host->authorization, peer, grant, error))
    return TRUE;
  report_refused (host, peer, (*error)->message);
  return FALSE;
}

/* The caller hangs up when it has heard that. */
static void
refuse_caller (TsSimConn *conn, TsRefusal why, const char *reason)
{
  TsFrame frame = {.kind = TS_FRAME_REFUSE, .sequence = 1, .value = why};
  frame.payload = g_bytes_new (reason, strlen (reason));
  g_autoptr (GBytes) bytes = ts_frame_encode (&frame, FALSE);
  ts_sim_conn_send (conn, bytes, g_bytes_get_size (bytes));
  ts_frame_clear (&frame);
}

/* The first message of a connection must be a HELLO of a VM that exists; else it is hung up on. */
static void
first_message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  TsSimHost *host = user;
  TsFrame frame = {0};
  if (!ts_sim_parcel_open_frame (bytes, &frame)) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    gsize len;
    const void *data = g_bytes_get_data (bytes, &len);
    ts_frame_reader_push (reader, data, len);
    ts_frame_reader_pop (reader, &frame, NULL);
  }
  TsHello hello;
  TsSimVm *vm = NULL;
  if (frame.kind == TS_FRAME_HELLO && frame.payload &&
      ts_hello_unpack (frame.payload, &hello, NULL))
    vm = vm_by_id (host->world, &hello.vm);
  gboolean fresh = ts_hello_is_fresh (frame.value);
  ts_frame_clear (&frame);
  if (!vm) {
    ts_sim_conn_close (conn);
    return;
  }
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  TsGrant grant;
  g_autoptr (GError) refusal = NULL;
  if (!may_go_on (host, rel, ts_sim_conn_peer (conn), &grant, &refusal)) {
    /* It may replicate to here, but not to this replica (1.3): that it is told, it does not pass. */
    refuse_caller (conn, TS_REFUSE_STATE, refusal->message);
    return;
  }
  const char *went_to = ts_sim_move_went_to (host, vm);
  if (*went_to != '\0' && !(rel && rel->receiver)) {
    refuse_caller (conn, TS_REFUSE_MOVED, went_to);
    return;
  }
  if (ts_sim_move_forbids (host, vm)) { /* on its way, one way or the other: soon it is known where */
    refuse_caller (conn, TS_REFUSE_PAUSED, "the replica is being moved to another host");
    return;
  }
  if (!rel && !fresh) {
    refuse_caller (conn, TS_REFUSE_STATE, "there is no replica of that virtual machine here");
    return;
  }
  if (!rel && ts_sim_extended_goes_on (host, vm)) {
    refuse_caller (conn, TS_REFUSE_STATE, TS_EXTEND_GOES_ON);
    return;
  }
  if (!rel)
    rel = ts_sim_relation_new_receiver (host, vm);
  if (!rel->receiver) { /* HVR traps: a primary takes no data */
    refuse_caller (conn, TS_REFUSE_STATE, "this host is the virtual machine's primary");
    return;
  }
  if (g_strcmp0 (rel->owner, ts_sim_conn_peer (conn)) != 0) /* new, or its primary has moved (1.3) */
    own (rel, ts_sim_conn_peer (conn), &grant);
  ts_sim_relation_adopt (rel, conn, bytes);
}

static void
first_connected (TsSimConn *conn, gpointer user)
{
}

static void
first_lost (TsSimConn *conn, const char *reason, gpointer user)
{
  ts_sim_conn_close (conn);
}

static const TsSimConnEvents first_events = {first_connected, first_message, first_lost};

void
ts_sim_host_accept (TsSimConn *conn, gpointer user)
{
  TsSimHost *host = user;
  g_autoptr (GError) error = NULL;
  TsGrant grant;
  if (!host->up)
    ts_sim_conn_vanish (conn);
  else if (ts_authorization_admit (host->authorization, ts_sim_conn_peer (conn), &grant, &error))
    ts_sim_conn_set_events (conn, &first_events, host);
  else {
    /* Authentic, not authorized: not one byte, not even why. */
    report_refused (host, ts_sim_conn_peer (conn), error->message);
    ts_sim_conn_close (conn);
  }
}

guint
ts_sim_host_power_loss (TsSimHost *host)
{
  if (!host->up)
    return 0;
  guint died = 1;
  g_autofree char *name =
      g_strdup_printf ("power/%s/%" G_GUINT64_FORMAT, host->spec->name, host->life);
  TsRandom random;
  ts_random_init (&random, host->world->topology->seed, name);
  host->up = FALSE;
  ts_sim_moves_power_loss (host);
  host->life++;
  ts_slots_free (host->slots);
  host->slots = ts_slots_new ();
  for (guint i = 0; i < host->relations->len; i++)
    ts_sim_relation_power_loss (g_ptr_array_index (host->relations, i), &random);
  for (guint i = 0; i < host->world->vms->len; i++) {
    TsSimVm *vm = ts_sim_vm (host->world, i);
    TsSimMachine *machines[] = {vm->source, vm->copy, vm->test};
    for (guint m = 0; m < G_N_ELEMENTS (machines); m++)
      if (machines[m] && machines[m]->host == host) {
        died += machines[m]->on ? 1 : 0;
        ts_sim_machine_power_loss (machines[m], &random);
      }
    ts_sim_touch (vm);
    if (vm->operation)
      ts_operation_host_lost (vm->operation, host->spec->name);
  }
  if (host->world->management)
    ts_sim_management_host_power (host->world->management, host, FALSE);
  return died;
}

gboolean
ts_sim_host_is_full (const TsSimHost *host)
{
  guint64 bytes = 0;
  if (host->full || host->spec->log_store_bytes == 0)
    return host->full;
  for (guint i = 0; i < host->relations->len; i++)
    bytes += ts_sim_spool_bytes (((const TsSimRelation *)g_ptr_array_index (host->relations, i))->spool);
  return bytes >= host->spec->log_store_bytes;
}

void
ts_sim_host_stop (TsSimHost *host, const gboolean *was_on)
{
  if (!host->up)
    return;
  ts_sim_moves_power_loss (host);
  for (guint i = 0; i < host->relations->len; i++) {
    TsSimRelation *rel = g_ptr_array_index (host->relations, i);
    ts_sim_relation_stop (rel, was_on[rel->vm->index]);
    for (guint d = 0; rel->disks && d < rel->disks->len; d++) {
      TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, d));
      disk->ops->flush (disk, NULL);
    }
    ts_sim_undo_sync (rel->undo);
    ts_sim_touch (rel->vm);
    if (rel->vm->operation)
      ts_operation_host_lost (rel->vm->operation, host->spec->name);
  }
  host->up = FALSE;
  host->life++;
  ts_slots_free (host->slots);
  host->slots = ts_slots_new ();
}

void
ts_sim_host_power_on (TsSimHost *host)
{
  if (host->up)
    return;
  host->up = TRUE;
  host->read_free_us = 0;
  ts_sim_moves_restore (host);
  for (guint i = host->relations->len; i > 0; i--) {
    TsSimRelation *rel = g_ptr_array_index (host->relations, i - 1);
    if (ts_sim_move_forbids (host, rel->vm))
      ts_sim_host_move_away (host, rel);
    else if (!rel->persisted) /* it had only just begun: nobody knows of it */
      drop (host, rel);
  }
  for (guint i = 0; i < host->relations->len; i++)
    ts_sim_relation_restore (g_ptr_array_index (host->relations, i));
  ts_sim_extended_restored (host);
  for (guint i = 0; i < host->relations->len; i++)
    ts_sim_touch (((TsSimRelation *)g_ptr_array_index (host->relations, i))->vm);
  if (host->world->management)
    ts_sim_management_host_power (host->world->management, host, TRUE);
}

/* --- a death by count ------------------------------------------------------------------------- */

gboolean
ts_sim_host_dies (TsSimHost *host, TsActionKind action, TsDeathMoment moment)
{
  host->moments[action][moment]++;
  if (ts_death_strikes (&host->death, action, moment)) {
    host->dying = TRUE;
    host->world->due_us = -1; /* whatever the event touches, it is looked at */
  }
  return host->dying;
}

static void
rise (gpointer user, gpointer data)
{
  ts_sim_host_power_on (user);
}

void
ts_sim_host_bury (TsSimHost *host)
{
  if (!host->dying)
    return;
  host->dying = FALSE;
  ts_sim_host_power_loss (host);
  ts_sim_clock_at (host->world->clock, ts_sim_now_us (host->world) + host->death_us, rise, host, NULL,
                   NULL);
}
