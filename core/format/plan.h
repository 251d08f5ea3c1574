/* core/format/plan.h -- which slot of which disk a workload's n-th write goes to.
 *
 * Shared with the guest agent, so plain C without GLib, header only: the simulator's workload and the
 * guest's write the same records to the same places.  A disk's region behind its fill is divided into
 * slots of one record each. */
#pragma once
#include "core/format/stamp.h"

enum { TS_PLAN_APPEND, TS_PLAN_RANDOM, TS_PLAN_HOT }; /* as TsWorkloadKind */

typedef struct {
  uint32_t disk_turn; /* index into the workload's list of disks */
  uint64_t slot;
} TsPlanned;

/* n: 0, 1, 2 ...; the record's sequence is n + 1.  slots[i]: of the i-th disk in the list, 1 or more.
 * HOT: the fourth power of an even draw, so that half of all writes go to the first 1/16 of slots. */
static inline TsPlanned
ts_plan (int kind, uint64_t seed, uint64_t n, const uint64_t *slots, uint32_t disks)
{
  TsPlanned planned = { (uint32_t) (n % disks), 0 };
  uint64_t count = slots[planned.disk_turn];
  uint64_t draw = ts_stamp_mix (seed ^ ts_stamp_mix (n)) >> 32;
  if (kind == TS_PLAN_APPEND)
    planned.slot = (n / disks) % count;
  else if (kind == TS_PLAN_RANDOM)
    planned.slot = draw * (count & 0xffffffffu) >> 32;
  else {
    uint64_t square = draw * draw >> 32;
    planned.slot = (square * square >> 32) * (count & 0xffffffffu) >> 32;
  }
  return planned;
}
