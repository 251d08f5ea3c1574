/* lab/bench/pair.c -- see pair.h.
 *
 * The runner's side of two hosts, much smaller than world.c: one VM, no workload, no judge.  Cycles
 * run when the bench says so: the interval is the longest there is, and resuming a paused relation
 * cuts at once (core/relation/sender.c). */
#include "lab/bench/pair.h"
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/record.h"
#include "core/base/units.h"
#include "core/format/plan.h"
#include "core/relation/state.h"
#include "lab/bench/image.h"
#include "lab/bench/room.h"
#include "lab/link/certificate.h"
#include "lab/host/control.h"
#include "lab/machine/disk.h"
#include "lab/doctor.h"
#include "lab/world/guest-channel.h"
#include "lab/host/host-config.h"
#include "lab/world/world-internal.h"

#define VM "app"
#define DISK "data"
#define FIRST_PORT 8084
#define READY_US (60 * TS_S)
#define BOOT_US (120 * TS_S)
#define COPY_US (20 * TS_MIN)
#define WRITE_US (20 * TS_MIN)
#define INTERVAL_US (900 * TS_S)

enum { PRIMARY, REPLICA, HOSTS };
static const char *const host_name[HOSTS] = {"bench-a", "bench-b"};

typedef struct {
  TsBenchPair *pair;
  guint index;
  pid_t pid;
  TsLabControl *control;
  gboolean ready;
} Seat;

struct _TsBenchPair {
  char *folder, *sockets, *certificates, *source, *replica, *log;
  TsLabLayout layout;
  TsLabClock clock;
  guint64 disk_bytes;
  gboolean compress;
  Seat seat[HOSTS];
  TsGuestChannel *channel;
  GError *broken;

  /* what was heard */
  gboolean resyncing, powered, guest_ready, copy_begun, copy_done, replicating, paused;
  gint64 copy_begun_us, cut_us, stored_us, applied_us;
  guint64 copy_bytes, cut_bytes, cut_set, stored_set, applied_set;

  /* the guest's writes */
  guint64 *slots; /* a bit per slot */
  guint64 slots_count, slots_wanted, slots_hit, wrote, wrote_until_cut, alive;
  guint record_bytes;
  guint64 writes; /* workloads begun: each with a seed of its own */
};

static void
break_pair (TsBenchPair *pair, const char *who, const char *what)
{
  if (!pair->broken)
    ts_throw (&pair->broken, TS_ERROR_IO, "%s: %s", who, what);
}

/* --- what is heard ---------------------------------------------------------------------------- */

static void
hear (TsBenchPair *pair, const TsRecord *record)
{
  const char *phase = ts_record_get_text (record, "phase");
  const char *to = ts_record_get_text (record, "to");
  gboolean primary = g_strcmp0 (ts_record_get_text (record, "host"), host_name[PRIMARY]) == 0;
  guint64 set = (guint64)ts_record_get_int (record, "set", 0);
  if (g_str_equal (record->kind, "power"))
    pair->powered = TRUE;
  else if (g_str_equal (record->kind, "copy") && g_strcmp0 (phase, "begun") == 0) {
    pair->copy_begun_us = record->t_us;
    pair->copy_begun = TRUE;
  } else if (g_str_equal (record->kind, "copy") && g_strcmp0 (phase, "done") == 0) {
    pair->copy_bytes = (guint64)ts_record_get_int (record, "total_bytes", 0);
    pair->copy_done = TRUE;
  } else if (g_str_equal (record->kind, "cut")) {
    pair->cut_us = record->t_us;
    pair->wrote_until_cut = pair->wrote;
    pair->cut_set = set;
    pair->cut_bytes = (guint64)ts_record_get_int (record, "data_bytes", 0);
  } else if (g_str_equal (record->kind, "point")) {
    pair->stored_us = record->t_us;
    pair->stored_set = set;
  } else if (g_str_equal (record->kind, "applied")) {
    pair->applied_us = record->t_us;
    pair->applied_set = set;
  } else if (g_str_equal (record->kind, "state") && primary) {
    pair->replicating = g_strcmp0 (to, ts_state_name (TS_STATE_REPLICATING)) == 0;
    pair->paused = g_strcmp0 (to, ts_state_name (TS_STATE_SUSPENDED)) == 0;
  } else if (g_str_equal (record->kind, "failure") || g_str_equal (record->kind, "refused") ||
             (g_str_equal (record->kind, "resync") && !pair->resyncing)) {
    const char *reason = ts_record_get_text (record, "reason");
    break_pair (pair, "our hosts", reason ? reason : record->kind);
  }
}

static void
message (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
  Seat *seat = user;
  if (g_str_equal (kind, "ready"))
    seat->ready = TRUE;
  else if (g_str_equal (kind, "record") && g_variant_is_of_type (body, G_VARIANT_TYPE ("v"))) {
    g_autoptr (GVariant) packed = g_variant_get_variant (body);
    g_autoptr (TsRecord) record = ts_record_from_variant (packed, NULL);
    if (record)
      hear (seat->pair, record);
  } else if (g_str_equal (kind, "trouble")) {
    const char *reason = "trouble";
    if (g_variant_is_of_type (body, G_VARIANT_TYPE ("(s)")))
      g_variant_get (body, "(&s)", &reason);
    break_pair (seat->pair, "our host", reason);
  }
}

static void
closed (TsLabControl *control, gpointer user)
{
  Seat *seat = user;
  break_pair (seat->pair, host_name[seat->index], "this host has ended by itself");
  g_clear_pointer (&seat->control, ts_lab_control_free);
}

static void
guest_said (TsGuestChannel *channel, const TsGuestMessage *said, gpointer user)
{
  TsBenchPair *pair = user;
  switch (said->said) {
  case TS_GUEST_READY:
    pair->guest_ready = TRUE;
    break;
  case TS_GUEST_ALIVE:
    pair->alive = said->number;
    break;
  case TS_GUEST_WROTE: {
    guint64 slot = said->offset_bytes / pair->record_bytes;
    pair->wrote = said->number;
    if (slot < pair->slots_count && !(pair->slots[slot / 64] >> slot % 64 & 1)) {
      pair->slots[slot / 64] |= G_GUINT64_CONSTANT (1) << slot % 64;
      pair->slots_hit++;
      if (pair->slots_hit == pair->slots_wanted) {
        ts_guest_channel_say (channel, "W");
        ts_guest_channel_say (channel, "P %" G_GUINT64_FORMAT, pair->writes);
      }
    }
    break;
  }
  case TS_GUEST_TROUBLE:
    break_pair (pair, "the guest", said->text);
    break;
  case TS_GUEST_FLUSHED:
  case TS_GUEST_HELD:
  case TS_GUEST_FILL:
  case TS_GUEST_SURVEYED:
  case TS_GUEST_FROZEN:
  case TS_GUEST_NOT_FROZEN:
    break;
  }
}

static void
guest_lost (TsGuestChannel *channel, const GError *reason, gpointer user)
{
  break_pair (user, "the guest", reason->message);
}

static gboolean
wake (gpointer user)
{
  *(gboolean *)user = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
wait_for (TsBenchPair *pair, gboolean (*there) (const TsBenchPair *pair), gint64 timeout_us,
          const char *what, GError **error)
{
  gboolean late = FALSE;
  guint alarm = g_timeout_add ((guint)(timeout_us / TS_MS), wake, &late);
  while (!pair->broken && !late && !there (pair))
    g_main_context_iteration (NULL, TRUE);
  if (!late)
    g_source_remove (alarm);
  if (pair->broken) {
    g_propagate_prefixed_error (error, g_error_copy (pair->broken), "%s: ", what);
    return FALSE;
  }
  return there (pair) || ts_throw (error, TS_ERROR_AGAIN, "%s: not in time", what);
}

/* --- coming and going ------------------------------------------------------------------------- */

static gboolean
write_config (TsBenchPair *pair, guint index, GError **error)
{
  g_autoptr (TsLabHostConfig) config = ts_lab_host_config_new ();
  g_autofree char *cache = ts_lab_world_cache ();
  TsRandom random;
  ts_random_init (&random, 1, "bench");
  config->kernel = ts_lab_guest_file ("vmlinuz", error);
  config->initrd = config->kernel ? ts_lab_guest_file ("initramfs", error) : NULL;
  if (!config->initrd)
    return FALSE;
  config->name = g_strdup (host_name[index]);
  config->index = index;
  config->run = g_strdup (pair->folder);
  config->sockets = g_strdup (pair->sockets);
  config->cache = g_build_filename (cache, "qemu", NULL);
  config->certificates = g_strdup (pair->certificates);
  config->origin_us = pair->clock.origin_us;
  config->seed = 1;
  /* CHOICE: the guest only writes here; emulation does that everywhere. */
  config->accel = TS_ACCEL_TCG;
  config->port = (guint16)(FIRST_PORT + index);
  ts_lab_host_config_add_peer (config, host_name[!index], "127.0.0.1",
                               (guint16)(FIRST_PORT + !index), 0);
  if (!ts_authorization_add (config->authorization, host_name[!index], TS_STORAGE_DEFAULT,
                             TS_TRUST_GROUP_DEFAULT, error))
    return FALSE;
  TsLabVmConfig *vm = ts_lab_host_config_add_vm (config, VM, host_name[PRIMARY]);
  vm->id = ts_guid_draw (&random);
  vm->memory_bytes = 128 * TS_MIB;
  ts_lab_vm_config_add_disk (vm, DISK, pair->disk_bytes, 0);
  g_autofree char *folder = ts_lab_path_host (&pair->layout, host_name[index], NULL);
  g_autofree char *path = ts_lab_path_host (&pair->layout, host_name[index], "config");
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  return ts_lab_host_config_save (config, path, error);
}

static gboolean
start_host (TsBenchPair *pair, guint index, GError **error)
{
  static const TsLabControlEvents events = {message, closed};
  Seat *seat = &pair->seat[index];
  seat->pair = pair;
  seat->index = index;
  if (!write_config (pair, index, error))
    return FALSE;
  g_autofree char *path = ts_lab_path_control (&pair->layout, index);
  g_autofree char *folder = ts_lab_path_host (&pair->layout, host_name[index], NULL);
  g_autofree char *log = ts_lab_path_host (&pair->layout, host_name[index], "host.log");
  const char *argv[] = {"/proc/self/exe", "host", folder, NULL};
  int listening = ts_lab_control_listen (path, error);
  if (listening < 0)
    return FALSE;
  seat->pid = ts_bench_start (argv, log, error);
  struct pollfd caller = {.fd = listening, .events = POLLIN};
  int fd = seat->pid > 0 && poll (&caller, 1, READY_US / TS_MS) > 0
               ? accept4 (listening, NULL, NULL, SOCK_CLOEXEC)
               : -1;
  if (fd >= 0)
    seat->control = ts_lab_control_new (fd, &events, seat);
  else if (seat->pid > 0)
    ts_throw_errno (error, "host %s does not come (see %s)", host_name[index], log);
  close (listening);
  return fd >= 0;
}

static gboolean
order (TsBenchPair *pair, guint host, const char *kind, GVariant *body, GError **error)
{
  if (pair->seat[host].control)
    return ts_lab_control_send (pair->seat[host].control, kind, body, error);
  g_variant_unref (g_variant_ref_sink (body));
  return ts_throw (error, TS_ERROR_LOST, "host %s does not answer", host_name[host]);
}

static gboolean
ask (TsBenchPair *pair, TsAsk verb, GError **error)
{
  return order (pair, PRIMARY, "ask",
                g_variant_new ("(suubuxux)", VM, (guint32)TS_ROLE_PRIMARY, (guint32)verb, FALSE,
                               0u, (gint64)0, 0u, (gint64)0),
                error);
}

static gboolean
hosts_ready (const TsBenchPair *pair)
{
  return pair->seat[PRIMARY].ready && pair->seat[REPLICA].ready;
}

static gboolean
guest_ready (const TsBenchPair *pair)
{
  return pair->powered && pair->guest_ready;
}

static gboolean
make_disk (TsBenchPair *pair, const char *image, GError **error)
{
  g_autofree char *path = ts_lab_path_disk (&pair->layout, host_name[PRIMARY], VM, DISK);
  g_autofree char *folder = g_path_get_dirname (path);
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  return ts_lab_disk_create_tracked (path, pair->source, pair->disk_bytes, error) &&
         ts_bench_image_copy (image, pair->source, error);
}

static gboolean
set_up (TsBenchPair *pair, const char *image, GError **error)
{
  static const TsGuestChannelEvents events = {guest_said, guest_lost};
  g_autoptr (TsDisk) disk = ts_lab_disk_open (image, FALSE, error);
  if (!disk)
    return FALSE;
  pair->disk_bytes = disk->size_bytes;
  if (g_mkdir_with_parents (pair->certificates, 0700) < 0 ||
      g_mkdir_with_parents (pair->sockets, 0700) < 0)
    return ts_throw_errno (error, "make %s", pair->folder);
  if (!ts_lab_certificate_authority (pair->certificates, error) ||
      !ts_lab_certificate_issue (pair->certificates, host_name[PRIMARY], error) ||
      !ts_lab_certificate_issue (pair->certificates, host_name[REPLICA], error) ||
      !make_disk (pair, image, error) || !start_host (pair, PRIMARY, error) ||
      !start_host (pair, REPLICA, error) ||
      !wait_for (pair, hosts_ready, READY_US, "start two hosts", error) ||
      !order (pair, PRIMARY, "boot", g_variant_new ("(s)", VM), error))
    return FALSE;
  g_autofree char *channel = ts_lab_path_channel (&pair->layout, PRIMARY, 0);
  pair->channel = ts_guest_channel_open (channel, BOOT_US, &events, pair);
  return wait_for (pair, guest_ready, BOOT_US, "boot the guest", error);
}

TsBenchPair *
ts_bench_pair_new (const char *folder, const char *image, gboolean compress, GError **error)
{
  TsBenchPair *pair = g_new0 (TsBenchPair, 1);
  pair->folder = g_strdup (folder);
  pair->sockets = g_build_filename (folder, "s", NULL);
  pair->certificates = g_build_filename (folder, "c", NULL);
  pair->layout = (TsLabLayout){pair->folder, pair->sockets};
  pair->source = ts_lab_path_data (&pair->layout, host_name[PRIMARY], VM, DISK);
  pair->replica =
      ts_lab_path_replica (&pair->layout, host_name[REPLICA], TS_STORAGE_DEFAULT, VM, DISK);
  pair->clock.origin_us = g_get_monotonic_time ();
  pair->compress = compress;
  if (set_up (pair, image, error))
    return pair;
  ts_bench_pair_free (pair);
  return NULL;
}

void
ts_bench_pair_free (TsBenchPair *pair)
{
  if (!pair)
    return;
  ts_guest_channel_free (pair->channel);
  for (guint i = 0; i < HOSTS; i++) {
    ts_lab_control_free (pair->seat[i].control); /* lets it end with its machines */
    if (pair->seat[i].pid > 0)
      ts_bench_wait (pair->seat[i].pid, "host", 10 * TS_S, NULL);
  }
  if (!g_getenv ("TWINSITE_KEEP"))
    ts_lab_remove_tree (pair->folder, NULL);
  g_clear_error (&pair->broken);
  g_free (pair->slots);
  g_free (pair->folder);
  g_free (pair->sockets);
  g_free (pair->certificates);
  g_free (pair->source);
  g_free (pair->replica);
  g_free (pair);
}

const char *
ts_bench_pair_source (const TsBenchPair *pair)
{
  return pair->source;
}

const char *
ts_bench_pair_replica (const TsBenchPair *pair)
{
  return pair->replica;
}

/* --- what is measured ------------------------------------------------------------------------- */

static gboolean
copied (const TsBenchPair *pair)
{
  return pair->copy_done;
}

static gboolean
all_applied (const TsBenchPair *pair)
{
  return pair->replicating && pair->cut_set > 0 && pair->applied_set == pair->cut_set;
}

static gboolean
is_paused (const TsBenchPair *pair)
{
  return pair->paused;
}

static gboolean
pause_pair (TsBenchPair *pair, GError **error)
{
  return wait_for (pair, all_applied, COPY_US, "reach one instant", error) &&
         ask (pair, TS_ASK_SUSPEND, error) && wait_for (pair, is_paused, READY_US, "pause", error);
}

gboolean
ts_bench_pair_copy (TsBenchPair *pair, TsBenchTook *took, GError **error)
{
  TsPolicy policy;
  ts_policy_init (&policy);
  policy.frequency_us = INTERVAL_US;
  policy.compression = pair->compress;
  if (!order (pair, PRIMARY, "relate",
              g_variant_new ("(ss@" TS_POLICY_TYPE ")", VM, host_name[REPLICA],
                             ts_policy_pack (&policy)),
              error) ||
      !ask (pair, TS_ASK_ENABLE, error))
    return FALSE;
  TsBenchCost from = ts_bench_start_clock ();
  gint64 from_us = ts_lab_clock_now_us (&pair->clock);
  if (!ask (pair, TS_ASK_START, error) ||
      !wait_for (pair, copied, COPY_US, "initial replication", error))
    return FALSE;
  *took = (TsBenchTook){.cost = ts_bench_since (&from),
                        .first_us = pair->copy_begun_us - from_us,
                        .data_bytes = pair->copy_bytes};
  return pause_pair (pair, error);
}

gboolean
ts_bench_pair_cycle (TsBenchPair *pair, TsBenchTook *took, GError **error)
{
  pair->replicating = FALSE;
  guint64 before = pair->cut_set;
  pair->cut_set = 0;
  TsBenchCost from = ts_bench_start_clock ();
  gint64 from_us = ts_lab_clock_now_us (&pair->clock);
  if (!ask (pair, TS_ASK_RESUME, error) || !wait_for (pair, all_applied, COPY_US, "a cycle", error))
    return FALSE;
  *took = (TsBenchTook){.cost = ts_bench_since (&from),
                        .first_us = pair->cut_us - from_us,
                        .stored_us = pair->stored_us - from_us,
                        .applied_us = pair->applied_us - from_us,
                        .data_bytes = pair->cut_bytes};
  g_assert (pair->cut_set > before);
  return pause_pair (pair, error);
}

static gboolean
guest_idle (const TsBenchPair *pair)
{
  return pair->slots_hit >= pair->slots_wanted && pair->alive == pair->writes;
}

gboolean
ts_bench_pair_change (TsBenchPair *pair, guint record_bytes, guint percent, GError **error)
{
  pair->record_bytes = record_bytes;
  pair->slots_count = pair->disk_bytes / record_bytes;
  pair->slots_wanted = MAX (pair->slots_count * percent / 100, 1);
  pair->slots_hit = 0;
  g_free (pair->slots);
  pair->slots = g_new0 (guint64, pair->slots_count / 64 + 1);
  pair->writes++;
  ts_guest_channel_say (pair->channel,
                        "W %d %" G_GUINT64_FORMAT " %u 0 0 %" G_GUINT64_FORMAT
                        " 1 0:0:%" G_GUINT64_FORMAT,
                        TS_PLAN_RANDOM, pair->writes, record_bytes, pair->wrote, pair->slots_count);
  /* the "p" behind the "W" that ends it says that nothing is being written any more */
  return wait_for (pair, guest_idle, WRITE_US, "the guest's writes", error);
}

gboolean
ts_bench_pair_resync (TsBenchPair *pair, TsBenchTook *took, GError **error)
{
  pair->replicating = pair->paused = FALSE;
  pair->resyncing = TRUE;
  pair->cut_set = 0;
  TsBenchCost from = ts_bench_start_clock ();
  if (!ask (pair, TS_ASK_RESYNC, error) ||
      !wait_for (pair, all_applied, COPY_US, "resynchronization", error))
    return FALSE;
  *took = (TsBenchTook){.cost = ts_bench_since (&from)};
  pair->resyncing = FALSE;
  return pause_pair (pair, error);
}

/* --- how the guest feels it ------------------------------------------------------------------- */

#define RECORD_BYTES 4096

static void
begin_writing (TsBenchPair *pair)
{
  pair->record_bytes = RECORD_BYTES;
  pair->slots_count = pair->disk_bytes / RECORD_BYTES;
  pair->slots_wanted = G_MAXUINT64; /* until it is told to stop */
  pair->slots_hit = 0;
  g_free (pair->slots);
  pair->slots = g_new0 (guint64, pair->slots_count / 64 + 1);
  pair->writes++;
  ts_guest_channel_say (pair->channel,
                        "W %d %" G_GUINT64_FORMAT " %d 0 0 %" G_GUINT64_FORMAT
                        " 1 0:0:%" G_GUINT64_FORMAT,
                        TS_PLAN_RANDOM, pair->writes, RECORD_BYTES, pair->wrote, pair->slots_count);
}

static gboolean
stop_writing (TsBenchPair *pair, GError **error)
{
  ts_guest_channel_say (pair->channel, "W");
  ts_guest_channel_say (pair->channel, "P %" G_GUINT64_FORMAT, pair->writes);
  pair->slots_wanted = 0;
  return wait_for (pair, guest_idle, WRITE_US, "the guest's end", error);
}

static gboolean
write_for (TsBenchPair *pair, gint64 for_us, TsBenchRate *rate, GError **error)
{
  gboolean over = FALSE;
  guint64 before = pair->wrote;
  gint64 from_us = g_get_monotonic_time ();
  g_timeout_add ((guint)(for_us / TS_MS), wake, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
  *rate = (TsBenchRate){pair->wrote - before, g_get_monotonic_time () - from_us};
  if (!pair->broken)
    return TRUE;
  g_propagate_error (error, g_error_copy (pair->broken));
  return FALSE;
}

gboolean
ts_bench_pair_rate (TsBenchPair *pair, gint64 for_us, TsBenchRate *rate, GError **error)
{
  begin_writing (pair);
  return write_for (pair, TS_S, rate, error) && write_for (pair, for_us, rate, error) &&
         stop_writing (pair, error);
}

static gboolean
is_cut (const TsBenchPair *pair)
{
  return pair->cut_set > 0;
}

gboolean
ts_bench_pair_rate_in_cut (TsBenchPair *pair, TsBenchRate *rate, GError **error)
{
  begin_writing (pair);
  if (!write_for (pair, TS_S, rate, error))
    return FALSE;
  pair->replicating = pair->paused = FALSE;
  pair->cut_set = 0;
  guint64 before = pair->wrote;
  gint64 from_us = ts_lab_clock_now_us (&pair->clock);
  if (!ask (pair, TS_ASK_RESUME, error) ||
      !wait_for (pair, is_cut, COPY_US, "a cut below a writing guest", error))
    return FALSE;
  *rate = (TsBenchRate){pair->wrote_until_cut - before, pair->cut_us - from_us};
  return stop_writing (pair, error) && pause_pair (pair, error);
}
