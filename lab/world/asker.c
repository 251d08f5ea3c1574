/* lab/world/asker.c -- see asker.h. */
#include "lab/world/asker.h"
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/ipv4.h"
#include "lab/site/cable.h"

#define CALLS_MAX 6 /* connections under way: an emulated guest may take three seconds */

typedef struct { /* a connection under way */
  TsLabAsker *asker;
  guint64 number;
  int fd;
  guint source;
} Call;

struct _TsLabAsker {
  TsLabGuest *guest;
  GQueue calls; /* Call, oldest first */
  guint32 address;
  guint16 port; /* 0: its agent is asked */
  char *device, *trouble;
};

static void
call_free (Call *call)
{
  if (call->source)
    g_source_remove (call->source);
  close (call->fd);
  g_free (call);
}

static void
call_failed (TsLabAsker *asker, const char *reason)
{
  char text[TS_IPV4_TEXT_SIZE];
  ts_ipv4_format (asker->address, text);
  g_free (asker->trouble);
  asker->trouble = g_strdup_printf ("TCP %s:%u: %s", text, asker->port, reason);
}

/* Connected, or refused. */
static gboolean
call_ended (int fd, GIOCondition condition, gpointer user)
{
  Call *call = user;
  TsLabAsker *asker = call->asker;
  guint64 number = call->number;
  int why = 0;
  socklen_t size = sizeof why;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0)
    why = errno;
  call->source = 0;
  g_queue_remove (&asker->calls, call);
  call_free (call);
  if (why == 0)
    ts_lab_guest_answered (asker->guest, number);
  else
    call_failed (asker, g_strerror (why));
  return G_SOURCE_REMOVE;
}

static void
call_up (TsLabAsker *asker, guint64 number)
{
  const TsLabGuest *guest = asker->guest;
  guint site = ts_topology_host (guest->world->topology, guest->host)->site;
  pid_t pid = ts_lab_site_pid (guest->world->sites->pdata[site]);
  g_autoptr (GError) error = NULL;
  if (asker->calls.length >= CALLS_MAX) { /* it has had its time */
    call_free (g_queue_pop_head (&asker->calls));
    call_failed (asker, "no answer");
  }
  if (pid == 0)
    return;
  int fd = ts_lab_cable_connect (pid, asker->device, asker->address, asker->port, &error);
  if (fd < 0) {
    call_failed (asker, error->message);
    return;
  }
  Call *call = g_new0 (Call, 1);
  *call = (Call){.asker = asker, .number = number, .fd = fd};
  call->source = g_unix_fd_add (fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, call_ended, call);
  g_queue_push_tail (&asker->calls, call);
}

TsLabAsker *
ts_lab_asker_new (TsLabGuest *guest)
{
  const TsVmSpec *vm = ts_topology_vm (guest->world->topology, guest->vm);
  const TsImageSpec *image = vm->image;
  if (!image || image->probe == TS_PROBE_CONSOLE)
    return NULL;
  TsLabAsker *asker = g_new0 (TsLabAsker, 1);
  asker->guest = guest;
  asker->trouble = g_strdup ("");
  g_queue_init (&asker->calls);
  if (image->probe == TS_PROBE_TCP) {
    asker->port = image->port;
    asker->address = guest->host == vm->host ? image->nic->address : image->nic->copy_address;
    asker->device = ts_lab_name_cable (guest->host, guest->vm, guest->is_test);
  }
  return asker;
}

void
ts_lab_asker_rest (TsLabAsker *asker)
{
  g_queue_clear_full (&asker->calls, (GDestroyNotify)call_free);
}

void
ts_lab_asker_free (TsLabAsker *asker)
{
  if (!asker)
    return;
  ts_lab_asker_rest (asker);
  g_free (asker->device);
  g_free (asker->trouble);
  g_free (asker);
}

void
ts_lab_asker_ask (TsLabAsker *asker, guint64 number)
{
  const TsLabGuest *guest = asker->guest;
  if (asker->port) {
    call_up (asker, number);
    return;
  }
  const char *vm = ts_topology_vm (guest->world->topology, guest->vm)->name;
  /* a host that is gone answers for nobody */
  ts_lab_seat_order (guest->world->seats->pdata[guest->host], "ping",
                     g_variant_new ("(sbt)", vm, guest->is_test, number), NULL);
}

void
ts_lab_asker_hear (TsLabAsker *asker, guint64 number, gboolean ok, const char *reason)
{
  if (ok) {
    ts_lab_guest_answered (asker->guest, number);
    return;
  }
  g_free (asker->trouble);
  asker->trouble = g_strdup (reason);
}

const char *
ts_lab_asker_trouble (const TsLabAsker *asker)
{
  return asker->trouble;
}
