/* core/relation/receiver-save.c -- what of a receiver outlives its process. */
#include "core/relation/receiver-internal.h"
#include "core/base/units.h"

/* version, state, hello, created, copy done, durable copy mark, stored, applied, chain, point (set,
 * instant), planned, then per stored set that is not known to be applied: number, manifest; then
 * the resynchronization: stage, run, set, spoilt; latest point's type, kept points (set, instant,
 * type), a failover's point, whether its disks are there; disks that are being included, the run, are they there, the durable mark, is
 * all of it there; initial replication: attempt, stage of the placeholder, first set, newest point of it */
#define STATE_TYPE "(uuaybb(ut)ttaay(tx)ba(tay)(uttb)ua(txu)(txu)b(utb(ut)b)(tut(txu)))"
#define STATE_VERSION 4

static GVariant *
pack (GBytes *bytes) /* takes it */
{
  GVariant *v = g_variant_new_from_bytes (G_VARIANT_TYPE ("ay"), bytes, TRUE);
  g_bytes_unref (bytes);
  return v;
}

GBytes *
ts_receiver_save (const TsReceiver *r)
{
  GVariantBuilder chain, sets;
  g_variant_builder_init (&chain, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < r->hello.disks; i++)
    g_variant_builder_add_value (
        &chain, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, r->chain[i].bytes, 16, 1));
  g_variant_builder_init (&sets, G_VARIANT_TYPE ("a(tay)"));
  for (const GList *l = r->applies.head; l; l = l->next) {
    const TsReceiverSet *set = l->data;
    g_variant_builder_add (&sets, "(t@ay)", set->number, pack (ts_manifest_pack (&set->manifest)));
  }
  GVariantBuilder kept;
  g_variant_builder_init (&kept, G_VARIANT_TYPE ("a(txu)"));
  for (guint i = 0; i < r->kept_count; i++)
    g_variant_builder_add (&kept, "(txu)", r->kept[i].set, r->kept[i].instant_us,
                           (guint32)r->kept[i].type);
  g_autoptr (GVariant) state = g_variant_ref_sink (
      g_variant_new ("(uu@aybb(ut)ttaay(tx)ba(tay)(uttb)ua(txu)(txu)b(utb(ut)b)(tut(txu)))", STATE_VERSION, r->state,
                     pack (ts_hello_pack (&r->hello)), r->created, r->copy_done,
                     r->copy_durable.disk, r->copy_durable.offset_bytes, r->stored, r->applied,
                     &chain, r->point_set, r->point_us, r->planned, &sets, r->resync, r->resync_run,
                     r->resync_set, r->spoilt, (guint32)r->point_type, &kept, r->chosen.set,
                     r->chosen.instant_us, (guint32)r->chosen.type, r->failover == FAILOVER_DONE,
                     r->updating, r->update_run, r->update_made, r->update_durable.disk,
                     r->update_durable.offset_bytes, r->update_whole,
                     r->copy_run, (guint32)r->aside, r->aside_first, r->aside_point.set,
                     r->aside_point.instant_us, (guint32)r->aside_point.type));
  return g_variant_get_data_as_bytes (state);
}

static gboolean
load (TsReceiver *r, GVariant *state, GError **error)
{
  guint32 version, number, mark_disk, update_disk;
  g_autoptr (GVariant) packed_hello = NULL;
  g_autoptr (GVariantIter) chain = NULL;
  g_autoptr (GVariantIter) sets = NULL;
  guint32 resync, latest_type, chosen_type, aside, aside_type;
  gboolean branched;
  g_autoptr (GVariantIter) kept = NULL;
  g_variant_get (state, "(uu@aybb(ut)ttaay(tx)ba(tay)(uttb)ua(txu)(txu)b(utb(ut)b)(tut(txu)))", &version, &number,
                 &packed_hello, &r->created, &r->copy_done, &mark_disk,
                 &r->copy_durable.offset_bytes, &r->stored, &r->applied, &chain, &r->point_set,
                 &r->point_us, &r->planned, &sets, &resync, &r->resync_run, &r->resync_set,
                 &r->spoilt, &latest_type, &kept, &r->chosen.set, &r->chosen.instant_us,
                 &chosen_type, &branched, &r->updating, &r->update_run, &r->update_made, &update_disk,
                 &r->update_durable.offset_bytes, &r->update_whole, &r->copy_run, &aside, &r->aside_first,
                 &r->aside_point.set, &r->aside_point.instant_us, &aside_type);
  r->update_durable.disk = update_disk;
  r->update_mark = r->update_durable;
  if (version != STATE_VERSION || number >= TS_STATE_COUNT || resync > RESYNC_MERGING)
    return ts_throw (error, TS_ERROR_FORMAT, "receiver state: version %u, state %u", version,
                     number);
  g_autoptr (GBytes) hello = g_variant_get_data_as_bytes (packed_hello);
  if (!ts_hello_unpack (hello, &r->hello, error))
    return FALSE;
  if (g_variant_iter_n_children (chain) != r->hello.disks)
    return ts_throw (error, TS_ERROR_FORMAT, "receiver state: chain and disks do not match");
  r->known = TRUE;
  r->source = g_strdup_printf ("%s@%s", r->hello.name, r->host);
  r->state = (TsState)number;
  r->copy_durable.disk = mark_disk;
  r->copy_mark = r->copy_durable;
  r->resync = resync == RESYNC_OPENING ? RESYNC_NONE : (TsResyncStage)resync;
  if (resync == RESYNC_OPENING) { /* begun again when the primary asks again */
    r->resync_run = 0;
    r->copy_done = r->state != TS_STATE_INITIAL;
  }
  r->recv_set = ts_receiver_next_set (r);
  if (r->state == TS_STATE_RECOVERED || r->state == TS_STATE_COMMITTED)
    r->failover = FAILOVER_DONE;
  if (r->state == TS_STATE_RECOVERED && !branched) { /* the end came while the point was changed */
    r->failover = FAILOVER_BRANCHING;
    r->changing = r->discarding = TRUE;
  }
  if (aside > ASIDE_MERGING || aside_type > TS_POINT_PLANNED)
    return ts_throw (error, TS_ERROR_FORMAT, "receiver state: placeholder %u", aside);
  r->aside = (TsAsideStage)aside;
  r->aside_point.type = (TsPointType)aside_type;
  if (r->aside == ASIDE_WANTED || r->aside == ASIDE_OPENING) { /* asked for again by HELLO */
    r->aside = ASIDE_NONE;
    r->copy_done = FALSE;
  }
  if (latest_type > TS_POINT_PLANNED || chosen_type > TS_POINT_PLANNED ||
      g_variant_iter_n_children (kept) > TS_POINTS_MAX + 1)
    return ts_throw (error, TS_ERROR_FORMAT, "receiver state: recovery points that cannot be");
  r->point_type = (TsPointType)latest_type;
  r->chosen.type = (TsPointType)chosen_type;
  for (guint32 type; g_variant_iter_next (kept, "(txu)", &r->kept[r->kept_count].set,
                                          &r->kept[r->kept_count].instant_us, &type);
       r->kept_count++) {
    if (type > TS_POINT_PLANNED ||
        (r->kept_count > 0 && r->kept[r->kept_count].set <= r->kept[r->kept_count - 1].set))
      return ts_throw (error, TS_ERROR_FORMAT, "receiver state: recovery points that cannot be");
    r->kept[r->kept_count].type = (TsPointType)type;
  }
  for (guint i = 0; i < r->hello.disks; i++) {
    g_autoptr (GVariant) id = g_variant_iter_next_value (chain);
    gsize len = 0;
    const void *data = g_variant_get_fixed_array (id, &len, 1);
    if (len != 16)
      return ts_throw (error, TS_ERROR_FORMAT, "receiver state: a log id of %zu bytes", len);
    memcpy (r->chain[i].bytes, data, 16);
  }
  for (gsize n = g_variant_iter_n_children (sets); n > 0; n--) {
    guint64 set_number;
    g_autoptr (GVariant) child = g_variant_iter_next_value (sets);
    g_autoptr (GVariant) packed = NULL;
    g_variant_get (child, "(t@ay)", &set_number, &packed);
    g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (packed);
    g_autofree TsReceiverSet *set = g_new0 (TsReceiverSet, 1);
    set->number = set_number;
    if (!ts_manifest_unpack (bytes, &set->manifest, error))
      return FALSE;
    g_queue_push_tail (&r->applies, g_steal_pointer (&set));
  }
  const TsReceiverSet *first = g_queue_peek_head (&r->applies);
  r->redo = first ? first->number : 0;
  return TRUE;
}

TsReceiver *
ts_receiver_restore (const char *host, GBytes *bytes, GError **error)
{
  g_autoptr (TsReceiver) r = ts_receiver_new (host);
  g_autoptr (GVariant) state =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (STATE_TYPE), bytes, FALSE));
  if (!g_variant_is_normal_form (state)) {
    ts_throw (error, TS_ERROR_FORMAT, "receiver state: not in normal form");
    return NULL;
  }
  if (!load (r, state, error))
    return NULL;
  r->restored = TRUE;
  /* CHOICE: when it was received is not kept; the instant that it is of is a little older */
  r->statistics.last_sync_us = r->point_us;
  r->apply_retry_us = 0; /* the first TICK plays again what may have been played in part */
  return g_steal_pointer (&r);
}
