/* Any bytes as the list of what a VM that moves brings along: refused, or it names only what that VM has. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lab/host/move.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  char vm_name[] = "app", system[] = "system";
  TsLabVmConfig vm = {.name = vm_name, .disks = 1, .uefi = TRUE};
  vm.disk[0].name = system;
  g_autoptr (GBytes) bytes = g_bytes_new (data, len_bytes);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabCargo) cargo = ts_lab_cargo_unpack (bytes, &vm, &error);
  if ((cargo == NULL) != (error != NULL))
    abort ();
  for (guint i = 0; cargo && i < cargo->files->len; i++) {
    const TsLabCargoFile *file = cargo->files->pdata[i];
    if (strchr (file->name, '/') || *file->name == '\0' || g_str_equal (file->name, ".."))
      abort ();
  }
  if (!cargo)
    return 0;
  g_autoptr (GBytes) again = ts_lab_cargo_pack (cargo);
  g_autoptr (TsLabCargo) same = ts_lab_cargo_unpack (again, &vm, NULL);
  if (!same || same->files->len != cargo->files->len)
    abort ();
  return 0;
}
