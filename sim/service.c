/* sim/service.c -- the probe of every VM's service (core/site/probe.h): whom it asks, and when.
 *
 * All are asked at the same instants, every half second, in the order of the topology.  A machine that
 * has just answered will answer the next question too, unless something happens to it first: its
 * probe sleeps until then (ts_sim_probes_silent), and is taken up as if it had been asked all along.
 * So what does not change costs nothing, however many machines there are. */
#include "sim/internal.h"

#define NOBODY G_MAXUINT

struct _TsSimProbes {
  TsWorld *world;
  guint64 *awake;  /* a bit for each VM */
  guint next;      /* to be asked at this instant, or behind it; NOBODY: all have been */
  gint64 asked_us; /* when asking began last */
  guint64 number[2]; /* of the clock, when that began and when it was over */
  guint heard;       /* the VM whose answer came last */
};

/* The first VM that is awake, from that one on. */
static guint
awake_from (const TsSimProbes *probes, guint vm)
{
  guint count = probes->world->vms->len;
  while (vm < count) {
    guint64 rest = probes->awake[vm / 64] >> (vm % 64);
    if (rest)
      return vm + (guint)__builtin_ctzll (rest);
    vm = (vm / 64 + 1) * 64;
  }
  return NOBODY;
}

static guint64
bit_of (guint vm)
{
  return G_GUINT64_CONSTANT (1) << (vm % 64);
}

static gboolean
is_awake (const TsSimProbes *probes, guint vm)
{
  return (probes->awake[vm / 64] & bit_of (vm)) != 0;
}

static void
report (TsSimVm *vm, TsSimMachine *machine)
{
  TsWorld *world = vm->world;
  gboolean up = vm->probe.state == TS_PROBE_UP;
  ts_sim_touch (vm);
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "probe", "probe");
  ts_record_text (record, "vm", vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
  ts_sim_report (world, ts_record_bool (record, "up", up));
  if (!up || !machine->is_copy)
    return;
  TsSimRelation *rel = ts_sim_host_relation (machine->host, vm);
  g_autofree char *source = g_strdup_printf ("%s@%s", vm->spec->name, machine->host->spec->name);
  record = ts_record_new (ts_sim_now_us (world), source, "failover");
  ts_record_text (record, "vm", vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
  ts_record_text (record, "phase", "serving");
  TsPoint point = ts_receiver_copy_point (rel->receiver);
  ts_record_int (record, "set", (gint64)point.set);
  ts_sim_report (world, ts_record_int (record, "instant_us", point.instant_us));
}

static void
answered (gpointer user, gpointer data)
{
  TsSimVm *vm = user;
  TsWorld *world = vm->world;
  TsSimProbes *probes = world->probes;
  probes->heard = vm->index;
  if (vm->service != data || !vm->service->ready)
    return;
  if (ts_probe_answer (&vm->probe, vm->probe.asked))
    report (vm, vm->service);
  if (world->topology->profile.probe_us < TS_PROBE_INTERVAL_US)
    probes->awake[vm->index / 64] &= ~bit_of (vm->index);
}

static void
ask (TsSimVm *vm)
{
  TsWorld *world = vm->world;
  guint64 number; /* answered before the next is asked, or never */
  if (ts_probe_tick (&vm->probe, ts_sim_now_us (world), &number))
    report (vm, vm->service);
  if (vm->service->ready)
    ts_sim_clock_at (world->clock, ts_sim_now_us (world) + world->topology->profile.probe_us,
                     answered, vm, vm->service, NULL);
}

static void
begin (gpointer user, gpointer data)
{
  TsSimProbes *probes = user;
  TsWorld *world = probes->world;
  if (world->finished)
    return;
  probes->asked_us = ts_sim_now_us (world);
  probes->next = 0;
  probes->number[0] = ts_sim_clock_next_number (world->clock);
  ts_sim_clock_at (world->clock, probes->asked_us + TS_PROBE_INTERVAL_US, begin, probes, NULL,
                   NULL);
}

gboolean
ts_sim_probes_step (TsSimProbes *probes)
{
  if (probes->next == NOBODY)
    return FALSE;
  guint vm = awake_from (probes, probes->next);
  probes->next = vm == NOBODY ? NOBODY : vm + 1;
  if (vm != NOBODY)
    ask (ts_sim_vm (probes->world, vm));
  else
    probes->number[1] = ts_sim_clock_next_number (probes->world->clock);
  return TRUE;
}

/* Would the answer to the last question not have been heard yet? */
static gboolean
is_under_way (const TsSimVm *vm, gint64 asked_us)
{
  const TsSimProbes *probes = vm->world->probes;
  gint64 heard_us = asked_us + vm->world->topology->profile.probe_us;
  if (ts_sim_now_us (vm->world) != heard_us)
    return ts_sim_now_us (vm->world) < heard_us;
  /* at this very instant: calls that were asked for earlier come first */
  guint64 number = ts_sim_clock_number (vm->world->clock);
  return number < probes->number[0] || (number < probes->number[1] && vm->index > probes->heard);
}

void
ts_sim_probes_silent (TsSimMachine *machine)
{
  TsSimVm *vm = machine->vm;
  TsSimProbes *probes = vm->world->probes;
  if (!probes || vm->service != machine || is_awake (probes, vm->index))
    return;
  gboolean was_asked = probes->next > vm->index; /* at the last instant; else at the one before */
  probes->awake[vm->index / 64] |= bit_of (vm->index);
  if (is_under_way (vm, probes->asked_us - (was_asked ? 0 : TS_PROBE_INTERVAL_US)))
    vm->probe.asked++;
}

void
ts_sim_serve (TsSimVm *vm, TsSimMachine *machine)
{
  if (vm->service->is_copy && vm->probe.state == TS_PROBE_UP) { /* it does not answer any more */
    vm->probe.state = TS_PROBE_DOWN;
    report (vm, vm->service);
  }
  vm->service = machine;
  ts_sim_touch (vm);
  ts_probe_init (&vm->probe, ts_sim_now_us (vm->world));
  vm->world->probes->awake[vm->index / 64] |= bit_of (vm->index);
}

TsSimProbes *
ts_sim_probes_new (TsWorld *world)
{
  TsSimProbes *probes = g_new0 (TsSimProbes, 1);
  guint count = world->vms->len;
  probes->world = world;
  probes->next = NOBODY;
  probes->awake = g_new0 (guint64, count / 64 + 1);
  for (guint i = 0; i < count; i++) {
    probes->awake[i / 64] |= bit_of (i);
    ts_probe_init (&ts_sim_vm (world, i)->probe, 0);
  }
  ts_sim_clock_at (world->clock, 0, begin, probes, NULL, NULL);
  return probes;
}

void
ts_sim_probes_free (TsSimProbes *probes)
{
  if (!probes)
    return;
  g_free (probes->awake);
  g_free (probes);
}
