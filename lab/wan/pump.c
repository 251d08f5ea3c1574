/* lab/wan/pump.c -- the link's process: moves packets from one TUN device to the other, when the
 * shaper says.
 *
 * One thread, one epoll, nothing happens unless a packet or its time comes.  A direction is a FIFO,
 * for a shaper keeps the order; a packet is read into the slot in which it waits and is never
 * copied. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/site/helper.h"
#include "lab/wan/message.h"
#include "lab/wan/reset.h"
#include "lab/wan/tun.h"

/* Read in one go from one side, so that neither side nor the timer starves. */
#define BATCH 128
/* In flight per direction; more is dropped as if the queue were full.  1 Gbit/s over 1 s is half of
 * it. */
#define FLIGHT_BYTES_MAX (256 * 1024 * 1024)

typedef struct Packet Packet;
struct Packet {
  Packet *next;
  gint64 arrival_us;
  guint32 bytes;
  guint8 data[]; /* mtu bytes of room */
};

typedef struct { /* from device i to device 1 - i */
  TsShaper shaper;
  Packet *head;
  Packet **tail;
  guint64 flight_bytes; /* with the slots' overhead */
} Direction;

typedef struct {
  guint32 mtu;
  int epoll, timer;
  int tun[2];  /* -1: unplugged */
  int site[2]; /* pidfds of the first processes; -1: gone */
  Direction direction[2];
  TsLinkMode mode;
  Packet *spare;
  gint64 armed_us; /* what the timer is set to; TS_NEVER: off */
  gboolean complained;
} Pump;

enum { SOURCE_TUN_0, SOURCE_TUN_1, SOURCE_SITE_0, SOURCE_SITE_1, SOURCE_TIMER, SOURCE_CONTROL };

static gint64
now_us (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * TS_S + now.tv_nsec / 1000;
}

static gsize
slot_bytes (const Pump *pump)
{
  return sizeof (Packet) + pump->mtu;
}

static Packet *
take_slot (Pump *pump)
{
  Packet *packet = pump->spare;
  if (packet == NULL)
    return g_malloc (slot_bytes (pump));
  pump->spare = packet->next;
  return packet;
}

static void
give_slot (Pump *pump, Packet *packet)
{
  packet->next = pump->spare;
  pump->spare = packet;
}

static void
set_modes (Pump *pump)
{
  for (guint i = 0; i < 2; i++)
    pump->direction[i].shaper.mode = pump->tun[1 - i] < 0 ? TS_LINK_BLACKHOLE : pump->mode;
}

static void
unplug (Pump *pump, guint side)
{
  if (pump->tun[side] >= 0)
    close (pump->tun[side]); /* leaves the epoll set with it */
  pump->tun[side] = -1;
  set_modes (pump);
}

static void
deliver (Pump *pump, guint side, const Packet *packet)
{
  if (pump->tun[side] < 0)
    return;
  gssize n;
  do
    n = write (pump->tun[side], packet->data, packet->bytes);
  while (n < 0 && errno == EINTR);
  if (n >= 0 || pump->complained)
    return;
  /* As when a cable is bad: the packet is gone, and that is for the protocols above to notice. */
  pump->complained = TRUE;
  g_printerr ("wan: write to the device of side %u: %s (said once)\n", side, g_strerror (errno));
}

static void
deliver_due (Pump *pump, guint from)
{
  Direction *direction = &pump->direction[from];
  gint64 now = direction->head == NULL ? 0 : now_us ();

  while (direction->head != NULL && direction->head->arrival_us <= now) {
    Packet *packet = direction->head;
    direction->head = packet->next;
    if (direction->head == NULL)
      direction->tail = &direction->head;
    direction->flight_bytes -= slot_bytes (pump);
    deliver (pump, 1 - from, packet);
    give_slot (pump, packet);
  }
}

/* Both ends of what the packet belongs to are told; a reset that is lost will be said again. */
static void
tear_down_connection (Pump *pump, guint from, const Packet *packet)
{
  guint8 reset[TS_RESET_BYTES];
  for (guint i = 0; i < 2; i++)
    if (ts_reset_make (packet->data, packet->bytes, i == 0, reset) &&
        pump->tun[i == 0 ? from : 1 - from] >= 0)
      (void)!write (pump->tun[i == 0 ? from : 1 - from], reset, sizeof reset);
}

/* Returns FALSE when nothing is there to be read. */
static gboolean
read_packet (Pump *pump, guint from)
{
  Direction *direction = &pump->direction[from];
  Packet *packet = take_slot (pump);
  gssize n = read (pump->tun[from], packet->data, pump->mtu);

  if (n <= 0) {
    int saved = errno;
    give_slot (pump, packet);
    if (n < 0 && saved == EINTR)
      return TRUE;
    if (n == 0 || saved != EAGAIN) {
      g_printerr ("wan: read from the device of side %u: %s\n", from,
                  n == 0 ? "end" : g_strerror (saved));
      unplug (pump, from);
    }
    return FALSE;
  }
  /* The link carries IPv4.  What the kernels say by themselves about IPv6 (router solicitations)
   * would only blur the counters. */
  if (packet->data[0] >> 4 != 4) {
    give_slot (pump, packet);
    return TRUE;
  }
  packet->bytes = (guint32)n;
  if (direction->flight_bytes > FLIGHT_BYTES_MAX) {
    direction->shaper.counters.dropped_queue++;
    give_slot (pump, packet);
    return TRUE;
  }
  gint64 now = now_us ();
  packet->arrival_us = ts_shaper_pass (&direction->shaper, now, packet->bytes);
  if (direction->shaper.mode == TS_LINK_RESET)
    tear_down_connection (pump, from, packet);
  if (packet->arrival_us < 0) {
    give_slot (pump, packet);
  } else if (packet->arrival_us <= now && direction->head == NULL) {
    deliver (pump, 1 - from, packet);
    give_slot (pump, packet);
  } else {
    packet->next = NULL;
    *direction->tail = packet;
    direction->tail = &packet->next;
    direction->flight_bytes += slot_bytes (pump);
  }
  return TRUE;
}

static void
arm_timer (Pump *pump)
{
  gint64 next_us = TS_NEVER;
  for (guint i = 0; i < 2; i++)
    if (pump->direction[i].head != NULL)
      next_us = MIN (next_us, pump->direction[i].head->arrival_us);
  if (next_us == pump->armed_us)
    return;
  struct itimerspec at = {0}; /* off */
  if (next_us != TS_NEVER)
    at.it_value = (struct timespec){.tv_sec = next_us / TS_S, .tv_nsec = next_us % TS_S * 1000};
  timerfd_settime (pump->timer, TFD_TIMER_ABSTIME, &at, NULL);
  pump->armed_us = next_us;
}

static gboolean
answer_request (Pump *pump)
{
  TsWanRequest request;
  TsWanCounters counters;

  gssize n = recv (TS_LAB_HELPER_FD, &request, sizeof request, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return TRUE;
  if (n != sizeof request)
    return FALSE; /* the runner has let go */
  switch (request.ask) {
  case TS_WAN_MODE:
    /* What left a site before this was asked had the old mode: it waits in the device. */
    for (guint i = 0; i < 2; i++)
      for (guint k = 0; k < TS_TUN_QUEUE_PACKETS && pump->tun[i] >= 0 && read_packet (pump, i); k++)
        ;
    pump->mode = (TsLinkMode)request.value;
    set_modes (pump);
    return ts_lab_helper_answer ("", 0);
  case TS_WAN_UNPLUG:
    unplug (pump, request.value & 1);
    return ts_lab_helper_answer ("", 0);
  case TS_WAN_COUNTERS:
    for (guint i = 0; i < 2; i++)
      counters.counters[i] = pump->direction[i].shaper.counters;
    return ts_lab_helper_answer (&counters, sizeof counters);
  }
  return FALSE;
}

static gboolean
watch (Pump *pump, int fd, guint32 source, GError **error)
{
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};
  if (epoll_ctl (pump->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
    return ts_throw_errno (error, "epoll");
  return TRUE;
}

static gboolean
handle (Pump *pump, guint32 source)
{
  guint64 expirations;

  switch (source) {
  case SOURCE_TUN_0:
  case SOURCE_TUN_1:
    for (guint k = 0; k < BATCH && pump->tun[source] >= 0 && read_packet (pump, source); k++)
      ;
    return TRUE;
  case SOURCE_SITE_0:
  case SOURCE_SITE_1:
    unplug (pump, source - SOURCE_SITE_0);
    close (pump->site[source - SOURCE_SITE_0]);
    pump->site[source - SOURCE_SITE_0] = -1;
    return TRUE;
  case SOURCE_TIMER:
    (void)!read (pump->timer, &expirations, sizeof expirations);
    pump->armed_us = TS_NEVER;
    return TRUE;
  case SOURCE_CONTROL:
    return answer_request (pump);
  default:
    return FALSE;
  }
}

static gboolean
set_up (Pump *pump, const TsWanSetup *setup, GError **error)
{
  static const char *const way[2] = {"0>1", "1>0"};

  pump->mtu = setup->mtu;
  pump->armed_us = TS_NEVER;
  pump->epoll = epoll_create1 (EPOLL_CLOEXEC);
  pump->timer = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (pump->epoll < 0 || pump->timer < 0)
    return ts_throw_errno (error, "epoll or timer");
  for (guint i = 0; i < 2; i++) {
    g_autofree char *stream = g_strdup_printf ("link/%s/%s", setup->name, way[i]);
    ts_shaper_init (&pump->direction[i].shaper, &setup->shape, setup->seed, stream);
    pump->direction[i].tail = &pump->direction[i].head;
    pump->site[i] = pidfd_open (setup->site_pid[i], 0);
    if (pump->site[i] < 0)
      return ts_throw_errno (error, "watch process %d of side %u", setup->site_pid[i], i);
    pump->tun[i] = ts_tun_make (setup->site_pid[i], setup->address[i], setup->address[1 - i],
                                setup->mtu, error);
    if (pump->tun[i] < 0) {
      g_prefix_error (error, "side %u: ", i);
      return FALSE;
    }
  }
  return watch (pump, pump->tun[0], SOURCE_TUN_0, error) &&
         watch (pump, pump->tun[1], SOURCE_TUN_1, error) &&
         watch (pump, pump->site[0], SOURCE_SITE_0, error) &&
         watch (pump, pump->site[1], SOURCE_SITE_1, error) &&
         watch (pump, pump->timer, SOURCE_TIMER, error) &&
         watch (pump, TS_LAB_HELPER_FD, SOURCE_CONTROL, error);
}

static void
free_packets (Packet *packet)
{
  while (packet != NULL) {
    Packet *next = packet->next;
    g_free (packet);
    packet = next;
  }
}

static void
tear_down (Pump *pump)
{
  for (guint i = 0; i < 2; i++) {
    unplug (pump, i);
    free_packets (pump->direction[i].head);
    if (pump->site[i] >= 0)
      close (pump->site[i]);
  }
  free_packets (pump->spare);
  close (pump->timer);
  close (pump->epoll);
}

int
ts_lab_wan_main (int argc, char **argv)
{
  g_autoptr (GError) reason = NULL;
  TsWanSetup setup;
  Pump pump = {.epoll = -1, .timer = -1, .tun = {-1, -1}, .site = {-1, -1}};

  prctl (PR_SET_NAME, "ts-wan");
  /* The link is not to be slower because guests keep the processors busy.  Not permitted to
   * everyone; then it is what it is.  The timer's usual slack is 50 us. */
  (void)!setpriority (PRIO_PROCESS, 0, -10);
  prctl (PR_SET_TIMERSLACK, 1);

  if (recv (TS_LAB_HELPER_FD, &setup, sizeof setup, 0) != sizeof setup)
    return 1;
  if (!set_up (&pump, &setup, &reason)) {
    tear_down (&pump);
    ts_lab_helper_refuse (reason);
    return 1;
  }
  if (!ts_lab_helper_answer ("", 0))
    return 1;

  for (gboolean running = TRUE; running;) {
    struct epoll_event events[8];
    int n = epoll_wait (pump.epoll, events, G_N_ELEMENTS (events), -1);
    if (n < 0 && errno != EINTR)
      break;
    for (int i = 0; i < n; i++)
      running = handle (&pump, events[i].data.u32) && running;
    deliver_due (&pump, 0);
    deliver_due (&pump, 1);
    arm_timer (&pump);
  }
  tear_down (&pump);
  return 0;
}
