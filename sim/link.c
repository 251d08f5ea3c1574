/* sim/link.c -- see link.h.
 *
 * A connection is one shared object with two ends.  Each direction is a queue of messages of which
 * the head is being cut into packets.  An end that is gone takes its events with it; the connection
 * is freed when both ends are gone and no call is outstanding.
 *
 * Who finds the line full looks again when it has taken some of that.  Thousands wait so at once, a
 * few find room at each turn, and the others would look in vain: those that look one after another at
 * one instant are a queue (Turn) of one call, and from the first that finds the line full, what is
 * left of it goes on to the next instant as it is, whatever its length, in the order that its calls
 * would have had one by one. */
#include "sim/link.h"
#include "core/base/units.h"

#define PACKET_PAYLOAD 1448 /* TCP over IPv4 with time stamps on an MTU of 1500 */
#define PACKET_OVERHEAD 52
#define RTO_MIN_US (200 * TS_MS)
#define RTO_MAX_US (120 * TS_S)

typedef struct _Direction Direction;

typedef struct { /* who looks at the line at one instant, one directly after the other */
  TsSimLink *link;
  guint which; /* shaper */
  gint64 t_us;
  guint64 next_number; /* of the clock: who asks at that number is one more of it */
  Direction *first, *last;
  guint count;
} Turn;

struct _TsSimLink {
  TsSimClock *clock;
  TsShaper shaper[2];
  gint64 thought_us; /* of each side, in a handshake */
  guint waiting[2]; /* by shaper: senders that wait for its line */
  guint odd[2];     /* so many of them have nothing to send any more, or nobody to send it for */
  Turn *turn[2];    /* by shaper: that somebody joined last; NULL: it is over */
  GPtrArray *shared; /* Shared *: all that live */
};

typedef enum { SAY_SYN, SAY_SYN_ACK, SAY_HELLO, SAY_SERVER, SAY_FINISHED, SAY_BYTES, SAY_FIN } Say;

typedef struct {
  Say say;
  gsize left_bytes; /* not yet passed to the shaper */
  GBytes *bytes;    /* SAY_BYTES */
} Message;

typedef struct _Shared Shared;

struct _Direction {
  Shared *shared;
  guint side;       /* that sends */
  GQueue queue;     /* Message */
  gboolean waiting; /* a pump call is outstanding */
  gboolean for_line; /* because the line has enough to do */
  gboolean odd;      /* ... and its queue or its end has changed since */
  Direction *behind; /* in the turn */
  gint64 rto_us;    /* of the packet in the black hole; 0: none is */
  gint64 last_us;   /* arrival of the newest packet that made it */
};

struct _TsSimConn {
  Shared *shared;
  guint side; /* 0: connects, 1: accepts */
  const TsSimConnEvents *events;
  gpointer user;
  gboolean open, known; /* known: its owner holds it */
};

struct _Shared {
  TsSimLink *link;
  guint from; /* site of side 0 */
  guint calls;
  const char *name; /* of who connects */
  TsSimConn end[2];
  Direction direction[2]; /* by sending side */
  void (*welcome_far) (TsSimConn *far, gpointer user);
  gpointer far_user;
};

typedef struct {
  Shared *shared;
  guint side; /* that sent */
  Message *message;
} Arrival;

static guint
shaper_of (const Shared *shared, guint side)
{
  return side == 0 ? shared->from : 1 - shared->from;
}

/* Who waits for the line has to be looked at when its turn comes. */
static void
make_odd (Shared *shared, guint side)
{
  Direction *direction = &shared->direction[side];
  if (!direction->for_line || direction->odd)
    return;
  direction->odd = TRUE;
  shared->link->odd[shaper_of (shared, side)]++;
}

static void
message_free (gpointer data)
{
  Message *message = data;
  g_clear_pointer (&message->bytes, g_bytes_unref);
  g_free (message);
}

static void
shared_free (Shared *shared)
{
  for (guint i = 0; i < 2; i++)
    g_queue_clear_full (&shared->direction[i].queue, message_free);
  g_free (shared);
}

static void
maybe_free (Shared *shared)
{
  if (shared->calls > 0 || shared->end[0].known || shared->end[1].known)
    return;
  g_ptr_array_remove_fast (shared->link->shared, shared);
}

TsSimLink *
ts_sim_link_new (TsSimClock *clock, const TsLinkSpec *spec, const TsProfile *profile, guint64 seed,
                 const char *site_a, const char *site_b)
{
  TsSimLink *link = g_new0 (TsSimLink, 1);
  TsLinkShape shape = spec->shape;
  guint64 most_bits_per_s = profile ? (guint64)profile->link_bytes_per_s * 8 : 0;
  if (most_bits_per_s > 0 &&
      (shape.rate_bits_per_s == 0 || shape.rate_bits_per_s > most_bits_per_s))
    shape.rate_bits_per_s = most_bits_per_s;
  link->thought_us = profile ? profile->handshake_us / 2 : 0;
  link->clock = clock;
  link->shared = g_ptr_array_new_with_free_func ((GDestroyNotify)shared_free);
  g_autofree char *ab = g_strdup_printf ("link/%s/%s>%s", spec->name, site_a, site_b);
  g_autofree char *ba = g_strdup_printf ("link/%s/%s>%s", spec->name, site_b, site_a);
  ts_shaper_init (&link->shaper[0], &shape, seed, ab);
  ts_shaper_init (&link->shaper[1], &shape, seed, ba);
  return link;
}

void
ts_sim_link_free (TsSimLink *link)
{
  if (!link)
    return;
  g_ptr_array_unref (link->shared);
  g_free (link);
}

void
ts_sim_link_set_mode (TsSimLink *link, TsLinkMode mode)
{
  link->shaper[0].mode = link->shaper[1].mode = mode;
}

const TsShaper *
ts_sim_link_shaper (const TsSimLink *link, guint direction)
{
  return &link->shaper[direction];
}

/* --- what arrives ----------------------------------------------------------------------------- */

static void say (Shared *shared, guint side, Say what, gsize wire_bytes, GBytes *bytes);
static void torn (gpointer user, gpointer data);

/* The side has worked out its part of the handshake. */
static void
answer (Shared *shared, guint side)
{
  TsSimConn *end = &shared->end[side];
  if (side == 1) {
    say (shared, 1, SAY_SERVER, 1500, NULL);
    return;
  }
  say (shared, 0, SAY_FINISHED, 1300, NULL);
  if (end->events)
    end->events->connected (end, end->user);
}

static void
thought (gpointer user, gpointer data)
{
  Shared *shared = user;
  guint side = GPOINTER_TO_UINT (data);
  if (shared->end[side].open)
    answer (shared, side);
  shared->calls--;
  maybe_free (shared);
}

static void
think (Shared *shared, guint side)
{
  TsSimLink *link = shared->link;
  if (link->thought_us == 0) {
    answer (shared, side);
    return;
  }
  shared->calls++;
  ts_sim_clock_at (link->clock, ts_sim_clock_now_us (link->clock) + link->thought_us, thought, shared,
                   GUINT_TO_POINTER (side), NULL);
}

static void
arrived (gpointer user, gpointer data)
{
  Arrival *arrival = data;
  Shared *shared = arrival->shared;
  Message *message = arrival->message;
  TsSimConn *to = &shared->end[1 - arrival->side];
  gboolean dead = !to->open && message->say != SAY_SYN;
  if (dead || (message->say == SAY_SYN && !shared->welcome_far)) {
    shared->calls--;
    maybe_free (shared);
    return;
  }
  switch (message->say) {
  case SAY_SYN:
    to->open = TRUE;
    say (shared, 1, SAY_SYN_ACK, 60, NULL);
    break;
  case SAY_SYN_ACK:
    say (shared, 0, SAY_HELLO, 400, NULL);
    break;
  case SAY_HELLO:
    think (shared, 1);
    break;
  case SAY_SERVER:
    think (shared, 0);
    break;
  case SAY_FINISHED:
    to->known = TRUE;
    shared->welcome_far (to, shared->far_user);
    break;
  case SAY_BYTES:
    if (to->events)
      to->events->message (to, message->bytes, to->user);
    break;
  case SAY_FIN:
    to->open = FALSE;
    make_odd (shared, to->side);
    if (to->events && to->known)
      to->events->lost (to, "closed by the peer", to->user);
    break;
  }
  shared->calls--; /* only now: whoever heard it may have hung up */
  maybe_free (shared);
}

static void
arrival_free (gpointer data)
{
  Arrival *arrival = data;
  message_free (arrival->message);
  g_free (arrival);
}

/* --- what goes out ---------------------------------------------------------------------------- */

static void pump (Shared *shared, guint side);

static void
pump_again (gpointer user, gpointer data)
{
  Shared *shared = user;
  guint side = GPOINTER_TO_UINT (data);
  shared->direction[side].waiting = FALSE;
  pump (shared, side);
  shared->calls--;
  maybe_free (shared);
}

static void
pump_at (Shared *shared, guint side, gint64 t_us)
{
  shared->calls++;
  shared->direction[side].waiting = TRUE;
  ts_sim_clock_at (shared->link->clock, t_us, pump_again, shared, GUINT_TO_POINTER (side), NULL);
}

/* --- waiting for the line --------------------------------------------------------------------- */

static void have_turn (gpointer user, gpointer data);

/* Those from first to last, which are count, look at the line at t_us. */
static void
wait_for_turn (TsSimLink *link, guint which, gint64 t_us, Direction *first, Direction *last,
               guint count)
{
  Turn *turn = link->turn[which];
  last->behind = NULL;
  if (turn && turn->t_us == t_us && turn->next_number == ts_sim_clock_next_number (link->clock)) {
    turn->last->behind = first;
    turn->last = last;
    turn->count += count;
    ts_sim_clock_take_numbers (link->clock, count);
  } else {
    turn = link->turn[which] = g_new (Turn, 1);
    *turn = (Turn){
        .link = link, .which = which, .t_us = t_us, .first = first, .last = last, .count = count};
    ts_sim_clock_at (link->clock, t_us, have_turn, NULL, turn, g_free);
    ts_sim_clock_take_numbers (link->clock, count - 1);
  }
  turn->next_number = ts_sim_clock_next_number (link->clock);
}

static guint64
room_of (const TsShaper *shaper)
{
  return (shaper->shape.queue_bytes ? shaper->shape.queue_bytes : 256 * TS_KIB) / 2;
}

/* Until the line has taken what is over half the room: one wake-up for many packets. */
static gint64
line_wake_us (const TsShaper *shaper, gint64 now_us, guint64 queued, guint64 taken)
{
  guint64 half = room_of (shaper) / 2;
  guint64 over = queued > half ? queued - half : MIN (queued, taken);
  return now_us + 1 + (gint64)(over * 8 * TS_S / shaper->shape.rate_bits_per_s);
}

static void
have_turn (gpointer user, gpointer data)
{
  Turn *turn = data;
  TsSimLink *link = turn->link;
  const TsShaper *shaper = &link->shaper[turn->which];
  gint64 now_us = ts_sim_clock_now_us (link->clock);
  if (link->turn[turn->which] == turn)
    link->turn[turn->which] = NULL;
  for (Direction *direction = turn->first; direction; turn->count--) {
    guint64 queued = ts_shaper_queued_bytes (shaper, now_us);
    if (queued >= room_of (shaper) && link->odd[turn->which] == 0) { /* so would all of them find it */
      wait_for_turn (link, turn->which, line_wake_us (shaper, now_us, queued, 0), direction,
                     turn->last, turn->count);
      return;
    }
    Direction *behind = direction->behind;
    if (direction->odd)
      link->odd[turn->which]--;
    direction->for_line = direction->odd = FALSE;
    link->waiting[turn->which]--;
    pump_again (direction->shared, GUINT_TO_POINTER (direction->side));
    direction = behind;
  }
}

static void
pump (Shared *shared, guint side)
{
  TsSimLink *link = shared->link;
  Direction *direction = &shared->direction[side];
  guint which = shaper_of (shared, side);
  TsShaper *shaper = &link->shaper[which];
  gint64 now_us = ts_sim_clock_now_us (link->clock);
  guint64 room = room_of (shaper);
  /* Who shares the line with others that wait for it takes a share at a time, as streams of TCP do:
   * else the one that asks first at each turn would have it alone.  CHOICE: of thousands each takes a
   * window of four packets (as RFC 3390 begins with) all the same, where the queue has room for many
   * such; with one packet at a turn the turns would grow with the square of the machines. */
  guint64 share = link->waiting[which] > 0 ? MAX (room / 2 / (link->waiting[which] + 1),
                                                  MIN (4 * PACKET_PAYLOAD, room / 64))
                                           : G_MAXUINT64;
  guint64 taken = 0;
  Message *message;
  while (!direction->waiting && (message = g_queue_peek_head (&direction->queue))) {
    if (!shared->end[side].open && message->say != SAY_FIN) { /* vanished */
      message_free (g_queue_pop_head (&direction->queue));
      continue;
    }
    guint64 queued = ts_shaper_queued_bytes (shaper, now_us);
    if (shaper->shape.rate_bits_per_s > 0 && (queued >= room || taken > share)) {
      shared->calls++;
      direction->waiting = direction->for_line = TRUE;
      link->waiting[which]++;
      wait_for_turn (link, which, line_wake_us (shaper, now_us, queued, taken), direction, direction,
                     1);
      return;
    }
    gsize part = MIN (message->left_bytes, PACKET_PAYLOAD);
    gint64 at_us = ts_shaper_pass (shaper, now_us, (guint32)part + PACKET_OVERHEAD);
    if (at_us < 0) {
      if (message->say == SAY_FIN) { /* nobody waits for it */
        message_free (g_queue_pop_head (&direction->queue));
        continue;
      }
      if (shaper->mode == TS_LINK_RESET) {
        shared->calls++;
        ts_sim_clock_at (link->clock, now_us, torn, shared, NULL, NULL);
        return;
      }
      if (shaper->mode == TS_LINK_BLACKHOLE) {
        direction->rto_us =
            MIN (direction->rto_us ? 2 * direction->rto_us : RTO_MIN_US, RTO_MAX_US);
        pump_at (shared, side, now_us + direction->rto_us);
      } else
        pump_at (shared, side, now_us + 2 * shaper->shape.delay_us + 1);
      return;
    }
    direction->rto_us = 0;
    direction->last_us = MAX (direction->last_us, at_us);
    message->left_bytes -= part;
    taken += part;
    if (message->left_bytes > 0)
      continue;
    g_queue_pop_head (&direction->queue);
    Arrival *arrival = g_new0 (Arrival, 1);
    *arrival = (Arrival){shared, side, message};
    shared->calls++;
    ts_sim_clock_at (link->clock, direction->last_us, arrived, NULL, arrival, arrival_free);
  }
}

/* Both ends are told that the connection is no more, whoever of them is still there. */
static void
torn (gpointer user, gpointer data)
{
  Shared *shared = user;
  for (guint side = 0; side < 2; side++) {
    TsSimConn *end = &shared->end[side];
    g_queue_clear_full (&shared->direction[side].queue, message_free);
    make_odd (shared, side);
    if (!end->open)
      continue;
    end->open = FALSE;
    if (end->events && end->known)
      end->events->lost (end, "connection reset", end->user);
  }
  shared->calls--;
  maybe_free (shared);
}

static void
say (Shared *shared, guint side, Say what, gsize wire_bytes, GBytes *bytes)
{
  Message *message = g_new0 (Message, 1);
  message->say = what;
  message->left_bytes = MAX (wire_bytes, 1);
  message->bytes = bytes ? g_bytes_ref (bytes) : NULL;
  g_queue_push_tail (&shared->direction[side].queue, message);
  pump (shared, side);
}

/* --- entry points ----------------------------------------------------------------------------- */

TsSimConn *
ts_sim_link_connect (TsSimLink *link, guint from, const TsSimConnEvents *events, gpointer user,
                     void (*welcome_far) (TsSimConn *far, gpointer user), gpointer far_user)
{
  Shared *shared = g_new0 (Shared, 1);
  shared->link = link;
  shared->from = from;
  shared->welcome_far = welcome_far;
  shared->far_user = far_user;
  shared->name = "";
  for (guint i = 0; i < 2; i++) {
    shared->end[i].shared = shared;
    shared->end[i].side = i;
    shared->direction[i].shared = shared;
    shared->direction[i].side = i;
    g_queue_init (&shared->direction[i].queue);
  }
  g_ptr_array_add (link->shared, shared);
  TsSimConn *near = &shared->end[0];
  near->events = events;
  near->user = user;
  near->open = near->known = TRUE;
  say (shared, 0, SAY_SYN, 60, NULL);
  return near;
}

void
ts_sim_conn_introduce (TsSimConn *conn, const char *name)
{
  conn->shared->name = name;
}

const char *
ts_sim_conn_peer (const TsSimConn *conn)
{
  return conn->shared->name;
}

void
ts_sim_conn_set_events (TsSimConn *conn, const TsSimConnEvents *events, gpointer user)
{
  conn->events = events;
  conn->user = user;
}

void
ts_sim_conn_send (TsSimConn *conn, GBytes *bytes, gsize wire_bytes)
{
  if (conn->open)
    say (conn->shared, conn->side, SAY_BYTES, wire_bytes, bytes);
}

void
ts_sim_conn_vanish (TsSimConn *conn)
{
  Shared *shared = conn->shared;
  conn->open = conn->known = FALSE;
  conn->events = NULL;
  make_odd (shared, conn->side);
  maybe_free (shared);
}

void
ts_sim_conn_close (TsSimConn *conn)
{
  Shared *shared = conn->shared;
  /* What was queued behind a stalled packet is given up with the connection. */
  Direction *direction = &shared->direction[conn->side];
  g_queue_clear_full (&direction->queue, message_free);
  make_odd (shared, conn->side);
  shared->calls++;
  if (conn->open)
    say (shared, conn->side, SAY_FIN, 1,
         NULL); /* behind a stalled packet it waits like any other */
  shared->calls--;
  ts_sim_conn_vanish (conn);
}
