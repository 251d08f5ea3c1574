/* scenarios/engine/predicate.h -- what a step can wait for, judged on every journal record.
 *
 * A board keeps what the journal told so far; a predicate is a question to the board.  Counts
 * (cycles, points ...) are those since the waiting step began, so a predicate remembers the board's
 * counters of that moment. */
#pragma once
#include "core/base/record.h"
#include "core/seam/topology.h"
#include "core/relation/health.h"
#include "core/relation/state.h"

typedef enum {
  TS_WAIT_STATE,
  TS_WAIT_HEALTH,
  TS_WAIT_CYCLES,
  TS_WAIT_MISSED,
  TS_WAIT_POINTS,
  TS_WAIT_KEPT,
  TS_WAIT_APPLIED,
  TS_WAIT_COPY,
  TS_WAIT_PENDING,
  TS_WAIT_CONNECTION,
  TS_WAIT_POWER,
  TS_WAIT_PROBE,
  TS_WAIT_SURVEY,
  TS_WAIT_TEST,
  TS_WAIT_STEP,
  TS_WAIT_SETTLED,
  TS_WAIT_COUNT
} TsPredicateKind;

typedef struct {
  TsPredicateKind kind;
  gint vm, host;    /* -1: any */
  TsRole role;      /* STATE, HEALTH */
  gint value;       /* STATE: TsState; HEALTH: TsHealth; on/up: 1, off/down: 0;
                      TEST: TsBoardTest; COPY: TsBoardInitial */
  guint64 amount;   /* CYCLES, MISSED, POINTS, KEPT, APPLIED: how many; PENDING: bytes */
  const char *step; /* STEP: owned by the scenario */
} TsPredicate;

/* ---- the board ---- */

typedef struct {
  gint state, health; /* -1: nothing told yet */
  char *health_reason;
} TsBoardSide;

typedef struct {
  gint power, probe; /* -1 unknown, 0 off, 1 on */
} TsBoardCopy;

typedef enum { /* how far a test failover has come; WHOLE is past SERVING */
               TS_BOARD_TEST_OFF,
               TS_BOARD_TEST_STARTED,
               TS_BOARD_TEST_SERVING,
               TS_BOARD_TEST_WHOLE,
} TsBoardTest;
gint ts_board_test_find (const char *name); /* "serving"; -1: none */

typedef enum { /* what initial replication was told to have come to last */
               TS_BOARD_COPY_NONE,
               TS_BOARD_COPY_SCHEDULED,
               TS_BOARD_COPY_BEGUN,
               TS_BOARD_COPY_EXPORTED,
               TS_BOARD_COPY_IMPORTED,
               TS_BOARD_COPY_DONE,
               TS_BOARD_COPY_CANCELLED,
               TS_BOARD_COPY_FAILED,
} TsBoardInitial;
gint ts_board_copy_find (const char *name); /* "exported"; -1: none */

typedef struct {
  TsBoardSide side[2];                     /* by TsRole */
  TsBoardCopy *copies;                     /* by host */
  guint64 cycles, missed, points, applied; /* so far in the run */
  guint64 kept;                            /* older recovery points that are there now */
  gint64 last_cut, last_applied;           /* set numbers; -1: none */
  gint64 pending_bytes;                    /* -1: nothing told yet */
  guint primary; /* the host that is it now */
  gint connection;
  guint64 surveys; /* done */
  gboolean surveying;
  TsBoardInitial copy;
  TsBoardTest test;
  gint64 test_bad;             /* what its survey found broken; -1: not surveyed */
  guint64 compared, differing; /* disks compared, and how many of them differed */
  guint64 excluded;            /* disks that are not replicated */
} TsBoardVm;

typedef struct {
  const TsTopology *topology;
  TsBoardVm *vms;
  GHashTable *steps_done; /* char * id; only asked, never walked */
  GHashTable *vm_index; /* of names, plus one */
} TsBoard;

TsBoard *ts_board_new (const TsTopology *topology) G_GNUC_WARN_UNUSED_RESULT;
void ts_board_free (TsBoard *board); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsBoard, ts_board_free)
void ts_board_hear (TsBoard *board, const TsRecord *record);

/* ---- predicates ---- */

const char *ts_predicate_name (TsPredicateKind kind); /* "state": the key that asks it */
gint ts_predicate_find (const char *name);            /* -1: none */
const char *ts_predicate_help (TsPredicateKind kind);

/* What the board counted when the step began. */
typedef struct {
  guint64 count;
  gint64 set;
} TsPredicateMark;
TsPredicateMark ts_predicate_mark (const TsPredicate *predicate, const TsBoard *board);
gboolean ts_predicate_holds (const TsPredicate *predicate, const TsBoard *board,
                             const TsPredicateMark *mark);
/* "the primary of app is replicating"; what it waits for.  Caller frees. */
char *ts_predicate_text (const TsPredicate *predicate, const TsTopology *topology);
/* "now it is initial": what the board says instead, for a timeout's message.  Caller frees. */
char *ts_predicate_now (const TsPredicate *predicate, const TsBoard *board,
                        const TsPredicateMark *mark);
