/* tests/world-support.h -- drives a lab world without a scenario: a small topology, an observer
 * that remembers, and what the ledger must show. */
#pragma once
#include "lab/world/world.h"

typedef struct {
  TsObserver observer; /* first */
  GPtrArray *records;  /* TsRecord */
  GArray *entries;     /* TsLedgerEntry; disk is the topology's text, the other texts are NULL */
  const TsTopology *topology;
  gint64 last_us;
  gboolean backwards; /* a record was older than the one before */
} Heard;

/* Two sites, a host each, one VM with disks of 32 and 16 MiB, 40 writes of 4 KiB a second, a cycle
 * every 3 s. */
TsTopology *world_topology (void);
Heard *heard_new (const TsTopology *topology);
void heard_free (Heard *heard);

/* The n-th record (from 0) of that kind whose field says text (NULL: any); NULL: there is none. */
const TsRecord *heard_record (const Heard *heard, const char *kind, const char *key,
                              const char *text, guint n);
guint heard_count (const Heard *heard, const char *kind, const char *key, const char *text);

/* Lets the world run until such a record has come n times, at most within_us.  Fails the test with
 * the last records otherwise. */
void world_wait (TsWorld *world, Heard *heard, const char *kind, const char *key, const char *text,
                 guint n, gint64 within_us);
/* Gives the order and waits for its step to be done. */
void world_do (TsWorld *world, Heard *heard, TsOrder order, gint64 within_us);

/* Against what the copy was found to hold: nothing torn or corrupt, nothing that was never written,
 * the whole fill, and of every block the newest record that was acknowledged by instant_us, or a
 * later one.  Returns how many records it holds. */
guint world_check_copy (const Heard *heard, gint64 instant_us);

/* Processes with text in their command line, this one apart. */
guint processes_with (const char *text);
