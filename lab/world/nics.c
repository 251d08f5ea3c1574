/* lab/world/nics.c -- the cables of the user's own machines' network cards, in every site where one may
 * run: at its first host, and at all that may keep its copy. */
#include "lab/world/world-internal.h"
#include "lab/site/cable.h"

typedef struct {
  guint site;
  TsLabCable *cable;
} Nic;

void
ts_lab_nic_free (gpointer data)
{
  Nic *nic = data;
  ts_lab_cable_free (nic->cable);
  g_free (nic);
}

/* One machine at one host: its own cable, and that of a test failover. */
static gboolean
plug_in (TsWorld *world, guint vm, guint host, pid_t site, GError **error)
{
  const TsVmSpec *spec = ts_topology_vm (world->topology, vm);
  const TsNicSpec *nic = spec->image->nic;
  const TsDhcpLease lease = {.address = host == spec->host ? nic->address : nic->copy_address,
                             .server = nic->gateway,
                             .prefix = nic->prefix};
  for (guint test = 0; test < 2; test++) {
    g_autofree char *device = ts_lab_name_cable (host, vm, test != 0);
    TsLabCable *cable = ts_lab_cable_new (site, device, &lease, error);
    if (!cable) {
      g_prefix_error (error, "network card of VM %s: ", spec->name);
      return FALSE;
    }
    Nic *mine = g_new0 (Nic, 1);
    *mine = (Nic){ts_topology_host (world->topology, host)->site, cable};
    g_ptr_array_add (world->nics, mine);
  }
  return TRUE;
}

gboolean
ts_lab_nics_plug_in (TsWorld *world, guint site, pid_t pid, GError **error)
{
  const TsTopology *topology = world->topology;
  for (guint host = 0; host < topology->hosts->len; host++)
    for (guint vm = 0; vm < topology->vms->len; vm++) {
      const TsImageSpec *image = ts_topology_vm (topology, vm)->image;
      if (image && image->nic && ts_topology_host (topology, host)->site == site &&
          !plug_in (world, vm, host, pid, error))
        return FALSE;
    }
  return TRUE;
}

void
ts_lab_nics_let_go (TsWorld *world, guint site)
{
  for (guint i = world->nics->len; i-- > 0;)
    if (((const Nic *)world->nics->pdata[i])->site == site)
      g_ptr_array_remove_index (world->nics, i);
  for (guint i = 0; i < world->guests->len; i++) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (guest->asker && ts_topology_host (world->topology, guest->host)->site == site)
      ts_lab_guest_rest (guest);
  }
}
