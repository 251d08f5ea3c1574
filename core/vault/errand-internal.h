/* core/vault/errand-internal.h -- an errand's list of requests, for its own files. */
#pragma once
#include "core/base/units.h"
#include "core/site/fields.h"
#include "core/vault/errand.h"

typedef enum {
  TS_CALL_PLAIN,   /* any answer of success goes on */
  TS_CALL_JOB,     /* begins a job, which is followed to its end */
  TS_CALL_KEY,     /* answers with a registration key */
  TS_CALL_UNTIL,   /* again and again until it is there */
  TS_CALL_ABSENT,  /* when it is there the next call is passed over */
  TS_CALL_POINTS,  /* chooses a recovery point for the next call */
  TS_CALL_CONFIRM, /* of a plan: its job, again and again until it waits for people */
} TsCallKind;

typedef struct {
  TsCallKind kind;
  TsVaultMethod method;
  char *path;
  GVariant *body; /* NULL: none */
  char *vmm;      /* KEY */
} TsErrandCall;

struct _TsErrand {
  const TsTopology *topology;
  TsOrder order;
  char *step; /* NULL: the preparation */
  GPtrArray *calls; /* TsErrandCall */
  guint at;
  char *job;         /* followed; NULL: none */
  char *chosen;      /* id of a recovery point */
  gboolean waiting;  /* for a reply */
  gboolean looking;  /* whether a job has begun, since the reply to its request was not heard */
  gint64 due_us;
  char *key, *key_vmm;
  TsErrandPhase phase;
  char *reason;
};

TsErrandCall *ts_errand_add (TsErrand *errand, TsCallKind kind, TsVaultMethod method, char *path,
                             TsFields *properties); /* takes both; NULL: no body */

/* --- errand-body.c ---------------------------------------------------------------------------- */
char *ts_errand_item_path (const TsTopology *topology, guint vm);
void ts_errand_fill_preparation (TsErrand *errand);
/* Makes the plan, if it is not there. */
void ts_errand_fill_plan (TsErrand *errand, const TsPlanSpec *plan);
