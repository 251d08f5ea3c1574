/* lab/world/own-guest.h -- the guest of a machine that is the user's own, watched from outside: what it
 * says on its console, read where QEMU writes it.
 *
 * Nothing of ours is in such a machine: no workload, no ledger, no survey.  What its console says
 * is told as records "counter" (acked, survived), "guest" and "probe".  A console cannot be asked:
 * with `every` it is down when it has not said ready for so long, without it when its machine is
 * off (CHOICE). */
#pragma once
#include "lab/world/world-internal.h"

/* Reads from that place of the file on.  Never fails: what cannot be read yet may come. */
TsLabOwnGuest *ts_lab_own_guest_watch (TsLabGuest *guest, const char *path, guint64 from_bytes);
void ts_lab_own_guest_free (TsLabOwnGuest *own); /* NULL is fine */
/* Reads what there is.  Returns where its console has been read to. */
guint64 ts_lab_own_guest_read (TsLabOwnGuest *own);
/* Its machine is off: reads the rest, then looks no more. */
void ts_lab_own_guest_off (TsLabOwnGuest *own);
