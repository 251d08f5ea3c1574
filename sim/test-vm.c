/* sim/test-vm.c -- the VM of a test failover: a second machine beside the replica, on overlays of
 * its own.
 *
 * It is isolated: nobody outside speaks with it, and what it does is told by records of kind
 * "test_failover" alone, so that no measure of the real service meets it. */
#include "sim/internal.h"

gboolean
ts_sim_test_start (TsSimRelation *rel, guint32 which, const TsUndo *way, GError **error)
{
  rel->test_overlays = ts_sim_relation_overlays (rel, which, way, error);
  if (!rel->test_overlays)
    return FALSE;
  rel->vm->test = ts_sim_machine_new (rel->vm, rel->host, rel->test_overlays);
  rel->vm->test->is_test = TRUE;
  rel->vm->test->blank = ts_sim_relation_blank (rel);
  ts_sim_machine_power_on (rel->vm->test, "test failover");
  return TRUE;
}

void
ts_sim_test_stop (TsSimRelation *rel)
{
  g_clear_pointer (&rel->test_overlays, g_ptr_array_unref);
  if (!rel->vm->test)
    return;
  ts_sim_machine_turn_off (rel->vm->test, "test failover stopped");
  g_ptr_array_add (rel->vm->discarded, g_steal_pointer (&rel->vm->test));
}

TsRecord *
ts_sim_test_record (const TsSimMachine *machine, const char *phase)
{
  const TsSimVm *vm = machine->vm;
  TsSimRelation *rel = ts_sim_host_relation (machine->host, vm);
  g_autofree char *source = g_strdup_printf ("%s@%s", vm->spec->name, machine->host->spec->name);
  g_autofree char *name = g_strdup_printf ("%s - Test", vm->spec->name);
  guint64 set = 0;
  gint64 instant_us = -1;
  ts_receiver_test (rel->receiver, &set, &instant_us);
  TsRecord *record = ts_record_new (ts_sim_now_us (vm->world), source, "test_failover");
  ts_record_text (record, "vm", vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
  ts_record_text (record, "test", name);
  ts_record_text (record, "phase", phase);
  ts_record_int (record, "set", (gint64)set);
  return ts_record_int (record, "instant_us", instant_us);
}
