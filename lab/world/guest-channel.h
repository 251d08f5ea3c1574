/* lab/world/guest-channel.h -- the talk with the agent in a guest: lines over its virtio-serial port.
 *
 * The runner holds the other end, outside both sites.  Nothing a guest says is trusted: a line that
 * does not parse is counted and dropped, a line longer than 256 bytes ends the channel.
 *
 *   agent says                                    runner says
 *   R <version>                      ready        P <n>                       answer me: p <n>
 *   p <n>                            alive        W <kind> <seed> <record> <us per write> <flush
 * every> W <seq> <disk> <offset> <len>    acked           <next n> <turns> <disk>:<first
 * byte>:<slots> ... F <seq>                          flushed         workload: begin
 * (format/plan.h), us 0: as fast S <disk> <off> <len> <seq> <w|t|c> survey        as it goes L
 * <disk> <off> <blocks>          fill is whole w                           workload: end s
 * <records> <fill> <bad>         survey done  S <disk>:<fill bytes> ...    survey: read back all E
 * <text>                         trouble      Q                            power off
 *
 * Disks (runner): "D <n>": one of them has grown, or come; there are n.  "E" when they do not show up.
 *
 * Freeze (runner): "Z <n> works|fails|hangs": write no more, flush all disks, say "Z <n>"; it holds
 * until "U <n>", or for 20 s at most ("E" then).  fails: say "z <n>", and go on writing; hangs: say
 * nothing, and go on.
 *
 * Numbers are decimal, without sign, at most 2^63 - 1; single spaces between; offsets and lengths
 * are multiples of 4 KiB.  disk: index into the VM's disks.  turns: how many disks follow; writes
 * take them in turn (ts_plan).  next n: the sequence of the first write less one.  A line is obeyed
 * before the next one is read, except that a survey lets P and Q through; so a "p" that comes
 * behind a "W" says that the workload has ended.  Q flushes all disks first, and says "F" when that
 * made writes durable.  "R" is said to whoever connects; who comes back within a few milliseconds
 * may miss it.
 */
#pragma once
#include <glib.h>

typedef enum {
  TS_GUEST_READY,
  TS_GUEST_ALIVE,
  TS_GUEST_WROTE,
  TS_GUEST_FLUSHED,
  TS_GUEST_HELD,
  TS_GUEST_FILL,
  TS_GUEST_SURVEYED,
  TS_GUEST_FROZEN,
  TS_GUEST_NOT_FROZEN,
  TS_GUEST_TROUBLE,
} TsGuestSaid;

typedef struct {
  TsGuestSaid said;
  guint64 number; /* ALIVE, FROZEN, NOT_FROZEN: n; READY: version; WROTE, FLUSHED, HELD: sequence (0: none
                     could be read, the record is corrupt); FILL: blocks */
  guint disk;
  guint64 offset_bytes, length_bytes; /* WROTE, HELD, FILL */
  char held;                          /* HELD: 'w' whole, 't' torn, 'c' corrupt */
  guint64 records, fill, bad;         /* SURVEYED */
  char text[256];                     /* TROUBLE: printable ASCII, whatever the guest said */
} TsGuestMessage;

#define TS_GUEST_LINE_MAX 256 /* without its line end */

/* One line without its line end.  TS_ERROR_FORMAT when it is not one of the above. */
gboolean ts_guest_message_parse (const char *line, gsize len, TsGuestMessage *message,
                                 GError **error);

typedef struct _TsGuestChannel TsGuestChannel;
typedef struct {
  void (*message) (TsGuestChannel *channel, const TsGuestMessage *message, gpointer user);
  /* Once, last: TS_ERROR_LOST (closed, or nobody there within timeout_us), FORMAT (endless line).
   * Both callbacks may free the channel. */
  void (*lost) (TsGuestChannel *channel, const GError *reason, gpointer user);
} TsGuestChannelEvents;

/* Connects to QEMU's unix socket, trying until it is there (at most timeout_us, then lost); all in
 * the default main context.  What is said before is kept until then. */
TsGuestChannel *ts_guest_channel_open (const char *path, gint64 timeout_us,
                                       const TsGuestChannelEvents *events, gpointer user);
void ts_guest_channel_say (TsGuestChannel *channel, const char *format, ...) G_GNUC_PRINTF (2, 3);
guint64 ts_guest_channel_garbage (const TsGuestChannel *channel); /* lines dropped */
void ts_guest_channel_free (TsGuestChannel *channel); /* no events after it; NULL is fine */
