/* lab/wan/tun.c -- see tun.h. */
#include "lab/wan/tun.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/error.h"
#include "lab/site/enter.h"

static gboolean
to_address (const char *text, struct sockaddr *address, GError **error)
{
  struct sockaddr_in in = {.sin_family = AF_INET};
  if (inet_pton (AF_INET, text, &in.sin_addr) != 1)
    return ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is not an IPv4 address", text);
  G_STATIC_ASSERT (sizeof in == sizeof *address);
  memcpy (address, &in, sizeof in);
  return TRUE;
}

/* The kernel would take it twice, and send either's packets the one way. */
static gboolean
address_is_free (const char *address, GError **error)
{
  struct ifaddrs *all = NULL;
  struct sockaddr wanted;
  gboolean is_free = TRUE;
  if (!to_address (address, &wanted, error))
    return FALSE;
  if (getifaddrs (&all) < 0)
    return ts_throw_errno (error, "list addresses");
  for (struct ifaddrs *at = all; at; at = at->ifa_next)
    if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET &&
        ((struct sockaddr_in *)at->ifa_addr)->sin_addr.s_addr ==
            ((struct sockaddr_in *)&wanted)->sin_addr.s_addr)
      is_free = FALSE;
  freeifaddrs (all);
  return is_free || ts_throw (error, TS_ERROR_ARGUMENT, "the site has the address %s already", address);
}

static gboolean
configure (int fd, char *device, const char *address, const char *peer, guint mtu, GError **error)
{
  struct ifreq request = {0};
  g_strlcpy (request.ifr_name, device, sizeof request.ifr_name);
  struct rtentry route = {.rt_flags = RTF_UP | RTF_HOST, .rt_dev = device};

  request.ifr_mtu = (int)mtu;
  if (ioctl (fd, SIOCSIFMTU, &request) < 0)
    return ts_throw_errno (error, "set MTU %u", mtu);
  /* Not permitted in a user namespace; the usual 500 then. */
  request.ifr_qlen = TS_TUN_QUEUE_PACKETS;
  (void)!ioctl (fd, SIOCSIFTXQLEN, &request);
  if (!to_address (address, &request.ifr_addr, error) || !to_address (peer, &route.rt_dst, error))
    return FALSE;
  /* The device is point-to-point: the address comes as /32. */
  if (ioctl (fd, SIOCSIFADDR, &request) < 0)
    return ts_throw_errno (error, "set address %s", address);
  if (ioctl (fd, SIOCGIFFLAGS, &request) < 0)
    return ts_throw_errno (error, "read flags");
  request.ifr_flags |= IFF_UP;
  if (ioctl (fd, SIOCSIFFLAGS, &request) < 0)
    return ts_throw_errno (error, "bring up");
  if (ioctl (fd, SIOCADDRT, &route) < 0)
    return ts_throw_errno (error, "route to %s", peer);
  return TRUE;
}

typedef struct {
  const char *address, *peer;
  guint mtu;
} Wanted;

static int
make_here (gpointer user, GError **error)
{
  const Wanted *wanted = user;
  if (!address_is_free (wanted->address, error))
    return -1;
  struct ifreq request = {.ifr_name = TS_TUN_NAME, .ifr_flags = IFF_TUN | IFF_NO_PI};

  int tun = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0 || ioctl (tun, TUNSETIFF, &request) < 0) {
    int saved = errno;
    ts_throw (error, TS_ERROR_UNAVAILABLE, "TUN device: %s", g_strerror (saved));
    return -1;
  }
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    ts_throw_errno (error, "socket");
    return -1;
  }
  return configure (fd, request.ifr_name, wanted->address, wanted->peer, wanted->mtu, error) ? tun : -1;
}

int
ts_tun_make (pid_t site, const char *address, const char *peer, guint mtu, GError **error)
{
  Wanted wanted = {address, peer, mtu};
  return ts_lab_site_enter (site, make_here, &wanted, error);
}
