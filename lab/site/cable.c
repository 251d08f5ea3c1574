/* lab/site/cable.c -- see cable.h. */
#include "lab/site/cable.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/ipv4.h"
#include "lab/site/enter.h"

#define PORT_SERVER 67
#define PORT_CLIENT 68
#define QUESTION_MAX 1500

struct _TsLabCable {
  TsDhcpLease lease;
  int fd;
  guint source;
};

static struct sockaddr_in
internet (guint32 address, guint16 port)
{
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons (port),
                              .sin_addr.s_addr = htonl (address)};
}

/* --- inside the site -------------------------------------------------------------------------- */

typedef struct {
  const char *device;
  const TsDhcpLease *lease;
  guint32 address; /* of a connection */
  guint16 port;
} Wanted;

/* It stays when its descriptor is closed, and is opened again by whoever runs the machine. */
static gboolean
make_device (const char *name, GError **error)
{
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  int tap = open ("/dev/net/tun", O_RDWR | O_CLOEXEC);
  gboolean made = tap >= 0 && ioctl (tap, TUNSETIFF, &request) == 0 &&
                  ioctl (tap, TUNSETOWNER, (unsigned long)geteuid ()) == 0 &&
                  ioctl (tap, TUNSETPERSIST, 1UL) == 0;
  int saved = errno;
  if (tap >= 0)
    close (tap);
  return made || ts_throw (error, TS_ERROR_UNAVAILABLE, "TAP device %s: %s", name,
                           g_strerror (saved));
}

static gboolean
configure (int fd, const char *name, const TsDhcpLease *lease, GError **error)
{
  struct ifreq request = {.ifr_flags = 0};
  struct sockaddr_in ours = internet (lease->server, 0);
  struct sockaddr_in mask = internet (ts_ipv4_mask (lease->prefix), 0);
  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  memcpy (&request.ifr_addr, &ours, sizeof ours);
  if (ioctl (fd, SIOCSIFADDR, &request) < 0)
    return ts_throw_errno (error, "set address of %s", name);
  memcpy (&request.ifr_netmask, &mask, sizeof mask);
  if (ioctl (fd, SIOCSIFNETMASK, &request) < 0)
    return ts_throw_errno (error, "set netmask of %s", name);
  if (ioctl (fd, SIOCGIFFLAGS, &request) < 0)
    return ts_throw_errno (error, "read flags of %s", name);
  request.ifr_flags |= IFF_UP;
  if (ioctl (fd, SIOCSIFFLAGS, &request) < 0)
    return ts_throw_errno (error, "bring up %s", name);
  return TRUE;
}

/* The machine of a test failover may have the same address as another one at the same site: what
 * comes over a cable belongs to it, whatever the routes say. */
static void
believe_the_cable (const char *name)
{
  const char *const of[] = {"all", name};
  for (guint i = 0; i < G_N_ELEMENTS (of); i++) {
    g_autofree char *path = g_strdup_printf ("/proc/sys/net/ipv4/conf/%s/rp_filter", of[i]);
    int fd = open (path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
      (void)!write (fd, "0", 1); /* where it may not be set, such a test may not be reached */
      close (fd);
    }
  }
}

static int
socket_on (const char *device, int type, GError **error)
{
  int fd = socket (AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 &&
      setsockopt (fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen (device)) == 0)
    return fd;
  ts_throw_errno (error, "socket on %s", device);
  if (fd >= 0)
    close (fd);
  return -1;
}

static int
plug_in (gpointer user, GError **error)
{
  const Wanted *wanted = user;
  struct sockaddr_in any = internet (INADDR_ANY, PORT_SERVER);
  int yes = 1;
  if (!make_device (wanted->device, error))
    return -1;
  int fd = socket_on (wanted->device, SOCK_DGRAM, error);
  if (fd < 0 || !configure (fd, wanted->device, wanted->lease, error))
    return -1;
  believe_the_cable (wanted->device);
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) < 0 ||
      bind (fd, (struct sockaddr *)&any, sizeof any) < 0) {
    ts_throw_errno (error, "serve DHCP on %s", wanted->device);
    return -1;
  }
  return fd;
}

static int
begin_connection (gpointer user, GError **error)
{
  const Wanted *wanted = user;
  struct sockaddr_in to = internet (wanted->address, wanted->port);
  int fd = socket_on (wanted->device, SOCK_STREAM, error);
  if (fd < 0)
    return -1;
  if (connect (fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS)
    return fd;
  ts_throw_errno (error, "connect");
  close (fd);
  return -1;
}

/* --- outside ---------------------------------------------------------------------------------- */

static gboolean
asked (int fd, GIOCondition condition, gpointer user)
{
  TsLabCable *cable = user;
  guint8 question[QUESTION_MAX], answer[TS_DHCP_ANSWER_MAX];
  struct sockaddr_in everybody = internet (INADDR_BROADCAST, PORT_CLIENT);
  gssize got = recv (fd, question, sizeof question, MSG_DONTWAIT);
  gsize len = got > 0 ? ts_dhcp_answer (&cable->lease, question, (gsize)got, answer) : 0;
  if (len > 0) /* lost, it is asked for again */
    (void)!sendto (fd, answer, len, MSG_DONTWAIT, (struct sockaddr *)&everybody, sizeof everybody);
  return G_SOURCE_CONTINUE;
}

TsLabCable *
ts_lab_cable_new (pid_t site, const char *device, const TsDhcpLease *lease, GError **error)
{
  g_return_val_if_fail (strlen (device) < IFNAMSIZ, NULL);
  Wanted wanted = {.device = device, .lease = lease};
  int fd = ts_lab_site_enter (site, plug_in, &wanted, error);
  if (fd < 0)
    return NULL;
  TsLabCable *cable = g_new0 (TsLabCable, 1);
  cable->lease = *lease;
  cable->fd = fd;
  cable->source = g_unix_fd_add (fd, G_IO_IN, asked, cable);
  return cable;
}

void
ts_lab_cable_free (TsLabCable *cable)
{
  if (!cable)
    return;
  g_source_remove (cable->source);
  close (cable->fd);
  g_free (cable);
}

int
ts_lab_cable_connect (pid_t site, const char *device, guint32 address, guint16 port, GError **error)
{
  Wanted wanted = {.device = device, .address = address, .port = port};
  return ts_lab_site_enter (site, begin_connection, &wanted, error);
}
