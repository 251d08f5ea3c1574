/* tests/world-support.c -- see world-support.h. */
#include "tests/world-support.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/units.h"

TsTopology *
world_topology (void)
{
  TsTopology *topology = ts_topology_new ();
  topology->seed = 7;
  ts_topology_add_site (topology, "east");
  ts_topology_add_site (topology, "west");
  ts_topology_add_host (topology, "hv-east")->site = 0;
  ts_topology_add_host (topology, "hv-west")->site = 1;
  TsVmSpec *vm = ts_topology_add_vm (topology, "db");
  TsRandom random;
  ts_random_init (&random, topology->seed, "vm/db");
  vm->id = ts_guid_draw (&random);
  vm->memory_bytes = 128 * TS_MIB;
  TsDiskSpec *disk = ts_vm_spec_add_disk (vm, "system");
  disk->size_bytes = 32 * TS_MIB;
  disk->fill_bytes = 4 * TS_MIB;
  disk = ts_vm_spec_add_disk (vm, "data");
  disk->size_bytes = 16 * TS_MIB;
  disk->fill_bytes = TS_MIB;
  TsWorkloadSpec *work = ts_topology_add_workload (topology, "orders");
  guint first = 0, second = 1;
  g_array_append_val (work->disks, first);
  g_array_append_val (work->disks, second);
  work->kind = TS_WORKLOAD_HOT; /* so that blocks are overwritten */
  work->rate_per_megasecond = 40 * 1000000;
  work->flush_every = 4;
  TsLinkSpec *link = ts_topology_add_link (topology, "wan");
  link->site[1] = 1;
  link->shape.rate_bits_per_s = 100 * 1000000;
  link->shape.delay_us = 5 * TS_MS;
  TsPolicySpec *policy = ts_topology_add_policy (topology, "gold");
  policy->policy.frequency_us = 30 * TS_S;
  policy->policy.time_scale = 10;
  return topology;
}

static void
hear_record (TsObserver *observer, const TsRecord *record)
{
  Heard *heard = (Heard *)observer;
  heard->backwards |= record->t_us < heard->last_us;
  heard->last_us = record->t_us;
  g_ptr_array_add (heard->records, ts_record_copy (record));
  observer->stop = TRUE;
}

static void
hear_entry (TsObserver *observer, const TsLedgerEntry *entry)
{
  Heard *heard = (Heard *)observer;
  TsLedgerEntry kept = *entry;
  const TsVmSpec *vm = ts_topology_vm (heard->topology, 0);
  kept.vm = kept.copy = NULL;
  kept.disk = NULL;
  for (guint i = 0; i < vm->disks->len; i++)
    if (g_str_equal (entry->disk, ts_vm_spec_disk (vm, i)->name))
      kept.disk = ts_vm_spec_disk (vm, i)->name;
  g_array_append_val (heard->entries, kept);
}

Heard *
heard_new (const TsTopology *topology)
{
  Heard *heard = g_new0 (Heard, 1);
  heard->observer = (TsObserver){.record = hear_record, .ledger = hear_entry};
  heard->records = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_record_free);
  heard->entries = g_array_new (FALSE, FALSE, sizeof (TsLedgerEntry));
  heard->topology = topology;
  return heard;
}

void
heard_free (Heard *heard)
{
  g_ptr_array_unref (heard->records);
  g_array_unref (heard->entries);
  g_free (heard);
}

static gboolean
is_such (const TsRecord *record, const char *kind, const char *key, const char *text)
{
  return g_str_equal (record->kind, kind) &&
         (!key || g_strcmp0 (ts_record_get_text (record, key), text) == 0);
}

const TsRecord *
heard_record (const Heard *heard, const char *kind, const char *key, const char *text, guint n)
{
  for (guint i = 0; i < heard->records->len; i++)
    if (is_such (heard->records->pdata[i], kind, key, text) && n-- == 0)
      return heard->records->pdata[i];
  return NULL;
}

guint
heard_count (const Heard *heard, const char *kind, const char *key, const char *text)
{
  guint count = 0;
  while (heard_record (heard, kind, key, text, count))
    count++;
  return count;
}

static void
show_last (const Heard *heard)
{
  guint from = heard->records->len > 20 ? heard->records->len - 20 : 0;
  for (guint i = from; i < heard->records->len; i++) {
    g_autofree char *line = ts_record_to_json (heard->records->pdata[i]);
    print_error ("%s\n", line);
  }
}

void
world_wait (TsWorld *world, Heard *heard, const char *kind, const char *key, const char *text,
            guint n, gint64 within_us)
{
  const TsWorldOps *ops = ts_lab_world_ops ();
  gint64 deadline_us = ops->now_us (world) + within_us;
  g_autoptr (GError) error = NULL;
  while (heard_count (heard, kind, key, text) < n) {
    gboolean late = ops->now_us (world) >= deadline_us;
    if (late || !ops->run_until (world, deadline_us, &error)) {
      show_last (heard);
      print_error ("waited for %s %s=%s, %u times: %s\n", kind, key ? key : "", text ? text : "", n,
                   error ? error->message : "too late");
      fail ();
    }
  }
}

void
world_do (TsWorld *world, Heard *heard, TsOrder order, gint64 within_us)
{
  const TsWorldOps *ops = ts_lab_world_ops ();
  g_autoptr (GError) error = NULL;
  if (!ops->order (world, &order, &error))
    print_error ("%s\n", error->message);
  assert_null (error);
  world_wait (world, heard, "step", "id", order.step, 1, within_us);
  const TsRecord *step = heard_record (heard, "step", "id", order.step, 0);
  if (g_strcmp0 (ts_record_get_text (step, "phase"), "done") != 0)
    show_last (heard);
  assert_string_equal (ts_record_get_text (step, "phase"), "done");
}

/* --- the copy against the ledger -------------------------------------------------------------- */

static guint64
fill_held (const Heard *heard, const char *disk)
{
  guint64 bytes = 0;
  for (guint i = 0; i < heard->entries->len; i++) {
    const TsLedgerEntry *e = &g_array_index (heard->entries, TsLedgerEntry, i);
    if (e->kind == TS_LEDGER_HELD && e->held == TS_HELD_FILL && e->disk == disk)
      bytes += e->length_bytes;
  }
  return bytes;
}

static guint64
held_at (const Heard *heard, const char *disk, guint64 offset)
{
  for (guint i = 0; i < heard->entries->len; i++) {
    const TsLedgerEntry *e = &g_array_index (heard->entries, TsLedgerEntry, i);
    if (e->kind == TS_LEDGER_HELD && e->held != TS_HELD_FILL && e->disk == disk &&
        e->offset_bytes == offset)
      return e->sequence;
  }
  return 0;
}

static gboolean
was_written (const Heard *heard, const TsLedgerEntry *held)
{
  for (guint i = 0; i < heard->entries->len; i++) {
    const TsLedgerEntry *e = &g_array_index (heard->entries, TsLedgerEntry, i);
    if (e->kind == TS_LEDGER_WRITE && e->sequence == held->sequence && e->disk == held->disk &&
        e->offset_bytes == held->offset_bytes)
      return TRUE;
  }
  return FALSE;
}

guint
world_check_copy (const Heard *heard, gint64 instant_us)
{
  const TsVmSpec *vm = ts_topology_vm (heard->topology, 0);
  guint records = 0;
  for (guint i = 0; i < vm->disks->len; i++) {
    const TsDiskSpec *disk = ts_vm_spec_disk (vm, i);
    assert_int_equal (fill_held (heard, disk->name), disk->fill_bytes);
  }
  for (guint i = 0; i < heard->entries->len; i++) {
    const TsLedgerEntry *e = &g_array_index (heard->entries, TsLedgerEntry, i);
    if (e->kind == TS_LEDGER_HELD && e->held != TS_HELD_FILL) {
      records++;
      assert_int_equal (e->held, TS_HELD_WHOLE);
      assert_true (was_written (heard, e));
    } else if (e->kind == TS_LEDGER_WRITE && e->t_us <= instant_us)
      assert_true (held_at (heard, e->disk, e->offset_bytes) >= e->sequence);
  }
  return records;
}

/* --- what is left ----------------------------------------------------------------------------- */

guint
processes_with (const char *text)
{
  guint count = 0;
  DIR *processes = opendir ("/proc");
  for (struct dirent *entry; processes && (entry = readdir (processes));) {
    g_autofree char *path = g_build_filename ("/proc", entry->d_name, "cmdline", NULL);
    g_autofree char *line = NULL;
    gsize len = 0;
    if (!g_ascii_isdigit (entry->d_name[0]) || atoi (entry->d_name) == getpid () ||
        !g_file_get_contents (path, &line, &len, NULL))
      continue;
    count += memmem (line, len, text, strlen (text)) != NULL;
  }
  if (processes)
    closedir (processes);
  return count;
}
