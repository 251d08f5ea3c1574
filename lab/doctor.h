/* lab/doctor.h -- what this machine has of what the lab needs, and what to install where it has not. */
#pragma once
#include <glib.h>
#include "lab/machine.h"

typedef struct {
  const char *name;   /* "QEMU", "TUN device", "namespaces", "guest kernel", "acceleration" ... */
  gboolean needed;    /* without it there is no lab */
  gboolean found;
  char *detail;       /* what was found, or what is missing */
  char *advice;       /* "apt-get install qemu-system-x86", or NULL */
} TsDoctorFinding;

/* Looks at everything; the acceleration probe boots the guest once (hardware if it really boots it,
 * else TCG) and keeps its answer in cache until QEMU, the kernel or /dev/kvm change. */
GPtrArray *ts_lab_doctor (const char *cache); /* TsDoctorFinding */
/* The first needed thing that is missing as a TS_ERROR_UNAVAILABLE with its advice; TRUE when all is
 * there. */
gboolean ts_lab_doctor_pass (GPtrArray *findings, GError **error);
TsLabAccel ts_lab_doctor_accel (GPtrArray *findings);

/* The guest kernel and the initramfs with the agent; built by the project (lab/guest/).  Looks at
 * TWINSITE_GUEST, then beside the binary, then where it was installed.  NULL with
 * TS_ERROR_UNAVAILABLE naming what is missing and how to make it. */
char *ts_lab_guest_file (const char *name, GError **error); /* "vmlinuz", "initramfs" */
