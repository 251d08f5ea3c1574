/* lab/guest/workload.h -- writes stamped records to planned places at a steady rate, one at a time.
 *
 * Each write is reported ("W ...") before the next one begins, each flush of all its disks too ("F
 * ..."): the ledger outside never knows less than the guest has been promised, and at most one
 * write more than it knows is on the disks. */
#pragma once
#include "lab/guest/disks.h"
#include "lab/guest/port.h"
#include "core/format/plan.h"

#define WORKLOAD_RECORD_MAX (1u << 20)

typedef struct {
  int running, kind;
  uint64_t frozen_until_us; /* CLOCK_MONOTONIC; 0: not frozen */
  unsigned long long freeze;
  uint64_t seed, n, us_per_write, flush_every;
  uint32_t record;
  uint32_t turns;
  unsigned disk[DISKS_MAX];
  uint64_t first[DISKS_MAX], slots[DISKS_MAX];
  uint64_t due_us;      /* CLOCK_MONOTONIC of the next write */
  uint64_t acked;       /* sequence of the last write reported, also after the workload's end */
  uint64_t flushed;     /* sequence of the last flush reported */
  uint64_t since_flush; /* writes */
  uint8_t *data;        /* WORKLOAD_RECORD_MAX bytes, aligned to 4 KiB: the caller's */
} Workload;

/* line: what follows "W " in the protocol.  Nothing in it is trusted: a place outside its disk or a
 * record that does not fit is refused with an "E" line and nothing runs. */
void workload_begin (Workload *workload, const char *line, const Disks *disks, Port *port);
void workload_end (Workload *workload);
/* line: what follows "Z ".  Stops the writing and flushes all disks, or says no. */
void workload_freeze (Workload *workload, const char *line, const Disks *disks, Port *port);
void workload_thaw (Workload *workload);
/* Is it frozen?  One that was held for too long is not any more, and has said so. */
int workload_is_frozen (Workload *workload, Port *port);
/* Microseconds until the next write is due; 0: now. */
uint64_t workload_wait_us (const Workload *workload);
/* Does one write, and a flush when it is due. An error of the disk ends the workload with "E". */
void workload_step (Workload *workload, const Disks *disks, Port *port);
/* Flushes all disks of the machine and reports it: before power off. */
int workload_settle (Workload *workload, const Disks *disks, Port *port); /* 0: it failed */
