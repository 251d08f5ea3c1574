/* lab/doctor.h -- what this machine has of what the lab needs, and what to install where it has
 * not. */
#pragma once
#include <stdio.h>
#include <glib.h>
#include "lab/machine/machine.h"

typedef struct {
  const char *name; /* "QEMU", "TUN device", "namespaces", "guest kernel", "acceleration" ... */
  gboolean needed;  /* without it there is no lab */
  gboolean found;
  char *detail; /* what was found, or what is missing */
  char *advice; /* "apt-get install qemu-system-x86", or NULL */
} TsDoctorFinding;

/* Looks at everything, bounded: at most 40 s the first time, well below a second with an answer in
 * cache.  The acceleration probe boots the guest with TCG, then with the hardware, and keeps its
 * answer in the folder cache (made if missing; NULL: not kept) until QEMU, the guest or /dev/kvm
 * change or the machine is rebooted.  Whether there is room is asked of cache's file system (NULL:
 * of the temporary folder's).  The program must serve ts_lab_helper_main (lab/site/helper.h). */
GPtrArray *ts_lab_doctor (const char *cache); /* TsDoctorFinding */
/* The first needed thing that is missing as a TS_ERROR_UNAVAILABLE with its advice; TRUE when all
 * is there. */
gboolean ts_lab_doctor_pass (GPtrArray *findings, GError **error);
/* What machines are to run with; TCG unless the hardware was seen to boot a guest. */
TsLabAccel ts_lab_doctor_accel (GPtrArray *findings);
/* One line per finding, an advice under what is missing, and a last line that says whether the lab
 * can run here. */
void ts_lab_doctor_print (GPtrArray *findings, FILE *out);

/* The guest kernel and the initramfs with the agent; built by the project (lab/guest/).  Looks at
 * TWINSITE_GUEST, then beside the binary, then where it was installed.  NULL with
 * TS_ERROR_UNAVAILABLE naming what is missing and how to make it. */
char *ts_lab_guest_file (const char *name, GError **error); /* "vmlinuz", "initramfs" */
