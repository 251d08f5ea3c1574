/* core/relation/sender-save.c -- what of a sender outlives its process: state, chain, queued sets.
 */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"

/* version, disks (size, is it left out), those that are being included, was one resized while it was off, state, copy, is the VM on, was the host shut down gracefully, next set, stored, applied, planned set and its instant, last sent,
 * success, missed,
 * initial replication: method, when it begins, attempt, was there one, first set, exported; where the replica has gone;
 * chain of log ids per disk, then per queued set: number, data bytes, counted, manifest */
#define STATE_TYPE "(ua(tb)ubuubbttttxxtt(uxtbtb)saaya(ttbay))"
#define STATE_VERSION 7

static GVariant *
bytes_variant (const void *data, gsize len)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, len, 1);
}

/* How far a restored sender may believe that it was.  COMPARE: there is something at the replica to
 * compare with; a copy before it: nothing of it has been sent, the replica may not even be there. */
static TsSenderCopy
copy_to_keep (const TsSender *s)
{
  gboolean seeded = s->state == TS_STATE_INITIAL && s->initial == TS_INITIAL_SEEDED;
  if (s->begin || ((s->resync_run || seeded) && s->copy < COPY_SENDING))
    return COPY_COMPARE;
  return (s->copy == COPY_SENDING || s->copy == COPY_EXPORTING) && !s->welcomed ? COPY_MAP : s->copy;
}

GBytes *
ts_sender_save (const TsSender *s)
{
  GVariantBuilder disks, chain, sets;
  g_variant_builder_init (&disks, G_VARIANT_TYPE ("a(tb)"));
  for (guint i = 0; i < s->hello.disks; i++)
    g_variant_builder_add (&disks, "(tb)", s->hello.disk[i].size_bytes, s->hello.disk[i].excluded);
  g_variant_builder_init (&chain, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < s->hello.disks; i++)
    g_variant_builder_add_value (&chain, bytes_variant (s->last_unique[i].bytes, 16));
  g_variant_builder_init (&sets, G_VARIANT_TYPE ("a(ttbay)"));
  for (const GList *l = s->sets.head; l; l = l->next) {
    const TsSenderSet *set = l->data;
    g_autoptr (GBytes) manifest = ts_manifest_pack (&set->manifest);
    g_variant_builder_add (&sets, "(ttb@ay)", set->number, set->data_bytes, set->counted,
                           g_variant_new_from_bytes (G_VARIANT_TYPE ("ay"), manifest, TRUE));
  }
  g_autoptr (GVariant) state = g_variant_ref_sink (g_variant_new (
      STATE_TYPE, STATE_VERSION, &disks, s->updating, s->resized_off, s->state, (guint32)copy_to_keep (s),
      s->machine_on || s->auto_start, s->stopped, s->next_set, s->stored, s->applied,
      s->planned_set, s->planned_us, s->statistics.last_sync_us,
      s->statistics.success, s->statistics.missed, s->initial,
      s->initial_due_us, s->copy_run, s->attempted, s->first_set, s->exported, s->peer, &chain, &sets));
  return g_variant_get_data_as_bytes (state);
}

static gboolean
load (TsSender *s, GVariant *state, GError **error)
{
  guint32 version, number, copy, initial;
  g_autoptr (GVariantIter) disks = NULL;
  g_autoptr (GVariantIter) chain = NULL;
  g_autoptr (GVariantIter) sets = NULL;
  g_autofree char *peer = NULL;
  g_variant_get (state, STATE_TYPE, &version, &disks, &s->updating, &s->resized_off, &number, &copy, &s->auto_start, &s->stopped, &s->next_set, &s->stored, &s->applied,
                 &s->planned_set, &s->planned_us, &s->statistics.last_sync_us,
                 &s->statistics.success, &s->statistics.missed, &initial,
                 &s->initial_due_us, &s->copy_run, &s->attempted, &s->first_set, &s->exported, &peer, &chain, &sets);
  if (version != STATE_VERSION || number >= TS_STATE_COUNT || copy > COPY_DONE ||
      initial > TS_INITIAL_SEEDED)
    return ts_throw (error, TS_ERROR_FORMAT, "sender state: version %u, state %u, copy %u", version,
                     number, copy);
  if (g_variant_iter_n_children (chain) != s->hello.disks ||
      g_variant_iter_n_children (disks) != s->hello.disks)
    return ts_throw (error, TS_ERROR_FORMAT, "sender state: made for a VM with other disks");
  for (guint i = 0; i < s->hello.disks; i++)
    g_variant_iter_next (disks, "(tb)", &s->hello.disk[i].size_bytes, &s->hello.disk[i].excluded);
  if (ts_hello_disks (&s->hello) == 0)
    return ts_throw (error, TS_ERROR_FORMAT, "sender state: none of its disks is replicated");
  g_strlcpy (s->peer, peer, sizeof s->peer);
  s->state = (TsState)number;
  s->copy = (TsSenderCopy)copy;
  s->initial = (TsInitial)initial;
  for (guint i = 0; i < s->hello.disks; i++) {
    g_autoptr (GVariant) id = g_variant_iter_next_value (chain);
    gsize len = 0;
    const void *data = g_variant_get_fixed_array (id, &len, 1);
    if (len != 16)
      return ts_throw (error, TS_ERROR_FORMAT, "sender state: a log id of %zu bytes", len);
    memcpy (s->last_unique[i].bytes, data, 16);
  }
  for (gsize n = g_variant_iter_n_children (sets); n > 0; n--) {
    g_autoptr (GVariant) child = g_variant_iter_next_value (sets);
    g_autoptr (GVariant) packed = NULL;
    g_autofree TsSenderSet *set = g_new0 (TsSenderSet, 1);
    g_variant_get (child, "(ttb@ay)", &set->number, &set->data_bytes, &set->counted, &packed);
    set->first_sent_us = -1;
    g_autoptr (GBytes) bytes_of_it = g_variant_get_data_as_bytes (packed);
    if (!ts_manifest_unpack (bytes_of_it, &set->manifest, error))
      return FALSE;
    g_queue_push_tail (&s->sets, g_steal_pointer (&set));
  }
  return TRUE;
}

TsSender *
ts_sender_restore (const TsSenderOptions *options, GBytes *bytes, GError **error)
{
  g_autoptr (TsSender) s = ts_sender_new (options);
  g_autoptr (GVariant) state =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (STATE_TYPE), bytes, FALSE));
  if (!g_variant_is_normal_form (state)) {
    ts_throw (error, TS_ERROR_FORMAT, "sender state: not in normal form");
    return NULL;
  }
  if (!load (s, state, error))
    return NULL;
  s->send_set = s->stored + 1;
  if (s->state == TS_STATE_RESYNC_REQUIRED)
    s->resync_due_us = 0; /* the first TICK looks at the clock */
  s->crashed = !s->stopped && ts_state_may_follow (s->state, TS_STATE_RESYNC_REQUIRED);
  s->stopped = FALSE; /* until it is again */
  s->welcomed = s->copy >= COPY_COMPARE;
  if (s->state == TS_STATE_READY && s->copy == COPY_COMPARE) { /* reversed, and not begun yet */
    s->copy = COPY_NONE;
    s->begin = TRUE;
  } else if (s->state == TS_STATE_INITIAL && !s->welcomed) { /* the copy begins, as if it had not */
    s->copy = COPY_TRACK;
    s->track_due = TRUE;
    s->crashed = FALSE;
  }
  s->returning = s->state != TS_STATE_DISABLED && s->state != TS_STATE_PREPARED;
  if (s->returning && !s->crashed) /* else the first TICK connects when it has said so */
    s->retry_us = 0;
  return g_steal_pointer (&s);
}
