/* results/status.c -- see status.h. */
#include "results/status.h"
#include "core/base/units.h"

static void
side_free (gpointer data)
{
  TsStatusSide *side = data;
  g_free (side->vm);
  g_free (side->host);
  g_free (side->peer);
  g_free (side->health);
  g_free (side->reason);
  g_free (side);
}

static TsStatusSide *
find (const TsStatus *status, const char *vm, const char *host)
{
  for (guint i = 0; i < status->sides->len; i++) {
    TsStatusSide *side = status->sides->pdata[i];
    if (g_str_equal (side->vm, vm) && g_str_equal (side->host, host))
      return side;
  }
  return NULL;
}

static void
begin_interval (TsStatusSide *side, gint64 now_us)
{
  side->from_us = now_us;
  side->success = side->missed = side->bytes = side->bytes_max = side->wire_bytes = 0;
  side->network_failures = side->failures = side->freeze_failures = 0;
  side->latency_us = side->latency_us_max = 0;
}

static void
set_text (char **to, const char *text)
{
  g_free (*to);
  *to = g_strdup (text ? text : "");
}

static void
hear_state (TsStatus *status, const TsRecord *r, const char *vm, const char *host)
{
  TsStatusSide *side = find (status, vm, host);
  gint64 wmi = ts_record_get_int (r, "wmi", 0);
  TsRole role = g_strcmp0 (ts_record_get_text (r, "role"), "replica") == 0 ? TS_ROLE_REPLICA
                                                                           : TS_ROLE_PRIMARY;
  if (!side) {
    side = g_new0 (TsStatusSide, 1);
    side->vm = g_strdup (vm);
    side->host = g_strdup (host);
    side->peer = g_strdup ("");
    side->health = g_strdup ("none");
    side->reason = g_strdup ("");
    side->sent_us = side->received_us = side->applied_us = side->point_us = side->test_us = -1;
    begin_interval (side, r->t_us);
    g_ptr_array_add (status->sides, side);
  }
  side->role = role;
  side->state = side->shown = (TsState)CLAMP (wmi, 0, TS_STATE_COUNT - 1);
}

static void
hear_primary (TsStatusSide *side, const TsRecord *r)
{
  const char *kind = r->kind;
  if (g_str_equal (kind, "sent")) {
    gint64 bytes = ts_record_get_int (r, "data_bytes", 0), us = ts_record_get_int (r, "transfer_us", 0);
    side->sent_us = r->t_us;
    side->bytes += (guint64)bytes;
    side->bytes_max = MAX (side->bytes_max, (guint64)bytes);
    side->last_bytes = bytes;
    side->wire_bytes += (guint64)ts_record_get_int (r, "wire_bytes", 0);
    side->latency_us += us;
    side->latency_us_max = MAX (side->latency_us_max, us);
  } else if (g_str_equal (kind, "cycle")) {
    side->success = (guint64)ts_record_get_int (r, "success", 0);
    side->missed = (guint64)ts_record_get_int (r, "missed", 0);
  } else if (g_str_equal (kind, "pending"))
    side->pending_bytes = ts_record_get_int (r, "bytes", 0);
  else if (g_str_equal (kind, "connection")) {
    side->connected = ts_record_get_int (r, "up", 0) != 0;
    side->network_failures += !side->connected;
    if (ts_record_get_text (r, "peer"))
      set_text (&side->peer, ts_record_get_text (r, "peer"));
  } else if (g_str_equal (kind, "freeze"))
    side->freeze_failures = (guint64)ts_record_get_int (r, "failures", 0);
  else if (g_str_equal (kind, "resync"))
    side->resync_bytes = (guint64)ts_record_get_int (r, "bytes", (gint64)side->resync_bytes);
  else if (g_str_equal (kind, "prepare"))
    side->shown = g_strcmp0 (ts_record_get_text (r, "phase"), "begun") == 0 ? TS_STATE_PREPARED
                                                                           : side->state;
}

static void
hear_replica (TsStatusSide *side, const TsRecord *r)
{
  if (g_str_equal (r->kind, "point")) {
    side->received_us = r->t_us;
    side->point_us = ts_record_get_int (r, "instant_us", -1);
    side->success++;
  } else if (g_str_equal (r->kind, "applied"))
    side->applied_us = r->t_us;
  else if (g_str_equal (r->kind, "test_failover") &&
           g_strcmp0 (ts_record_get_text (r, "phase"), "begun") == 0)
    side->test_us = r->t_us;
}

static void
hear (TsStatus *status, const TsRecord *r)
{
  const char *vm = ts_record_get_text (r, "vm"), *host = ts_record_get_text (r, "host");
  status->now_us = MAX (status->now_us, r->t_us);
  if (!vm || !host)
    return;
  if (g_str_equal (r->kind, "state"))
    hear_state (status, r, vm, host);
  if (g_str_equal (r->kind, "move") && g_strcmp0 (ts_record_get_text (r, "phase"), "arrived") == 0) {
    TsStatusSide *moved = find (status, vm, ts_record_get_text (r, "from"));
    if (moved)
      set_text (&moved->host, host);
    return;
  }
  TsStatusSide *side = find (status, vm, host);
  if (!side)
    return;
  if (g_str_equal (r->kind, "removed"))
    g_ptr_array_remove (status->sides, side);
  else if (g_str_equal (r->kind, "health")) {
    set_text (&side->health, ts_record_get_text (r, "health"));
    set_text (&side->reason, ts_record_get_text (r, "reason"));
  } else if (g_str_equal (r->kind, "statistics") ||
             (g_str_equal (r->kind, "verb") &&
              g_strcmp0 (ts_record_get_text (r, "verb"), "reset statistics") == 0))
    begin_interval (side, r->t_us);
  else if (g_str_equal (r->kind, "failure"))
    side->failures++;
  else if (side->role == TS_ROLE_PRIMARY)
    hear_primary (side, r);
  else
    hear_replica (side, r);
}

static gint
by_vm (gconstpointer a, gconstpointer b)
{
  const TsStatusSide *left = *(TsStatusSide *const *)a, *right = *(TsStatusSide *const *)b;
  gint order = g_strcmp0 (left->vm, right->vm);
  if (order == 0)
    order = (gint)left->role - (gint)right->role;
  return order ? order : g_strcmp0 (left->host, right->host);
}

TsStatus *
ts_status_new (const TsJournal *journal)
{
  TsStatus *status = g_new0 (TsStatus, 1);
  status->sides = g_ptr_array_new_with_free_func (side_free);
  for (guint i = 0; i < journal->records->len; i++)
    hear (status, journal->records->pdata[i]);
  g_ptr_array_sort (status->sides, by_vm);
  return status;
}

void
ts_status_free (TsStatus *status)
{
  if (!status)
    return;
  g_ptr_array_unref (status->sides);
  g_free (status);
}

const TsStatusSide *
ts_status_side (const TsStatus *status, const char *vm, TsRole role)
{
  for (guint i = 0; i < status->sides->len; i++) {
    const TsStatusSide *side = status->sides->pdata[i];
    if (g_str_equal (side->vm, vm) && side->role == role)
      return side;
  }
  return NULL;
}

static void
add_ago (GString *out, const char *what, const TsStatus *status, gint64 then_us)
{
  g_autofree char *ago = then_us < 0 ? g_strdup ("never") : ts_format_duration (status->now_us - then_us);
  g_string_append_printf (out, "    %-20s %s%s\n", what, ago, then_us < 0 ? "" : " ago");
}

static void
add_size (GString *out, const char *what, guint64 bytes)
{
  g_autofree char *size = ts_format_size (bytes);
  g_string_append_printf (out, "    %-20s %s\n", what, size);
}

static void
format_primary (GString *out, const TsStatus *status, const TsStatusSide *side)
{
  guint64 cycles = side->success + side->missed, count = MAX (side->success, 1);
  add_ago (out, "last sent", status, side->sent_us);
  add_size (out, "still to be sent", (guint64)side->pending_bytes);
  g_string_append_printf (out, "    %-20s %" G_GUINT64_FORMAT " out of %" G_GUINT64_FORMAT "\n",
                          "successful cycles", side->success, cycles);
  g_autofree char *latency = ts_format_duration (side->latency_us / (gint64)count);
  g_autofree char *longest = ts_format_duration (side->latency_us_max);
  add_size (out, "average size", side->bytes / count);
  add_size (out, "maximum size", side->bytes_max);
  add_size (out, "last size", (guint64)side->last_bytes);
  g_string_append_printf (out, "    %-20s %s, longest %s\n", "average latency", latency, longest);
  add_size (out, "network bytes sent", side->wire_bytes);
  if (side->bytes > 0) /* logs on the wire, of the changes in them */
    g_string_append_printf (out, "    %-20s %" G_GUINT64_FORMAT " %%\n", "on the wire",
                            side->wire_bytes * 100 / side->bytes);
  if (side->resync_bytes > 0)
    add_size (out, "resynchronized bytes", side->resync_bytes);
}

static void
format_side (GString *out, const TsStatus *status, const TsStatusSide *side)
{
  const TsStateRow *row = ts_state_row (side->shown);
  g_string_append_printf (out, "  %s on %s, %s: %s (WMI %d, PowerShell %d), %s%s%s\n", side->vm, side->host,
                          ts_role_name (side->role), row->ui, side->shown,
                          ts_state_powershell (side->shown, side->role), side->health,
                          *side->reason ? ": " : "", side->reason);
  if (side->role == TS_ROLE_PRIMARY)
    format_primary (out, status, side);
  else {
    add_ago (out, "last received", status, side->received_us);
    add_ago (out, "last applied", status, side->applied_us);
    add_ago (out, "newest point is of", status, side->point_us);
    if (side->test_us >= 0)
      add_ago (out, "last test failover", status, side->test_us);
  }
  guint64 errors = side->network_failures + side->failures;
  g_string_append_printf (out, "    %-20s %" G_GUINT64_FORMAT "\n", "errors encountered", errors);
  if (side->freeze_failures > 0)
    g_string_append_printf (out, "    %-20s %" G_GUINT64_FORMAT "\n", "failed freezes",
                            side->freeze_failures);
  add_ago (out, "counted from", status, side->from_us);
}

char *
ts_status_format (const TsStatus *status)
{
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < status->sides->len; i++)
    format_side (out, status, status->sides->pdata[i]);
  if (status->sides->len == 0)
    g_string_append (out, "  nothing is protected\n");
  return g_string_free (out, FALSE);
}
