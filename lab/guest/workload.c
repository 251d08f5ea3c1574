#include "lab/guest/workload.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* CHOICE: a workload that could not keep its rate makes up for at most this much, so that a machine
 * that stood still for a minute does not come back as a storm. */
#define CATCH_UP_US 1000000
/* Twice as long as the sender believes a freeze (core/relation/sender-freeze.c): what was cut within
 * its time is consistent, whatever the two clocks think of a second. */
#define FREEZE_HOLD_US 20000000

static uint64_t
now_us (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static const char *
place_refusal (const Workload *w, uint32_t turn, const Disks *disks)
{
  if (w->disk[turn] >= disks->count)
    return "no such disk";
  uint64_t size = disks->disk[w->disk[turn]].size_bytes;
  if (w->first[turn] % TS_STAMP_BLOCK || w->first[turn] > size)
    return "first byte is not a block of the disk";
  if (w->slots[turn] < 1 || w->slots[turn] > (size - w->first[turn]) / w->record)
    return "slots do not fit on the disk";
  return NULL;
}

void
workload_begin (Workload *w, const char *line, const Disks *disks, Port *port)
{
  int at = 0;
  w->running = 0;
  if (sscanf (line, "%d %" SCNu64 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu32 "%n",
              &w->kind, &w->seed, &w->record, &w->us_per_write, &w->flush_every, &w->n, &w->turns,
              &at) != 7 ||
      w->kind < TS_PLAN_APPEND || w->kind > TS_PLAN_HOT || w->turns < 1 || w->turns > DISKS_MAX ||
      w->record < TS_STAMP_BLOCK || w->record > WORKLOAD_RECORD_MAX || w->record % TS_STAMP_BLOCK) {
    port_say (port, "E workload refused: %.180s", line);
    return;
  }
  for (uint32_t turn = 0; turn < w->turns; turn++) {
    int used = 0;
    line += at;
    if (sscanf (line, " %u:%" SCNu64 ":%" SCNu64 "%n", &w->disk[turn], &w->first[turn],
                &w->slots[turn], &used) != 3) {
      port_say (port, "E workload refused: %u disks announced, %u told", w->turns, turn);
      return;
    }
    at = used;
    const char *refusal = place_refusal (w, turn, disks);
    if (refusal) {
      port_say (port, "E workload refused:%.*s: %s", used, line, refusal);
      return;
    }
  }
  if (line[at] != 0) {
    port_say (port, "E workload refused: more than %u disks told", w->turns);
    return;
  }
  w->running = 1;
  w->since_flush = 0;
  w->due_us = now_us ();
}

void
workload_end (Workload *w)
{
  w->running = 0;
}

uint64_t
workload_wait_us (const Workload *w)
{
  uint64_t now = now_us ();
  return w->due_us > now ? w->due_us - now : 0;
}

static void
flush (Workload *w, const Disks *disks, Port *port)
{
  for (uint32_t turn = 0; turn < w->turns; turn++) {
    int error = disks_sync (disks, w->disk[turn]);
    if (error) {
      port_say (port, "E flush of disk %u: %s", w->disk[turn], strerror (error));
      w->running = 0;
      return;
    }
  }
  w->since_flush = 0;
  w->flushed = w->acked;
  port_say (port, "F %" PRIu64, w->acked);
}

void
workload_step (Workload *w, const Disks *disks, Port *port)
{
  TsPlanned planned = ts_plan (w->kind, w->seed, w->n, w->slots, w->turns);
  unsigned disk = w->disk[planned.disk_turn];
  uint64_t offset = w->first[planned.disk_turn] + planned.slot * w->record;
  TsStamp stamp = {.disk = (uint16_t)disk,
                   .kind = TS_STAMP_RECORD,
                   .sequence = w->n + 1,
                   .offset = offset,
                   .length = w->record};
  ts_stamp_lay (w->data, &stamp, w->seed);
  int error = disks_write (disks, disk, w->data, w->record, offset);
  if (error) {
    port_say (port, "E write %" PRIu64 " to disk %u at %" PRIu64 ": %s", stamp.sequence, disk,
              offset, strerror (error));
    w->running = 0;
    return;
  }
  w->acked = stamp.sequence;
  port_say (port, "W %" PRIu64 " %u %" PRIu64 " %" PRIu32, stamp.sequence, disk, offset, w->record);
  w->n++;
  if (w->flush_every && ++w->since_flush >= w->flush_every)
    flush (w, disks, port);
  uint64_t now = now_us ();
  w->due_us = w->us_per_write ? w->due_us + w->us_per_write : now;
  if (w->due_us + CATCH_UP_US < now)
    w->due_us = now - CATCH_UP_US;
}

int
workload_settle (Workload *w, const Disks *disks, Port *port)
{
  int failed = 0;
  for (unsigned disk = 0; disk < disks->count; disk++) {
    int error = disks_sync (disks, disk);
    if (error) {
      port_say (port, "E flush of disk %u: %s", disk, strerror (error));
      failed = 1;
    }
  }
  if (!failed && w->acked > w->flushed) {
    w->flushed = w->acked;
    port_say (port, "F %" PRIu64, w->acked);
  }
  return !failed;
}

void
workload_freeze (Workload *w, const char *line, const Disks *disks, Port *port)
{
  char mode[8] = "", end;
  if (sscanf (line, "%llu %7s%c", &w->freeze, mode, &end) != 2) {
    port_say (port, "E freeze refused: %.180s", line);
    return;
  }
  if (strcmp (mode, "hangs") == 0)
    return;
  if (strcmp (mode, "works") != 0 || !workload_settle (w, disks, port)) {
    port_say (port, "z %llu", w->freeze);
    return;
  }
  w->frozen_until_us = now_us () + FREEZE_HOLD_US;
  port_say (port, "Z %llu", w->freeze);
}

void
workload_thaw (Workload *w)
{
  w->frozen_until_us = 0;
}

int
workload_is_frozen (Workload *w, Port *port)
{
  if (!w->frozen_until_us)
    return 0;
  if (now_us () < w->frozen_until_us)
    return 1;
  w->frozen_until_us = 0;
  port_say (port, "E freeze %llu was held for too long", w->freeze);
  return 0;
}
