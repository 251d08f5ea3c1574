/* core/relation/sender-copy.c -- the initial copy, as it goes out: the ranges of each disk that
 * hold anything, in order of disk and offset, a piece at a time; where it goes on after a break is
 * the replica's to say. */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"

void
ts_sender_copy_report (TsSender *s, gint64 now_us, const char *phase, TsActions *out)
{
  TsRecord *r = ts_sender_record (s, now_us, "copy");
  ts_record_text (r, "phase", phase);
  ts_record_text (r, "method", ts_initial_name (s->initial));
  ts_record_int (r, "bytes", (gint64)s->copy_acked);
  ts_record_int (r, "total_bytes", (gint64)s->copy_total);
  guint64 percent = s->copy_total == 0 ? 0 : 100 * s->copy_acked / s->copy_total;
  if (g_str_equal (phase, "done") || g_str_equal (phase, "exported")) /* also of nothing */
    percent = 100;
  ts_actions_report (out, ts_record_int (r, "percent", (gint64)percent));
  s->copy_reported = s->copy_acked;
}

gboolean
ts_sender_copy_mapped (TsSender *s, const TsEvent *ev, TsActions *out)
{
  guint d = ev->done.disk;
  if (d >= s->hello.disks)
    return FALSE;
  g_clear_pointer (&s->map[d], ts_extents_free);
  if (ev->done.ok)
    s->map[d] = ts_extents_copy (ev->done.map);
  else { /* unknown: copy all of it */
    s->map[d] = ts_extents_new ();
    ts_extents_add (s->map[d], 0, s->hello.disk[d].size_bytes);
  }
  if (++s->maps < (guint)__builtin_popcount (ts_hello_disks (&s->hello)))
    return FALSE;
  for (guint i = 0; i < s->hello.disks; i++)
    if (!s->map[i])
      s->map[i] = ts_extents_new (); /* nothing of it is copied */
  s->copy_total = 0;
  for (guint i = 0; i < s->hello.disks; i++)
    s->copy_total += ts_extents_bytes (s->map[i]);
  s->copy = COPY_SENDING;
  s->copy_disk = 0;
  s->copy_offset = 0;
  s->copy_acked = 0;
  ts_sender_copy_report (s, ev->now_us, "begun", out);
  if (s->initial != TS_INITIAL_EXPORT)
    return TRUE;
  ts_sender_export_begin (s, ev->now_us, out);
  return FALSE;
}

void
ts_sender_copy_whole (TsSender *s, gint64 now_us, const char *phase, TsActions *out)
{
  s->copy = COPY_DONE;
  s->copy_acked = s->copy_total;
  if (s->resync_run)
    ts_sender_resync_report (s, now_us, "sent", out);
  else {
    ts_sender_copy_report (s, now_us, phase, out);
    s->first_set = s->next_set;
    s->stored = s->applied = s->next_set - 1; /* the replica counts from there, too */
  }
  s->send_set = s->next_set;
  s->send_disk = 0;
  s->send_offset = 0;
  ts_sender_start_cycles (s, now_us);
  if (!s->cutting)
    ts_sender_ask_cut (s, s->resync_run ? TS_SET_RESYNC : TS_SET_INITIAL, out);
}

gboolean
ts_sender_copy_piece (TsSender *s, guint64 run, TsActions *out)
{
  while (s->copy_disk < s->hello.disks) {
    TsExtent next;
    if (ts_extents_next (s->map[s->copy_disk], s->copy_offset, ts_sender_chunk_bytes (s), &next)) {
      TsAction *a = ts_sender_frame (out, TS_FRAME_COPY);
      a->source = TS_SOURCE_DISK;
      a->frame.set = run;
      a->frame.disk = (guint16)s->copy_disk;
      a->frame.offset_bytes = next.offset_bytes;
      a->len_bytes = (guint32)next.len_bytes;
      a->compress = s->policy.compression;
      s->copy_offset = next.offset_bytes + next.len_bytes;
      s->in_flight += next.len_bytes;
      return TRUE;
    }
    s->copy_disk++;
    s->copy_offset = 0;
  }
  return FALSE;
}

/* The next piece of the copy.  FALSE: nothing more to take. */
gboolean
ts_sender_copy_send (TsSender *s, TsActions *out)
{
  if (ts_sender_copy_piece (s, s->resync_run, out))
    return TRUE;
  if (s->copy != COPY_SENDING || s->cut_void)
    return FALSE;
  s->copy = COPY_ENDING;
  TsAction *end = ts_sender_frame (out, TS_FRAME_COPY_END);
  end->frame.set = s->resync_run;
  end->frame.value = s->next_set; /* what comes next */
  return TRUE;
}

/* How much of the copy lies before (disk, offset). */
guint64
ts_sender_copy_bytes_until (const TsSender *s, guint disk, guint64 offset)
{
  guint64 bytes = 0;
  for (guint d = 0; d < s->hello.disks && d <= disk; d++)
    for (guint i = 0; s->map[d] && i < ts_extents_count (s->map[d]); i++) {
      TsExtent e = ts_extents_get (s->map[d], i);
      if (d < disk || e.offset_bytes + e.len_bytes <= offset)
        bytes += e.len_bytes;
      else if (e.offset_bytes < offset)
        bytes += offset - e.offset_bytes;
    }
  return bytes;
}
