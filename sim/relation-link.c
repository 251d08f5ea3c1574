/* sim/relation-link.c -- a relation's connection: what it hears, what it sends and when. */
#include "sim/parcel.h"
#include "sim/profile.h"
#include "sim/relation-internal.h"

static void
conn_connected (TsSimConn *conn, gpointer user)
{
  TsSimRelation *rel = user;
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_CONNECTED};
  ts_sim_relation_step (rel, &event);
}

typedef struct { /* a frame that waits */
  GBytes *bytes;
  gsize wire_bytes;
  gint64 ready_us; /* when what it carries has been read */
} Held;

void
ts_sim_relation_held_free (gpointer data)
{
  Held *held = data;
  g_bytes_unref (held->bytes);
  g_free (held);
}

void
ts_sim_relation_forget_conn (TsSimRelation *rel)
{
  rel->conn = NULL;
  rel->conns++;
  g_queue_clear_full (&rel->held, ts_sim_relation_held_free);
  g_clear_pointer (&rel->reader, ts_frame_reader_free);
}

static void
conn_lost (TsSimConn *conn, const char *reason, gpointer user)
{
  TsSimRelation *rel = user;
  ts_sim_relation_forget_conn (rel);
  ts_sim_conn_close (conn);
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_LOST, .lost = {reason, FALSE}};
  ts_sim_relation_step (rel, &event);
}

static void
hear_frame (TsSimRelation *rel, TsFrame *frame)
{
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_FRAME, .frame = {frame}};
  ts_sim_relation_step (rel, &event);
  ts_frame_clear (frame);
}

static void
conn_message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  TsSimRelation *rel = user;
  TsFrame frame = {0};
  if (ts_sim_parcel_open_frame (bytes, &frame)) {
    hear_frame (rel, &frame);
    return;
  }
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  if (!rel->reader)
    rel->reader = ts_frame_reader_new ();
  ts_frame_reader_push (rel->reader, data, len);
  while (rel->conn == conn) {
    g_autoptr (GError) error = NULL;
    if (!ts_frame_reader_pop (rel->reader, &frame, &error)) {
      conn_lost (conn, error->message, rel);
      return;
    }
    if (frame.kind == 0)
      return;
    hear_frame (rel, &frame);
  }
}

static const TsSimConnEvents conn_events = {conn_connected, conn_message, conn_lost};

void
ts_sim_relation_hang_up (TsSimRelation *rel)
{
  TsSimConn *conn = rel->conn;
  if (!conn)
    return;
  ts_sim_relation_forget_conn (rel);
  ts_sim_conn_close (conn);
}

static void
take_conn (TsSimRelation *rel, TsSimConn *conn)
{
  ts_sim_relation_hang_up (rel);
  rel->conn = conn;
  rel->sent_frames = 0;
}

void
ts_sim_relation_connect_peer (TsSimRelation *rel)
{
  TsWorld *world = world_of (rel);
  TsSimHost *peer = ts_sim_host (world, rel->peer);
  gint index = ts_topology_link_between (world->topology, rel->host->spec->site, peer->spec->site);
  TsSimLink *link = g_ptr_array_index (world->links, (guint)index);
  guint from =
      ts_topology_link (world->topology, (guint)index)->site[0] == rel->host->spec->site ? 0 : 1;
  take_conn (rel, ts_sim_link_connect (link, from, &conn_events, rel, ts_sim_host_accept, peer));
  ts_sim_conn_introduce (rel->conn, rel->host->spec->name);
}

void
ts_sim_relation_adopt (TsSimRelation *rel, TsSimConn *conn, GBytes *first)
{
  take_conn (rel, conn);
  ts_sim_conn_set_events (conn, &conn_events, rel);
  conn_connected (conn, rel);
  conn_message (conn, first, rel);
}

/* What a frame that the codec has made takes on the wire: the initial copy and logs as the model
 * says, so that it is the same whether bytes travel or parcels; everything else as it is. */
static gsize
wire_of (const TsAction *action, GBytes *encoded, guint64 modelled)
{
  gboolean is_modelled = action->source == TS_SOURCE_LOG ||
                         (action->source == TS_SOURCE_DISK && action->frame.kind == TS_FRAME_COPY);
  if (is_modelled)
    return TS_FRAME_HEADER_BYTES + (action->compress || modelled == 0 ? modelled : action->len_bytes);
  return g_bytes_get_size (encoded);
}

static GBytes *
disk_piece (TsSimRelation *rel, const TsAction *action)
{
  TsSimDisk *disk = g_ptr_array_index (rel->disks, action->frame.disk);
  GBytes *parcel = NULL;
  if (!world_of (rel)->bytes && action->frame.kind == TS_FRAME_COPY)
    parcel = ts_sim_parcel_pages (disk, action->frame.offset_bytes, action->len_bytes);
  if (parcel)
    return parcel;
  TsDisk *ops = ts_sim_disk_ops (disk);
  guint8 *data = g_malloc (action->len_bytes);
  ops->ops->read (ops, action->frame.offset_bytes, data, action->len_bytes, NULL);
  return g_bytes_new_take (data, action->len_bytes);
}

/* Nothing but zeros: only its header crosses (format/frame.h). */
static gboolean
is_zeros (TsSimRelation *rel, const TsAction *action)
{
  static const guint8 zeros[TS_SIM_PAGE_BYTES];
  const TsSimDisk *disk = g_ptr_array_index (rel->disks, action->frame.disk);
  guint64 first = action->frame.offset_bytes / TS_SIM_PAGE_BYTES;
  guint64 end = (action->frame.offset_bytes + action->len_bytes) / TS_SIM_PAGE_BYTES;
  if (action->frame.offset_bytes % TS_SIM_PAGE_BYTES || action->len_bytes % TS_SIM_PAGE_BYTES)
    return FALSE;
  for (guint64 page = first; page < end; page++) {
    TsSimWord word = ts_sim_disk_word (disk, page);
    guint8 buffer[TS_SIM_PAGE_BYTES];
    if (word && (!ts_sim_word_is_bytes (word) ||
                 memcmp (ts_sim_word_look (word, page, 0, buffer), zeros, sizeof zeros) != 0))
      return FALSE;
  }
  return TRUE;
}

/* Sends what is ready, up to the first that is not. */
static void
release (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Held *held;
  if (GPOINTER_TO_SIZE (data) != (rel->conns & G_MAXSIZE) || !rel->conn)
    return;
  while ((held = g_queue_peek_head (&rel->held)) && held->ready_us <= now_us (rel)) {
    ts_sim_conn_send (rel->conn, held->bytes, held->wire_bytes);
    ts_sim_relation_held_free (g_queue_pop_head (&rel->held));
  }
}

/* Sends it when it is ready, and behind all that was passed on before. */
static void
pass_on (TsSimRelation *rel, GBytes *bytes, gsize wire_bytes, gint64 ready_us)
{
  if (rel->held.length == 0 && ready_us <= now_us (rel)) {
    ts_sim_conn_send (rel->conn, bytes, wire_bytes);
    return;
  }
  Held *held = g_new (Held, 1);
  *held = (Held){g_bytes_ref (bytes), wire_bytes, ready_us};
  g_queue_push_tail (&rel->held, held);
  if (ready_us > now_us (rel))
    ts_sim_clock_at (world_of (rel)->clock, ready_us, release, rel,
                     GSIZE_TO_POINTER (rel->conns & G_MAXSIZE), NULL);
}

/* When the host will have read so much, behind what it reads already. */
gint64
ts_sim_relation_read_until_us (TsSimRelation *rel, guint64 bytes)
{
  gint64 *free_us = &rel->host->read_free_us;
  if (profile_of (rel)->read_bytes_per_s == 0)
    return now_us (rel);
  *free_us = MAX (*free_us, now_us (rel)) + ts_profile_read_us (profile_of (rel), bytes);
  return *free_us;
}

void
ts_sim_relation_send_frame (TsSimRelation *rel, TsAction *action)
{
  if (!rel->conn)
    return;
  TsFrame *frame = &action->frame;
  frame->sequence = ++rel->sent_frames;
  guint64 modelled = 0;
  if (action->source == TS_SOURCE_LOG)
    frame->payload = ts_sim_spool_slice (rel->spool, frame->set, frame->disk, frame->offset_bytes,
                                         action->len_bytes, &modelled);
  else if (action->source == TS_SOURCE_DISK) {
    frame->payload = disk_piece (rel, action);
    modelled = MIN (TS_SIM_WIRE_FIXED_BYTES + ts_sim_wire_data_bytes (action->len_bytes),
                    action->len_bytes);
    if (is_zeros (rel, action))
      modelled = 0;
  }
  gboolean is_parcel = frame->payload && ts_sim_parcel_is (frame->payload);
  g_autoptr (GBytes) encoded = is_parcel ? NULL : ts_frame_encode (frame, action->compress);
  gint64 ready_us = action->source == TS_SOURCE_DISK
                        ? ts_sim_relation_read_until_us (rel, action->len_bytes)
                        : now_us (rel);
  gsize wire_bytes = wire_of (action, encoded, modelled);
  if (rel->sender)
    ts_traffic_count (&rel->traffic, frame->set, wire_bytes);
  if (world_of (rel)->bytes) {
    pass_on (rel, encoded, wire_bytes, ready_us);
    return;
  }
  g_autoptr (GBytes) parcel = ts_sim_parcel_frame (frame, wire_bytes);
  pass_on (rel, parcel, wire_bytes, ready_us);
}
