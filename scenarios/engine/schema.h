/* scenarios/engine/schema.h -- what a scenario file may say: one table.
 *
 * The checker (check.c), `twinsite explain --schema` and the manual are made from it: a key that is
 * not here does not exist, and a key that is here is explained everywhere. */
#pragma once
#include <glib.h>
#include "core/seam/order.h"

#define TS_SCENARIO_VERSION 1
#define TS_SWEEP_VERSION 1

typedef enum {
  TS_VALUE_TEXT,
  TS_VALUE_NAME,     /* letters, digits, '-' and '_'; begins with a letter; at most 31 */
  TS_VALUE_INTEGER,  /* min..max */
  TS_VALUE_DURATION, /* "30s" in microseconds, min..max */
  TS_VALUE_DURATION_OR_NONE,
  TS_VALUE_SIZE,       /* "64KiB" in bytes, min..max */
  TS_VALUE_RATE,       /* "50Mbit/s"; 0 is no limit */
  TS_VALUE_FREQUENCY,  /* "20/s" */
  TS_VALUE_SHARE,      /* "0.1%" */
  TS_VALUE_CLOCK,      /* "18:30", a time of day in microseconds */
  TS_VALUE_INTERVAL,   /* the three published replication frequencies */
  TS_VALUE_POINT,      /* which recovery point: ts_point_choice_text */
  TS_VALUE_SWITCH,     /* on or off */
  TS_VALUE_CHOICE,     /* one of `of`: "a|b|c" */
  TS_VALUE_REFERENCE,  /* a name in the top-level map `of`; "steps": a step's id */
  TS_VALUE_WINDOW,     /* an instant, or two joined by "..": steps and times */
  TS_VALUE_CHOICES,    /* list of CHOICE */
  TS_VALUE_NAMES,      /* list of NAME */
  TS_VALUE_EXPECT_IDS, /* list of ids in expect */
  TS_VALUE_INVARIANTS, /* list of names of invariants */
  TS_VALUE_PAIR,       /* list of exactly two different references to `of` */
  TS_VALUE_TEXTS,      /* list of different texts */
  TS_VALUE_DISKS,      /* list of disk names of the VM beside it */
  TS_VALUE_MAP,        /* one map of section `of` */
  TS_VALUE_NAMED,      /* map of names to maps of section `of` */
  TS_VALUE_LIST,       /* list of maps of section `of` */
  TS_VALUE_FREE,       /* checked by who reads it; `of` says for people what it is */
} TsValueType;

typedef struct {
  const char *section; /* "" is the file itself, "sweep" a sweep's */
  const char *key;
  TsValueType type;
  const char *of;
  gboolean required;
  const char *fallback; /* as it would be written; NULL: none.  "" of a map or list: an empty one */
  gint64 min, max;      /* both 0: no bounds of its own */
  guint64 when;         /* steps: bit 1 << TsVerb; waits: bit 1 << TsPredicateKind; 0: always */
  const char *help;
} TsSchemaRow;

/* NULL past the end. */
const TsSchemaRow *ts_schema_get (guint index);
const TsSchemaRow *ts_schema_find (const char *section, const char *key, guint64 when);
/* The keys of a section as words for ts_suggest; the array is the caller's. */
const char **ts_schema_words (const char *section, guint64 when);
/* The words of a CHOICE row, NULL-terminated, owned by the caller (g_strfreev). */
char **ts_schema_choices (const TsSchemaRow *row);
/* "a duration, such as 30s" */
const char *ts_value_type_help (TsValueType type);
/* "one of append, random, hot": what the value of a row is.  Caller frees. */
char *ts_schema_type_text (const TsSchemaRow *row);
/* "required", "default 30s", "optional".  Caller frees. */
char *ts_schema_need_text (const TsSchemaRow *row);
/* " (do: protect, failover)": for which verbs or waits a row is; "" for all.  Caller frees. */
char *ts_schema_when_text (const TsSchemaRow *row);
/* The whole table for people.  markdown: as scenarios/README.md shows it.  Caller frees. */
char *ts_schema_format (gboolean markdown);

/* "protect": -1 when there is none. */
gint ts_verb_find (const char *name);
const char **ts_verb_words (void);
const char *ts_verb_help (TsVerb verb);
