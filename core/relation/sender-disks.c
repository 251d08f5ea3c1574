/* core/relation/sender-disks.c -- a primary's disks: resized, left out, included (HVR reference 2.6).
 *
 * To include a disk of a VM that replicates (states 15, 16): a cut closes what was tracked before; from then
 * on each set has a log of that disk, too, and between the sets its content is sent as it is read.
 * Content that is older than a set it follows is made good by the next one, as in the initial copy;
 * so the first set that is cut when all of the content is there (TS_SET_DISKS) brings all disks to one
 * instant.  Until that is applied the replica is what it is without the new disk. */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"

/* --- resize ----------------------------------------------------------------------------------- */

char *
ts_sender_resize_refusal (const TsSender *s, const TsDiskChange *change)
{
  if (change->disk >= s->hello.disks)
    return g_strdup_printf ("there is no disk %u", change->disk);
  if (change->size_bytes < TS_MIB || change->size_bytes > TS_WIRE_DISK_BYTES_MAX ||
      change->size_bytes % (4 * TS_KIB) != 0)
    return g_strdup ("a disk is 1 MiB to 64 TiB large, and a multiple of 4 KiB");
  if (s->resizing || s->preparing || s->turning)
    return g_strdup (s->resizing ? "a disk is being resized" : "a failover is being prepared");
  return NULL;
}

void
ts_sender_resize (TsSender *s, const TsDiskChange *change, TsActions *out)
{
  s->resizing = TRUE;
  TsAction *a = ts_actions_add (out, TS_ACTION_RESIZE);
  a->disk = change->disk;
  a->offset_bytes = change->size_bytes;
}

void
ts_sender_resized (TsSender *s, const TsEvent *ev, TsActions *out)
{
  guint d = ev->done.disk;
  s->resizing = FALSE;
  if (!ev->done.ok) {
    ts_sender_own_failure (s, ev->now_us, ev, out);
    return;
  }
  TsRecord *r = ts_record_text (ts_sender_record (s, ev->now_us, "resized"), "role", "primary");
  ts_record_text (r, "disk", s->hello.disk[d].name);
  ts_record_int (r, "from_bytes", (gint64)s->hello.disk[d].size_bytes);
  s->hello.disk[d].size_bytes = ev->done.offset_bytes;
  s->resized_off |= !s->machine_on;
  ts_sender_persist (s, out);
  ts_actions_report (out, ts_record_int (r, "bytes", (gint64)ev->done.offset_bytes));
}

void
ts_sender_resized_switched_on (TsSender *s, gint64 now_us, TsActions *out)
{
  if (!s->resized_off)
    return;
  s->resized_off = FALSE; /* HVR 2.6: resync at next start */
  ts_sender_require_resync (s, now_us, "a disk was resized while the virtual machine was off", out);
}

/* --- which disks ------------------------------------------------------------------------------ */

static void
report (TsSender *s, gint64 now_us, const char *phase, const char *reason, TsActions *out)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < s->hello.disks; i++)
    if (s->updating >> i & 1)
      g_string_append_printf (names, "%s%s", names->len > 0 ? " " : "", s->hello.disk[i].name);
  TsRecord *r = ts_record_text (ts_sender_record (s, now_us, "disk_update"), "phase", phase);
  ts_record_text (r, "disks", names->str);
  ts_record_int (r, "bytes", (gint64)s->copy_acked);
  ts_record_int (r, "total_bytes", (gint64)s->copy_total);
  ts_actions_report (out, ts_record_text (r, "reason", reason));
  s->copy_reported = s->copy_acked;
}

TsHello
ts_sender_update_hello (const TsSender *s)
{
  TsHello hello = s->hello;
  for (guint i = 0; i < hello.disks; i++)
    if (s->updating >> i & 1)
      hello.disk[i].excluded = FALSE;
  return hello;
}

guint32
ts_sender_cut_disks (const TsSender *s)
{
  return ts_hello_disks (&s->hello) | (s->update > UPDATE_CUT ? s->updating : 0);
}

void
ts_sender_update_absorb (TsSender *s)
{
  s->hello = ts_sender_update_hello (s);
  s->updating = 0;
  s->update = UPDATE_NONE;
  s->update_run = s->update_set = 0;
}

guint32
ts_sender_disks (const TsSender *s)
{
  return ts_hello_disks (&s->hello);
}

char *
ts_sender_update_refusal (const TsSender *s, const TsDiskChange *change)
{
  guint32 all = (1u << s->hello.disks) - 1;
  if (change->replicated == 0 || (change->replicated & ~all) != 0)
    return g_strdup ("IncludedDisks is not valid for Hyper-V operation"); /* HVR 3.4 */
  if ((change->replicated & ts_hello_disks (&s->hello)) == 0) /* CHOICE: else there were a time without a copy */
    return g_strdup ("one of the disks that are replicated has to stay");
  if (s->preparing || s->turning || s->resizing)
    return g_strdup (s->resizing ? "a disk is being resized" : "a failover is being prepared");
  return NULL;
}

/* Says to the replica anew which disks there are. */
static void
greet_again (TsSender *s, gint64 now_us, TsActions *out)
{
  ts_sender_hang_up (s, out);
  ts_sender_connect_peer (s, now_us, out);
}

static void
cut_now (TsSender *s, TsActions *out)
{
  if (s->cutting || s->retry_us != TS_NEVER)
    return;
  if (s->update == UPDATE_WAIT && s->update_greeted) { /* the disks are there, on the other side */
    s->update = UPDATE_CUT;
    ts_sender_ask_cut (s, TS_SET_REGULAR, out);
  } else if (s->update == UPDATE_COPIED && s->update_set == 0)
    ts_sender_ask_cut (s, TS_SET_DISKS, out);
}

void
ts_sender_update_disks (TsSender *s, gint64 now_us, const TsDiskChange *change, TsActions *out)
{
  guint32 old = ts_hello_disks (&s->hello), added = change->replicated & ~old;
  if (s->updating) {
    TsSenderSet *last = ts_sender_find_set (s, s->update_set);
    if (last)
      last->manifest.kind = TS_SET_REGULAR;
    report (s, now_us, "cancelled", "", out);
    ts_sender_update_forget (s);
  }
  for (guint i = 0; i < s->hello.disks; i++)
    if ((old & ~change->replicated) >> i & 1)
      s->hello.disk[i].excluded = TRUE;
  s->attempt = 0;
  if (added == 0) {
    ts_sender_persist (s, out);
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
    report (s, now_us, "done", "", out);
    greet_again (s, now_us, out);
    return;
  }
  s->updating = added;
  s->update_greeted = FALSE;
  s->update = UPDATE_WAIT;
  s->update_run = TS_UPDATE_RUN | (guint64)(now_us + 1);
  s->update_set = 0;
  s->copy_total = s->copy_acked = 0;
  ts_sender_change_state (s, now_us, TS_STATE_DISK_UPDATE, out);
  ts_sender_persist (s, out);
  report (s, now_us, "begun", "", out);
  greet_again (s, now_us, out);
}

void
ts_sender_update_forget (TsSender *s)
{
  s->updating = 0;
  s->update = UPDATE_NONE;
  s->update_run = s->update_set = 0;
  s->copy_total = s->copy_acked = s->copy_reported = 0;
  for (guint i = 0; i < TS_WIRE_DISKS_MAX; i++)
    g_clear_pointer (&s->map[i], ts_extents_free);
}

void
ts_sender_update_cut (TsSender *s, const TsEvent *ev, TsActions *out)
{
  if (s->update == UPDATE_CUT) {
    if (!ev->done.ok) { /* another cycle will come */
      s->update = UPDATE_WAIT;
      return;
    } else {
      s->update = UPDATE_MAP;
      s->maps = 0;
      for (guint i = 0; i < s->hello.disks; i++) {
        g_clear_pointer (&s->map[i], ts_extents_free);
        if (s->updating >> i & 1)
          ts_actions_add (out, TS_ACTION_MAP)->disk = i;
      }
      return;
    }
  }
  cut_now (s, out);
}

void
ts_sender_update_tick (TsSender *s, TsActions *out)
{
  cut_now (s, out);
}

gboolean
ts_sender_update_mapped (TsSender *s, const TsEvent *ev, TsActions *out)
{
  guint d = ev->done.disk;
  if (s->update != UPDATE_MAP || d >= s->hello.disks || !(s->updating >> d & 1) || s->map[d])
    return FALSE;
  if (ev->done.ok)
    s->map[d] = ts_extents_copy (ev->done.map);
  else { /* unknown: copy all of it */
    s->map[d] = ts_extents_new ();
    ts_extents_add (s->map[d], 0, s->hello.disk[d].size_bytes);
  }
  if (++s->maps < (guint)__builtin_popcount (s->updating))
    return FALSE;
  for (guint i = 0; i < s->hello.disks; i++) {
    if (!s->map[i])
      s->map[i] = ts_extents_new ();
    s->copy_total += ts_extents_bytes (s->map[i]);
  }
  s->copy_disk = 0;
  s->copy_offset = 0;
  s->update = UPDATE_SENDING;
  report (s, ev->now_us, "copying", "", out);
  return TRUE;
}

gboolean
ts_sender_update_send (TsSender *s, TsActions *out)
{
  if (s->update != UPDATE_SENDING || !s->update_greeted)
    return FALSE;
  if (ts_sender_copy_piece (s, s->update_run, out))
    return TRUE;
  s->update = UPDATE_ENDING;
  ts_sender_frame (out, TS_FRAME_COPY_END)->frame.set = s->update_run;
  return TRUE;
}

void
ts_sender_update_copied (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->update != UPDATE_SENDING && s->update != UPDATE_ENDING)
    return;
  s->update = UPDATE_COPIED;
  s->copy_acked = s->copy_total;
  report (s, now_us, "copied", "", out);
  cut_now (s, out);
}

void
ts_sender_update_welcome (TsSender *s, const TsEvent *ev, TsActions *out)
{
  s->update_greeted = FALSE;
  if (!s->updating)
    return;
  guint disk = 0;
  guint64 offset = 0;
  if (!ts_mark_unpack (ev->frame.frame->payload, &disk, &offset)) {
    disk = 0;
    offset = 0;
  }
  s->update_greeted = TRUE;
  if (s->state == TS_STATE_DISK_UPDATE_CRITICAL)
    ts_sender_change_state (s, ev->now_us, TS_STATE_DISK_UPDATE, out);
  if (s->update < UPDATE_SENDING) { /* the replica has nothing yet */
    cut_now (s, out);
    return;
  }
  if (disk == 0 && offset == 0) {
    /* It has nothing, perhaps any more (a failover that was taken back): what sets held of those disks
     * may be gone, too, so all that there is now is copied. */
    TsSenderSet *last = ts_sender_find_set (s, s->update_set);
    if (last) /* it makes nothing whole any more */
      last->manifest.kind = TS_SET_REGULAR;
    s->update = UPDATE_WAIT;
    s->update_set = 0;
    s->copy_total = s->copy_acked = 0;
    ts_sender_persist (s, out);
    cut_now (s, out);
    return;
  }
  if (disk >= s->hello.disks) {
    ts_sender_update_copied (s, ev->now_us, out);
    return;
  }
  if (s->update == UPDATE_COPIED) /* it had all of it, and has given it up: from that mark again */
    s->update_set = 0;
  s->update = UPDATE_SENDING;
  s->copy_disk = disk;
  s->copy_offset = offset;
  s->copy_acked = ts_sender_copy_bytes_until (s, disk, offset);
}

void
ts_sender_update_progress (TsSender *s, gint64 now_us, TsActions *out)
{
  report (s, now_us, "progress", "", out);
}

void
ts_sender_update_trouble (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  if (s->state != TS_STATE_DISK_UPDATE)
    return;
  ts_sender_change_state (s, now_us, TS_STATE_DISK_UPDATE_CRITICAL, out);
  report (s, now_us, "trouble", reason, out);
}

void
ts_sender_update_applied (TsSender *s, gint64 now_us, guint64 number, TsActions *out)
{
  if (!s->updating || s->update_set == 0 || number < s->update_set)
    return;
  report (s, now_us, "done", "", out);
  s->hello = ts_sender_update_hello (s);
  ts_sender_update_forget (s);
  if (ts_state_may_follow (s->state, TS_STATE_REPLICATING))
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  ts_sender_persist (s, out);
}

guint32
ts_sender_updating (const TsSender *s)
{
  return s->updating;
}
