/* core/site/authorization.h -- which servers may replicate to this host, where their replicas lie,
 * and which of them may go on with a replica that another one created.
 *
 * HVR reference 1.3.  An entry is what New-VMReplicationAuthorizationEntry takes: the primary
 * server that is allowed, the storage location of its replicas, its trust group.  Instead of
 * entries, any server may be allowed (ReplicationAllowedFromAnyServer, DefaultStorageLocation); all
 * are of the trust group DEFAULT then.  Who a server is has been proved before, by its certificate
 * or ticket.
 *
 * A server's name is labels of letters, digits, '-' and '_' with dots between, at most 63 a label
 * and 253 in all; it is not a number at its end, since servers are addressed by name, not by
 * address. An entry's name may hold one '*' in the first of several labels; it stands for any
 * characters but the dot.  Case does not count, in names and in trust groups.  One owner, no locks,
 * no I/O. */
#pragma once
#include <glib.h>

#define TS_TRUST_GROUP_DEFAULT "DEFAULT"

typedef struct _TsAuthorization TsAuthorization;

/* Admits nobody. */
TsAuthorization *ts_authorization_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_authorization_free (TsAuthorization *authorization); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsAuthorization, ts_authorization_free)

/* Adds an entry.  TS_ERROR_ARGUMENT: a part is not what it can be, or there is an entry of that
 * name; TS_ERROR_STATE: any server is allowed (entries need that switched off). */
gboolean ts_authorization_add (TsAuthorization *authorization, const char *allowed_primary_server,
                               const char *storage_location, const char *trust_group,
                               GError **error);
/* TS_ERROR_ARGUMENT: there is none of that name.  Replicas that it created stay. */
gboolean ts_authorization_remove (TsAuthorization *authorization,
                                  const char *allowed_primary_server, GError **error);
/* storage_location: any server is allowed, its replicas lie there.  NULL: only who has an entry. */
gboolean ts_authorization_allow_any (TsAuthorization *authorization, const char *storage_location,
                                     GError **error);

typedef struct {                      /* borrowed, valid until the authorization changes */
  const char *allowed_primary_server; /* of the entry that admits; NULL: any server is allowed */
  const char *storage_location;       /* for replicas created now; older ones stay where they are */
  const char *trust_group;
} TsGrant;

typedef struct {                    /* kept with a replica as long as it lives */
  const char *server, *trust_group; /* that created it, and of which group it was then */
} TsReplicaOwner;

/* The entries, in the order in which they were added; FALSE past the end. */
gboolean ts_authorization_get (const TsAuthorization *authorization, guint index, TsGrant *entry);

/* Whether server may replicate to this host, and by which entry: the one that names it, else the
 * one with the longest name that fits.  TS_ERROR_REFUSED with the reason; grant is unchanged then.
 */
gboolean ts_authorization_admit (const TsAuthorization *authorization, const char *server,
                                 TsGrant *grant, GError **error);
/* The same for an existing replica: it takes replication only from the server that created it, or
 * by a grant of the same trust group. */
gboolean ts_authorization_admit_replica (const TsAuthorization *authorization, const char *server,
                                         const TsReplicaOwner *owner, TsGrant *grant,
                                         GError **error);
