/* results/measures.h -- how each metric is taken: one function each, named in metrics.c's table.
 *
 * Private to results/. */
#pragma once
#include "results/facts.h"
#include "results/loss.h"
#include "results/metrics.h"

/* What a measuring function sees: the VM, the window, and where the answer goes. */
typedef struct {
  const TsFacts *facts;
  const TsLossCount *loss;
  gint64 from_us, to_us;
  gint64 parameter; /* of a family's metric: a percentage, a time, a size */
  TsMeasure *out;   /* t_us is the window's end already; the rest is zero */
} TsAsk;

void ts_answer_unknown (const TsAsk *ask, const char *why);

/* Each fills ask->out; it may narrow the window. */
void ts_measure_exposure (TsAsk *ask);
void ts_measure_exposure_max (TsAsk *ask);
void ts_measure_exposure_p95 (TsAsk *ask);
void ts_measure_exposure_percentile (TsAsk *ask);
void ts_measure_exposure_over (TsAsk *ask);
void ts_measure_exposure_at_disaster (TsAsk *ask);
void ts_measure_rpo_achieved (TsAsk *ask);
void ts_measure_rto (TsAsk *ask);
void ts_measure_rto_detect (TsAsk *ask);
void ts_measure_rto_decide (TsAsk *ask);
void ts_measure_rto_promote (TsAsk *ask);
void ts_measure_rto_boot (TsAsk *ask);
void ts_measure_rto_probe (TsAsk *ask);
void ts_measure_rto_action (TsAsk *ask);
void ts_measure_cycles_success (TsAsk *ask);
void ts_measure_cycles_missed (TsAsk *ask);
void ts_measure_cycles_due (TsAsk *ask);
void ts_measure_interval (TsAsk *ask);
void ts_measure_bytes_copy (TsAsk *ask);
void ts_measure_bytes_data (TsAsk *ask);
void ts_measure_bytes_wire (TsAsk *ask);
void ts_measure_resync_required (TsAsk *ask);
void ts_measure_resync_done (TsAsk *ask);
void ts_measure_resync_differing (TsAsk *ask);
void ts_measure_resync_bytes (TsAsk *ask);
void ts_measure_resync_wire (TsAsk *ask);
void ts_measure_resync_duration (TsAsk *ask);
void ts_measure_moves (TsAsk *ask);
void ts_measure_moves_failed (TsAsk *ask);
void ts_measure_move_pause (TsAsk *ask);
void ts_measure_points (TsAsk *ask);
void ts_measure_freeze_consistent (TsAsk *ask);
void ts_measure_freeze_failed (TsAsk *ask);
void ts_measure_throughput_max (TsAsk *ask);
void ts_measure_copy_duration (TsAsk *ask);
void ts_measure_load_writes (TsAsk *ask);
void ts_measure_load_replica (TsAsk *ask);
void ts_measure_rto_plan (TsAsk *ask);
void ts_measure_jobs_done (TsAsk *ask);
void ts_measure_jobs_failed (TsAsk *ask);
void ts_measure_tasks_failed (TsAsk *ask);
void ts_measure_scripts_failed (TsAsk *ask);
void ts_measure_manual_confirmed (TsAsk *ask);
void ts_measure_providers_refused (TsAsk *ask);
void ts_measure_providers_lost (TsAsk *ask);
void ts_measure_peers_refused (TsAsk *ask);
void ts_measure_records_acked (TsAsk *ask);
void ts_measure_records_survived (TsAsk *ask);
void ts_measure_loss_records (TsAsk *ask);
void ts_measure_transfer_max (TsAsk *ask);
void ts_measure_transfer_p95 (TsAsk *ask);
void ts_measure_transfer_percentile (TsAsk *ask);
void ts_measure_pending_max (TsAsk *ask);
void ts_measure_pending_over (TsAsk *ask);
void ts_measure_health_worst (TsAsk *ask);
void ts_measure_health_end (TsAsk *ask);
void ts_measure_states_primary (TsAsk *ask);
void ts_measure_states_replica (TsAsk *ask);
void ts_measure_states (TsAsk *ask);
void ts_measure_compare_differing (TsAsk *ask);
void ts_measure_loss_divergent (TsAsk *ask);
void ts_measure_loss_lost (TsAsk *ask);
void ts_measure_loss_lost_bytes (TsAsk *ask);
void ts_measure_loss_unflushed (TsAsk *ask);
void ts_measure_loss_unflushed_bytes (TsAsk *ask);
void ts_measure_loss_torn (TsAsk *ask);
void ts_measure_loss_corrupt (TsAsk *ask);
void ts_measure_loss_stale (TsAsk *ask);
void ts_measure_loss_phantom (TsAsk *ask);
void ts_measure_loss_order (TsAsk *ask);
void ts_measure_loss_point (TsAsk *ask);
void ts_measure_loss_instant (TsAsk *ask);
void ts_measure_loss_beyond (TsAsk *ask);
void ts_measure_loss_unsettled (TsAsk *ask);
void ts_measure_loss_fill (TsAsk *ask);
void ts_measure_loss_held_records (TsAsk *ask);
