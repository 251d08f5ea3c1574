/* lab/world/world-host.c -- host processes as the runner sees them: a socket each. */
#include "lab/world/world-internal.h"
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/error.h"

/* It may have died between keeping what it had become and saying so. */
static void
tell_what_was_told (TsLabSeat *seat)
{
  const TsWorld *world = seat->world;
  for (guint i = 0; i < world->topology->vms->len; i++)
    ts_lab_seat_order (seat, "told",
                       g_variant_new ("(suu)", ts_topology_vm (world->topology, i)->name,
                                      (guint32)world->vms[i].told[seat->index].role,
                                      (guint32)world->vms[i].told[seat->index].state),
                       NULL);
}

static void
message (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
  TsLabSeat *seat = user;
  g_autoptr (GError) error = NULL;
  if (g_str_equal (kind, "ready")) {
    seat->ready = TRUE;
    tell_what_was_told (seat);
  }
  else if (g_str_equal (kind, "record") && g_variant_is_of_type (body, G_VARIANT_TYPE ("v"))) {
    g_autoptr (GVariant) packed = g_variant_get_variant (body);
    TsRecord *record = ts_record_from_variant (packed, &error);
    if (record)
      ts_lab_world_report (seat->world, record);
    else
      ts_lab_world_break (seat->world, "host %s: %s", seat->spec->name, error->message);
  } else if ((g_str_equal (kind, "freeze") || g_str_equal (kind, "thaw")) &&
             g_variant_is_of_type (body, G_VARIANT_TYPE ("(st)"))) {
    const char *vm;
    guint64 number;
    g_variant_get (body, "(&st)", &vm, &number);
    ts_lab_guest_freeze (seat, vm, number, g_str_equal (kind, "freeze"));
  } else if (g_str_equal (kind, "pong") &&
             g_variant_is_of_type (body, G_VARIANT_TYPE ("(sbtbs)"))) {
    const char *vm, *reason;
    gboolean test, ok;
    guint64 number;
    g_variant_get (body, "(&sbtb&s)", &vm, &test, &number, &ok, &reason);
    ts_lab_guest_pong (seat, vm, test, number, ok, reason);
  } else if ((g_str_equal (kind, "quit") || g_str_equal (kind, "hold")) && g_variant_is_of_type (body, G_VARIANT_TYPE ("(s)"))) {
    const char *vm;
    g_variant_get (body, "(&s)", &vm);
    gint index = ts_topology_find_vm (seat->world->topology, vm);
    TsLabGuest *guest = index >= 0 ? ts_lab_guest_at (seat->world, (guint)index, seat->index) : NULL;
    if (guest && guest->channel) {
      if (g_str_equal (kind, "hold"))
        seat->world->vms[index].works_on = guest->working;
      ts_lab_guest_stop_work (guest);
      ts_guest_channel_say (guest->channel, "Q");
    }
  } else if (g_str_equal (kind, "trouble") && g_variant_is_of_type (body, G_VARIANT_TYPE ("(s)"))) {
    const char *reason;
    g_variant_get (body, "(&s)", &reason);
    ts_lab_world_break (seat->world, "host %s: %s", seat->spec->name, reason);
  } else
    ts_lab_world_break (seat->world, "host %s says what is not understood: %s", seat->spec->name,
                        kind);
}

static void
closed (TsLabControl *control, gpointer user)
{
  TsLabSeat *seat = user;
  g_clear_pointer (&seat->control, ts_lab_control_free);
  if (seat->dead || seat->leaving || seat->world->finished)
    return;
  if (seat->mortal) {
    ts_lab_fault_died (seat->world, seat->index);
    return;
  }
  g_autofree char *log = ts_lab_path_host (&seat->world->layout, seat->spec->name, "host.log");
  ts_lab_world_break (seat->world, "host %s has ended by itself: see %s", seat->spec->name, log);
}

static gboolean
accept_host (int fd, GIOCondition condition, gpointer user)
{
  static const TsLabControlEvents events = {message, closed};
  TsLabSeat *seat = user;
  int peer = accept4 (fd, NULL, NULL, SOCK_CLOEXEC);
  if (peer < 0)
    return G_SOURCE_CONTINUE;
  struct ucred who;
  socklen_t len = sizeof who;
  if (getsockopt (peer, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
    seat->pid = who.pid; /* as this process counts */
  seat->control = ts_lab_control_new (peer, &events, seat);
  seat->accepting = 0;
  close (seat->listening);
  seat->listening = -1;
  return G_SOURCE_REMOVE;
}

TsLabSeat *
ts_lab_seat_new (TsWorld *world, guint index, GError **error)
{
  g_autofree char *path = ts_lab_path_control (&world->layout, index);
  int fd = ts_lab_control_listen (path, error);
  if (fd < 0)
    return NULL;
  TsLabSeat *seat = g_new0 (TsLabSeat, 1);
  seat->world = world;
  seat->index = index;
  seat->spec = ts_topology_host (world->topology, index);
  seat->listening = fd;
  seat->accepting = g_unix_fd_add (fd, G_IO_IN, accept_host, seat);
  return seat;
}

void
ts_lab_seat_free (TsLabSeat *seat)
{
  if (!seat)
    return;
  if (seat->accepting)
    g_source_remove (seat->accepting);
  if (seat->listening >= 0)
    close (seat->listening);
  ts_lab_control_free (seat->control);
  g_free (seat);
}

gboolean
ts_lab_seat_order (TsLabSeat *seat, const char *kind, GVariant *body, GError **error)
{
  if (seat->dead || !seat->control) {
    g_variant_unref (g_variant_ref_sink (body));
    return ts_throw (error, TS_ERROR_LOST, "host %s does not answer", seat->spec->name);
  }
  return ts_lab_control_send (seat->control, kind, body, error);
}
