/* core/site/vmm-place.c -- on which host of a cloud does a replica go?
 *
 * HVR reference 1.6 and 1.7: one that has access to the mapped network and reaches the mapped storage;
 * without such a mapping, or such a host, it is left disconnected, or in the host's default place.
 * Room is a must.  Among several the one with the most free storage, then memory, then by name
 * (CHOICE: "optimal" is all that is published). */
#include "core/base/ipv4.h"
#include "core/site/vmm-internal.h"

void
ts_vmm_place_free (gpointer data)
{
  TsVmmPlace *place = data;
  g_free (place->item);
  g_free (place->vm);
  g_free (place->host);
  g_free (place->network);
  g_free (place->classification);
  g_free (place->address);
  g_free (place);
}

TsVmmPlace *
ts_vmm_place_restore (const char *item, GVariant *value)
{
  const char *vm = ts_variant_text (value, "vm", NULL), *host = ts_variant_text (value, "host", NULL);
  if (!vm || !host)
    return NULL;
  TsVmmPlace *place = g_new0 (TsVmmPlace, 1);
  place->item = g_strdup (item);
  place->vm = g_strdup (vm);
  place->host = g_strdup (host);
  place->network = g_strdup (ts_variant_text (value, "network", ""));
  place->classification = g_strdup (ts_variant_text (value, "classification", ""));
  place->address = g_strdup (ts_variant_text (value, "address", ""));
  place->exhausted = ts_variant_bool (value, "exhausted", FALSE);
  place->memory_bytes = ts_variant_int (value, "memory", 0);
  place->disk_bytes = ts_variant_int (value, "disk", 0);
  return place;
}

static void
put_place (TsVmm *vmm, const TsVmmPlace *place)
{
  TsFields *row = ts_fields_new ();
  ts_fields_set_text (row, "vm", place->vm);
  ts_fields_set_text (row, "host", place->host);
  ts_fields_set_text (row, "network", place->network);
  ts_fields_set_text (row, "classification", place->classification);
  ts_fields_set_text (row, "address", place->address);
  ts_fields_set_bool (row, "exhausted", place->exhausted);
  ts_fields_set_int (row, "memory", place->memory_bytes);
  ts_fields_set_int (row, "disk", place->disk_bytes);
  ts_vmm_put (vmm, "place", place->item, ts_fields_end (row));
}

static gboolean
has_network (const TsVmmHost *host, const char *name)
{
  for (gsize i = 0; host->networks && i < g_variant_n_children (host->networks); i++) {
    const char *one;
    g_variant_get_child (host->networks, i, "&s", &one);
    if (g_str_equal (one, name))
      return TRUE;
  }
  return FALSE;
}

static gboolean
has_classification (const TsVmmHost *host, const char *name)
{
  for (gsize i = 0; i < ts_variant_count (host->classifications); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (host->classifications, i);
    if (g_variant_is_of_type (one, G_VARIANT_TYPE_VARDICT) &&
        g_strcmp0 (ts_variant_text (one, "name", NULL), name) == 0)
      return TRUE;
  }
  return FALSE;
}

/* --- addresses -------------------------------------------------------------------------------- */

static gboolean
address_taken (const TsVmm *vmm, const char *network, const char *vm, const char *address)
{
  for (guint i = 0; i < vmm->places->len; i++) {
    const TsVmmPlace *place = vmm->places->pdata[i];
    if (g_str_equal (place->network, network) && g_str_equal (place->address, address))
      return TRUE;
  }
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    for (guint i = 0; i < host->levels->len; i++) {
      const TsLevel *level = host->levels->pdata[i];
      if (!g_str_equal (level->vm, vm) && g_str_equal (level->network, network) &&
          g_str_equal (level->address, address))
        return TRUE;
    }
  }
  return FALSE;
}

/* HVR 1.6: of the target network's static pool, the same address if it is free, else another one
 * (CHOICE: the lowest); reserved at once.  A network without a pool, and a machine that has its address by
 * DHCP, have none that is managed. */
static char *
reserve (TsVmm *vmm, TsVmmPlace *place, const char *wanted)
{
  char text[TS_IPV4_TEXT_SIZE];
  guint32 same = 0;
  if (!*wanted)
    return g_strdup ("");
  for (guint i = 0; i < vmm->setup->networks->len; i++) {
    const TsVmmNetwork *network = vmm->setup->networks->pdata[i];
    if (!network->pool_from || !g_str_equal (network->name, place->network))
      continue;
    if (ts_ipv4_parse (wanted, &same, NULL, NULL) && same >= network->pool_from && same <= network->pool_to &&
        !address_taken (vmm, network->name, place->vm, wanted))
      return g_strdup (wanted);
    for (guint64 address = network->pool_from; address <= network->pool_to; address++) {
      ts_ipv4_format ((guint32)address, text);
      if (!address_taken (vmm, network->name, place->vm, text))
        return g_strdup (text);
    }
    place->exhausted = TRUE;
  }
  return g_strdup ("");
}

/* What is left when all that is there or promised had all that it may want. */
static void
room_on (const TsVmm *vmm, const TsVmmHost *host, gint64 *memory_bytes, gint64 *disk_bytes)
{
  *memory_bytes = host->memory_bytes;
  *disk_bytes = host->storage_bytes;
  for (guint i = 0; i < host->levels->len; i++) {
    const TsLevel *level = host->levels->pdata[i];
    if (!level->exists && level->role == TS_LEVEL_NONE)
      continue;
    *memory_bytes -= (gint64)level->memory_bytes;
    *disk_bytes -= (gint64)level->disk_bytes;
  }
  for (guint i = 0; i < vmm->places->len; i++) {
    const TsVmmPlace *place = vmm->places->pdata[i];
    gboolean there = FALSE;
    for (guint l = 0; l < host->levels->len; l++)
      there |= g_str_equal (((TsLevel *)host->levels->pdata[l])->vm, place->vm);
    if (there || !g_str_equal (place->host, host->name))
      continue;
    *memory_bytes -= place->memory_bytes;
    *disk_bytes -= place->disk_bytes;
  }
}

typedef struct {
  const TsVmmHost *host;
  gboolean network, classification;
  gint64 memory_bytes, disk_bytes;
} Candidate;

static gboolean
better (const Candidate *a, const Candidate *b)
{
  if (a->network != b->network)
    return a->network;
  if (a->classification != b->classification)
    return a->classification;
  if (a->disk_bytes != b->disk_bytes)
    return a->disk_bytes > b->disk_bytes;
  if (a->memory_bytes != b->memory_bytes)
    return a->memory_bytes > b->memory_bytes;
  return strcmp (a->host->name, b->host->name) < 0;
}

const TsVmmPlace *
ts_vmm_place (TsVmm *vmm, GVariant *fields, GError **error)
{
  const char *item = ts_variant_text (fields, "item", ""), *vm = ts_variant_text (fields, "vm", "");
  const char *network = ts_variant_text (fields, "network", "");
  const char *storage = ts_variant_text (fields, "classification", "");
  const char *wanted = ts_variant_text (fields, "host", "");
  gint64 memory = ts_variant_int (fields, "memory", 0), disk = ts_variant_int (fields, "disk", 0);
  for (guint i = 0; i < vmm->places->len; i++)
    if (g_str_equal (((TsVmmPlace *)vmm->places->pdata[i])->item, item))
      return vmm->places->pdata[i];
  const TsVmmCloud *cloud = ts_vmm_cloud (vmm, ts_variant_text (fields, "cloud", ""));
  Candidate best = {0};
  guint full = 0, away = 0;
  for (guint i = 0; cloud && i < cloud->hosts->len; i++) {
    const TsVmmHost *host = ts_vmm_host (vmm, cloud->hosts->pdata[i]);
    if (*wanted && !g_str_equal (host->name, wanted))
      continue;
    if (!host->connected || !host->known) {
      away++;
      continue;
    }
    Candidate one = {host, *network && has_network (host, network),
                     *storage && has_classification (host, storage), 0, 0};
    room_on (vmm, host, &one.memory_bytes, &one.disk_bytes);
    TsLevel *there = ts_vmm_level (vmm, vm, TS_LEVEL_REPLICA, host->name);
    if (!there && (one.memory_bytes < memory || one.disk_bytes < disk)) {
      full++;
      continue;
    }
    if (there || !best.host || better (&one, &best))
      best = one;
    if (there) /* HVR 4.1: an existing replica is taken up */
      break;
  }
  if (!best.host) {
    ts_throw (error, TS_ERROR_FULL,
              "no host of cloud %s can take the replica of %s: %u without room, %u not connected",
              ts_variant_text (fields, "cloud", ""), vm, full, away);
    return NULL;
  }
  TsVmmPlace *place = g_new0 (TsVmmPlace, 1);
  place->item = g_strdup (item);
  place->vm = g_strdup (vm);
  place->host = g_strdup (best.host->name);
  place->network = g_strdup (best.network ? network : "");
  place->classification = g_strdup (best.classification ? storage : "");
  place->address = reserve (vmm, place, ts_variant_text (fields, "address", ""));
  place->memory_bytes = memory;
  place->disk_bytes = disk;
  g_ptr_array_add (vmm->places, place);
  put_place (vmm, place);
  return place;
}

void
ts_vmm_release (TsVmm *vmm, const char *item)
{
  for (guint i = 0; i < vmm->places->len; i++)
    if (g_str_equal (((TsVmmPlace *)vmm->places->pdata[i])->item, item)) {
      ts_vmm_delete (vmm, "place", item);
      g_ptr_array_remove_index (vmm->places, i);
      return;
    }
}
