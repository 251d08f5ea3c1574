/* core/relation/slots.h -- how many of a host's VMs may do a thing at once; the others wait, in order.
 *
 * HVR reference 2.13: MaximumActiveTransfers of a primary, ApplyVMLimit of a replica for each primary
 * server.  A machine asks by TS_ACTION_SLOT and is told by its DONE event; the driver asks here, and
 * tells whoever is next when one is given back. */
#pragma once
#include "core/base/record.h"

typedef struct _TsSlots TsSlots;
typedef enum { TS_SLOT_NONE, TS_SLOT_ASKED, TS_SLOT_HELD } TsSlot; /* what a machine has of it */

TsSlots *ts_slots_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_slots_free (TsSlots *slots); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsSlots, ts_slots_free)

/* who, any pointer, wants one of limit slots (0: there is no limit) of a class: of transfers (""), or
 * applies for that primary server.  TRUE: has one now, or had; FALSE: waits.  Asked twice, it keeps
 * its place. */
gboolean ts_slots_ask (TsSlots *slots, const char *group, guint limit, gpointer who);
/* who gives back what it has or waits for.  Returns who has got a slot by that; NULL: nobody. */
gpointer ts_slots_release (TsSlots *slots, gpointer who);
/* Has who a slot? */
gboolean ts_slots_has (const TsSlots *slots, gconstpointer who);
guint ts_slots_held (const TsSlots *slots, const char *group);
/* What is told of one that has to wait: {vm, host, phase "waiting", what, held, limit}. */
TsRecord *ts_slots_record (const TsSlots *slots, const char *vm, const char *host, const char *group,
                           guint limit, gint64 now_us);
