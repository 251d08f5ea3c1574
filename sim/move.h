/* sim/move.h -- a VM on its way from one host to another of its site.  Twin of lab/host/move.h. */
#pragma once
#include "core/site/handover.h"
#include "sim/internal.h"

/* Made when it is asked for the first time. */
TsSimMove *ts_sim_move_of (TsSimHost *host, TsSimVm *vm);
void ts_sim_move_free (TsSimMove *move); /* NULL is fine */
/* Why the VM cannot go from this host to that one, whatever the state of its relation; NULL: it can.
 * The caller's. */
char *ts_sim_move_why_not (TsSimHost *host, TsSimVm *vm, guint to);
/* Its relation, if it has one, is at rest. */
void ts_sim_move_begin (TsSimHost *host, TsSimVm *vm, guint to);
/* May this host neither run the VM nor speak for it? */
gboolean ts_sim_move_forbids (const TsSimHost *host, const TsSimVm *vm);
/* As ts_handover_went_to. */
const char *ts_sim_move_went_to (const TsSimHost *host, const TsSimVm *vm);
/* What is in this host's memory of all moves is gone; and what was durable is read again. */
void ts_sim_moves_power_loss (TsSimHost *host);
void ts_sim_moves_restore (TsSimHost *host);
