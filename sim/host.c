/* sim/host.c -- a Hyper-V host: its relations, who connects to them, and losing power.
 *
 * Twin of lab/host.c. */
#include "sim/internal.h"
#include "core/relation/wire.h"
#include "sim/parcel.h"

TsSimHost *
ts_sim_host_new (TsWorld *world, guint index)
{
  TsSimHost *host = g_new0 (TsSimHost, 1);
  host->world = world;
  host->index = index;
  host->spec = ts_topology_host (world->topology, index);
  host->up = TRUE;
  host->by_vm = g_hash_table_new (NULL, NULL);
  host->relations = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_relation_free);
  return host;
}

void
ts_sim_host_free (TsSimHost *host)
{
  if (!host)
    return;
  g_ptr_array_unref (host->relations);
  g_hash_table_unref (host->by_vm);
  g_free (host);
}

TsSimRelation *
ts_sim_host_relation (const TsSimHost *host, const TsSimVm *vm)
{
  return g_hash_table_lookup (host->by_vm, vm);
}

static TsSimVm *
vm_by_id (TsWorld *world, const TsGuid *id)
{
  for (guint i = 0; i < world->vms->len; i++) {
    TsSimVm *vm = ts_sim_vm (world, i);
    if (ts_guid_equal (&vm->spec->id, id))
      return vm;
  }
  return NULL;
}

/* The first message of a connection must be a HELLO of a VM that exists; else it is hung up on. */
static void
first_message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  TsSimHost *host = user;
  TsFrame frame = {0};
  if (!ts_sim_parcel_open_frame (bytes, &frame)) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    gsize len;
    const void *data = g_bytes_get_data (bytes, &len);
    ts_frame_reader_push (reader, data, len);
    ts_frame_reader_pop (reader, &frame, NULL);
  }
  TsHello hello;
  TsSimVm *vm = NULL;
  if (frame.kind == TS_FRAME_HELLO && frame.payload &&
      ts_hello_unpack (frame.payload, &hello, NULL))
    vm = vm_by_id (host->world, &hello.vm);
  ts_frame_clear (&frame);
  if (!vm) {
    ts_sim_conn_close (conn);
    return;
  }
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  if (!rel)
    rel = ts_sim_relation_new_receiver (host, vm);
  if (!rel->receiver) { /* HVR traps: a primary takes no data */
    ts_sim_conn_close (conn);
    return;
  }
  ts_sim_relation_adopt (rel, conn, bytes);
}

static void
first_connected (TsSimConn *conn, gpointer user)
{
}

static void
first_lost (TsSimConn *conn, const char *reason, gpointer user)
{
  ts_sim_conn_close (conn);
}

static const TsSimConnEvents first_events = {first_connected, first_message, first_lost};

void
ts_sim_host_accept (TsSimConn *conn, gpointer user)
{
  TsSimHost *host = user;
  if (host->up)
    ts_sim_conn_set_events (conn, &first_events, host);
  else
    ts_sim_conn_vanish (conn);
}

guint
ts_sim_host_power_loss (TsSimHost *host)
{
  if (!host->up)
    return 0;
  guint died = 1;
  g_autofree char *name =
      g_strdup_printf ("power/%s/%" G_GUINT64_FORMAT, host->spec->name, host->life);
  TsRandom random;
  ts_random_init (&random, host->world->topology->seed, name);
  host->up = FALSE;
  host->life++;
  for (guint i = 0; i < host->relations->len; i++)
    ts_sim_relation_power_loss (g_ptr_array_index (host->relations, i), &random);
  for (guint i = 0; i < host->world->vms->len; i++) {
    TsSimVm *vm = ts_sim_vm (host->world, i);
    TsSimMachine *machines[] = {vm->source, vm->copy, vm->test};
    for (guint m = 0; m < G_N_ELEMENTS (machines); m++)
      if (machines[m] && machines[m]->host == host) {
        died += machines[m]->on ? 1 : 0;
        ts_sim_machine_power_loss (machines[m], &random);
      }
    ts_sim_touch (vm);
    if (vm->operation)
      ts_operation_host_lost (vm->operation, host->spec->name);
  }
  return died;
}

void
ts_sim_host_power_on (TsSimHost *host)
{
  if (host->up)
    return;
  host->up = TRUE;
  for (guint i = 0; i < host->relations->len; i++)
    ts_sim_relation_restore (g_ptr_array_index (host->relations, i));
  for (guint i = 0; i < host->relations->len; i++)
    ts_sim_touch (((TsSimRelation *)g_ptr_array_index (host->relations, i))->vm);
}
