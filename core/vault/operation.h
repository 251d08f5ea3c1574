/* core/vault/operation.h -- one operator's verb on one protected VM, as orders to the two sides.
 *
 * HVR reference 3.6: a planned failover is shutdown, prepare, failover, start, in this order, each
 * only when the one before has been reported done.  An operation hears the reports (journal records
 * of the VM) and says which order comes next.  The vault of a later day drives the same machine. */
#pragma once
#include "core/base/record.h"
#include "core/relation/state.h"
#include "core/seam/order.h"

typedef struct {
  TsRole side;        /* who gets it */
  gboolean shut_down; /* shut the VM down in good order; else: */
  TsAsk ask;
  gboolean planned; /* with FAILOVER */
  TsPointChoice point; /* with FAILOVER, TEST_FAILOVER, CHANGE_POINT */
  TsDiskChange disks;  /* with RESIZE, UPDATE_DISKS */
  TsInitialChoice initial; /* with ENABLE, START */
  guint host;              /* with MOVE: where to */
} TsSideOrder;

typedef enum {
  TS_OPERATION_WAITING, /* for a report */
  TS_OPERATION_ORDER,   /* *order is to be given now; then call ts_operation_given */
  TS_OPERATION_DONE,
  TS_OPERATION_FAILED,
} TsOperationPhase;

typedef struct _TsOperation TsOperation;

/* TRUE for the verbs that are operations on a VM's relation: protect, start_initial, cancel_initial,
 * import, failover, commit, pause,
 * cancel_failover, change_point, test_failover, stop_test_failover, reverse, resume, resync,
 * cancel_resync, remove, power_on, power_off, reset_statistics. */
gboolean ts_operation_is (TsVerb verb);

/* primary, replica: names of the two hosts as they are before the operation. */
TsOperation *ts_operation_new (const TsOrder *order, const char *vm, const char *primary,
                               const char *replica) G_GNUC_WARN_UNUSED_RESULT;
void ts_operation_free (TsOperation *operation); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsOperation, ts_operation_free)

const char *ts_operation_step_id (const TsOperation *operation); /* the order's step */
const char *ts_operation_verb (const TsOperation *operation);    /* and its verb's name */
/* What to do now. */
TsOperationPhase ts_operation_phase (const TsOperation *operation, TsSideOrder *order);
/* The order has been given (not: carried out). */
void ts_operation_given (TsOperation *operation);
/* A report; records of other VMs and kinds are ignored. */
void ts_operation_hear (TsOperation *operation, const TsRecord *record);
/* The order could not be given (host dead ...).  A failover that was only to try shutting down first
 * goes on without. */
void ts_operation_fail (TsOperation *operation, const char *reason);
/* The order could not be given, since it is not for this state. */
void ts_operation_refuse (TsOperation *operation, const char *reason);
/* A planned failover that waits for the primary's last log: it may be ended to be cancelled. */
gboolean ts_operation_may_cancel (const TsOperation *operation);
/* The host has lost power: an operation that waits for its report has failed. */
void ts_operation_host_lost (TsOperation *operation, const char *host);
/* Why it failed; "" when it did not.  refused: by the state (the published 32775), not by trouble.
 */
const char *ts_operation_reason (const TsOperation *operation, gboolean *refused);
