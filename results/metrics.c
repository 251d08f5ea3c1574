#include "results/metrics.h"
#include "core/base/units.h"
#include "results/measures.h"
#include <string.h>

typedef struct {
  TsFacts *facts;
  TsLossCount *loss;
} Vm;

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

#define US TS_UNIT_US
#define BYTES TS_UNIT_BYTES
#define COUNT TS_UNIT_COUNT
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
    {{"bytes.copy", "bytes_copy", BYTES, TALLY, "disk content that initial replication covered"}, ts_measure_bytes_copy},
    {{"bytes.data", "bytes_data", BYTES, TALLY, "changed data in acknowledged sets"}, ts_measure_bytes_data},
    {{"bytes.wire", "bytes_wire", BYTES, TALLY, "bytes on the wire, for sets and initial replication"}, ts_measure_bytes_wire},
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
    {{"loss.fill", "loss_fill_blocks", COUNT, RUN, "blocks of the initial fill that are missing or bad"}, ts_measure_loss_fill},
    {{"loss.divergent", "loss_divergent_disks", COUNT, RUN, "disks that differ in their last comparison"}, ts_measure_loss_divergent},
    {{"held.records", "held_records", COUNT, RUN, "whole records on the copy"}, ts_measure_loss_held_records},
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
ts_metric_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].metric.name, name) == 0)
      return &rows[i].metric;
  return NULL;
}

const char *
ts_unit_name (TsUnit unit)
{
  static const char *const names[] = {"us", "bytes", "count", "text"};
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
  case TS_UNIT_TEXT:
    return g_strdup (measure->text);
  case TS_UNIT_COUNT:
    break;
  }
  return g_strdup_printf ("%" G_GINT64_FORMAT, measure->number);
}

/* --- entry points ----------------------------------------------------------------------------- */

static void
vm_free (gpointer data)
{
  Vm *vm = data;
  ts_facts_free (vm->facts);
  ts_loss_count_free (vm->loss);
  g_free (vm);
}

TsMetrics *
ts_metrics_new (const TsJournal *journal, const TsLedger *ledger)
{
  TsMetrics *metrics = g_new0 (TsMetrics, 1);
  metrics->names = ts_facts_vms (journal);
  metrics->end_us = ts_journal_end_us (journal);
  metrics->vms = g_ptr_array_new_with_free_func (vm_free);
  for (guint i = 0; metrics->names[i]; i++) {
    Vm *vm = g_new0 (Vm, 1);
    vm->facts = ts_facts_new (journal, metrics->names[i]);
    vm->loss = ts_loss_count (vm->facts, ledger);
    g_ptr_array_add (metrics->vms, vm);
  }
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

const GArray *
ts_metrics_losses (const TsMetrics *metrics, const char *name)
{
  const Vm *vm = find_vm (metrics, name);
  g_return_val_if_fail (vm, NULL);
  return vm->loss->losses;
}

void
ts_metrics_measure (const TsMetrics *metrics, const TsMetric *metric, const char *name,
                    gint64 from_us, gint64 to_us, TsMeasure *measure)
{
  const Vm *vm = find_vm (metrics, name);
  const Row *row = (const Row *)metric; /* every TsMetric there is, is the head of a row */
  g_assert (row >= rows && row < rows + G_N_ELEMENTS (rows));
  *measure = (TsMeasure){.t_us = MIN (to_us, metrics->end_us)};
  TsAsk ask = {.from_us = MAX (from_us, 0), .to_us = measure->t_us, .out = measure};
  if (!vm) {
    ts_answer_unknown (&ask, "the journal does not name this VM");
    return;
  }
  ask.facts = vm->facts;
  ask.loss = vm->loss;
  row->measure (&ask);
}
