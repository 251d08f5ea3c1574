/* tests/sim-fixture.h -- a small world in virtual time for tests: two sites, a host each, one VM.
 *
 * Sites "paris" and "lyon", hosts "hv-paris" and "hv-lyon", VM "app" with disks "system" (8 MiB, half
 * filled) and "data" (4 MiB), 10 writes/s of 4 KiB, a flush every 4, interval 30 s, a link "wan" of
 * 50 Mbit/s and 20 ms. Every checker is on. */
#pragma once
#include "core/base/units.h"
#include "core/seam/world.h"

typedef struct {
  TsObserver observer; /* first */
  TsTopology *topology;
  const TsWorldOps *ops;
  TsWorld *world;
  gboolean stamped;    /* set it before fixture_begin: no bytes on disks, in logs and on the wire */
  GPtrArray *records;  /* TsRecord, all of them */
  GArray *ledger;      /* TsLedgerEntry; texts are the topology's or interned */
  /* what fixture_wait looks for */
  const char *wait_kind, *wait_key, *wait_value, *wait_host;
} Fixture;

/* With the topology as above; change it, then fixture_begin. */
Fixture *fixture_new (void);
void fixture_begin (Fixture *f); /* starts the world: the VM is up */
void fixture_free (Fixture *f);
void fixture_replicate (Fixture *f); /* begins; the VM is protected, its second set is cut */
/* cmocka's: *state becomes a Fixture; replicating: as after fixture_replicate. */
int fixture_setup (void **state);
int fixture_setup_replicating (void **state);
int fixture_teardown (void **state);
gint64 fixture_now_us (Fixture *f);

void fixture_do (Fixture *f, TsVerb verb);               /* on the VM; protect: policy 0, host 1 */
/* An order on the VM, for verbs that have more to say; the rest of it as fixture_do has it. */
void fixture_order (Fixture *f, TsOrder order);
void fixture_failover (Fixture *f, gboolean planned);
void fixture_link (Fixture *f, TsLinkMode mode);
void fixture_site_down (Fixture *f, guint site);
void fixture_site_up (Fixture *f, guint site);
void fixture_run (Fixture *f, gint64 us);                /* so much longer */
/* Until a record of that kind, with that field (text; integers as decimal), from that host (NULL:
 * any).  Fails the test when it does not come within us. */
void fixture_wait (Fixture *f, gint64 us, const char *kind, const char *key, const char *value,
                   const char *host);
/* The newest such record, or NULL. */
const TsRecord *fixture_last (Fixture *f, const char *kind, const char *key, const char *value,
                              const char *host);
guint fixture_count (Fixture *f, const char *kind, const char *key, const char *value,
                     const char *host);
/* Fails the test when a checker found a breach; finishes the world. */
void fixture_expect_clean (Fixture *f);
/* Stops the load; once all that was written has been applied, both sides' disks must be alike. */
void fixture_expect_identical (Fixture *f);
/* The records of those kinds (space separated) from from_us on, one per line:
 * "[  9.464] app@hv-lyon point set=1 ..." without vm and host.  Compares with want. */
void fixture_expect_trace (Fixture *f, gint64 from_us, const char *kinds, const char *want);
