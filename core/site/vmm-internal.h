/* core/site/vmm-internal.h -- a VMM server's memory, for its own files. */
#pragma once
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/site/vmm.h"

typedef struct { /* one of its hosts */
  char *name;
  gboolean connected, known; /* known: it has told its levels since it connected */
  gint64 lost_us;            /* since when not; of this life of the server */
  gint64 memory_bytes, storage_bytes; /* all that it has */
  GVariant *networks, *classifications; /* "as" and "av"; NULL: not told */
  GPtrArray *levels;         /* TsLevel */
} TsVmmHost;

typedef struct {
  char *id, *verb;
  GVariant *fields;
  gint64 begun_us;
  gboolean ended, ok;
  gint64 code;
  char *reason;
  TsFields *output;
  gint64 number;      /* of its ask, for the whole of its life; 0: not asked */
  char *host;         /* that was asked; NULL: not */
  gboolean asked;     /* in this connection of the host */
  gboolean said;      /* the host has begun it */
  gboolean scripting; /* runs, as far as this life of the server knows */
  GPtrArray *pending; /* configure: char *, hosts that have not said yes; NULL: not begun */
} TsVmmOrder;

typedef struct { /* promised to a replica; it counts as used until the replica is there itself */
  char *item, *vm, *host, *network, *classification;
  char *address;      /* reserved in network's pool; "": none */
  gboolean exhausted; /* there was none left */
  gint64 memory_bytes, disk_bytes;
} TsVmmPlace;

struct _TsVmm {
  TsVmmSetup *setup;
  gint64 now_us;
  enum { TS_VMM_AWAY, TS_VMM_CONNECTING, TS_VMM_ASKING, TS_VMM_WELCOME } line;
  gboolean turned_away; /* for good, unless it gets another key */
  gint64 retry_us, beat_us, heard_us;
  char *secret;         /* NULL: not registered */
  gint64 next_number;
  GPtrArray *hosts;     /* TsVmmHost, by name */
  GPtrArray *orders;    /* TsVmmOrder, as they came */
  GPtrArray *places;    /* TsVmmPlace */
  GVariant *inventory;  /* as last told; NULL: not yet */
  GPtrArray *stale;     /* "host\nvm" char *: levels that changed only in what changes all the time */
  gboolean self_changed;
  TsVmmActions *out;    /* during a step */
};

gint64 ts_vmm_scaled_us (const TsVmm *vmm, gint64 us);
TsVmmHost *ts_vmm_host (const TsVmm *vmm, const char *name); /* NULL: it is none of ours */
/* The level of that VM with that role; else NULL.  host: NULL, or it must be of this one. */
TsLevel *ts_vmm_level (const TsVmm *vmm, const char *vm, TsLevelRole role, const char *host);
const char *ts_vmm_cloud_of (const TsVmm *vmm, const char *host); /* NULL: in none */
const TsVmmCloud *ts_vmm_cloud (const TsVmm *vmm, const char *name);
void ts_vmm_say (TsVmm *vmm, TsMessageKind kind, TsFields *fields); /* to the vault, if it hears */
void ts_vmm_ask (TsVmm *vmm, const char *host, gint64 number, const char *verb, TsFields *fields);
void ts_vmm_tell_inventory (TsVmm *vmm); /* if it has changed */
void ts_vmm_report (TsVmm *vmm, TsRecord *record);
void ts_vmm_put (TsVmm *vmm, const char *table, const char *key, GVariant *value);
void ts_vmm_delete (TsVmm *vmm, const char *table, const char *key);

/* --- vmm-order.c ------------------------------------------------------------------------------ */
void ts_vmm_order_free (gpointer order);
void ts_vmm_order_take (TsVmm *vmm, GVariant *message_fields);
void ts_vmm_order_confirm (TsVmm *vmm, const char *id);
/* Whatever has changed: what is reached ends, what is due is asked for. */
void ts_vmm_orders_go_on (TsVmm *vmm);
void ts_vmm_orders_said (TsVmm *vmm, const char *host, GVariant *fields);
void ts_vmm_orders_host_connected (TsVmm *vmm, const char *host);
void ts_vmm_orders_script_done (TsVmm *vmm, const TsVmmEvent *event);
void ts_vmm_orders_tell (TsVmm *vmm); /* results that are not confirmed, anew */
gint64 ts_vmm_orders_wake_us (const TsVmm *vmm);
TsVmmOrder *ts_vmm_order_restore (const char *id, GVariant *value);

/* --- vmm-place.c ------------------------------------------------------------------------------ */
void ts_vmm_place_free (gpointer place);
/* Chooses a host and keeps the place; an item that has one keeps it.  NULL with the reason. */
const TsVmmPlace *ts_vmm_place (TsVmm *vmm, GVariant *fields, GError **error);
void ts_vmm_release (TsVmm *vmm, const char *item);
TsVmmPlace *ts_vmm_place_restore (const char *item, GVariant *value);
