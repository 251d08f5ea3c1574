/* core/relation/receiver-copy.c -- the initial copy, as it comes in: written as it arrives, flushed
 * now and then, whole when COPY_END has been flushed.  It comes in order of disk and offset, so one
 * mark says how far it is; after a crash it goes on at the last mark that was flushed and
 * persisted. */
#include "core/relation/receiver-internal.h"
#include "core/base/units.h"

#define COPY_FLUSH_BYTES                                                                           \
  (32 * TS_MIB) /* CHOICE: how much copy is done again after a replica crash */

static void
flush (TsReceiver *r, TsActions *out)
{
  r->flushing = TRUE;
  r->copy_flushing = r->copy_mark;
  ts_actions_add (out, ts_receiver_resync_copying (r) ? TS_ACTION_RESYNC_FLUSH : TS_ACTION_FLUSH);
}

void
ts_receiver_copy_frame (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsFrame *f = ev->frame.frame;
  gsize len = f->payload ? g_bytes_get_size (f->payload) : 0;
  gboolean behind = f->disk > r->copy_mark.disk ||
                    (f->disk == r->copy_mark.disk && f->offset_bytes >= r->copy_mark.offset_bytes);
  if (r->copy_done || len == 0 || f->disk >= r->hello.disks || !behind ||
      f->offset_bytes > r->hello.disk[f->disk].size_bytes ||
      len > r->hello.disk[f->disk].size_bytes - f->offset_bytes) {
    ts_receiver_protocol_error (r, ev->now_us, "a piece of the initial copy that has no place",
                                out);
    return;
  }
  r->copy_mark = (TsCopyMark){f->disk, f->offset_bytes + len};
  gboolean aside = ts_receiver_resync_copying (r);
  TsAction *a = ts_actions_add (out, aside ? TS_ACTION_RESYNC_WRITE : TS_ACTION_WRITE);
  a->disk = f->disk;
  a->offset_bytes = f->offset_bytes;
  a->payload = g_steal_pointer (&f->payload);
  r->copy_since_flush += len;
  if (r->copy_since_flush >= COPY_FLUSH_BYTES && !r->flushing) {
    r->copy_since_flush = 0;
    flush (r, out);
  }
}

void
ts_receiver_copy_end (TsReceiver *r, TsActions *out)
{
  if (r->copy_done) {
    ts_receiver_acknowledge (r, TS_ACK_COPY_END, 0, 0, 0, out);
    return;
  }
  r->copy_ending = TRUE;
  if (!r->flushing) {
    flush (r, out);
  }
}

void
ts_receiver_copy_trouble (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->copy_mark = r->copy_durable;
  r->copy_ending = FALSE;
  if (r->greeted)
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
}

void
ts_receiver_copy_flushed (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->flushing = FALSE;
  if (r->flush_void) { /* of a copy that was given up */
    r->flush_void = FALSE;
    if (r->copy_ending)
      ts_receiver_copy_end (r, out);
    return;
  }
  if (!ev->done.ok) {
    ts_receiver_copy_trouble (r, ev, out);
    return;
  }
  gboolean whole = r->copy_ending && r->copy_flushing.disk == r->copy_mark.disk &&
                   r->copy_flushing.offset_bytes == r->copy_mark.offset_bytes;
  r->copy_durable = r->copy_flushing;
  if (whole) {
    r->copy_done = TRUE;
    r->copy_ending = FALSE;
    if (r->resync == RESYNC_COPYING) {
      r->resync = RESYNC_COPIED;
      r->recv_set = r->resync_set;
      r->recv_disk = 0;
      r->recv_offset = 0;
    } else if (r->copy_first_set > 1) { /* numbers were used up by an attempt that was cancelled */
      r->stored = r->applied = r->copy_first_set - 1;
      r->recv_set = r->copy_first_set;
    }
    ts_receiver_persist (r, out);
    ts_receiver_acknowledge (r, TS_ACK_COPY_END, 0, 0, 0, out);
    return;
  }
  ts_receiver_persist (r, out);
  if (r->copy_ending)
    ts_receiver_copy_end (r, out);
}
