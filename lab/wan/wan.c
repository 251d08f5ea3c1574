/* lab/wan/wan.c -- the runner's side of a link; the link itself is pump.c. */
#include "lab/wan/wan.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/site/helper.h"
#include "lab/wan/message.h"

#define START_US (20 * TS_S)
#define ASK_US (10 * TS_S)
#define MTU 1500

struct _TsLabWan {
  char *name;
  TsLabHelper helper;
};

char *
ts_lab_wan_refusal (void)
{
  int fd = open ("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close (fd);
    return NULL;
  }
  int saved = errno;
  if (saved == EACCES || saved == EPERM)
    return g_strdup ("no permission for /dev/net/tun: run as root, or chmod 0666 /dev/net/tun");
  return g_strdup_printf ("no TUN device: /dev/net/tun: %s (modprobe tun)", g_strerror (saved));
}

TsLabWan *
ts_lab_wan_start (const char *name, const TsLinkShape *shape, guint64 seed, const pid_t site_pid[2],
                  const char *const address[2], GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  TsWanSetup setup = {.shape = *shape, .seed = seed, .mtu = MTU};
  struct in_addr parsed;

  g_strlcpy (setup.name, name, sizeof setup.name);
  for (guint i = 0; i < 2; i++) {
    if (inet_pton (AF_INET, address[i], &parsed) != 1) {
      ts_throw (error, TS_ERROR_ARGUMENT, "link %s: '%s' is not an IPv4 address", name, address[i]);
      return NULL;
    }
    g_strlcpy (setup.address[i], address[i], sizeof setup.address[i]);
    setup.site_pid[i] = site_pid[i];
  }
  g_autoptr (TsLabWan) wan = g_new0 (TsLabWan, 1);
  wan->name = g_strdup (name);
  if (!ts_lab_helper_start (&wan->helper, "wan", name, NULL, error) ||
      ts_lab_helper_call (&wan->helper, &setup, sizeof setup, NULL, 0, START_US, error) < 0) {
    g_prefix_error (error, "link %s: ", name);
    return NULL;
  }
  return g_steal_pointer (&wan);
}

static gboolean
ask (TsLabWan *wan, TsWanRequest request, void *answer, gsize answer_bytes, GError **error)
{
  gssize n = ts_lab_helper_call (&wan->helper, &request, sizeof request, answer, answer_bytes,
                                 ASK_US, error);
  if (n < 0)
    g_prefix_error (error, "link %s: ", wan->name);
  return n >= 0;
}

gboolean
ts_lab_wan_set_mode (TsLabWan *wan, TsLinkMode mode, GError **error)
{
  g_return_val_if_fail (mode < TS_LINK_MODES, FALSE);
  return ask (wan, (TsWanRequest){.ask = TS_WAN_MODE, .value = mode}, NULL, 0, error);
}

gboolean
ts_lab_wan_unplug (TsLabWan *wan, guint side, GError **error)
{
  g_return_val_if_fail (side < 2, FALSE);
  return ask (wan, (TsWanRequest){.ask = TS_WAN_UNPLUG, .value = side}, NULL, 0, error);
}

gboolean
ts_lab_wan_counters (TsLabWan *wan, TsShaperCounters counters[2], GError **error)
{
  TsWanCounters answer = {0};
  if (!ask (wan, (TsWanRequest){.ask = TS_WAN_COUNTERS}, &answer, sizeof answer, error))
    return FALSE;
  memcpy (counters, answer.counters, sizeof answer.counters);
  return TRUE;
}

void
ts_lab_wan_free (TsLabWan *wan)
{
  if (wan == NULL)
    return;
  ts_lab_helper_stop (&wan->helper, TS_S);
  g_free (wan->name);
  g_free (wan);
}
