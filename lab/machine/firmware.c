/* lab/machine/firmware.c -- see firmware.h. */
#include "lab/machine/firmware.h"
#include <unistd.h>
#include "core/base/error.h"

gboolean
ts_lab_firmware (const char **code, const char **variables, GError **error)
{
  static const struct {
    const char *code, *variables;
  } places[] = {
      {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"}, /* Debian */
      {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
      {"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"}, /* Fedora */
      {"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"}, /* Arch */
  };
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (access (places[i].code, R_OK) == 0 && access (places[i].variables, R_OK) == 0) {
      *code = places[i].code;
      *variables = places[i].variables;
      return TRUE;
    }
  return ts_throw (error, TS_ERROR_UNAVAILABLE, "firmware: uefi: there is no OVMF: "
                                                "apt-get install ovmf");
}
