/* sim/workload.c -- what runs in a guest: writes and flushes as planned, and the read-back of a
 * copy.
 *
 * The same records at the same places as the guest agent of the lab (core/format/plan.h, stamp.h),
 * one at a time, on an absolute schedule. */
#include "core/format/plan.h"
#include "sim/internal.h"
#include "sim/profile.h"

/* A guest writes one at a time, so what is under way is in the machine, and a call need only carry
 * in which life of it, and by which start of its workload, it was planned. */
static gpointer
token (const TsSimMachine *machine)
{
  return GSIZE_TO_POINTER ((gsize)(machine->life << 32 | (machine->plan & G_MAXUINT32)));
}

static gboolean
is_of_this_life (const TsSimMachine *machine, gpointer data)
{
  return GPOINTER_TO_SIZE (data) >> 32 == (machine->life & G_MAXUINT32);
}

static void
tell_ledger (TsSimMachine *machine, TsLedgerKind kind)
{
  TsWorld *world = machine->vm->world;
  const TsSimWrite *write = &machine->write;
  TsLedgerEntry entry = {.kind = kind,
                         .t_us = ts_sim_now_us (world),
                         .vm = machine->vm->spec->name,
                         .disk = "",
                         .sequence = write->sequence,
                         .copy = ""};
  if (kind == TS_LEDGER_WRITE) {
    entry.disk = ts_vm_spec_disk (machine->vm->spec, write->disk)->name;
    entry.offset_bytes = write->offset_bytes;
    entry.length_bytes = machine->workload->record_bytes;
  }
  world->observer->ledger (world->observer, &entry);
}

static void issue (gpointer user, gpointer data);

static void
plan_next (TsSimMachine *machine)
{
  /* n-th write of this start at n / rate: exact, so that rounding does not add up */
  guint64 done = machine->next_write - machine->workload_base;
  gint64 due_us = machine->workload_from_us +
                  (gint64)(done * 1000000 * (guint64)TS_S / machine->workload->rate_per_megasecond);
  ts_sim_clock_at (machine->vm->world->clock, due_us, issue, machine, token (machine), NULL);
}

static void
flushed (gpointer user, gpointer data)
{
  TsSimMachine *machine = user;
  if (!is_of_this_life (machine, data))
    return;
  machine->writing = FALSE;
  for (guint i = 0; i < machine->disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (machine->disks, i));
    disk->ops->flush (disk, NULL);
  }
  tell_ledger (machine, TS_LEDGER_FLUSH);
  if (machine->working)
    plan_next (machine);
}

static void
acknowledged (gpointer user, gpointer data)
{
  TsSimMachine *machine = user;
  if (!is_of_this_life (machine, data))
    return;
  machine->writing = FALSE;
  tell_ledger (machine, TS_LEDGER_WRITE);
  TsWorld *world = machine->vm->world;
  guint32 flush_every = machine->workload->flush_every;
  if (flush_every > 0 && machine->write.sequence % flush_every == 0) {
    machine->writing = TRUE;
    ts_sim_clock_at (world->clock, ts_sim_now_us (world) + world->topology->profile.flush_us,
                     flushed, machine, data, NULL);
  } else if (machine->working)
    plan_next (machine);
}

static void
write_record (TsSimMachine *machine)
{
  TsWorld *world = machine->vm->world;
  const TsSimWrite *write = &machine->write;
  guint32 record_bytes = machine->workload->record_bytes;
  TsSimDisk *disk = g_ptr_array_index (machine->disks, write->disk);
  if (!world->bytes) {
    guint64 first = write->offset_bytes / TS_SIM_PAGE_BYTES;
    guint count = record_bytes / TS_SIM_PAGE_BYTES;
    for (guint i = 0; i < count; i++)
      ts_sim_disk_put_word (disk, first + i,
                            ts_sim_word_record (write->disk, write->sequence, i, count));
    return;
  }
  g_autofree guint8 *record = g_malloc (record_bytes);
  TsStamp stamp = {.disk = (guint16)write->disk,
                   .kind = TS_STAMP_RECORD,
                   .sequence = write->sequence,
                   .offset = write->offset_bytes,
                   .length = record_bytes};
  ts_stamp_lay (record, &stamp, world->topology->seed);
  TsDisk *ops = ts_sim_disk_ops (disk);
  ops->ops->write (ops, write->offset_bytes, record, record_bytes, NULL);
}

static void
track (TsSimMachine *machine, const TsSimWrite *write)
{
  gint64 now_us = ts_sim_now_us (machine->vm->world);
  if (!machine->tracker ||
      !ts_sim_tracker_mark (machine->tracker, write->disk, write->offset_bytes,
                            machine->workload->record_bytes, (guint32)(now_us / TS_S)))
    return;
  TsSimRelation *rel = ts_sim_host_relation (machine->host, machine->vm);
  if (rel && rel->tracker == machine->tracker)
    ts_sim_relation_tracked (rel);
}

static void
issue (gpointer user, gpointer data)
{
  TsSimMachine *machine = user;
  if (data != token (machine) || !machine->working)
    return;
  if (machine->frozen) {
    machine->held_back = TRUE;
    return;
  }
  TsWorld *world = machine->vm->world;
  const TsWorkloadSpec *spec = machine->workload;
  TsPlanned planned = ts_plan ((int)spec->kind, world->topology->seed, machine->next_write,
                               machine->turn_slots, machine->turns);
  TsSimWrite *write = &machine->write;
  write->disk = machine->turn_disk[planned.disk_turn];
  write->offset_bytes = ts_vm_spec_disk (machine->vm->spec, write->disk)->fill_bytes +
                        planned.slot * spec->record_bytes;
  write->sequence = ++machine->next_write;
  machine->writing = TRUE;
  machine->write_life = machine->life;
  write_record (machine);
  track (machine, write);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + world->topology->profile.write_us,
                   acknowledged, machine, data, NULL);
}

static void
report (TsSimMachine *machine, const char *kind, gboolean on)
{
  TsWorld *world = machine->vm->world;
  TsRecord *record = ts_record_new (ts_sim_now_us (world), machine->host->spec->name, kind);
  ts_record_text (record, "vm", machine->vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
  ts_sim_report (world, ts_record_bool (record, "on", on));
}

/* A guest looks at its disks when it begins: those that are attached, as large as they are. */
static void
look_at_disks (TsSimMachine *machine)
{
  const TsWorkloadSpec *spec = machine->workload;
  machine->turns = 0;
  for (guint i = 0; i < spec->disks->len; i++) {
    guint disk = g_array_index (spec->disks, guint, i);
    guint64 size_bytes = ts_sim_disk_ops (g_ptr_array_index (machine->disks, disk))->size_bytes;
    guint64 fill_bytes = ts_vm_spec_disk (machine->vm->spec, disk)->fill_bytes;
    guint64 room = size_bytes > fill_bytes ? size_bytes - fill_bytes : 0;
    guint64 slots =
        (spec->region_bytes ? MIN (room, spec->region_bytes) : room) / spec->record_bytes;
    if ((machine->vm->detached >> disk & 1) || slots == 0)
      continue;
    machine->turn_disk[machine->turns] = disk;
    machine->turn_slots[machine->turns++] = slots;
  }
}

void
ts_sim_workload_start (TsSimMachine *machine)
{
  const TsWorkloadSpec *spec = machine->workload;
  if (!spec || machine->working || !machine->ready || spec->rate_per_megasecond == 0)
    return;
  look_at_disks (machine);
  if (machine->turns == 0)
    return;
  gboolean goes_on = machine->writing && machine->write_life == machine->life;
  machine->working = TRUE;
  machine->workload_from_us = ts_sim_now_us (machine->vm->world);
  machine->workload_base = machine->next_write;
  report (machine, "workload", TRUE);
  machine->plan++;
  if (!goes_on) /* else the write that is under way plans the next one */
    plan_next (machine);
}

gint64
ts_sim_workload_freeze (TsSimMachine *machine)
{
  if (!machine->ready || machine->vm->spec->freeze == TS_FREEZE_FAILS)
    return -1;
  if (machine->vm->spec->freeze == TS_FREEZE_HANGS)
    return G_MAXINT64;
  machine->frozen = TRUE;
  machine->held_back = FALSE;
  /* a write and a flush may be under way; then a flush of its own */
  const TsProfile *profile = &machine->vm->world->topology->profile;
  return profile->write_us + 2 * profile->flush_us;
}

void
ts_sim_workload_flush (TsSimMachine *machine)
{
  if (!machine->frozen)
    return;
  for (guint i = 0; i < machine->disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (machine->disks, i));
    disk->ops->flush (disk, NULL);
  }
  if (machine->write.sequence > 0) /* acknowledged by now, whatever it was */
    tell_ledger (machine, TS_LEDGER_FLUSH);
}

void
ts_sim_workload_thaw (TsSimMachine *machine)
{
  if (!machine->frozen)
    return;
  machine->frozen = FALSE;
  if (machine->held_back && machine->working)
    plan_next (machine);
  machine->held_back = FALSE;
}

void
ts_sim_workload_stop (TsSimMachine *machine)
{
  if (!machine->working)
    return;
  machine->working = FALSE;
  report (machine, "workload", FALSE);
}

/* --- read back -------------------------------------------------------------------------------- */

typedef struct {
  guint64 records, fill, bad, torn, corrupt;
} Survey;

static void
held (TsSimMachine *machine, Survey *survey, guint disk, guint64 offset, guint64 len,
      guint64 sequence, TsHeldState state)
{
  TsWorld *world = machine->vm->world;
  survey->torn += state == TS_HELD_TORN ? 1 : 0;
  survey->corrupt += state == TS_HELD_CORRUPT ? 1 : 0;
  if (machine->is_test) /* the ledger is for copies that take over */
    return;
  TsLedgerEntry entry = {.kind = TS_LEDGER_HELD,
                         .t_us = ts_sim_now_us (world),
                         .vm = machine->vm->spec->name,
                         .disk = ts_vm_spec_disk (machine->vm->spec, disk)->name,
                         .offset_bytes = offset,
                         .length_bytes = len,
                         .sequence = sequence,
                         .copy = machine->host->spec->name,
                         .held = state};
  world->observer->ledger (world->observer, &entry);
}

/* Whole, torn or corrupt: every sector of [offset, offset + len) against the stamp of the first. */
static TsHeldState
judge (const guint8 *data, guint64 len, const TsStamp *first)
{
  TsHeldState state = TS_HELD_WHOLE;
  for (guint64 at = 0; at < len; at += TS_STAMP_SECTOR) {
    TsStamp stamp;
    if (ts_stamp_read (data + at, &stamp) < 0)
      return TS_HELD_CORRUPT;
    if (stamp.sequence != first->sequence || stamp.offset != first->offset ||
        stamp.kind != first->kind || stamp.disk != first->disk)
      state = TS_HELD_TORN;
  }
  return state;
}

static void
survey_fill (TsSimMachine *machine, guint index, TsSimDisk *sim, guint64 fill_bytes, Survey *survey)
{
  TsDisk *disk = ts_sim_disk_ops (sim);
  guint8 block[TS_STAMP_BLOCK];
  guint64 run = 0;
  survey->fill += fill_bytes / TS_STAMP_BLOCK; /* that ought to be there */
  for (guint64 at = 0; at <= fill_bytes; at += TS_STAMP_BLOCK) {
    gboolean whole = FALSE;
    TsSimWord word = at < fill_bytes ? ts_sim_disk_word (sim, at / TS_SIM_PAGE_BYTES) : 0;
    if (at < fill_bytes && word == ts_sim_word_fill (index))
      whole = TRUE; /* its bytes would say so */
    else if (at < fill_bytes) {
      TsStamp stamp;
      disk->ops->read (disk, at, block, sizeof block, NULL);
      whole = ts_stamp_read (block, &stamp) == 1 && stamp.kind == TS_STAMP_FILL &&
              stamp.disk == index && stamp.offset == at &&
              judge (block, TS_STAMP_BLOCK, &stamp) == TS_HELD_WHOLE;
      if (!whole) {
        survey->bad++;
        held (machine, survey, index, at, TS_STAMP_BLOCK, 0, TS_HELD_CORRUPT);
      }
    }
    if (whole)
      run++;
    else if (run > 0) {
      held (machine, survey, index, at - run * TS_STAMP_BLOCK, run * TS_STAMP_BLOCK, run,
            TS_HELD_FILL);
      run = 0;
    }
  }
}

/* How many pages the whole record is that starts at that page of the disk; 0: there is none, or
 * only its bytes can tell. */
static guint
whole_record (const TsSimDisk *disk, guint index, guint64 page, guint64 *sequence)
{
  TsSimWord first = ts_sim_disk_word (disk, page);
  TsStamp stamp;
  if (!ts_sim_word_stamp (first, page, &stamp) || stamp.kind != TS_STAMP_RECORD ||
      stamp.disk != index || stamp.offset != page * TS_SIM_PAGE_BYTES)
    return 0;
  guint count = stamp.length / TS_SIM_PAGE_BYTES;
  *sequence = stamp.sequence;
  for (guint i = 1; i < count; i++)
    if (ts_sim_disk_word (disk, page + i) != ts_sim_word_record (index, stamp.sequence, i, count))
      return 0;
  return count;
}

static void
survey_records (TsSimMachine *machine, guint index, TsSimDisk *sim, guint64 from, Survey *survey)
{
  TsDisk *disk = ts_sim_disk_ops (sim);
  g_autofree guint8 *record = g_malloc (TS_MIB);
  for (guint64 at = from; at + TS_STAMP_BLOCK <= disk->size_bytes;) {
    TsStamp stamp = {0};
    guint64 page = at / TS_SIM_PAGE_BYTES, run, sequence;
    if (!ts_sim_disk_next_run (sim, &page, &run))
      return;
    if (page > at / TS_SIM_PAGE_BYTES) { /* blank until there */
      at = page * TS_SIM_PAGE_BYTES;
      continue;
    }
    guint pages = whole_record (sim, index, page, &sequence);
    if (pages > 0) {
      held (machine, survey, index, at, pages * TS_SIM_PAGE_BYTES, sequence, TS_HELD_WHOLE);
      survey->records++;
      at += pages * TS_SIM_PAGE_BYTES;
      continue;
    }
    disk->ops->read (disk, at, record, TS_STAMP_BLOCK, NULL);
    int first = 0;
    for (guint s = 0; s < TS_STAMP_BLOCK && first == 0; s += TS_STAMP_SECTOR)
      first = ts_stamp_read (record + s, &stamp);
    if (first == 0) { /* blank */
      at += TS_STAMP_BLOCK;
      continue;
    }
    guint64 len = TS_STAMP_BLOCK;
    gboolean here =
        first == 1 && stamp.offset == at && stamp.disk == index && stamp.kind == TS_STAMP_RECORD;
    if (here && stamp.length > TS_STAMP_BLOCK && stamp.length <= TS_MIB &&
        stamp.length <= disk->size_bytes - at) {
      len = stamp.length;
      disk->ops->read (disk, at, record, len, NULL);
    }
    TsHeldState state = first < 0 ? TS_HELD_CORRUPT : judge (record, len, &stamp);
    held (machine, survey, index, at, len, first < 0 ? 0 : stamp.sequence, state);
    survey->records++;
    at += len;
  }
}

static void
report_survey (TsSimMachine *machine, const char *phase, const Survey *survey)
{
  TsWorld *world = machine->vm->world;
  if (machine->is_test) { /* not in the ledger: counted here */
    if (!g_str_equal (phase, "done"))
      return;
    TsRecord *counts = ts_sim_test_record (machine, "surveyed");
    ts_record_int (counts, "records", (gint64)survey->records);
    ts_record_int (counts, "torn", (gint64)survey->torn);
    ts_record_int (counts, "corrupt", (gint64)survey->corrupt);
    ts_record_int (counts, "fill_blocks", (gint64)survey->fill);
    ts_sim_report (world, ts_record_int (counts, "fill_bad", (gint64)survey->bad));
    return;
  }
  TsRecord *record = ts_record_new (ts_sim_now_us (world), machine->host->spec->name, "survey");
  ts_record_text (record, "vm", machine->vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
  ts_record_text (record, "phase", phase);
  ts_record_int (record, "records", (gint64)survey->records);
  ts_record_int (record, "fill_blocks", (gint64)survey->fill);
  ts_sim_report (world, ts_record_int (record, "fill_bad", (gint64)survey->bad));
}

static void
survey_now (gpointer user, gpointer data)
{
  TsSimMachine *machine = user;
  if (!is_of_this_life (machine, data))
    return;
  Survey survey = {0};
  for (guint i = 0; i < machine->disks->len; i++) {
    TsSimDisk *disk = g_ptr_array_index (machine->disks, i);
    if (machine->blank >> i & 1) /* nothing was to be there */
      continue;
    guint64 fill_bytes = ts_vm_spec_disk (machine->vm->spec, i)->fill_bytes;
    survey_fill (machine, i, disk, fill_bytes, &survey);
    survey_records (machine, i, disk, fill_bytes, &survey);
  }
  report_survey (machine, "done", &survey);
}

void
ts_sim_workload_survey (TsSimMachine *machine)
{
  TsWorld *world = machine->vm->world;
  Survey none = {0};
  report_survey (machine, "begun", &none);
  guint64 bytes = 0;
  for (guint i = 0; i < machine->disks->len; i++)
    bytes += ts_vm_spec_disk (machine->vm->spec, i)->size_bytes;
  gint64 takes_us = ts_profile_survey_us (&world->topology->profile, bytes);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + takes_us, survey_now, machine,
                   token (machine), NULL);
}
