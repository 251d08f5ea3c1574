#include "results/metrics.h"
#include "core/base/units.h"
#include "results/measures.h"
#include <string.h>

typedef struct {
  TsFacts *facts;
  TsLossCount *loss;
} Failover;

typedef struct {
  GPtrArray *failovers; /* Failover *, in order; the first is there without one, too */
} Vm;

#define WORST_OF_ALL G_MAXUINT

struct _TsMetrics {
  char **names;   /* sorted */
  GPtrArray *vms; /* Vm *, as names */
  gint64 end_us;
};

/* --- the table -------------------------------------------------------------------------------- */

typedef struct {
  TsMetric metric;
  void (*measure) (TsAsk *ask);
} Row;

typedef struct { /* of a family, what it asks filled in; or of a failover that is not the first */
  Row row;
  gint64 parameter;
  guint failover; /* 0: the first */
} Made;

#define US TS_UNIT_US
#define BYTES TS_UNIT_BYTES
#define COUNT TS_UNIT_COUNT
#define RATE TS_UNIT_RATE
#define TEXT TS_UNIT_TEXT
#define CURVE TS_SCOPE_CURVE
#define TALLY TS_SCOPE_TALLY
#define RUN TS_SCOPE_RUN

/* clang-format off */
static const Row rows[] = {
    {{"exposure", "exposure_us_end", US, CURVE, "at the window's end, or where protection ended before it"}, ts_measure_exposure},
    {{"exposure.max", "exposure_us_max", US, CURVE, "supremum of the curve"}, ts_measure_exposure_max},
    {{"exposure.p95", "exposure_us_p95", US, CURVE, "exposure was at most this for 95 % of the time"}, ts_measure_exposure_p95},
    {{"exposure.at_disaster", "exposure_us_at_disaster", US, RUN, "exposure when the machine lost power (or the failover was commanded)"}, ts_measure_exposure_at_disaster},
    {{"rpo.achieved", "rpo_achieved_us", US, RUN, "disaster minus the acknowledgement of the first write that the copy misses; 0 when it misses none"}, ts_measure_rpo_achieved},
    {{"rto", "rto_us", US, RUN, "disaster to the copy's first good probe; the sum of the five stages"}, ts_measure_rto},
    {{"rto.detect", "rto_detect_us", US, RUN, "disaster to the first bad probe (at most to the command)"}, ts_measure_rto_detect},
    {{"rto.decide", "rto_decide_us", US, RUN, "... to the failover's command"}, ts_measure_rto_decide},
    {{"rto.promote", "rto_promote_us", US, RUN, "... to the copy being promoted"}, ts_measure_rto_promote},
    {{"rto.boot", "rto_boot_us", US, RUN, "... to the copy's guest being ready"}, ts_measure_rto_boot},
    {{"rto.probe", "rto_probe_us", US, RUN, "... to the first good probe"}, ts_measure_rto_probe},
    {{"rto.action", "rto_action_us", US, RUN, "the failover's command to the first good probe"}, ts_measure_rto_action},
    {{"interval", "interval_us", US, RUN, "from one cycle to the next, by the policy"}, ts_measure_interval},
    {{"cycles.success", "cycles_success", COUNT, TALLY, "cycles stored by the replica in time"}, ts_measure_cycles_success},
    {{"cycles.missed", "cycles_missed", COUNT, TALLY, "cycles that were late"}, ts_measure_cycles_missed},
    {{"cycles.due", "cycles_due", COUNT, TALLY, "whole intervals since the first point, while protected"}, ts_measure_cycles_due},
    {{"points", "points", COUNT, TALLY, "recovery points that became usable"}, ts_measure_points},
    {{"freeze.consistent", "freeze_consistent", COUNT, TALLY, "cycles of a frozen guest: application-consistent points"}, ts_measure_freeze_consistent},
    {{"freeze.failed", "freeze_failed", COUNT, TALLY, "freezes that failed; the cycle was a standard one"}, ts_measure_freeze_failed},
    {{"bytes.copy", "bytes_copy", BYTES, TALLY, "disk content that initial replication covered"}, ts_measure_bytes_copy},
    {{"copy.duration", "copy_us_max", US, TALLY, "longest initial replication, from its begin to the first recovery point"}, ts_measure_copy_duration},
    {{"bytes.data", "bytes_data", BYTES, TALLY, "changed data in acknowledged sets"}, ts_measure_bytes_data},
    {{"bytes.wire", "bytes_wire", BYTES, TALLY, "bytes on the wire, for sets and initial replication; resynchronizations apart"}, ts_measure_bytes_wire},
    {{"resync.required", "resyncs_required", COUNT, TALLY, "times that a resynchronization became necessary"}, ts_measure_resync_required},
    {{"resync.done", "resyncs_done", COUNT, TALLY, "resynchronizations that were completed"}, ts_measure_resync_done},
    {{"resync.differing", "resync_differing_bytes", BYTES, TALLY, "bytes in blocks that a comparison found to differ"}, ts_measure_resync_differing},
    {{"resync.bytes", "resync_bytes", BYTES, TALLY, "disk content that resynchronizations sent"}, ts_measure_resync_bytes},
    {{"resync.wire_bytes", "resync_wire_bytes", BYTES, TALLY, "bytes on the wire for them, from the primary"}, ts_measure_resync_wire},
    {{"resync.duration", "resync_us_max", US, TALLY, "longest resynchronization, from its begin to the replica being consistent"}, ts_measure_resync_duration},
    {{"throughput.max", "throughput_bytes_per_s_max", RATE, CURVE, "most bytes a second on the wire, each set's and each piece of a copy's spread over its time"}, ts_measure_throughput_max},
    {{"load.writes", "load_writes", COUNT, RUN, "writes of the guest to its disks (simulator)"}, ts_measure_load_writes},
    {{"load.replica", "load_replica_requests", COUNT, RUN, "requests to the replica's storage: pieces of logs written and read back, writes that apply them (simulator)"}, ts_measure_load_replica},
    {{"moves", "moves", COUNT, TALLY, "times that a machine, or a replica, went to another host of its cloud"}, ts_measure_moves},
    {{"moves.failed", "moves_failed", COUNT, TALLY, "moves that were broken off: it stayed where it was"}, ts_measure_moves_failed},
    {{"move.pause", "move_pause_us_max", US, TALLY, "longest time that a machine stood still for a move, also for one that was broken off"}, ts_measure_move_pause},
    {{"peers.refused", "peers_refused", COUNT, TALLY, "connections that any host of the run refused"}, ts_measure_peers_refused},
    {{"rto.plan", "rto_plan_us", US, RUN, "a recovery plan's command to the last of its copies that serves"}, ts_measure_rto_plan},
    {{"jobs.done", "jobs_done", COUNT, TALLY, "jobs of the vault that succeeded, perhaps in part"}, ts_measure_jobs_done},
    {{"jobs.failed", "jobs_failed", COUNT, TALLY, "jobs of the vault that failed or were cancelled"}, ts_measure_jobs_failed},
    {{"tasks.failed", "tasks_failed", COUNT, TALLY, "tasks of jobs that failed, groups that did for them too"}, ts_measure_tasks_failed},
    {{"scripts.failed", "scripts_failed", COUNT, TALLY, "scripts of recovery plans that failed"}, ts_measure_scripts_failed},
    {{"manual.confirmed", "manual_confirmed", COUNT, TALLY, "manual actions of recovery plans that people confirmed"}, ts_measure_manual_confirmed},
    {{"providers.refused", "providers_refused", COUNT, TALLY, "registrations of VMM servers that the vault refused"}, ts_measure_providers_refused},
    {{"providers.lost", "providers_lost", COUNT, TALLY, "times that the vault lost a VMM server"}, ts_measure_providers_lost},
    {{"transfer.max", "transfer_us_max", US, TALLY, "longest time from sending a set to its acknowledgement"}, ts_measure_transfer_max},
    {{"transfer.p95", "transfer_us_p95", US, TALLY, "same, 95th percentile (nearest rank)"}, ts_measure_transfer_p95},
    {{"pending.max", "pending_bytes_max", BYTES, CURVE, "most bytes tracked and not yet acknowledged"}, ts_measure_pending_max},
    {{"health.worst", "health_worst", TEXT, CURVE, "normal, warning or critical; of both sides"}, ts_measure_health_worst},
    {{"health.end", "health_end", TEXT, CURVE, "health at the window's end"}, ts_measure_health_end},
    {{"states", "states", TEXT, TALLY, "replication states of both sides, \"primary: A > B; replica: C > D\""}, ts_measure_states},
    {{"states.primary", "states_primary", TEXT, TALLY, "replication states of the primary, \"A > B\""}, ts_measure_states_primary},
    {{"states.replica", "states_replica", TEXT, TALLY, "replication states of the replica"}, ts_measure_states_replica},
    {{"compare.differing", "compare_differing_bytes", BYTES, TALLY, "bytes that differ, in the last comparison of each disk"}, ts_measure_compare_differing},
    {{"loss.lost", "loss_lost_writes", COUNT, RUN, "acknowledged and flushed writes that the copy misses"}, ts_measure_loss_lost},
    {{"loss.bytes", "loss_lost_bytes", BYTES, RUN, "their bytes"}, ts_measure_loss_lost_bytes},
    {{"loss.unflushed", "loss_unflushed_writes", COUNT, RUN, "missing writes that the guest never flushed"}, ts_measure_loss_unflushed},
    {{"loss.unflushed_bytes", "loss_unflushed_bytes", BYTES, RUN, "their bytes"}, ts_measure_loss_unflushed_bytes},
    {{"loss.torn", "loss_torn", COUNT, RUN, "places with sectors of different records"}, ts_measure_loss_torn},
    {{"loss.corrupt", "loss_corrupt", COUNT, RUN, "places with a sector that no one wrote so"}, ts_measure_loss_corrupt},
    {{"loss.stale", "loss_stale", COUNT, RUN, "places where an older record is back than was acknowledged by the point's instant"}, ts_measure_loss_stale},
    {{"loss.phantom", "loss_phantom", COUNT, RUN, "records that nobody was promised (but one that was in flight)"}, ts_measure_loss_phantom},
    {{"loss.order", "loss_order", COUNT, RUN, "flushed writes missing although a later one is held"}, ts_measure_loss_order},
    {{"loss.point", "loss_point", COUNT, RUN, "missing writes acknowledged by the point's instant"}, ts_measure_loss_point},
    {{"loss.instant", "loss_instant", COUNT, RUN, "missing writes older than the newest one held: disks are not at one instant"}, ts_measure_loss_instant},
    {{"loss.beyond", "loss_beyond", COUNT, RUN, "held writes that were acknowledged after the point's instant: 0 when the guest was frozen"}, ts_measure_loss_beyond},
    {{"loss.unsettled", "loss_unsettled", COUNT, RUN, "writes acknowledged by the point's instant and not flushed by then: 0 when the guest was frozen"}, ts_measure_loss_unsettled},
    {{"loss.fill", "loss_fill_blocks", COUNT, RUN, "blocks of the initial fill that are missing or bad"}, ts_measure_loss_fill},
    {{"loss.divergent", "loss_divergent_disks", COUNT, RUN, "disks that differ in their last comparison"}, ts_measure_loss_divergent},
    {{"loss.records", "loss_records", COUNT, RUN, "records of the application acknowledged before the disaster that its copy does not have (machines of your own)"}, ts_measure_loss_records},
    {{"records.acked", "records_acked", COUNT, RUN, "the last record that the application acknowledged before the disaster"}, ts_measure_records_acked},
    {{"records.survived", "records_survived", COUNT, RUN, "the last record that the application found on the copy"}, ts_measure_records_survived},
    {{"held.records", "held_records", COUNT, RUN, "whole records on the copy"}, ts_measure_loss_held_records},
};

typedef enum { ASKS_PERCENT, ASKS_TIME, ASKS_SIZE } Asks;

/* What is asked stands behind the last '.' or 'p' of the name shown; the key is made of the same. */
static const struct {
  TsMetric metric;
  const char *prefix, *key_prefix;
  Asks asks;
  void (*measure) (TsAsk *ask);
} families[] = {
    {{"exposure.pN", "exposure_us_pN", US, CURVE, "exposure was at most this for N % of the time, 1 to 100"}, "exposure.p", "exposure_us_p", ASKS_PERCENT, ts_measure_exposure_percentile},
    {{"exposure.over.TIME", "exposure_us_over_TIME", US, CURVE, "for how long exposure was above TIME, such as exposure.over.15m"}, "exposure.over.", "exposure_us_over_", ASKS_TIME, ts_measure_exposure_over},
    {{"transfer.pN", "transfer_us_pN", US, TALLY, "time from sending a set to its acknowledgement, N-th percentile (nearest rank)"}, "transfer.p", "transfer_us_p", ASKS_PERCENT, ts_measure_transfer_percentile},
    {{"pending.over.SIZE", "pending_us_over_SIZE", US, CURVE, "for how long more than SIZE waited, such as pending.over.10MiB"}, "pending.over.", "pending_us_over_", ASKS_SIZE, ts_measure_pending_over},
};
/* clang-format on */

guint
ts_metric_count (void)
{
  return G_N_ELEMENTS (rows);
}

const TsMetric *
ts_metric_get (guint index)
{
  g_assert (index < G_N_ELEMENTS (rows));
  return &rows[index].metric;
}

const TsMetric *
ts_metric_family (guint index)
{
  return index < G_N_ELEMENTS (families) ? &families[index].metric : NULL;
}

static gboolean
parse_parameter (Asks asks, const char *text, gint64 *parameter)
{
  guint64 number = 0;
  switch (asks) {
  case ASKS_PERCENT:
    if (text[0] == '0' || !g_ascii_string_to_unsigned (text, 10, 1, 100, &number, NULL))
      return FALSE;
    break;
  case ASKS_TIME:
    return ts_parse_duration (text, parameter, NULL) && *parameter >= 0;
  case ASKS_SIZE:
    if (!ts_parse_size (text, &number, NULL) || number > G_MAXINT64)
      return FALSE;
    break;
  }
  *parameter = (gint64)number;
  return TRUE;
}

/* A metric that is not in the table, made when it is first asked for and kept: who holds one need not
 * free it, as with those of the table.  A scenario names a few; they may be read in several threads. */
static const TsMetric *
make (const Row *row, const char *name, const char *key, gint64 parameter, guint failover)
{
  static GMutex mutex;
  static GHashTable *all; /* name -> Made *; only asked, never walked */
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&mutex);
  if (!all)
    all = g_hash_table_new (g_str_hash, g_str_equal);
  Made *made = g_hash_table_lookup (all, name);
  if (made)
    return &made->row.metric;
  made = g_new0 (Made, 1);
  made->row = *row;
  made->row.metric.name = g_strdup (name);
  made->row.metric.key = g_strdup (key);
  made->parameter = parameter;
  made->failover = failover;
  g_hash_table_insert (all, (gpointer)made->row.metric.name, made);
  return &made->row.metric;
}

static const TsMetric *
find_in_family (guint family, const char *name, gint64 parameter)
{
  Row row = {families[family].metric, families[family].measure};
  g_autofree char *key =
      g_strconcat (families[family].key_prefix, name + strlen (families[family].prefix), NULL);
  return make (&row, name, key, parameter, 0);
}

/* Is there one for each failover? */
static gboolean
is_of_failover (const Row *row)
{
  return row->metric.scope == TS_SCOPE_RUN && row->measure != ts_measure_interval &&
         row->measure != ts_measure_loss_divergent;
}

/* "rto@2", "loss.lost@worst". */
static const TsMetric *
find_of_failover (const char *name, const char *at)
{
  guint64 number = 0;
  gsize len = (gsize)(at - name);
  gboolean worst = strcmp (at + 1, "worst") == 0;
  if (!worst && (at[1] == '0' || !g_ascii_string_to_unsigned (at + 1, 10, 1, 99, &number, NULL)))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const TsMetric *metric = &rows[i].metric;
    if (strlen (metric->name) != len || strncmp (metric->name, name, len) != 0)
      continue;
    g_autofree char *key =
        worst ? g_strconcat (metric->key, "_of_worst_failover", NULL)
              : g_strdup_printf ("%s_of_failover_%u", metric->key, (guint)number);
    return is_of_failover (&rows[i])
               ? make (&rows[i], name, key, 0, worst ? WORST_OF_ALL : (guint)number)
               : NULL;
  }
  return NULL;
}

const TsMetric *
ts_metric_find (const char *name)
{
  const char *at = strchr (name, '@');
  gint64 parameter;
  if (at)
    return find_of_failover (name, at);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].metric.name, name) == 0)
      return &rows[i].metric;
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_str_has_prefix (name, families[i].prefix) &&
        parse_parameter (families[i].asks, name + strlen (families[i].prefix), &parameter))
      return find_in_family (i, name, parameter);
  return NULL;
}

const char *
ts_unit_name (TsUnit unit)
{
  static const char *const names[] = {"us", "bytes", "count", "bytes/s", "text"};
  g_assert ((guint)unit < G_N_ELEMENTS (names));
  return names[unit];
}

void
ts_measure_clear (TsMeasure *measure)
{
  g_clear_pointer (&measure->text, g_free);
  g_clear_pointer (&measure->why, g_free);
}

char *
ts_measure_format (const TsMeasure *measure, TsUnit unit)
{
  if (measure->kind == TS_MEASURE_NEVER)
    return g_strdup_printf ("never: %s", measure->why);
  if (measure->kind == TS_MEASURE_UNKNOWN)
    return g_strdup_printf ("unknown: %s", measure->why);
  switch (unit) {
  case TS_UNIT_US:
    return ts_format_duration (measure->number);
  case TS_UNIT_BYTES:
    return ts_format_size ((guint64)measure->number);
  case TS_UNIT_RATE: {
    g_autofree char *size = ts_format_size ((guint64)measure->number);
    return g_strconcat (size, "/s", NULL);
  }
  case TS_UNIT_TEXT:
    return g_strdup (measure->text);
  case TS_UNIT_COUNT:
    break;
  }
  return g_strdup_printf ("%" G_GINT64_FORMAT, measure->number);
}

/* --- entry points ----------------------------------------------------------------------------- */

static void
failover_free (gpointer data)
{
  Failover *failover = data;
  ts_facts_free (failover->facts);
  ts_loss_count_free (failover->loss);
  g_free (failover);
}

static void
vm_free (gpointer data)
{
  Vm *vm = data;
  g_ptr_array_unref (vm->failovers);
  g_free (vm);
}

static Vm *
vm_new (const TsJournal *journal, const TsLedger *ledger, const char *name)
{
  Vm *vm = g_new0 (Vm, 1);
  vm->failovers = g_ptr_array_new_with_free_func (failover_free);
  Failover *before = NULL;
  for (guint n = 1; n == 1 || n <= before->facts->failovers; n++) {
    Failover *failover = g_new0 (Failover, 1);
    failover->facts = before ? ts_facts_of_failover (before->facts, n) : ts_facts_new (journal, name);
    failover->loss = ts_loss_count (failover->facts, ledger, before ? before->loss : NULL);
    g_ptr_array_add (vm->failovers, failover);
    before = failover;
  }
  return vm;
}

TsMetrics *
ts_metrics_new (const TsJournal *journal, const TsLedger *ledger)
{
  TsMetrics *metrics = g_new0 (TsMetrics, 1);
  metrics->names = ts_facts_vms (journal);
  metrics->end_us = ts_journal_end_us (journal);
  metrics->vms = g_ptr_array_new_with_free_func (vm_free);
  for (guint i = 0; metrics->names[i]; i++)
    g_ptr_array_add (metrics->vms, vm_new (journal, ledger, metrics->names[i]));
  return metrics;
}

void
ts_metrics_free (TsMetrics *metrics)
{
  if (!metrics)
    return;
  g_strfreev (metrics->names);
  g_ptr_array_unref (metrics->vms);
  g_free (metrics);
}

guint
ts_metrics_vm_count (const TsMetrics *metrics)
{
  return metrics->vms->len;
}

const char *
ts_metrics_vm (const TsMetrics *metrics, guint index)
{
  g_assert (index < metrics->vms->len);
  return metrics->names[index];
}

gint64
ts_metrics_end_us (const TsMetrics *metrics)
{
  return metrics->end_us;
}

static const Vm *
find_vm (const TsMetrics *metrics, const char *name)
{
  for (guint i = 0; i < metrics->vms->len; i++)
    if (strcmp (metrics->names[i], name) == 0)
      return metrics->vms->pdata[i];
  return NULL;
}

static const Failover *
failover_of (const Vm *vm, guint n) /* from 1 */
{
  return vm->failovers->pdata[n - 1];
}

const GArray *
ts_metrics_losses (const TsMetrics *metrics, const char *name)
{
  const Vm *vm = find_vm (metrics, name);
  g_return_val_if_fail (vm, NULL);
  return failover_of (vm, 1)->loss->losses;
}

guint
ts_metrics_failovers (const TsMetrics *metrics, const char *name)
{
  const Vm *vm = find_vm (metrics, name);
  return vm ? failover_of (vm, 1)->facts->failovers : 0;
}

void
ts_metrics_failover (const TsMetrics *metrics, const char *name, guint n, TsFailoverStory *story)
{
  const Vm *vm = find_vm (metrics, name);
  g_return_if_fail (vm && n >= 1 && n <= vm->failovers->len);
  const TsFacts *facts = failover_of (vm, n)->facts;
  *story = (TsFailoverStory){.planned = facts->planned,
                             .copy = facts->copy,
                             .commanded_us = facts->commanded_us,
                             .instant_us = facts->instant_us,
                             .end = facts->promoted_us < 0 ? "not promoted"
                                    : facts->cancelled     ? "cancelled"
                                    : facts->reversed      ? "reversed"
                                                           : "stands"};
}

static void
measure_one (const Row *row, const Failover *failover, TsAsk *ask)
{
  ask->facts = failover->facts;
  ask->loss = failover->loss;
  row->measure (ask);
}

static gboolean
is_worse (const TsMeasure *a, const TsMeasure *b)
{
  if (a->kind != b->kind) /* what is not known could be anything; never is later than anything */
    return a->kind == TS_MEASURE_UNKNOWN || b->kind == TS_MEASURE_VALUE;
  return a->kind == TS_MEASURE_VALUE && a->number > b->number;
}

static void
measure_worst (const Row *row, const Vm *vm, TsAsk *ask)
{
  TsMeasure *out = ask->out;
  const TsMeasure empty = *out;
  measure_one (row, failover_of (vm, 1), ask);
  for (guint n = 2; n <= vm->failovers->len; n++) {
    TsMeasure one = empty;
    TsAsk again = *ask;
    again.out = &one;
    measure_one (row, failover_of (vm, n), &again);
    if (is_worse (&one, out)) {
      ts_measure_clear (out);
      *out = one;
    } else
      ts_measure_clear (&one);
  }
}

void
ts_metrics_measure (const TsMetrics *metrics, const TsMetric *metric, const char *name,
                    gint64 from_us, gint64 to_us, TsMeasure *measure)
{
  const Vm *vm = find_vm (metrics, name);
  const Row *row = (const Row *)metric; /* every one but what only names a family heads a row */
  gboolean in_table = row >= rows && row < rows + G_N_ELEMENTS (rows);
  const Made *made = in_table ? NULL : (const Made *)row;
  *measure = (TsMeasure){.t_us = MIN (to_us, metrics->end_us)};
  TsAsk ask = {.from_us = MAX (from_us, 0),
               .to_us = measure->t_us,
               .parameter = made ? made->parameter : 0,
               .out = measure};
  if (!vm) {
    ts_answer_unknown (&ask, "the journal does not name this VM");
    return;
  }
  guint n = made && made->failover > 0 ? made->failover : 1;
  if (n == WORST_OF_ALL)
    measure_worst (row, vm, &ask);
  else if (n <= vm->failovers->len)
    measure_one (row, failover_of (vm, n), &ask);
  else
    ts_answer_unknown (&ask, "there were not so many failovers");
}
