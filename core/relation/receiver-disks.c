/* core/relation/receiver-disks.c -- a replica's disks: resized, left out, included (HVR reference 2.6).
 *
 * HELLO says which disks there are to be.  One that is included is made empty and filled as the initial
 * copy is, while sets are applied as ever; those that hold logs of it are played onto it, too, so that
 * the set that ends the update (TS_SET_DISKS) makes it one instant with the others.  Until that is
 * applied it is none of the replica's disks: a failover goes without it. */
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"

#define FLUSH_BYTES (32 * TS_MIB) /* CHOICE: as receiver-copy.c */

/* --- resize ----------------------------------------------------------------------------------- */

char *
ts_receiver_resize_refusal (const TsReceiver *r, const TsDiskChange *change)
{
  if (change->disk >= r->hello.disks)
    return g_strdup_printf ("there is no disk %u", change->disk);
  if (change->size_bytes < TS_MIB || change->size_bytes > TS_WIRE_DISK_BYTES_MAX ||
      change->size_bytes % (4 * TS_KIB) != 0)
    return g_strdup ("a disk is 1 MiB to 64 TiB large, and a multiple of 4 KiB");
  if (r->resizing)
    return g_strdup ("a disk is being resized");
  if (r->failover != FAILOVER_NONE || r->test != TEST_NONE)
    return g_strdup ("a virtual machine stands on the replica's disks");
  if (r->resync != RESYNC_NONE || r->resync_wanted || r->updating || !r->created)
    return g_strdup ("the replica's disks are being copied");
  if (change->size_bytes < r->hello.disk[change->disk].size_bytes &&
      (r->applying || r->applies.length > 0 || r->seals.length > 0))
    return g_strdup ("what was received is not applied yet: it may write behind the new end");
  return NULL;
}

void
ts_receiver_resize (TsReceiver *r, const TsDiskChange *change, TsActions *out)
{
  r->resizing = TRUE;
  TsAction *a = ts_actions_add (out, TS_ACTION_RESIZE);
  a->disk = change->disk;
  a->offset_bytes = change->size_bytes;
}

void
ts_receiver_resized (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  guint d = ev->done.disk;
  guint64 old = r->hello.disk[d].size_bytes, size = ev->done.offset_bytes;
  r->resizing = FALSE;
  if (!ev->done.ok)
    ts_receiver_own_failure (r, ev, out);
  else {
    r->hello.disk[d].size_bytes = size;
    if (size < old) /* HVR 2.6: failover to older points is not supported.  CHOICE: so they go */
      ts_receiver_forget_points (r, ev->now_us, "a disk was shrunk", out);
    ts_receiver_persist (r, out);
    TsRecord *rec = ts_record_text (ts_receiver_record (r, ev->now_us, "resized"), "role", "replica");
    ts_record_text (rec, "disk", r->hello.disk[d].name);
    ts_record_int (rec, "from_bytes", (gint64)old);
    ts_actions_report (out, ts_record_int (rec, "bytes", (gint64)size));
  }
  ts_receiver_go_on_applying (r, ev->now_us, out);
}

/* --- which disks ------------------------------------------------------------------------------ */

void
ts_receiver_report_disks (TsReceiver *r, gint64 now_us, TsActions *out)
{
  guint32 all = (1u << r->hello.disks) - 1, have = ts_hello_disks (&r->hello);
  if (have == (r->told_disks ? r->told_disks : all))
    return;
  r->told_disks = have;
  g_autoptr (GString) with = g_string_new (NULL);
  g_autoptr (GString) without = g_string_new (NULL);
  for (guint i = 0; i < r->hello.disks; i++) {
    GString *list = r->hello.disk[i].excluded ? without : with;
    g_string_append_printf (list, "%s%s", list->len > 0 ? " " : "", r->hello.disk[i].name);
  }
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "disks"), "replicated", with->str);
  ts_actions_report (out, ts_record_text (rec, "excluded", without->str));
}

static void
create (TsReceiver *r, guint32 disks, const TsHello *said, TsActions *out)
{
  for (guint i = 0; i < r->hello.disks; i++)
    if (disks >> i & 1)
      r->hello.disk[i].size_bytes = said->disk[i].size_bytes;
  r->creating = TRUE;
  ts_actions_add (out, TS_ACTION_CREATE)->disks = disks;
}

void
ts_receiver_update_forget (TsReceiver *r)
{
  r->updating = 0;
  r->update_run = 0;
  r->update_made = r->update_whole = r->update_ending = FALSE;
  r->update_mark = r->update_durable = (TsCopyMark){0};
  r->flush_void |= r->update_flushing;
  r->update_flushing = FALSE;
}

gboolean
ts_receiver_update_hello (TsReceiver *r, const TsEvent *ev, const TsHello *said, TsActions *out)
{
  guint64 value = ev->frame.frame->value;
  guint64 run = (value & (TS_RESYNC_RUN | TS_UPDATE_RUN)) == TS_UPDATE_RUN ? value : 0;
  guint32 ours = ts_hello_disks (&r->hello), theirs = ts_hello_disks (said);
  guint32 added = theirs & ~ours, removed = ours & ~theirs;
  for (guint i = 0; i < r->hello.disks; i++)
    if (removed >> i & 1)
      r->hello.disk[i].excluded = TRUE;
  if (removed) {
    ts_receiver_persist (r, out);
    ts_receiver_report_disks (r, ev->now_us, out);
  }
  if (r->updating && (run != r->update_run || added != r->updating)) {
    ts_receiver_update_forget (r);
    ts_receiver_persist (r, out);
  }
  if (r->updating && !r->update_made && !r->creating) { /* the host crashed in the middle of it */
    create (r, added, said, out);
    r->welcome_due = TRUE;
    return TRUE;
  }
  if (added == 0 || r->updating)
    return FALSE;
  if (value & TS_RESYNC_RUN) { /* all disks are compared: it takes part, empty as it is */
    for (guint i = 0; i < r->hello.disks; i++)
      if (added >> i & 1)
        r->hello.disk[i].excluded = FALSE;
    create (r, added, said, out);
    ts_receiver_persist (r, out);
    return FALSE;
  }
  if (run == 0) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_SEQUENCE,
                             "a disk of the primary is not on the replica", out);
    return TRUE;
  }
  r->updating = added;
  r->update_run = run;
  r->update_made = r->update_whole = FALSE;
  r->update_mark = r->update_durable = (TsCopyMark){0};
  create (r, added, said, out);
  ts_receiver_persist (r, out);
  r->welcome_due = TRUE; /* when the disks are there */
  return TRUE;
}

GBytes *
ts_receiver_update_mark (const TsReceiver *r)
{
  if (!r->updating)
    return NULL;
  return r->update_whole ? ts_mark_pack (r->hello.disks, 0)
                         : ts_mark_pack (r->update_mark.disk, r->update_mark.offset_bytes);
}

/* --- the copy --------------------------------------------------------------------------------- */

static void
flush (TsReceiver *r, TsActions *out)
{
  if (r->flushing || r->update_flushing)
    return;
  r->update_flushing = TRUE;
  r->copy_since_flush = 0;
  r->copy_flushing = r->update_mark;
  ts_actions_add (out, TS_ACTION_FLUSH)->disks = r->updating;
}

gboolean
ts_receiver_update_frame (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsFrame *f = ev->frame.frame;
  if ((f->set & (TS_RESYNC_RUN | TS_UPDATE_RUN)) != TS_UPDATE_RUN)
    return FALSE;
  gsize len = f->payload ? g_bytes_get_size (f->payload) : 0;
  gboolean behind = f->disk > r->update_mark.disk || (f->disk == r->update_mark.disk &&
                                                      f->offset_bytes >= r->update_mark.offset_bytes);
  gboolean end = f->kind == TS_FRAME_COPY_END;
  guint64 size = f->disk < r->hello.disks ? r->hello.disk[f->disk].size_bytes : 0;
  if (f->set != r->update_run || !r->updating || !r->update_made ||
      (!end && (r->update_whole || len == 0 || !(r->updating >> f->disk & 1) || !behind ||
                f->offset_bytes > size || len > size - f->offset_bytes))) {
    ts_receiver_protocol_error (r, ev->now_us, "a piece of a disk that is not being included", out);
    return TRUE;
  }
  if (end) {
    r->update_ending = TRUE;
    flush (r, out);
    return TRUE;
  }
  r->update_mark = (TsCopyMark){f->disk, f->offset_bytes + len};
  TsAction *a = ts_actions_add (out, TS_ACTION_WRITE);
  a->disk = f->disk;
  a->offset_bytes = f->offset_bytes;
  a->payload = g_steal_pointer (&f->payload);
  r->copy_since_flush += len;
  if (r->copy_since_flush >= FLUSH_BYTES)
    flush (r, out);
  return TRUE;
}

void
ts_receiver_update_trouble (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->update_mark = r->update_durable;
  r->update_ending = FALSE;
  if (r->greeted)
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
}

void
ts_receiver_update_flushed (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->update_flushing = FALSE;
  if (!ev->done.ok) {
    ts_receiver_update_trouble (r, ev, out);
    return;
  }
  r->update_durable = r->copy_flushing;
  gboolean whole = r->update_ending && r->update_durable.disk == r->update_mark.disk &&
                   r->update_durable.offset_bytes == r->update_mark.offset_bytes;
  if (whole) {
    r->update_whole = TRUE;
    r->update_ending = FALSE;
  }
  ts_receiver_persist (r, out);
  if (whole)
    ts_receiver_acknowledge (r, TS_ACK_COPY_END, 0, 0, 0, out);
  else if (r->update_ending)
    flush (r, out);
}

void
ts_receiver_update_applied (TsReceiver *r)
{
  for (guint i = 0; i < r->hello.disks; i++)
    if (r->updating >> i & 1)
      r->hello.disk[i].excluded = FALSE;
  ts_receiver_update_forget (r);
}
