/* core/vault/errand.h -- a step of a scenario as requests to a vault.
 *
 * Steps are an operator's: with a vault he has no other way than its requests (request.h), and so
 * whatever drives them (the simulator, the lab through REST) only carries requests there and
 * replies back.  An errand sends one request at a time; one that has begun a job is followed until the
 * job has ended.  A vault that does not answer is asked again: the request that begins the job is
 * then made anew only when it is known not to have begun (CHOICE: else the operator looks first). */
#pragma once
#include "core/seam/order.h"
#include "core/seam/topology.h"
#include "core/vault/request.h"

typedef enum {
  TS_ERRAND_RUNNING,
  TS_ERRAND_DONE,
  TS_ERRAND_REFUSED, /* by the state: 409, 412 */
  TS_ERRAND_FAILED,
} TsErrandPhase;

typedef struct _TsErrand TsErrand;

/* TRUE for what an operator does through a vault, when there is one. */
gboolean ts_errand_is (TsVerb verb);
/* The step's objects are those of the topology, which must outlive it. */
TsErrand *ts_errand_new (const TsTopology *topology, const TsOrder *order) G_GNUC_WARN_UNUSED_RESULT;
/* What makes the topology's vault ready before the first step: keys, policies, pairings of clouds,
 * mappings.  Plans come when their items are protected: with the first step that needs them. */
TsErrand *ts_errand_prepare (const TsTopology *topology) G_GNUC_WARN_UNUSED_RESULT;
void ts_errand_free (TsErrand *errand); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsErrand, ts_errand_free)

/* TRUE: *request is to be sent now (its texts are the errand's, until it hears the reply). */
gboolean ts_errand_next (TsErrand *errand, gint64 now_us, TsVaultRequest *request);
/* When ts_errand_next may say TRUE though nothing was heard; TS_NEVER: not. */
gint64 ts_errand_wake_us (const TsErrand *errand);
void ts_errand_hear (TsErrand *errand, gint64 now_us, const TsVaultReply *reply);
/* Nobody answers: the vault or the way to it is gone. */
void ts_errand_unheard (TsErrand *errand, gint64 now_us);

/* A registration key that has come for the VMM server of that name: give it to it.  Once each. */
char *ts_errand_take_key (TsErrand *errand, char **vmm) G_GNUC_WARN_UNUSED_RESULT;

const char *ts_errand_step_id (const TsErrand *errand); /* NULL: it is of ts_errand_prepare */
TsVerb ts_errand_verb (const TsErrand *errand);
TsErrandPhase ts_errand_phase (const TsErrand *errand);
const char *ts_errand_reason (const TsErrand *errand); /* "" */
