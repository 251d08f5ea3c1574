/* lab/machine/acceleration.h -- whether a guest really boots here, and with what. */
#pragma once
#include "lab/machine/machine.h"

typedef struct {
  TsLabAccel accel;
  gint64 boot_us; /* until the guest was ready, with it */
  gboolean known; /* told by the cache */
  char *hardware; /* what became of the hardware: "/dev/kvm is missing", ... */
} TsLabAcceleration;
void ts_lab_acceleration_clear (TsLabAcceleration *acceleration);

/* Boots the guest with TCG (at most 20 s), then with /dev/kvm if it is there: that a device can be
 * opened, even that a machine can be made with it, does not say that it runs a guest.  cache:
 * folder, NULL for none.  Fails when not even TCG boots it: the message ends with the console's
 * last words. */
gboolean ts_lab_acceleration_probe (const char *qemu, const char *kernel, const char *initramfs,
                                    const char *cache, TsLabAcceleration *answer, GError **error);
