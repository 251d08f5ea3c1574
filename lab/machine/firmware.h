/* lab/machine/firmware.h -- UEFI firmware for machines: OVMF, where a distribution has put it. */
#pragma once
#include <glib.h>

/* Static texts: the program, and the variables that a new machine begins with.
 * TS_ERROR_UNAVAILABLE: there is none. */
gboolean ts_lab_firmware (const char **code, const char **variables, GError **error);
