/* core/relation/move.c -- see move.h. */
#include "core/relation/move.h"
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"
#include "core/relation/sender-internal.h"

/* BAGGAGE, version 1: {version, role, what it persists, statistics, monitoring interval's end, next
 * cycle, next resynchronization, last application-consistent slot, tracked bytes, is it refused} */
#define BAGGAGE_TYPE "(uuay(xttttxxtttxxx)xxxxtb)"
#define VERSION 1

/* --- coming to rest: the primary -------------------------------------------------------------- */

/* Where it may be asked for (state.c), it may still not be at a good moment. */
const char *
ts_sender_move_refusal (const TsSender *s)
{
  return s->preparing       ? "a planned failover is being prepared"
         : s->turning       ? "it is becoming the replica"
         : s->resizing      ? "a disk is being resized"
         : s->updating      ? "disks are being included"
         : s->returning     ? "it has not heard from its replica since its host came back"
         : s->copy != COPY_NONE && s->copy != COPY_DONE && s->state != TS_STATE_RESYNC_REQUIRED
             ? "initial replication is not finished"
             : NULL;
}

void
ts_sender_move (TsSender *s, TsActions *out)
{
  s->moving = TRUE;
  ts_sender_hang_up (s, out);
}

void
ts_sender_move_settle (TsSender *s, TsActions *out)
{
  if (!s->moving || s->move_asked || s->cutting || s->freeze != FREEZE_NONE || s->starting)
    return;
  s->move_asked = TRUE;
  if (s->slot != TS_SLOT_NONE) {
    s->slot = TS_SLOT_NONE;
    ts_actions_add (out, TS_ACTION_SLOT_END);
  }
  ts_actions_add (out, TS_ACTION_MOVE);
}

void
ts_sender_moved_not (TsSender *s, gint64 now_us)
{
  s->moving = s->move_asked = FALSE;
  s->retry_us = now_us;
}

/* --- coming to rest: the replica -------------------------------------------------------------- */

const char *
ts_receiver_move_refusal (const TsReceiver *r)
{
  return r->test != TEST_NONE           ? "a test failover is running"
         : r->failover != FAILOVER_NONE ? "a failover is under way"
         : r->resync != RESYNC_NONE || r->resync_wanted ? "a resynchronization is under way"
         : r->backup                                    ? "the replica is being backed up"
         : r->extended   ? "the virtual machine has extended replication"
         : r->aside      ? "the first copy is awaited on a medium"
         : !r->copy_done ? "initial replication is not finished"
         : r->resizing   ? "a disk is being resized"
         : r->updating   ? "disks are being included"
                         : NULL;
}

void
ts_receiver_move (TsReceiver *r, gint64 now_us, TsActions *out)
{
  r->moving = TRUE;
  if (r->connected)
    ts_receiver_refuse_peer (r, now_us, TS_REFUSE_PAUSED, TS_RECEIVER_MOVING, out);
  r->welcome_due = FALSE;
  if (r->seals.length == 0)
    ts_receiver_forget_unsealed (r, out);
}

void
ts_receiver_move_settle (TsReceiver *r, TsActions *out)
{
  if (!r->moving || r->move_asked || r->applying || r->creating || r->seals.length > 0 ||
      r->update_flushing || r->flushing)
    return;
  r->move_asked = TRUE;
  ts_receiver_forget_unsealed (r, out); /* of what came behind the last whole one */
  if (r->slot != TS_SLOT_NONE) {
    r->slot = TS_SLOT_NONE;
    ts_actions_add (out, TS_ACTION_SLOT_END);
  }
  ts_actions_add (out, TS_ACTION_MOVE);
}

/* --- baggage ---------------------------------------------------------------------------------- */

static GBytes *
pack (TsRole role, GBytes *state, const TsStatistics *t, gint64 monitor_us, gint64 due_us,
      gint64 resync_due_us, gint64 slot, guint64 tracked_bytes, gboolean refused)
{
  g_autoptr (GBytes) owned = state;
  g_autoptr (GVariant) v = g_variant_ref_sink (g_variant_new (
      "(uu@ay(xttttxxtttxxx)xxxxtb)", VERSION, (guint32)role,
      g_variant_new_from_bytes (G_VARIANT_TYPE ("ay"), owned, TRUE), t->start_us, t->success,
      t->missed, t->bytes, t->bytes_max, t->latency_us, t->latency_us_max, t->network_failures,
      t->failures, t->freeze_failures, t->last_sync_us, t->last_applied_us, t->last_test_us,
      monitor_us, due_us, resync_due_us, slot, tracked_bytes, refused));
  return g_variant_get_data_as_bytes (v);
}

GBytes *
ts_move_pack_sender (const TsSender *s)
{
  return pack (TS_ROLE_PRIMARY, ts_sender_save (s), &s->statistics, s->monitor_us, s->due_us,
               s->resync_due_us, s->consistent_slot, s->tracked_bytes, s->refused);
}

GBytes *
ts_move_pack_receiver (const TsReceiver *r)
{
  return pack (TS_ROLE_REPLICA, ts_receiver_save (r), &r->statistics, r->monitor_us, TS_NEVER,
               TS_NEVER, -1, 0, FALSE);
}

typedef struct {
  GBytes *state;
  TsStatistics statistics;
  gint64 monitor_us, due_us, resync_due_us, slot;
  guint64 tracked_bytes;
  gboolean refused;
} Baggage;

static gboolean
unpack (GBytes *bytes, TsRole role, Baggage *b, GError **error)
{
  g_autoptr (GVariant) v =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (BAGGAGE_TYPE), bytes, FALSE));
  g_autoptr (GVariant) state = NULL;
  guint32 version, of;
  TsStatistics *t = &b->statistics;
  if (!g_variant_is_normal_form (v))
    return ts_throw (error, TS_ERROR_FORMAT, "baggage: not in normal form");
  g_variant_get (v, "(uu@ay(xttttxxtttxxx)xxxxtb)", &version, &of, &state, &t->start_us, &t->success,
                 &t->missed, &t->bytes, &t->bytes_max, &t->latency_us, &t->latency_us_max,
                 &t->network_failures, &t->failures, &t->freeze_failures, &t->last_sync_us,
                 &t->last_applied_us, &t->last_test_us, &b->monitor_us, &b->due_us,
                 &b->resync_due_us, &b->slot, &b->tracked_bytes, &b->refused);
  if (version != VERSION || of != (guint32)role)
    return ts_throw (error, TS_ERROR_FORMAT, "baggage: version %u, role %u", version, of);
  b->state = g_variant_get_data_as_bytes (state);
  return TRUE;
}

TsSender *
ts_move_unpack_sender (const TsSenderOptions *options, GBytes *bytes, TsActions *out, GError **error)
{
  Baggage b = {0};
  if (!unpack (bytes, TS_ROLE_PRIMARY, &b, error))
    return NULL;
  g_autoptr (GBytes) state = b.state;
  TsSender *s = ts_sender_restore (options, state, error);
  if (!s)
    return NULL;
  /* Nothing was lost: it is no return from a crash. */
  s->crashed = s->returning = s->track_due = s->begin = FALSE;
  s->statistics = b.statistics;
  s->monitor_us = b.monitor_us;
  s->due_us = b.due_us;
  s->resync_due_us = b.resync_due_us;
  s->consistent_slot = b.slot;
  s->tracked_bytes = b.tracked_bytes;
  s->refused = b.refused;
  gboolean idle = s->state == TS_STATE_READY || s->state == TS_STATE_RESYNC_REQUIRED;
  s->retry_us = idle ? TS_NEVER : 0; /* to the replica at once */
  ts_sender_persist (s, out);
  return s;
}

TsReceiver *
ts_move_unpack_receiver (const char *host, const TsHostSettings *settings, GBytes *bytes,
                         TsActions *out, GError **error)
{
  Baggage b = {0};
  if (!unpack (bytes, TS_ROLE_REPLICA, &b, error))
    return NULL;
  g_autoptr (GBytes) state = b.state;
  TsReceiver *r = ts_receiver_restore (host, state, error);
  if (!r)
    return NULL;
  ts_receiver_set_settings (r, settings);
  r->statistics = b.statistics;
  r->monitor_us = b.monitor_us;
  ts_receiver_persist (r, out);
  return r;
}
